// SPDX-License-Identifier: GPL-2.0

//! The root and the working directory of a task.
//!
//! C header: [`include/linux/fs_struct.h`](srctree/include/linux/fs_struct.h).

use kernel::{
    bindings,
    task::CurrentTask,
    types::Opaque, //
};

/// Returns the `struct fs_struct` of the current task. It is valid as long as the task is borrowed.
pub(crate) fn of(task: &CurrentTask) -> *mut bindings::fs_struct {
    // SAFETY: The current task is valid, and nobody else changes which `fs_struct` it has.
    unsafe { (*task.as_ptr()).fs }
}

/// The memory of [`NewFs`], on the stack of the call.
pub(crate) type FsMemory = Opaque<bindings::fs_struct>;

/// A `struct fs_struct` that no task uses, for a root and a working directory that a task will get.
///
/// C copies that of the task instead, with [`copy_fs_struct()`], and puts what it has copied when
/// the callback of the mount namespaces replaces it.
///
/// # Invariants
///
/// It is initialized. Its paths are null, or it owns references on them.
///
/// [`copy_fs_struct()`]: srctree/fs/fs_struct.c
pub(crate) struct NewFs<'a>(&'a mut FsMemory);

impl<'a> NewFs<'a> {
    /// Creates one without a root and a working directory.
    pub(crate) fn empty(memory: &'a mut FsMemory) -> Self {
        // SAFETY: The memory is ours.
        unsafe { bindings::fs_struct_init(memory.get()) };
        // INVARIANT: Just initialized, with paths that are null.
        Self(memory)
    }

    /// Returns it, for C to change.
    pub(crate) fn as_ptr(&mut self) -> *mut bindings::fs_struct {
        self.0.get()
    }

    /// Returns the root.
    pub(crate) fn root(&self) -> *const bindings::path {
        // SAFETY: Valid by the type invariant. Nothing is read.
        unsafe { &raw const (*self.0.get()).root }
    }

    /// Returns the working directory.
    pub(crate) fn pwd(&self) -> *const bindings::path {
        // SAFETY: Valid by the type invariant. Nothing is read.
        unsafe { &raw const (*self.0.get()).pwd }
    }
}

impl Drop for NewFs<'_> {
    /// May sleep.
    #[inline(always)]
    fn drop(&mut self) {
        // SAFETY: By the type invariant each path is null or referenced.
        unsafe { put_paths(self.0.get()) };
    }
}

/// Puts the root and the working directory. May sleep.
///
/// This takes a pointer, so that the owner of the memory can stay in a register.
///
/// # Safety
///
/// `fs` is valid, and its paths are null or owned. They are not used again.
#[inline(never)]
unsafe fn put_paths(fs: *mut bindings::fs_struct) {
    // SAFETY: The caller guarantees that it is valid. Nothing is read.
    let root = unsafe { &raw const (*fs).root };
    // SAFETY: As above.
    let pwd = unsafe { &raw const (*fs).pwd };
    // SAFETY: The caller guarantees that the path is null or owned. `path_put()` takes both.
    unsafe { bindings::path_put(root) };
    // SAFETY: As above.
    unsafe { bindings::path_put(pwd) };
}
