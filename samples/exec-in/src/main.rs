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

use std::os::fd::AsFd;
use std::process::{Command, ExitCode};

use common::{Own, cannot, differing, open_process};
use rustix::io::Errno;
use rustix::process::{Gid, Pid, Uid};
use rustix::thread::{
    ThreadNameSpaceType, move_into_thread_name_spaces, set_thread_gid, set_thread_groups,
    set_thread_uid,
};

const USAGE: &str = "usage: exec-in PID CMD [ARGS...]";

/// Enters all namespaces of the process that differ from those of this program.
fn enter(pid: Pid) -> Result<(), String> {
    let process = open_process(pid)?;
    let own = Own::open().and_then(|own| own.identities());
    let own = own.map_err(cannot("read the namespaces of this process"))?;
    let types = differing(&own, pid)
        .map_err(cannot(format_args!("read the namespaces of process {pid}")))?;
    if types.is_empty() {
        return Err(format!(
            "process {pid} has the namespaces of this program, choose a process of a container"
        ));
    }
    let set = types
        .iter()
        .fold(ThreadNameSpaceType::empty(), |set, ns| set | ns.flag);
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

fn run() -> Result<ExitCode, String> {
    let mut args = std::env::args_os().skip(1);
    let pid = common::parse_pid(&args.next().ok_or(USAGE)?)?;
    let command = args.next().ok_or(USAGE)?;
    enter(pid)?;
    become_root()?;
    common::run_command(Command::new(command).args(args))
}

fn main() -> ExitCode {
    common::main(run)
}
