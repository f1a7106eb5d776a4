// SPDX-License-Identifier: GPL-2.0

//! Follows a command with ptrace(2), and reports the results of its calls of setns(2).

use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use nix::libc::{self, ptrace_syscall_info};
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

/// Returns the system call at which the task has stopped, if it enters one, or the result, if it
/// leaves one.
fn call_of(task: Pid) -> (Option<u64>, Option<i64>) {
    let Ok(ptrace_syscall_info { op, u, .. }) = ptrace::syscall_info(task) else {
        return (None, None);
    };
    match op {
        libc::PTRACE_SYSCALL_INFO_ENTRY => {
            // SAFETY: `op` says which member of the union the kernel has filled.
            (Some(unsafe { u.entry.nr }), None)
        }
        libc::PTRACE_SYSCALL_INFO_EXIT => {
            // SAFETY: `op` says which member of the union the kernel has filled.
            (None, Some(unsafe { u.exit.sval }))
        }
        _ => (None, None),
    }
}

/// Runs a command, and calls `report` with the ID of the task and the errno of each call. Returns
/// the exit status of the command.
pub fn run(command: &mut Command, report: impl Fn(Pid, i32)) -> Result<ExitCode, String> {
    // SAFETY: ptrace(2) may be called between fork(2) and execve(2).
    unsafe { command.pre_exec(|| ptrace::traceme().map_err(io::Error::from)) };
    let child = command.spawn().map_err(|error| {
        let name = command.get_program().display();
        format!("cannot run {name}: {error}")
    })?;
    let first = Pid::from_raw(child.id() as i32);
    let mut in_setns = std::collections::BTreeSet::new();
    let mut code = 1;
    let options = Options::PTRACE_O_TRACESYSGOOD
        | Options::PTRACE_O_TRACEFORK
        | Options::PTRACE_O_TRACEVFORK
        | Options::PTRACE_O_TRACECLONE
        | Options::PTRACE_O_TRACEEXEC
        | Options::PTRACE_O_EXITKILL;
    let mut started = false;
    while let Ok(status) = waitpid(None, Some(WaitPidFlag::__WALL)) {
        let mut pass_on = None;
        match status {
            WaitStatus::Exited(task, status) if task == first => code = status,
            WaitStatus::Signaled(task, signal, _) if task == first => code = 128 + signal as i32,
            WaitStatus::PtraceSyscall(task) => match call_of(task) {
                (Some(number), _) if number == libc::SYS_setns as u64 => {
                    in_setns.insert(task);
                }
                (_, Some(result)) if in_setns.remove(&task) => report(task, -result as i32),
                _ => {}
            },
            WaitStatus::Stopped(task, Signal::SIGTRAP) if task == first && !started => {
                started = true;
                let _ = ptrace::setoptions(task, options);
            }
            // A new task begins with this signal
            WaitStatus::Stopped(_, Signal::SIGSTOP) => {}
            WaitStatus::Stopped(_, signal) => pass_on = Some(signal),
            _ => {}
        }
        if let Some(task) = status.pid() {
            let _ = ptrace::syscall(task, pass_on);
        }
    }
    Ok(u8::try_from(code).unwrap_or(1).into())
}
