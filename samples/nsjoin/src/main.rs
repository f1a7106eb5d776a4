// SPDX-License-Identifier: GPL-2.0

//! Enters the namespaces of a process, and prints which namespaces changed.
//!
//! ```text
//! nsjoin PID [TYPE[,TYPE...]] [--one-by-one] [-- CMD ARGS...]
//! ```
//!
//! Without types, the program enters all namespaces that differ from its own. It calls setns(2)
//! once, with a pidfd and a set of types, and the call enters all of them or none. With
//! `--one-by-one`, the program calls setns(2) once for each namespace, with a descriptor of that
//! namespace. If a call fails, the process stays in the namespaces that it entered before. CMD
//! runs in the namespaces, and `nsjoin` returns its exit status.
//!
//! In rustix, setns(2) has two names. `move_into_thread_name_spaces` takes a pidfd.
//! `move_into_link_name_space` takes the descriptor of a file in `/proc/PID/ns`.
//!
//! # Example
//!
//! ```text
//! # unshare --uts --net sleep 60 &
//! # nsjoin $! -- ip -brief link
//! user   4026531837 unchanged
//! mnt    4026531832 unchanged
//! uts    4026531838 -> 4026532177
//! ipc    4026531839 unchanged
//! pid    4026531836 unchanged
//! cgroup 4026531835 unchanged
//! net    4026531833 -> 4026532247
//! time   4026531834 unchanged
//! lo               DOWN           00:00:00:00:00:00 <LOOPBACK>
//! ```

use std::ffi::OsString;
use std::os::fd::AsFd;
use std::process::{Command, ExitCode};

use common::{Help, NAMESPACES, Namespace, Own, cannot, explain, open_process, say};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{move_into_link_name_space, move_into_thread_name_spaces};

const HELP: Help = Help {
    usage: "usage: nsjoin PID [TYPE[,TYPE...]] [--one-by-one] [-- CMD ARGS...]",
    shows: "Enters the namespaces of a process, and prints which namespaces changed.",
    example: "unshare --net sleep 60 & sleep 1; nsjoin $! -- ip link",
};

/// The arguments. `types` is `None` for all types that differ.
struct Request {
    pid: Pid,
    types: Option<Vec<Namespace>>,
    one_by_one: bool,
    command: Vec<OsString>,
}

impl Request {
    fn parse(args: &[OsString]) -> Result<Self, String> {
        let mut args = args.iter();
        let mut request = Request {
            pid: common::parse_pid(args.next().ok_or(HELP.usage)?)?,
            types: None,
            one_by_one: false,
            command: Vec::new(),
        };
        while let Some(arg) = args.next() {
            match arg.to_str().ok_or(HELP.usage)? {
                "--" if args.len() > 0 => request.command = args.by_ref().cloned().collect(),
                "--one-by-one" => request.one_by_one = true,
                names if request.types.is_none() && !names.starts_with('-') => {
                    let named = names.split(',').map(Namespace::by_name);
                    let named = named.collect::<Result<Vec<_>, _>>()?;
                    // The kernel's order, and each type once
                    let types = NAMESPACES.into_iter().filter(|ns| named.contains(ns));
                    request.types = Some(types.collect());
                }
                _ => return Err(HELP.usage.into()),
            }
        }
        Ok(request)
    }
}

/// Enters all namespaces with one call. If the call fails, it enters none.
fn enter_at_once(pid: Pid, types: &[Namespace]) -> Result<(), String> {
    let process = open_process(pid)?;
    let set = types.iter().map(|ns| ns.flag).collect();
    move_into_thread_name_spaces(process.as_fd(), set).map_err(|errno| why(errno, pid, types))
}

/// Enters one namespace with each call. The function opens all of them first, because a mount
/// namespace may have another `/proc`. It enters the user namespace last, because root has no
/// privileges over the other namespaces after that. Other users gain privileges in the user
/// namespace, so the function then tries the refused namespaces again.
fn enter_one_by_one(pid: Pid, types: &[Namespace]) -> Result<(), String> {
    let mut left = Vec::new();
    for ns in types {
        let opening = format_args!("open the {} namespace", ns.name);
        left.push((*ns, ns.open(&pid.to_string()).map_err(cannot(opening))?));
    }
    left.sort_by_key(|(ns, _)| ns.name == "user");
    left.retain(|(ns, file)| move_into_link_name_space(file.as_fd(), Some(ns.link)).is_err());
    for (ns, file) in left {
        move_into_link_name_space(file.as_fd(), Some(ns.link))
            .map_err(|errno| why(errno, pid, &[ns]))?;
    }
    Ok(())
}

/// Explains in one sentence why a call failed.
fn why(errno: Errno, pid: Pid, types: &[Namespace]) -> String {
    let names: Vec<_> = types.iter().map(|ns| ns.name).collect();
    let reason = match errno {
        Errno::INVAL if names.contains(&"user") => {
            "this process may already be in that user namespace, leave out 'user'".into()
        }
        Errno::INVAL if names.contains(&"pid") => {
            "that pid namespace is not a descendant of this process's own, leave out 'pid'".into()
        }
        errno => explain(errno),
    };
    let names = names.join(",");
    format!("cannot enter {names} of process {pid}: {reason}")
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let request = Request::parse(args)?;
    let pid = request.pid;
    let own = Own::open()?;
    let types = request.types.map_or_else(|| own.differing(pid), Ok)?;
    match types.as_slice() {
        [] => {}
        types if request.one_by_one => enter_one_by_one(pid, types)?,
        types => enter_at_once(pid, types)?,
    }
    for (ns, before, after) in own.compare()? {
        match before == after {
            true => say(format_args!("{:<6} {before} unchanged", ns.name)),
            false => say(format_args!("{:<6} {before} -> {after}", ns.name)),
        }
    }
    match request.command.split_first() {
        Some((name, args)) => common::run_command(Command::new(name).args(args)),
        None => Ok(ExitCode::SUCCESS),
    }
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
