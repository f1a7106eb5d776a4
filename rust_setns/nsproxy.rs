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
    nsproxy::NsProxy,
    sync::aref::ARef,
    task::might_sleep,
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

    /// Shows the clocks of the set's time namespace in the caller's vDSO data. May sleep.
    ///
    /// Other tasks that share the caller's memory map would see them, too. `timens_install()` has
    /// made sure that there are none.
    pub(crate) fn timens_commit(&mut self, caller: &mut Caller<'_>) {
        // SAFETY: Valid and ours by the type invariant.
        let time_ns = unsafe { (*self.as_ptr()).time_ns };
        // SAFETY: The caller has a memory map by its type invariant, and this set holds a reference
        // on `time_ns`.
        unsafe { bindings::timens_commit(caller.task().as_ptr(), time_ns) };
    }

    /// Takes an active reference on each namespace, as a task's set must have them.
    ///
    /// The result puts them when the last reference on the set is put: the two kinds of reference
    /// cannot get out of step.
    #[doc(alias = "nsproxy_ns_active_get")]
    pub(crate) fn activate(self) -> ARef<NsProxy> {
        let nsproxy = ManuallyDrop::new(self).0;
        // SAFETY: Valid and complete by the type invariant.
        unsafe { bindings::nsproxy_ns_active_get(nsproxy.as_ptr()) };
        // SAFETY: `ManuallyDrop` leaves the one reference to us. `put_nsproxy()` may put it now,
        // because its namespaces are active.
        unsafe { ARef::from_raw(nsproxy.cast()) }
    }
}

impl Drop for NewNsProxy {
    #[doc(alias = "nsproxy_free")]
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
/// Counterpart of the C function of this name, for the current task.
pub(crate) fn switch_task_namespaces(caller: &mut Caller<'_>, new: NewNsProxy) {
    might_sleep();

    let old = replace_nsproxy(caller, new.activate());
    drop(old);
}

/// Gives the caller another set under its `task_lock()`, and returns the one it had.
///
/// Putting a set may sleep, so it must not happen under the lock. It cannot: the old set is a
/// pointer without a drop until the lock is released.
fn replace_nsproxy(caller: &mut Caller<'_>, new: ARef<NsProxy>) -> Option<ARef<NsProxy>> {
    let task = caller.task();
    let new = ARef::into_raw(new).cast();

    // SAFETY: The current task is valid.
    let nsproxy = unsafe { &raw mut (*task.as_ptr()).nsproxy };
    let locked = task.task_lock();
    // SAFETY: The pointer lives as long as the task. The kernel reads another task's under this
    // lock alone, see rules 1 and 3 in `include/linux/nsproxy.h`.
    let old = unsafe { nsproxy.replace(new.as_ptr()) };
    locked.unlock();

    // SAFETY: The task's reference is ours now, and the namespaces are active with it. What was
    // borrowed from the old set was borrowed from `caller`, and `&mut` ends that.
    NonNull::new(old).map(|old| unsafe { ARef::from_raw(old.cast()) })
}
