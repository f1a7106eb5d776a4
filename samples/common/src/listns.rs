// SPDX-License-Identifier: GPL-2.0

//! listns(2), which is new in Linux 6.19. The libraries do not have it yet.

use std::fs::File;
use std::io;
use std::os::fd::FromRawFd;

/// `struct ns_id_req` of linux/nsfs.h.
#[repr(C)]
#[derive(Default)]
struct Request {
    size: u32,
    spare: u32,
    after: u64,
    types: u32,
    spare2: u32,
    owner: u64,
}

/// Returns the IDs of all namespaces that this process may see.
pub fn list() -> io::Result<Vec<u64>> {
    const SYS_LISTNS: libc::c_long = 470;
    const SOME: usize = 64;
    let mut ids = Vec::new();
    loop {
        let request = Request {
            size: size_of::<Request>() as u32,
            after: ids.last().copied().unwrap_or(0),
            ..Request::default()
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

/// `struct file_handle` with a `struct nsfs_file_handle` in it.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    id: u64,
    any_type: u32,
    any_inode: u32,
}

/// Opens a namespace by its ID. The function puts the ID into a file handle of nsfs.
pub fn open_by_id(id: u64) -> io::Result<File> {
    const FD_NSFS_ROOT: libc::c_int = -10003;
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
