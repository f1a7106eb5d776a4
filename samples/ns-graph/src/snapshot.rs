// SPDX-License-Identifier: GPL-2.0

//! The namespaces of the system at one moment, from listns(2) and `/proc`.

use std::collections::BTreeMap;
use std::fs::{self, File, read_dir};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::MetadataExt;

use common::{NAMESPACES, cannot, identity, open_owner, open_parent};

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

/// Takes a snapshot. `listed` is the result of `list`, or `None` for `/proc` only.
pub fn take(listed: Option<Vec<u64>>) -> io::Result<Snapshot> {
    let mut found = Snapshot::new();
    for process in read_dir("/proc")? {
        let name = process?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        add_process(&mut found, pid);
    }
    // A namespace may have ended since `list`. This skips it.
    for file in listed.unwrap_or_default().into_iter().flat_map(open_by_id) {
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
    let name = String::from_utf8_lossy(&name)
        .trim_end()
        .replace(char::is_control, "?");
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
    if found.contains_key(&inode) {
        return Ok(inode);
    }
    // SAFETY: this ioctl takes no argument.
    let flag = unsafe { libc::ioctl(file.as_raw_fd(), libc::NS_GET_NSTYPE) };
    let Some(ns) = NAMESPACES.iter().find(|ns| ns.flag.bits() == flag as u32) else {
        return Err(io::Error::other(
            "this kernel has an unknown type of namespace, update ns-graph",
        ));
    };
    let kind = ns.name;
    found.insert(
        inode,
        Ns {
            kind,
            ..Ns::default()
        },
    );
    // An error means that there is no owner or parent, or that this process may not see it
    let mut add_related = |file: io::Result<File>| add(found, &file.ok()?).ok();
    let owner = add_related(open_owner(file));
    let parent = add_related(open_parent(file));
    if let Some(ns) = found.get_mut(&inode) {
        (ns.owner, ns.parent) = (owner, parent);
    }
    Ok(inode)
}

/// `struct ns_id_req` of linux/nsfs.h.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    after: u64,
    types: u32,
    spare2: u32,
    owner: u64,
}

/// Returns whether the kernel has listns(2), which is new in Linux 6.19.
pub fn can_list() -> Result<bool, String> {
    match list() {
        Ok(_) => Ok(true),
        Err(error) if error.raw_os_error() == Some(libc::ENOSYS) => Ok(false),
        Err(error) => Err(cannot("list the namespaces")(error)),
    }
}

/// Returns the IDs of all namespaces. listns(2) is not in the libraries yet.
pub fn list() -> io::Result<Vec<u64>> {
    const SYS_LISTNS: libc::c_long = 470;
    const SOME: usize = 64;
    let mut ids = Vec::new();
    loop {
        let after = ids.last().copied().unwrap_or(0);
        let request = Request {
            size: 32,
            spare: 0,
            after,
            types: 0,
            spare2: 0,
            owner: 0,
        };
        let mut some = [0_u64; SOME];
        // SAFETY: the kernel reads `request` and writes at most `SOME` IDs.
        let count = unsafe { libc::syscall(SYS_LISTNS, &request, &mut some, SOME, 0) };
        match usize::try_from(count) {
            Ok(0) => return Ok(ids),
            Ok(count) => ids.extend_from_slice(&some[..count]),
            Err(_) => {
                let error = io::Error::last_os_error();
                // ENOENT means that no namespace has a higher ID
                let end = error.raw_os_error() == Some(libc::ENOENT) && !ids.is_empty();
                return if end { Ok(ids) } else { Err(error) };
            }
        }
    }
}

/// Opens a namespace by its ID. The function puts the ID into a file handle of nsfs.
fn open_by_id(id: u64) -> io::Result<File> {
    const FD_NSFS_ROOT: libc::c_int = -10003;
    /// `struct file_handle` with a `struct nsfs_file_handle` in it.
    #[repr(C)]
    struct Handle {
        bytes: u32,
        kind: i32,
        id: u64,
        any_type: u32,
        any_inode: u32,
    }
    const FILEID_NSFS: i32 = 0xf1;
    let mut handle = Handle {
        bytes: 16,
        kind: FILEID_NSFS,
        id,
        any_type: 0,
        any_inode: 0,
    };
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    // SAFETY: `handle` has the layout that the kernel expects, with 16 bytes after the head.
    let fd = unsafe { libc::open_by_handle_at(FD_NSFS_ROOT, (&raw mut handle).cast(), flags) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the kernel has just made this descriptor for the caller.
    Ok(unsafe { File::from_raw_fd(fd) })
}
