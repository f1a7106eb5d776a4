// SPDX-License-Identifier: GPL-2.0

//! The code that the samples share: the types of namespaces, the identities of a process's
//! namespaces, a [`snapshot`] of all namespaces, `--help`, and error messages.
//!
//! ```no_run
//! use std::ffi::OsString;
//! use std::process::ExitCode;
//!
//! use common::{Help, NAMESPACES, cannot, identity, say};
//!
//! const HELP: Help = Help {
//!     usage: "usage: identities",
//!     shows: "Prints the identities of the namespaces of this process.",
//!     example: "unshare --net identities",
//! };
//!
//! fn run(_args: &[OsString]) -> Result<ExitCode, String> {
//!     for ns in NAMESPACES {
//!         let inode = identity("self", ns.name).map_err(cannot("read the namespaces"))?;
//!         say(format_args!("{} {inode}", ns.name));
//!     }
//!     Ok(ExitCode::SUCCESS)
//! }
//!
//! fn main() -> ExitCode {
//!     common::main(&HELP, run)
//! }
//! ```

mod ioctl;
mod listns;
mod program;
pub mod snapshot;

use std::fs::{File, metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{AtFlags, CWD, Mode, OFlags, openat, statat};
use rustix::process::Pid;
use rustix::thread::{LinkNameSpaceType as Link, ThreadNameSpaceType as Flag};

pub use ioctl::{loopback_up, open_owner, open_parent, socket_namespace, type_of};
pub use program::{
    Help, cannot, explain, fail, main, open_file, open_process, parse_pid, print, run_command, say,
    status_code,
};

/// A type of namespace.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Namespace {
    /// The name of its file in `/proc/PID/ns`.
    pub name: &'static str,
    /// Its `CLONE_NEW*` flag, in the form that rustix takes with a pidfd.
    pub flag: Flag,
    /// The same flag, in the form that rustix takes with the descriptor of one namespace.
    pub link: Link,
}

/// All types, in the order in which the kernel enters them.
pub const NAMESPACES: [Namespace; 8] = [
    namespace("user", Flag::USER, Link::User),
    namespace("mnt", Flag::MOUNT, Link::Mount),
    namespace(
        "uts",
        Flag::HOST_NAME_AND_NIS_DOMAIN_NAME,
        Link::HostNameAndNISDomainName,
    ),
    namespace(
        "ipc",
        Flag::INTER_PROCESS_COMMUNICATION,
        Link::InterProcessCommunication,
    ),
    namespace("pid", Flag::PROCESS_ID, Link::ProcessID),
    namespace("cgroup", Flag::CONTROL_GROUP, Link::ControlGroup),
    namespace("net", Flag::NETWORK, Link::Network),
    namespace("time", Flag::TIME, Link::Time),
];

const fn namespace(name: &'static str, flag: Flag, link: Link) -> Namespace {
    Namespace { name, flag, link }
}

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

const READ_OWN: &str = "read the namespaces of this process";

/// The namespaces of this process, and which they were at first. The process can still read them
/// after it enters a mount namespace with another `/proc`, or with none.
pub struct Own {
    folder: OwnedFd,
    before: [u64; 8],
}

impl Own {
    /// Opens the folder with their files, and reads their identities.
    pub fn open() -> Result<Self, String> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let folder = openat(CWD, "/proc/self/ns", flags, Mode::empty());
        let folder = folder.map_err(cannot(READ_OWN))?;
        let before = identities(&folder)?;
        Ok(Self { folder, before })
    }

    /// Lists the types for which process `pid` had another namespace than this process.
    pub fn differing(&self, pid: Pid) -> Result<Vec<Namespace>, String> {
        let mut found = Vec::new();
        for (before, ns) in self.before.iter().zip(NAMESPACES) {
            let inode = identity(&pid.to_string(), ns.name)
                .map_err(cannot(format_args!("read the namespaces of process {pid}")))?;
            if inode != *before {
                found.push(ns);
            }
        }
        Ok(found)
    }

    /// Reads the identities again. Returns each type with the old identity and the new one.
    pub fn compare(&self) -> Result<Vec<(Namespace, u64, u64)>, String> {
        let now = identities(&self.folder)?;
        let all = NAMESPACES.into_iter().zip(self.before).zip(now);
        Ok(all.map(|((ns, before), now)| (ns, before, now)).collect())
    }
}

/// Reads the identities of this process's namespaces. A process never changes its own pid
/// namespace, so `pid` is the namespace of its children.
fn identities(folder: &OwnedFd) -> Result<[u64; 8], String> {
    let mut found = [0; 8];
    for (inode, ns) in found.iter_mut().zip(NAMESPACES) {
        let file = match ns.name {
            "pid" => "pid_for_children",
            name => name,
        };
        let stat = statat(folder, file, AtFlags::empty());
        *inode = stat.map_err(cannot(READ_OWN))?.st_ino;
    }
    Ok(found)
}
