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

use common::{NAMESPACES, Namespace, Own, cannot, differing, explain, open_process, say};
use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{
    ThreadNameSpaceType, move_into_link_name_space, move_into_thread_name_spaces,
};

const USAGE: &str = "usage: nsjoin PID [TYPE[,TYPE...]] [--one-by-one] [-- CMD ARGS...]";

/// The arguments. `types` is `None` for all types that differ.
struct Request {
    pid: Pid,
    types: Option<Vec<Namespace>>,
    one_by_one: bool,
    command: Vec<OsString>,
}

impl Request {
    fn parse() -> Result<Self, String> {
        let mut args = std::env::args_os().skip(1);
        let pid = common::parse_pid(&args.next().ok_or(USAGE)?)?;
        let mut request = Request {
            pid,
            types: None,
            one_by_one: false,
            command: Vec::new(),
        };
        while let Some(arg) = args.next() {
            match arg.to_str().ok_or(USAGE)? {
                "--" => {
                    request.command = args.by_ref().collect();
                    if request.command.is_empty() {
                        return Err(USAGE.into());
                    }
                }
                "--one-by-one" => request.one_by_one = true,
                names if request.types.is_none() && !names.starts_with('-') => {
                    let types = names.split(',').map(Namespace::by_name);
                    request.types = Some(types.collect::<Result<_, _>>()?);
                }
                _ => return Err(USAGE.into()),
            }
        }
        Ok(request)
    }
}

/// Enters all namespaces with one call. If the call fails, it enters none.
fn enter_at_once(pid: Pid, types: &[Namespace]) -> Result<(), String> {
    let process = open_process(pid)?;
    let set = types
        .iter()
        .fold(ThreadNameSpaceType::empty(), |set, ns| set | ns.flag);
    move_into_thread_name_spaces(process.as_fd(), set).map_err(|errno| why(errno, pid, types))
}

/// Enters one namespace with each call. The function opens all of them first, because a mount
/// namespace may have another `/proc`. It enters the user namespace last, because root has no
/// privileges over the other namespaces after that. Other users gain privileges in the user
/// namespace, so the function then tries the refused namespaces again.
fn enter_one_by_one(pid: Pid, types: &[Namespace]) -> Result<(), String> {
    let open = |ns: &Namespace| {
        let file = ns.open(&pid.to_string());
        let file = file.map_err(cannot(format_args!("open the {} namespace", ns.name)))?;
        Ok((*ns, file))
    };
    let mut left = types.iter().map(open).collect::<Result<Vec<_>, String>>()?;
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
    format!(
        "cannot enter {} of process {pid}: {reason}",
        names.join(",")
    )
}

fn run() -> Result<ExitCode, String> {
    let request = Request::parse()?;
    let reading = || cannot("read the namespaces of this process");
    let own = Own::open().map_err(reading())?;
    let before = own.identities().map_err(reading())?;
    let types = match &request.types {
        Some(names) => NAMESPACES
            .into_iter()
            .filter(|ns| names.contains(ns))
            .collect(),
        None => differing(&before, request.pid).map_err(cannot(format_args!(
            "read the namespaces of process {}",
            request.pid
        )))?,
    };
    match types.as_slice() {
        [] => {}
        types if request.one_by_one => enter_one_by_one(request.pid, types)?,
        types => enter_at_once(request.pid, types)?,
    }
    let after = own.identities().map_err(reading())?;
    for ((ns, before), after) in NAMESPACES.iter().zip(before).zip(after) {
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
    common::main(run)
}
