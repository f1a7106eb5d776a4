// SPDX-License-Identifier: GPL-2.0

//! Opens a socket in the network namespace of another process, without setns(2). The program
//! uses ptrace(2) to make that process, the puppet, open the socket.
//!
//! ```text
//! ptrace-puppet [--slow] PID
//! ```
//!
//! The mail that introduced setns(2) discusses this alternative. The program stops the puppet,
//! saves its registers, and writes a system call instruction into its code. It makes the puppet
//! call socket(2), copies the descriptor with pidfd_getfd(2), and makes the puppet call close(2).
//! Then it restores the puppet and releases it. With `--slow`, the program waits for a line on
//! standard input after each step, so that you can look at both processes, or kill one.
//!
//! The puppet must be a process that you can afford to lose:
//!
//! - The program changes the puppet's code. So the puppet must have only one thread, and must be
//!   a 64-bit program.
//! - The puppet's seccomp filter and its resource limits apply to the calls.
//! - If this program is killed half way, the kernel kills the puppet too (`PTRACE_O_EXITKILL`).
//! - If the puppet sleeps, the calls interrupt its sleep. On x86_64, the sleep continues
//!   afterwards. On arm64, it starts again.
//!
//! # Example
//!
//! ```text
//! # unshare --net sleep 1000 &
//! # ptrace-puppet $!
//! stopped the puppet and saved its registers
//! made the puppet call socket(), which returned descriptor 6
//! copied the descriptor with pidfd_getfd()
//! made the puppet call close(6)
//! released the puppet
//! this process: net:[4026531833]
//! the socket:   net:[4026532306]
//! ```

mod puppet;
mod registers;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::process::ExitCode;

use common::{Help, cannot, identity, open_process, parse_pid, say, socket_namespace};
use puppet::Puppet;
use rustix::process::{Pid, PidfdGetfdFlags, pidfd_getfd};

const HELP: Help = Help {
    usage: "usage: ptrace-puppet [--slow] PID",
    shows: "Makes another process open a socket, with ptrace(2) instead of setns(2).",
    example: "unshare --net sleep 60 & sleep 1; ptrace-puppet $!",
};

/// Prints a finished step. If `slow`, also waits for a line. The function ignores errors, because
/// an exit here would kill the puppet.
fn step(slow: bool, text: String) {
    let _ = writeln!(io::stdout(), "{text}");
    if slow {
        let _ = io::stdin().read_line(&mut String::new());
    }
}

/// Explains why a call of the puppet failed.
fn failed(call: &str) -> impl Fn(io::Error) -> String {
    move |error| match error.raw_os_error() {
        Some(libc::ESRCH) => "the puppet died, choose another process".into(),
        _ => format!("the puppet cannot call {call}: {error}, choose another process"),
    }
}

/// Opens a socket in the network namespace of a process.
fn socket_of(pid: Pid, slow: bool) -> Result<OwnedFd, String> {
    let process = open_process(pid)?;
    let puppet = Puppet::attach(pid.as_raw_nonzero().get())?;
    step(slow, "stopped the puppet and saved its registers".into());
    let arguments = [libc::AF_INET as u64, libc::SOCK_STREAM as u64, 0];
    let there = puppet
        .call(libc::SYS_socket, arguments)
        .map_err(failed("socket()"))?;
    step(
        slow,
        format!("made the puppet call socket(), which returned descriptor {there}"),
    );
    let socket = pidfd_getfd(&process, there as i32, PidfdGetfdFlags::empty());
    if socket.is_ok() {
        step(slow, "copied the descriptor with pidfd_getfd()".into());
    }
    puppet
        .call(libc::SYS_close, [there as u64, 0, 0])
        .map_err(failed("close()"))?;
    step(slow, format!("made the puppet call close({there})"));
    drop(puppet);
    say("released the puppet");
    socket.map_err(cannot("copy the descriptor"))
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let (pid, slow) = match args {
        [pid] => (parse_pid(pid)?, false),
        [option, pid] if option == "--slow" => (parse_pid(pid)?, true),
        _ => return Err(HELP.usage.into()),
    };
    let socket = socket_of(pid, slow)?;
    let here = identity("self", "net").map_err(cannot("read the namespace of this process"))?;
    let there = socket_namespace(&socket).map_err(cannot("read the namespace of the socket"))?;
    say(format_args!("this process: net:[{here}]"));
    say(format_args!("the socket:   net:[{there}]"));
    Ok(ExitCode::SUCCESS)
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
