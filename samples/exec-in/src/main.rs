// SPDX-License-Identifier: GPL-2.0

//! Runs a command in a container, as the root user of the container.
//!
//! ```text
//! exec-in PID CMD [ARGS...]
//! ```
//!
//! PID is a process of the container. The container needs no daemon. The mail that introduced
//! setns(2) in 2011 names this use. The steps are:
//!
//! 1. The program calls setns(2) once, with a pidfd. The call enters all namespaces that differ.
//!    The caller must be root or the owner of the container's user namespace, because the owner
//!    has all privileges in it.
//! 2. The program becomes user 0 and group 0 of the container's user namespace.
//! 3. The program starts the command as a child. After setns(2), only new children are in the
//!    pid namespace of the container.
//!
//! In rustix, `move_into_thread_name_spaces` is setns(2) with a pidfd, and `set_thread_uid` is
//! setuid(2) for the calling thread.
//!
//! # Example
//!
//! User 1000 runs the program, without root:
//!
//! ```text
//! $ unshare --user --map-root-user --uts --pid --fork sleep 60 &
//! $ exec-in $(pgrep -P $!) sh -c 'id -u; hostname box; uname -n; cat /proc/self/uid_map'
//! 0
//! box
//!          0       1000          1
//! $ uname -n
//! vm
//! ```

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::process::{Command, ExitCode};

use common::{Help, Own, cannot, open_process};
use rustix::io::Errno;
use rustix::process::{Gid, Pid, Uid};
use rustix::thread::{
    move_into_thread_name_spaces, set_thread_gid, set_thread_groups, set_thread_uid,
};

const HELP: Help = Help {
    usage: "usage: exec-in PID CMD [ARGS...]",
    shows: "Runs a command in a container, as the root user of the container.",
    example: "unshare --net sleep 60 & sleep 1; exec-in $! ip link",
};

/// Enters all namespaces of the process that differ from those of this program.
fn enter(pid: Pid) -> Result<(), String> {
    let process = open_process(pid)?;
    let types = Own::open()?.differing(pid)?;
    if types.is_empty() {
        return Err(format!(
            "process {pid} has the namespaces of this program, choose a process of a container"
        ));
    }
    let set = types.iter().map(|ns| ns.flag).collect();
    move_into_thread_name_spaces(process.as_fd(), set)
        .map_err(cannot(format_args!("enter the container of process {pid}")))
}

/// Becomes the root user of the user namespace.
fn become_root() -> Result<(), String> {
    match set_thread_groups(&[]) {
        // The kernel may forbid the owner to drop groups: see /proc/PID/setgroups in
        // user_namespaces(7)
        Ok(()) | Err(Errno::PERM) => {}
        Err(errno) => return Err(cannot("drop the groups")(errno)),
    }
    let result = set_thread_gid(Gid::ROOT).and_then(|()| set_thread_uid(Uid::ROOT));
    result.map_err(|errno| match errno {
        Errno::INVAL => "the container has no user 0 or no group 0, \
                         map them in /proc/PID/uid_map and /proc/PID/gid_map"
            .into(),
        errno => cannot("become root of the container")(errno),
    })
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let [pid, command, args @ ..] = args else {
        return Err(HELP.usage.into());
    };
    enter(common::parse_pid(pid)?)?;
    become_root()?;
    common::run_command(Command::new(command).args(args))
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
