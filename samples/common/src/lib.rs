// SPDX-License-Identifier: GPL-2.0

//! The code that the samples share: the types of namespaces, the identities of a process's
//! namespaces, and error messages.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use common::{NAMESPACES, cannot, identity, say};
//!
//! fn run() -> Result<ExitCode, String> {
//!     for ns in NAMESPACES {
//!         let inode = identity("self", ns.name).map_err(cannot("read the namespaces"))?;
//!         say(format_args!("{} {inode}", ns.name));
//!     }
//!     Ok(ExitCode::SUCCESS)
//! }
//!
//! fn main() -> ExitCode {
//!     common::main(run)
//! }
//! ```

mod ioctl;

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs::{File, metadata};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, ExitCode, exit};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use rustix::thread::{LinkNameSpaceType, ThreadNameSpaceType};

pub use ioctl::{loopback_up, open_owner, open_parent, socket_namespace};

/// A type of namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// The name of its file in `/proc/PID/ns`.
    pub name: &'static str,
    /// Its `CLONE_NEW*` flag, in the form that rustix takes with a pidfd.
    pub flag: ThreadNameSpaceType,
    /// The same flag, in the form that rustix takes with the descriptor of one namespace.
    pub link: LinkNameSpaceType,
}

/// All types, in the order in which the kernel enters them.
pub const NAMESPACES: [Namespace; 8] = [
    Namespace {
        name: "user",
        flag: ThreadNameSpaceType::USER,
        link: LinkNameSpaceType::User,
    },
    Namespace {
        name: "mnt",
        flag: ThreadNameSpaceType::MOUNT,
        link: LinkNameSpaceType::Mount,
    },
    Namespace {
        name: "uts",
        flag: ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME,
        link: LinkNameSpaceType::HostNameAndNISDomainName,
    },
    Namespace {
        name: "ipc",
        flag: ThreadNameSpaceType::INTER_PROCESS_COMMUNICATION,
        link: LinkNameSpaceType::InterProcessCommunication,
    },
    Namespace {
        name: "pid",
        flag: ThreadNameSpaceType::PROCESS_ID,
        link: LinkNameSpaceType::ProcessID,
    },
    Namespace {
        name: "cgroup",
        flag: ThreadNameSpaceType::CONTROL_GROUP,
        link: LinkNameSpaceType::ControlGroup,
    },
    Namespace {
        name: "net",
        flag: ThreadNameSpaceType::NETWORK,
        link: LinkNameSpaceType::Network,
    },
    Namespace {
        name: "time",
        flag: ThreadNameSpaceType::TIME,
        link: LinkNameSpaceType::Time,
    },
];

impl Namespace {
    /// Finds the type with this name.
    pub fn by_name(name: &str) -> Result<Self, String> {
        let found = NAMESPACES.into_iter().find(|ns| ns.name == name);
        found.ok_or_else(|| {
            let names = NAMESPACES.map(|ns| ns.name).join(", ");
            format!("there is no namespace type '{name}', use one of: {names}")
        })
    }

    /// Opens a process's namespace of this type. `who` is a process ID or `self`.
    pub fn open(&self, who: &str) -> io::Result<File> {
        File::open(format!("/proc/{who}/ns/{}", self.name))
    }
}

/// Returns the identity of a process's namespace: the inode number of `file` in `/proc/WHO/ns`.
/// `who` is a process ID, `self` or `thread-self`. `file` is the name of a type, or
/// `pid_for_children`.
pub fn identity(who: &str, file: &str) -> io::Result<u64> {
    Ok(metadata(format!("/proc/{who}/ns/{file}"))?.ino())
}

/// The namespaces of this process. The process can still read them after it enters a mount
/// namespace with another `/proc`, or with none.
pub struct Own(OwnedFd);

impl Own {
    /// Opens the folder with their files.
    pub fn open() -> io::Result<Self> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self(openat(CWD, "/proc/self/ns", flags, Mode::empty())?))
    }

    /// Reads their identities, in the order of [`NAMESPACES`]. A process never changes its own pid
    /// namespace, so `pid` is the namespace of its children.
    pub fn identities(&self) -> io::Result<[u64; 8]> {
        let mut found = [0; 8];
        for (inode, ns) in found.iter_mut().zip(NAMESPACES) {
            let file = if ns.name == "pid" {
                "pid_for_children"
            } else {
                ns.name
            };
            *inode = statat(&self.0, file, AtFlags::empty())?.st_ino;
        }
        Ok(found)
    }
}

/// Lists the types for which process `pid` has another namespace than `own`.
pub fn differing(own: &[u64; 8], pid: Pid) -> io::Result<Vec<Namespace>> {
    let mut found = Vec::new();
    for (inode, ns) in own.iter().zip(NAMESPACES) {
        if identity(&pid.to_string(), ns.name)? != *inode {
            found.push(ns);
        }
    }
    Ok(found)
}

/// Reads a process ID from an argument.
pub fn parse_pid(argument: &OsStr) -> Result<Pid, String> {
    let number = argument.to_str().and_then(|text| text.parse().ok());
    let pid = number.filter(|&number| number > 0).and_then(Pid::from_raw);
    pid.ok_or_else(|| {
        let text = argument.to_string_lossy();
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

/// Explains an error in words. For common errors, the words say what to do.
pub fn explain(error: impl Into<io::Error>) -> String {
    let error = error.into();
    match Errno::from_io_error(&error) {
        Some(Errno::PERM | Errno::ACCESS) => {
            "permission denied, run this as root or in a user namespace".into()
        }
        Some(Errno::SRCH) => "the process has ended, choose a running one".into(),
        Some(Errno::NOSYS) => "this kernel lacks this system call, boot a newer kernel".into(),
        _ => error.to_string(),
    }
}

/// Turns an error into the message "cannot WHAT: WHY". Use it with `map_err`.
pub fn cannot<E: Into<io::Error>>(what: impl Display) -> impl FnOnce(E) -> String {
    move |error| format!("cannot {what}: {}", explain(error))
}

/// Runs a command and returns its exit status. If a signal ends the command, the status is 128
/// plus the number of the signal, as in a shell.
pub fn run_command(command: &mut Command) -> Result<ExitCode, String> {
    let status = command.status().map_err(|error| {
        let name = command.get_program().to_string_lossy();
        format!("cannot run {name}: {error}")
    })?;
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    Ok(ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1),
    ))
}

/// Prints a line. If it cannot be written, the program fails; `println!` would panic.
pub fn say(line: impl Display) {
    if let Err(error) = writeln!(io::stdout(), "{line}") {
        fail(format_args!("cannot write to standard output: {error}"));
    }
}

/// Prints "PROGRAM: message" on standard error and exits with status 2.
pub fn fail(message: impl Display) -> ! {
    let path = std::env::args_os().next().unwrap_or_default();
    let program = Path::new(&path).file_name().unwrap_or_default();
    // If standard error is closed, nobody can read the message
    let _ = writeln!(io::stderr(), "{}: {message}", program.to_string_lossy());
    exit(2)
}

/// Runs a program. An error becomes one sentence on standard error and exit status 2.
pub fn main(run: fn() -> Result<ExitCode, String>) -> ExitCode {
    run().unwrap_or_else(|message| fail(message))
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
