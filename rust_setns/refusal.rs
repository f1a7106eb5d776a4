// SPDX-License-Identifier: GPL-2.0

//! Why a call of setns(2) is refused, and what the trace events show of it.
//!
//! C header: [`include/linux/setns.h`](srctree/include/linux/setns.h).

use crate::flags::{
    NsFlag,
    NsFlags, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    ns_common::NsCommon,
    prelude::*, //
};

/// The result of a step of setns(2).
///
/// There is no way from an [`Error`] to a [`Refusal`]: a step that refuses says why, or it does not
/// compile.
pub(crate) type Result<T = ()> = core::result::Result<T, Refusal>;

/// A reason to refuse a call. Each stands for one place in C, or for the places in a callback.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Refusal {
    /// The descriptor is not open, or was opened with `O_PATH`.
    BadFd,
    /// The descriptor is neither of a namespace nor a pidfd.
    NotANamespace,
    /// The namespace is not of the type that the caller asked for.
    OtherType,
    /// A pidfd, and no type was asked for, or an unknown one.
    BadTypes,
    /// A pidfd, and this type was asked for and is not built in.
    NotBuiltIn(NsFlag),
    /// There is no memory for the nsproxy.
    NoNsproxy,
    /// There is no memory for the copy of the credentials.
    NoCred,
    /// The process of the pidfd was reaped.
    Reaped,
    /// The process of the pidfd was reaped since its other namespaces were taken.
    ReapedSince,
    /// The caller may not inspect the process of the pidfd.
    NotInspectable,
    /// The task of the pidfd is exiting or has exited.
    Zombie,
    /// The callback of a type has refused with this errno, and has noted why.
    Install(Error),
}

impl Refusal {
    /// Returns the errno of the call.
    pub(crate) fn errno(self) -> Error {
        match self {
            Self::BadFd => EBADF,
            Self::NotANamespace | Self::OtherType | Self::BadTypes | Self::NotBuiltIn(_) => EINVAL,
            Self::NoNsproxy | Self::NoCred => ENOMEM,
            Self::Reaped | Self::ReapedSince | Self::Zombie => ESRCH,
            Self::NotInspectable => EPERM,
            Self::Install(err) => err,
        }
    }

    /// Returns the reason as C notes it. There is none for a callback, because C has noted it.
    fn reason(self) -> Option<bindings::setns_reason> {
        Some(match self {
            Self::BadFd => bindings::setns_reason_SETNS_BAD_FD,
            Self::NotANamespace => bindings::setns_reason_SETNS_NOT_A_NAMESPACE,
            Self::OtherType => bindings::setns_reason_SETNS_OTHER_TYPE,
            Self::BadTypes => bindings::setns_reason_SETNS_BAD_TYPES,
            Self::NotBuiltIn(_) => bindings::setns_reason_SETNS_NOT_BUILT_IN,
            Self::NoNsproxy | Self::NoCred => bindings::setns_reason_SETNS_NO_MEMORY,
            Self::Reaped | Self::ReapedSince => bindings::setns_reason_SETNS_REAPED,
            Self::NotInspectable => bindings::setns_reason_SETNS_NOT_INSPECTABLE,
            Self::Zombie => bindings::setns_reason_SETNS_ZOMBIE,
            Self::Install(_) => return None,
        })
    }

    /// Returns the type that refuses, if the reason is one of a type and the namespace is not noted
    /// already.
    fn ns_type(self) -> Option<NsFlag> {
        match self {
            Self::NotBuiltIn(ns) => Some(ns),
            Self::NoCred => Some(NsFlag::User),
            Self::ReapedSince => Some(NsFlag::Pid),
            Self::BadFd
            | Self::NotANamespace
            | Self::OtherType
            | Self::BadTypes
            | Self::NoNsproxy
            | Self::Reaped
            | Self::NotInspectable
            | Self::Zombie
            | Self::Install(_) => None,
        }
    }
}

/// The errno of a call that is refused.
///
/// # Invariants
///
/// If the call is traced, the reason is noted.
pub(crate) struct Refused(Error);

impl Refused {
    /// Returns the errno.
    pub(crate) fn errno(self) -> Error {
        self.0
    }
}

/// What a descriptor is.
#[derive(Clone, Copy)]
#[repr(u32)]
pub(crate) enum FdKind {
    /// A file of nsfs.
    Namespace = bindings::setns_fd_kind_SETNS_FD_NAMESPACE,
    /// A pidfd.
    Pidfd = bindings::setns_fd_kind_SETNS_FD_PIDFD,
}

/// What the trace events will show of a call, or nothing if the call is not traced.
///
/// # Invariants
///
/// If there is a pointer, it is valid for `'a`, and nobody else uses it but the callbacks.
#[derive(Clone, Copy)]
pub(crate) struct Outcome<'a>(
    Option<NonNull<bindings::setns_outcome>>,
    PhantomData<&'a ()>,
);

impl Outcome<'_> {
    /// Creates an [`Outcome`] from what the system call passes.
    ///
    /// # Safety
    ///
    /// `ptr` is null, or valid for `'a`, and nobody else uses it but the callbacks.
    pub(crate) unsafe fn from_raw(ptr: *mut bindings::setns_outcome) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(NonNull::new(ptr), PhantomData)
    }

    /// Returns the place to note something, if the call is traced. A kernel without trace events
    /// traces none, and the compiler knows it.
    fn get(self) -> Option<*mut bindings::setns_outcome> {
        if !cfg!(CONFIG_TRACEPOINTS) {
            return None;
        }
        self.0.map(NonNull::as_ptr)
    }

    /// Returns a pointer for C, or null.
    #[cfg(CONFIG_TRACEPOINTS)]
    pub(crate) fn as_ptr(self) -> *mut bindings::setns_outcome {
        self.get().unwrap_or(core::ptr::null_mut())
    }

    /// Notes what the descriptor is.
    pub(crate) fn note_fd(self, kind: FdKind) {
        if let Some(outcome) = self.get() {
            // SAFETY: Valid by the type invariant.
            unsafe { (*outcome).fd_kind = kind as u32 };
        }
    }

    /// Notes which namespace is refused before there is a set.
    pub(crate) fn note_namespace(self, ns: NsCommon<'_>) {
        // SAFETY: There are no credentials.
        unsafe { self.note_namespace_for(ns, core::ptr::null()) };
    }

    /// Notes which namespace refuses, to a set with these credentials.
    ///
    /// # Safety
    ///
    /// `cred` is valid, or null if there is no set yet.
    pub(crate) unsafe fn note_namespace_for(self, ns: NsCommon<'_>, cred: *const bindings::cred) {
        if let Some(outcome) = self.get() {
            // SAFETY: `outcome` and `ns` are valid by their type invariants, and the caller
            // guarantees the rest.
            unsafe { bindings::setns_note_namespace(outcome, ns.as_ptr(), cred) };
        }
    }

    /// Notes which namespaces the caller is about to join, before it gets them.
    ///
    /// `new` returns the set that it will have, and its credentials. It is not called if nobody
    /// traces the call.
    ///
    /// # Safety
    ///
    /// The set has a namespace in the slot of each type in `flags`, except the user namespace,
    /// which is in the credentials. Both are valid. The set may be null if it is the only type.
    #[inline(always)]
    pub(crate) unsafe fn note_joins(
        self,
        flags: NsFlags,
        new: impl FnOnce() -> (*const bindings::nsproxy, *const bindings::cred),
    ) {
        if let Some(outcome) = self.get() {
            let (nsproxy, cred) = new();
            // SAFETY: `outcome` is valid by the type invariant, and the caller guarantees the rest.
            unsafe { bindings::setns_note_joins(outcome, flags.into(), nsproxy, cred) };
        }
    }

    /// Notes why the call is refused. If a callback has refused, it has noted that already.
    #[inline(always)]
    pub(crate) fn refuse(self, refusal: Refusal) -> Refused {
        if let Some(outcome) = self.get() {
            if let Some(reason) = refusal.reason() {
                // SAFETY: Valid by the type invariant.
                unsafe { (*outcome).reason = reason };
            }
            if let Some(ns) = refusal.ns_type() {
                // SAFETY: Valid by the type invariant.
                unsafe { (*outcome).type_ = ns as u32 };
            }
        }
        // INVARIANT: Noted here, or by the callback that has refused.
        Refused(refusal.errno())
    }
}
