// SPDX-License-Identifier: GPL-2.0

//! A new set of namespaces, and how the caller switches to it.
//!
//! C headers: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h) and
//! [`include/linux/time_namespace.h`](srctree/include/linux/time_namespace.h).

use crate::caller::Caller;
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    types::NotThreadSafe, //
};

/// A complete `struct nsproxy` that no task has yet.
///
/// # Invariants
///
/// `self.0` is valid and this value owns the only reference on it. Each slot of a type that is
/// built in owns a reference on a namespace, and the others are as in `init_nsproxy`. No namespace
/// is counted as active on behalf of this set.
pub(crate) struct NewNsProxy(NonNull<bindings::nsproxy>, NotThreadSafe);

impl NewNsProxy {
    /// Takes over a set of namespaces.
    ///
    /// # Safety
    ///
    /// `nsproxy` is valid, complete, and nobody else has it. Its namespaces were not counted as
    /// active for it.
    pub(crate) unsafe fn from_raw(nsproxy: NonNull<bindings::nsproxy>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(nsproxy, NotThreadSafe)
    }

    /// Returns the set. It is valid as long as `self`, and nobody else uses it.
    pub(crate) fn as_ptr(&mut self) -> *mut bindings::nsproxy {
        self.0.as_ptr()
    }
}

impl Drop for NewNsProxy {
    #[doc(alias = "nsproxy_free")]
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is the only one, and not active.
        unsafe { bindings::nsproxy_free(self.0.as_ptr()) };
    }
}

/// Switches the caller to the namespaces in `new`. Cannot fail. May sleep.
///
/// The new namespaces are active before anybody can see them with the task. The old ones are put
/// after the task was unlocked, because that may free them.
///
/// The C function of this name does the work. Security tools attach kprobes to it, and must see the
/// calls that Rust serves. This function says in types what C's callers must know: `new` has no
/// other owner and is given away, and nothing borrowed from the old set is used afterwards.
///
/// # Safety
///
/// [`Caller::leave()`] was called for the types whose namespaces in `new` are not those of the
/// caller. Otherwise the exit of the caller looks for its semaphores in the wrong IPC namespace.
pub(crate) unsafe fn switch_task_namespaces(caller: &mut Caller<'_>, new: NewNsProxy) {
    let new = ManuallyDrop::new(new).0;
    let task = caller.task().as_ptr();

    // SAFETY: The caller guarantees that `Caller::leave()` was called for what changes. The current
    // task is valid and holds no lock, so this may sleep. `ManuallyDrop` leaves the one reference
    // on `new` to the task. By the type invariant of `NewNsProxy` the set is complete, and its
    // namespaces are not active for it yet. A borrow of the old set is a borrow of `caller`, and
    // `&mut` ends that.
    unsafe { bindings::switch_task_namespaces(task, new.as_ptr()) };
}
