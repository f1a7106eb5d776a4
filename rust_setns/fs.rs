// SPDX-License-Identifier: GPL-2.0

//! The root and the working directory that a mount namespace brings along.
//!
//! C header: [`include/linux/fs_struct.h`](srctree/include/linux/fs_struct.h).

use core::ptr::NonNull;
use kernel::{
    bindings,
    prelude::*,
    task::Task,
    types::NotThreadSafe, //
};

/// The `struct fs_struct` in a set of namespaces.
pub(crate) enum Fs {
    /// No mount namespace is joined.
    None,

    /// That of the current task, changed in place when the mount namespace is installed.
    ///
    /// Sound only because a set with a mount namespace and nothing else has one callback to run:
    /// what it changes, it changes as the last thing that can fail. Saves a copy.
    Live,

    /// A copy: another namespace of the set may still refuse after the mount namespace is
    /// installed.
    Copied(FsCopy),
}

impl Fs {
    /// The `struct fs_struct` that a mount namespace is installed into, or null.
    pub(crate) fn as_ptr(&self) -> *mut bindings::fs_struct {
        match self {
            Self::None => core::ptr::null_mut(),
            Self::Live => of_current(),
            Self::Copied(copy) => copy.0.as_ptr(),
        }
    }
}

/// That of the current task, valid until it exits.
pub(crate) fn of_current() -> *mut bindings::fs_struct {
    // SAFETY: The current task is valid, and nobody else changes which `fs_struct` it has.
    unsafe { (*Task::current_raw()).fs }
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
    /// Fails with [`ENOMEM`] without memory.
    #[doc(alias = "copy_fs_struct")]
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: `of_current()` is valid.
        let copy = unsafe { bindings::copy_fs_struct(of_current()) };
        // INVARIANT: Just copied.
        Ok(Self(NonNull::new(copy).ok_or(ENOMEM)?, NotThreadSafe))
    }

    /// What C may change.
    pub(crate) fn as_ptr(&mut self) -> *mut bindings::fs_struct {
        self.0.as_ptr()
    }

    /// Gives the current task the root and the working directory of this copy. May sleep.
    #[doc(alias = "set_fs_root")]
    #[doc(alias = "set_fs_pwd")]
    pub(crate) fn commit(&self) {
        let copy = self.0.as_ptr();
        // SAFETY: Valid by the type invariant. No task has the copy, so that it does not change.
        let root = unsafe { &raw const (*copy).root };
        // SAFETY: Valid by the type invariant, and no task has the copy.
        let pwd = unsafe { &raw const (*copy).pwd };

        // SAFETY: Both are valid. `set_fs_root()` takes references of its own.
        unsafe { bindings::set_fs_root(of_current(), root) };
        // SAFETY: Both are valid. `set_fs_pwd()` takes references of its own.
        unsafe { bindings::set_fs_pwd(of_current(), pwd) };
    }
}

impl Drop for FsCopy {
    fn drop(&mut self) {
        // SAFETY: By the type invariant it was not freed, and no task has it.
        unsafe { bindings::free_fs_struct(self.0.as_ptr()) };
    }
}
