// SPDX-License-Identifier: GPL-2.0

//! File descriptors of the current task, and what setns(2) wants to know of them.
//!
//! C headers: [`include/linux/file.h`](srctree/include/linux/file.h),
//! [`include/linux/proc_ns.h`](srctree/include/linux/proc_ns.h) and
//! [`include/linux/pid.h`](srctree/include/linux/pid.h).

use crate::{
    namespace::NsCommon,
    task::Pid, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    types::NotThreadSafe, //
};

/// A file descriptor of the current task, held the light way.
///
/// C's `fdget()` takes a reference on the file only if the descriptor table is shared with another
/// task. Otherwise nobody else can close the descriptor while this task is in the kernel, and two
/// locked instructions are saved. [`LocalFile::fget()`] would always pay for them.
///
/// Counterpart of `CLASS(fd, f)(fd)` in C.
///
/// # Invariants
///
/// `self.0` came from `fdget()` and is not empty. The current task has not passed it to `fdput()`,
/// and does not return to user space while it is held.
///
/// [`LocalFile::fget()`]: kernel::fs::LocalFile::fget
pub(crate) struct Fd(bindings::fd, NotThreadSafe);

impl Fd {
    /// Looks `fd` up in the table of the current task.
    ///
    /// Fails with [`EBADF`] if it is not open, or was opened with `O_PATH`.
    #[doc(alias = "fdget")]
    pub(crate) fn get(fd: c_int) -> Result<Self> {
        // SAFETY: `fdget()` has no requirements on `fd`.
        // CAST: Bit for bit. A negative number becomes one that is beyond any table.
        let fd = unsafe { bindings::fdget(fd as c_uint) };

        if fd.word == 0 {
            return Err(EBADF);
        }
        // INVARIANT: Just taken, not empty, and `NotThreadSafe` keeps it in this task.
        Ok(Self(fd, NotThreadSafe))
    }

    /// The file, valid as long as `self`.
    fn file(&self) -> *mut bindings::file {
        // SAFETY: By the type invariant, `self.0` is not empty. That is all `fd_file()` asks for.
        unsafe { bindings::fd_file(self.0) }
    }

    /// The namespace that this descriptor refers to, if it is a file of nsfs.
    #[doc(alias = "get_proc_ns")]
    pub(crate) fn namespace(&self) -> Option<&NsCommon> {
        // SAFETY: The file is valid by the type invariant.
        if !unsafe { bindings::proc_ns_file(self.file()) } {
            return None;
        }
        // SAFETY: The file is valid by the type invariant, and the check above found it to be of
        // nsfs, whose inodes all carry a namespace.
        let ns = unsafe { bindings::file_proc_ns(self.file()) };
        // SAFETY: The inode of nsfs holds a reference on its namespace until `nsfs_evict()`, and
        // the file, which lives as long as `self`, holds the inode.
        Some(unsafe { NsCommon::from_ptr(ns) })
    }

    /// The process that this descriptor refers to, if it is a pidfd.
    #[doc(alias = "pidfd_pid")]
    pub(crate) fn pid(&self) -> Option<&Pid> {
        // SAFETY: The file is valid by the type invariant.
        let pid = from_err_ptr(unsafe { bindings::pidfd_pid(self.file()) }).ok()?;
        // SAFETY: The inode of pidfs holds a reference on its `struct pid`, and the file, which
        // lives as long as `self`, holds the inode.
        Some(unsafe { Pid::from_ptr(pid) })
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, `self.0` came from `fdget()` in this task and was not put.
        unsafe { bindings::fdput(self.0) };
    }
}
