// SPDX-License-Identifier: GPL-2.0

//! The namespaces of the system at one moment, their owners, their parents and their processes.
//!
//! listns(2), new in Linux 6.19, also finds namespaces without processes. On an older kernel, a
//! snapshot has only the namespaces of the processes in `/proc`, their owners and their parents.
//! It does not have the namespaces of single threads.
//!
//! ```no_run
//! use common::snapshot::{Source, take};
//!
//! # fn main() -> Result<(), String> {
//! for (inode, ns) in take(Source::best()?)? {
//!     let (kind, count) = (ns.kind, ns.members.len());
//!     common::say(format_args!("{kind} {inode}: {count} processes"));
//! }
//! # Ok(())
//! # }
//! ```

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::fs::{self, File, read_dir};
use std::io;
use std::os::unix::fs::MetadataExt;

use crate::listns::{list, open_by_id};
use crate::{NAMESPACES, cannot, identity, open_owner, open_parent, type_of};

/// A namespace.
#[derive(Clone, Default)]
pub struct Ns {
    /// The name of its type, as in `/proc/PID/ns`.
    pub kind: &'static str,
    /// The user namespace that owns it, if this process may see that one.
    pub owner: Option<u64>,
    /// The parent namespace, if this process may see it. Only `user` and `pid` have one.
    pub parent: Option<u64>,
    /// The processes in it: their IDs and names.
    pub members: BTreeMap<u32, String>,
}

/// All namespaces, by inode number.
pub type Snapshot = BTreeMap<u64, Ns>;

/// Where a snapshot comes from.
#[derive(Clone, Copy)]
pub enum Source {
    /// listns(2) and `/proc`.
    Listns,
    /// `/proc` only.
    Proc,
}

impl Source {
    /// Chooses listns(2), or `/proc` if the kernel lacks it.
    pub fn best() -> Result<Self, String> {
        match list() {
            Ok(_) => Ok(Source::Listns),
            Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(Source::Proc),
            Err(error) => Err(cannot("list the namespaces")(error)),
        }
    }
}

impl Display for Source {
    fn fmt(&self, to: &mut Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Source::Listns => "listns(2) and /proc",
            Source::Proc => "/proc only",
        })
    }
}

/// Takes a snapshot.
pub fn take(source: Source) -> Result<Snapshot, String> {
    let listed = match source {
        Source::Listns => list().map_err(cannot("list the namespaces"))?,
        Source::Proc => Vec::new(),
    };
    read(&listed).map_err(cannot("read the namespaces"))
}

fn read(listed: &[u64]) -> io::Result<Snapshot> {
    let mut found = Snapshot::new();
    for process in read_dir("/proc")? {
        let name = process?.file_name();
        if let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) {
            add_process(&mut found, pid);
        }
    }
    // A namespace may have ended since it was listed. This skips it.
    for file in listed.iter().flat_map(|id| open_by_id(*id)) {
        add(&mut found, &file)?;
    }
    Ok(found)
}

/// Adds the namespaces of a process. Skips a process that has ended, and a namespace that this
/// process may not see.
fn add_process(found: &mut Snapshot, pid: u32) {
    let Ok(name) = fs::read(format!("/proc/{pid}/comm")) else {
        return;
    };
    // A process may call itself anything. Control characters would change the terminal.
    let name = String::from_utf8_lossy(&name);
    let name = name.trim_end().replace(char::is_control, "?");
    for ns in NAMESPACES {
        let Ok(mut inode) = identity(&pid.to_string(), ns.name) else {
            continue;
        };
        if !found.contains_key(&inode) {
            let Ok(added) = ns.open(&pid.to_string()).and_then(|file| add(found, &file)) else {
                continue;
            };
            inode = added;
        }
        let members = &mut found.entry(inode).or_default().members;
        members.insert(pid, name.clone());
    }
}

/// Adds a namespace, its owner and its parent, and returns its inode number.
fn add(found: &mut Snapshot, file: &File) -> io::Result<u64> {
    let inode = file.metadata()?.ino();
    if !found.contains_key(&inode) {
        let kind = type_of(file)?.name;
        // An error means that there is no owner or parent, or that this process may not see it
        let mut add_related = |file: io::Result<File>| add(found, &file.ok()?).ok();
        let (owner, parent) = (
            add_related(open_owner(file)),
            add_related(open_parent(file)),
        );
        let members = BTreeMap::new();
        found.insert(
            inode,
            Ns {
                kind,
                owner,
                parent,
                members,
            },
        );
    }
    Ok(inode)
}
