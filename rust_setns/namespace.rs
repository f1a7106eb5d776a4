// SPDX-License-Identifier: GPL-2.0

//! Namespaces of any type, and the callbacks that install them.
//!
//! C headers: [`include/linux/ns_common.h`](srctree/include/linux/ns_common.h),
//! [`include/linux/proc_ns.h`](srctree/include/linux/proc_ns.h) and
//! [`include/linux/user_namespace.h`](srctree/include/linux/user_namespace.h).

use crate::{
    cred::Cred,
    flags::NsFlags,
    fs::Fs,
    nsproxy::NsProxy, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::to_result,
    pid_namespace::PidNamespace,
    prelude::*,
    types::Opaque, //
};

/// Wraps the kernel's `struct ns_common`, which every namespace contains.
///
/// # Invariants
///
/// Somebody holds a reference on the namespace as long as a `&NsCommon` to it exists.
#[repr(transparent)]
pub(crate) struct NsCommon(Opaque<bindings::ns_common>);

impl NsCommon {
    /// Creates a reference to an [`NsCommon`] from a valid pointer.
    ///
    /// # Safety
    ///
    /// `ptr` is valid, and the namespace stays referenced for `'a`.
    pub(crate) unsafe fn from_ptr<'a>(ptr: *const bindings::ns_common) -> &'a Self {
        // SAFETY: The caller guarantees validity, and the type is transparent.
        // INVARIANT: The caller guarantees the reference.
        unsafe { &*ptr.cast() }
    }

    /// The `CLONE_NEW*` value of this namespace's type.
    pub(crate) fn ns_type(&self) -> u32 {
        // SAFETY: Valid by the type invariant, and `ns_type` never changes after creation.
        unsafe { (*self.0.get()).ns_type }
    }

    /// Asks the namespace to enter the set.
    ///
    /// All permission checks of setns(2) on a namespace are made here, in C, by the subsystem that
    /// owns the type. May sleep.
    ///
    /// Counterpart of `validate_ns()` in C.
    ///
    /// # Errors
    ///
    /// Those of the type's callback: [`EPERM`], [`EINVAL`], [`EUSERS`], or what the lookup of a
    /// mount namespace's root returns.
    #[doc(alias = "validate_ns")]
    pub(crate) fn install(&self, set: &mut LentNsset<'_>) -> Result {
        // SAFETY: The namespace is valid by the type invariant, and so is what `set` points to by
        // that of `LentNsset`.
        to_result(unsafe { bindings::proc_ns_install(&mut set.raw, self.0.get()) })
    }
}

/// A set of namespaces under construction, lent to the callbacks of C as their `struct nsset`.
///
/// The callbacks change what the pointers lead to. They take over no object, and leave the
/// pointers alone: see the ten functions named `*_install()` of `struct proc_ns_operations`.
///
/// # Invariants
///
/// The pointers in `raw` are valid for `'a`: `nsproxy` is owned by the lender, and seen by nobody
/// else; so is `cred` if `flags` has `CLONE_NEWUSER`, else it is that of the current task; `fs` is
/// owned by the lender or is that of the current task, or is null if `flags` lacks `CLONE_NEWNS`.
pub(crate) struct LentNsset<'a> {
    raw: bindings::nsset,
    _lender: PhantomData<&'a mut NsProxy>,
}

impl<'a> LentNsset<'a> {
    /// Lends the parts of a set.
    pub(crate) fn new(
        flags: NsFlags,
        nsproxy: &'a mut NsProxy,
        fs: &'a mut Fs,
        cred: &'a mut Cred,
    ) -> Self {
        // INVARIANT: The parts are borrowed for `'a`, and say of their pointers what is needed.
        Self {
            raw: bindings::nsset {
                flags: flags.into(),
                nsproxy: nsproxy.as_ptr(),
                fs: fs.as_ptr(),
                cred: cred.as_ptr(),
            },
            _lender: PhantomData,
        }
    }
}

/// A reference on a user namespace.
///
/// # Invariants
///
/// `self.0` is valid, and this value owns one reference on it.
pub(crate) struct UserNamespace(NonNull<bindings::user_namespace>);

impl UserNamespace {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// `ptr` is valid, and the caller hands over one reference on it.
    pub(crate) unsafe fn from_raw(ptr: NonNull<bindings::user_namespace>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(ptr)
    }

    /// What this namespace has in common with all others.
    pub(crate) fn common(&self) -> &NsCommon {
        // SAFETY: Valid by the type invariant.
        let ns = unsafe { &raw const (*self.0.as_ptr()).ns };
        // SAFETY: `ns` is a part of the namespace, on which `self` holds a reference.
        unsafe { NsCommon::from_ptr(ns) }
    }
}

impl Drop for UserNamespace {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the reference is there to be put.
        unsafe { bindings::put_user_ns(self.0.as_ptr()) };
    }
}

/// What a pid namespace has in common with all others.
pub(crate) fn of_pid_ns(pid_ns: &PidNamespace) -> &NsCommon {
    // SAFETY: A `&PidNamespace` is valid.
    let ns = unsafe { &raw const (*pid_ns.as_ptr()).ns };
    // SAFETY: `ns` is a part of the namespace, which is referenced as long as `pid_ns`.
    unsafe { NsCommon::from_ptr(ns) }
}
