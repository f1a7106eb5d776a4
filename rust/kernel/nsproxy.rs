// SPDX-License-Identifier: GPL-2.0

//! The set of namespaces that tasks share.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h).

use crate::{
    bindings,
    ns_common::NsCommon,
    types::Opaque, //
};
use core::ptr::NonNull;

/// Wraps the kernel's `struct nsproxy`: one namespace of each type, except the user namespace,
/// which belongs to the credentials.
///
/// Only a task that has it holds a reference on it, and only fork takes one: see the access rules
/// in the C header. So there is no owned reference in Rust. To keep a namespace, take a reference
/// on it, with [`NsCommon::get()`].
///
/// # Invariants
///
/// As long as a `&NsProxy` exists, each slot of a type that is built in holds a reference on its
/// namespace, and nobody writes to a slot. Rule 1 in the C header says so while the `task_lock()`
/// of a task is held that has it. The current task may also borrow its own, as long as it does not
/// change its namespaces.
///
/// # Examples
///
/// ```
/// use kernel::ns_common::ns_type;
///
/// let task = current!();
/// let locked = task.task_lock();
/// let mine = locked.nsproxy().ok_or(ESRCH)?;
/// assert!(mine.ns_common(ns_type::MNT).is_some());
/// assert!(mine.ns_common(ns_type::USER).is_none());
/// # Ok::<(), Error>(())
/// ```
#[repr(transparent)]
pub struct NsProxy(Opaque<bindings::nsproxy>);

impl NsProxy {
    /// Creates a reference to an [`NsProxy`] from a valid pointer.
    ///
    /// # Safety
    ///
    /// For the duration of `'a`, `ptr` is valid, each slot holds a reference on its namespace, and
    /// nobody writes to a slot.
    #[inline]
    pub unsafe fn from_ptr<'a>(ptr: *const bindings::nsproxy) -> &'a Self {
        // SAFETY: The caller guarantees that the pointer is valid. It is aligned, because
        // `nsproxy_cache_init()` uses `KMEM_CACHE()` and `init_nsproxy` is static. The type is
        // transparent.
        // INVARIANT: The caller guarantees it.
        unsafe { &*ptr.cast() }
    }

    /// Returns a raw pointer to the C struct.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::nsproxy {
        self.0.get()
    }

    /// Returns the namespace of a type, which is given as its `CLONE_NEW*` value.
    ///
    /// Returns [`None`] for a type that is not built into the kernel, and for `CLONE_NEWUSER`. For
    /// `CLONE_NEWPID` it is the namespace in which children are created, and for `CLONE_NEWTIME`
    /// the one in which the task itself is.
    #[doc(alias = "to_ns_common")]
    #[inline]
    pub fn ns_common(&self, ns_type: u32) -> Option<NsCommon<'_>> {
        // SAFETY: Valid by the type invariant.
        let ns = unsafe { bindings::nsproxy_ns_common(self.as_ptr(), ns_type) };
        // SAFETY: By the type invariant the slot holds a reference, and keeps it while `self` is
        // borrowed. The helper returns null for a type that is not built in.
        NonNull::new(ns).map(|ns| unsafe { NsCommon::from_ptr(ns) })
    }
}
