// SPDX-License-Identifier: GPL-2.0

//! User namespaces.
//!
//! C header: [`include/linux/user_namespace.h`](srctree/include/linux/user_namespace.h).

use crate::{
    bindings,
    ns_common::{
        NsCommon,
        NsRef, //
    },
    sync::aref::{
        ARef,
        AlwaysRefCounted, //
    },
    types::Opaque, //
};
use core::{
    mem::forget,
    ptr::NonNull, //
};

/// Wraps the kernel's `struct user_namespace`. Thread safe.
///
/// # Invariants
///
/// Instances are reference-counted.
///
/// # Examples
///
/// ```
/// use kernel::{
///     sync::aref::ARef,
///     task::Task,
///     user_namespace::UserNamespace, //
/// };
///
/// /// Whether two tasks are in the same user namespace.
/// fn have_same(one: &Task, other: &Task) -> bool {
///     let one: ARef<UserNamespace> = one.get_user_ns();
///     one.as_ptr() == other.get_user_ns().as_ptr()
/// }
///
/// assert!(have_same(current!(), current!().group_leader()));
/// ```
#[repr(transparent)]
pub struct UserNamespace(Opaque<bindings::user_namespace>);

impl UserNamespace {
    /// Creates a reference to a [`UserNamespace`] from a valid pointer.
    ///
    /// # Safety
    ///
    /// `ptr` is valid, and its reference count is not zero, for the duration of `'a`.
    #[inline]
    pub unsafe fn from_ptr<'a>(ptr: *const bindings::user_namespace) -> &'a Self {
        // SAFETY: The caller guarantees that the pointer is valid. It is aligned, because
        // `user_namespaces_init()` uses `KMEM_CACHE()` and `init_user_ns` is static. The type is
        // transparent.
        // INVARIANT: The caller guarantees it.
        unsafe { &*ptr.cast() }
    }

    /// Returns a raw pointer to the C struct.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::user_namespace {
        self.0.get()
    }

    /// Returns what this namespace has in common with those of other types, or [`None`] if user
    /// namespaces are not built into the kernel.
    #[doc(alias = "to_ns_common")]
    #[inline]
    pub fn ns_common(&self) -> Option<NsCommon<'_>> {
        if !cfg!(CONFIG_USER_NS) {
            return None;
        }
        // SAFETY: Valid by the type invariant. No reference is made, and nothing is read.
        let ns = unsafe { &raw mut (*self.as_ptr()).ns };
        // SAFETY: `ns` is a part of this namespace, which is referenced while `self` is borrowed,
        // and the type is built in, see above.
        NonNull::new(ns).map(|ns| unsafe { NsCommon::from_ptr(ns) })
    }

    /// Turns a reference on this namespace into one on a namespace of any type. Returns [`None`] if
    /// user namespaces are not built into the kernel.
    #[inline]
    pub fn into_ns_ref(this: ARef<Self>) -> Option<NsRef> {
        let common = NonNull::new(this.ns_common()?.as_ptr())?;
        // The reference is the one of the result.
        forget(this);
        // SAFETY: See above. The type is built in, because there is a `NsCommon`.
        Some(unsafe { NsRef::from_raw(common) })
    }
}

// SAFETY: The type invariants guarantee that `UserNamespace` is always reference-counted.
unsafe impl AlwaysRefCounted for UserNamespace {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: The existence of a shared reference means that the count is not zero.
        unsafe { bindings::get_user_ns(self.as_ptr()) };
    }

    #[inline]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller guarantees that the count is not zero.
        unsafe { bindings::put_user_ns(obj.cast().as_ptr()) };
    }
}

// SAFETY:
// - `UserNamespace::dec_ref` can be called from any thread.
// - It is okay to send ownership of a reference across thread boundaries.
unsafe impl Send for UserNamespace {}

// SAFETY: Shared references read what does not change, or what C synchronises.
unsafe impl Sync for UserNamespace {}
