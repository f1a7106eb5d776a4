// SPDX-License-Identifier: GPL-2.0

//! What every program does: it reads its arguments, prints lines, runs a command, and explains
//! why something failed.

use std::ffi::{OsStr, OsString};
use std::fmt::Display;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus, exit};

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};

/// The answer to `--help`.
pub struct Help {
    /// How to call the program: "usage: PROGRAM ARGUMENTS". It is also the error message for bad
    /// arguments.
    pub usage: &'static str,
    /// A sentence that says what the program shows.
    pub shows: &'static str,
    /// A command to try.
    pub example: &'static str,
}

/// Runs a program with its arguments. An error becomes one sentence on standard error and exit
/// status 2. If the first argument is `--help` or `-h`, this prints the help instead.
pub fn main(help: &Help, run: fn(&[OsString]) -> Result<ExitCode, String>) -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).collect();
    if args
        .first()
        .is_some_and(|arg| arg == "--help" || arg == "-h")
    {
        let Help {
            usage,
            shows,
            example,
        } = help;
        say(format_args!("{usage}\n\n{shows}\n\nexample: {example}"));
        return ExitCode::SUCCESS;
    }
    run(&args).unwrap_or_else(|message| fail(message))
}

/// Prints "PROGRAM: message" on standard error and exits with status 2.
pub fn fail(message: impl Display) -> ! {
    let path = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&path).file_name().unwrap_or_default();
    // If standard error is closed, nobody can read the message
    let _ = writeln!(io::stderr(), "{}: {message}", program.display());
    exit(2)
}

/// Prints bytes. If they cannot be written, the program fails; `print!` would panic.
pub fn print(bytes: &[u8]) {
    let mut stdout = io::stdout();
    if let Err(error) = stdout.write_all(bytes).and_then(|()| stdout.flush()) {
        fail(format_args!("cannot write to standard output: {error}"));
    }
}

/// Prints a line. If it cannot be written, the program fails.
pub fn say(line: impl Display) {
    print(format!("{line}\n").as_bytes());
}

/// Explains an error in words. For common errors, the words say what to do.
pub fn explain(error: impl Into<io::Error>) -> String {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::ACCESS) => {
            "permission denied, run this as root or in a user namespace".into()
        }
        Some(Errno::SRCH) => "the process has ended, choose a running one".into(),
        Some(Errno::ADDRINUSE) => "it exists, remove it or choose another one".into(),
        Some(Errno::NOSYS) => "this kernel lacks this system call, boot a newer kernel".into(),
        _ => error.to_string(),
    }
}

/// Turns an error into the message "cannot WHAT: WHY". Use it with `map_err`.
pub fn cannot<E: Into<io::Error>>(what: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {what}: {}", explain(error))
}

/// Reads a process ID from an argument.
pub fn parse_pid(argument: &OsStr) -> Result<Pid, String> {
    let number = argument.to_str().and_then(|text| text.parse().ok());
    let pid = number.filter(|&number| number > 0).and_then(Pid::from_raw);
    pid.ok_or_else(|| {
        let text = argument.display();
        format!("'{text}' is not a process ID, give the number of a running process")
    })
}

/// Opens a pidfd of a process.
pub fn open_process(pid: Pid) -> Result<OwnedFd, String> {
    pidfd_open(pid, PidfdFlags::empty()).map_err(|errno| match errno {
        Errno::SRCH => format!("there is no process {pid}, give the ID of a running one"),
        // The kernel returns one of these for a thread that does not lead its process
        Errno::NOENT | Errno::INVAL => {
            format!("{pid} is a thread, give the ID of its process")
        }
        errno => cannot(format_args!("open process {pid}"))(errno),
    })
}

/// Opens a file of any type. Without `NONBLOCK`, the program would wait here for the writer of a
/// fifo.
pub fn open_file(path: &OsStr) -> Result<OwnedFd, String> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    open(path, flags, Mode::empty()).map_err(cannot(format_args!("open '{}'", path.display())))
}

/// Runs a command and returns its exit status.
pub fn run_command(command: &mut Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|error| {
        let name = command.get_program().display();
        format!("cannot run {name}: {error}")
    })?;
    Ok(status_code(status).into())
}

/// Returns the exit status of a command as a number. If a signal ended the command, the number is
/// 128 plus that of the signal, as in a shell.
pub fn status_code(status: ExitStatus) -> u8 {
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_is_not_taken_for_a_process() {
        let open = || open_process(rustix::thread::gettid());
        assert!(open().is_err_and(|message| message.contains("is a thread")));
    }
}
