// SPDX-License-Identifier: GPL-2.0

//! Calls setns(2) while this task shares something with another one.
//!
//! ```text
//! setns-shared thread|fs FILE...
//! ```
//!
//! FILE is `/proc/PID/ns/TYPE`. With `thread`, a second thread calls. It shares its memory, its
//! root and its working directory with the first one, as the threads of each program do. With
//! `fs`, the only thread calls while a child shares its root and working directory (`CLONE_FS`).
//! A task that shares these may not join namespaces of all types. The program is for trying
//! `setns-why` and for its test.
//!
//! # Example
//!
//! ```text
//! # unshare --user --mount sleep 60 &
//! # setns-shared thread /proc/$!/ns/user /proc/$!/ns/mnt
//! /proc/91/ns/user: Invalid argument (os error 22)
//! /proc/91/ns/mnt: Invalid argument (os error 22)
//! ```

use std::ffi::{OsString, c_long};
use std::io;
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::thread;

use common::{Help, cannot, open_file, say};
use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use rustix::thread::move_into_link_name_space;

const HELP: Help = Help {
    usage: "usage: setns-shared thread|fs FILE... (FILE is /proc/PID/ns/TYPE)",
    shows: "Calls setns(2) in a second thread, or while a child shares the working directory.",
    example: "setns-why setns-shared thread /proc/self/ns/mnt",
};

/// Tries to join each namespace, and prints what came of it.
fn join_all(paths: &[OsString]) -> Result<(), String> {
    let files = paths.iter().map(|path| open_file(path));
    let files = files.collect::<Result<Vec<_>, _>>()?;
    for (path, file) in paths.iter().zip(files) {
        let result = match move_into_link_name_space(file.as_fd(), None) {
            Ok(()) => "joined".into(),
            Err(errno) => io::Error::from(errno).to_string(),
        };
        say(format_args!("{}: {result}", path.display()));
    }
    Ok(())
}

/// Starts a child that shares the root and working directory of this task, and waits for ever.
fn share_fs() -> Result<Pid, String> {
    let flags = c_long::from(libc::CLONE_FS | libc::SIGCHLD);
    let none: c_long = 0;
    // SAFETY: without a stack this is fork(2), and this process has one thread.
    match unsafe { libc::syscall(libc::SYS_clone, flags, none, none, none, none) } {
        // SAFETY: both system calls take numbers.
        0 => unsafe {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            loop {
                libc::pause();
            }
        },
        -1 => Err(cannot("start a child")(io::Error::last_os_error())),
        pid => (pid.try_into().ok().and_then(Pid::from_raw)).ok_or("there is no child".into()),
    }
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    match args {
        [how, paths @ ..] if how == "thread" && !paths.is_empty() => {
            let joined = thread::scope(|scope| scope.spawn(|| join_all(paths)).join());
            joined.expect("the thread does not panic")?;
        }
        [how, paths @ ..] if how == "fs" && !paths.is_empty() => {
            let child = share_fs()?;
            let joined = join_all(paths);
            let ended = kill_process(child, Signal::KILL)
                .and_then(|()| waitpid(Some(child), WaitOptions::empty()));
            ended.map_err(cannot("end the child"))?;
            joined?;
        }
        _ => return Err(HELP.usage.into()),
    }
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
