// SPDX-License-Identifier: GPL-2.0

//! The root and the working directory of a task.
//!
//! C header: [`include/linux/fs_struct.h`](srctree/include/linux/fs_struct.h).

use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    task::CurrentTask,
    types::NotThreadSafe, //
};

/// Returns the `struct fs_struct` of the current task. It is valid as long as the task is borrowed.
pub(crate) fn of(task: &CurrentTask) -> *mut bindings::fs_struct {
    // SAFETY: The current task is valid, and nobody else changes which `fs_struct` it has.
    unsafe { (*task.as_ptr()).fs }
}

/// A copy of the current task's `struct fs_struct`, which no task uses.
///
/// # Invariants
///
/// `self.0` came from `copy_fs_struct()` and was not freed.
pub(crate) struct FsCopy(NonNull<bindings::fs_struct>, NotThreadSafe);

impl FsCopy {
    /// Copies the root, the working directory and the umask of the current task.
    ///
    /// Fails with [`ENOMEM`] if there is no memory for the copy.
    #[doc(alias = "copy_fs_struct")]
    pub(crate) fn new(task: &CurrentTask) -> Result<Self> {
        // SAFETY: `of()` returns a valid pointer.
        let copy = unsafe { bindings::copy_fs_struct(of(task)) };
        // INVARIANT: Just copied.
        Ok(Self(NonNull::new(copy).ok_or(ENOMEM)?, NotThreadSafe))
    }

    /// Returns the copy, for C to change.
    pub(crate) fn as_ptr(&mut self) -> *mut bindings::fs_struct {
        self.0.as_ptr()
    }

    /// Returns the root in the copy.
    pub(crate) fn root(&self) -> *const bindings::path {
        // SAFETY: Valid by the type invariant. Nothing is read.
        unsafe { &raw const (*self.0.as_ptr()).root }
    }

    /// Returns the working directory in the copy.
    pub(crate) fn pwd(&self) -> *const bindings::path {
        // SAFETY: Valid by the type invariant. Nothing is read.
        unsafe { &raw const (*self.0.as_ptr()).pwd }
    }
}

impl Drop for FsCopy {
    #[doc(alias = "free_fs_struct")]
    fn drop(&mut self) {
        // SAFETY: By the type invariant it was not freed, and no task uses it.
        unsafe { bindings::free_fs_struct(self.0.as_ptr()) };
    }
}
