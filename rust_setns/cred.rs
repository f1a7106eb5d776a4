// SPDX-License-Identifier: GPL-2.0

//! The credentials that the callbacks of a namespace check against, and may change.
//!
//! C header: [`include/linux/cred.h`](srctree/include/linux/cred.h).
//!
//! Reference: <https://docs.kernel.org/security/credentials.html>

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    prelude::*,
    types::NotThreadSafe, //
};

/// The credentials in a set of namespaces.
pub(crate) enum Cred {
    /// Those that the current task has: no user namespace is joined.
    Current,

    /// A copy, into which the user namespace is installed.
    Prepared(PreparedCred),
}

impl Cred {
    /// The credentials. Only [`Cred::Prepared`] may be written to.
    pub(crate) fn as_ptr(&self) -> *const bindings::cred {
        match self {
            // SAFETY: No requirements. Only the current task replaces its own credentials, and it
            // does so in `PreparedCred::commit()`, after the last use of this pointer.
            Self::Current => unsafe { bindings::current_cred() },
            Self::Prepared(cred) => cred.0.as_ptr(),
        }
    }
}

/// A modifiable copy of the current task's credentials.
///
/// Either becomes the task's credentials by [`commit()`](Self::commit), or is dropped. C's
/// `put_nsset()` decides from `nsset->flags` whether there is a copy to put, and leaks it if
/// `prepare_nsset()` fails before it has set them.
///
/// # Invariants
///
/// `self.0` came from `prepare_creds()` in this task, and was neither committed nor put.
pub(crate) struct PreparedCred(NonNull<bindings::cred>, NotThreadSafe);

impl PreparedCred {
    /// Copies the credentials of the current task.
    ///
    /// Fails with [`ENOMEM`] without memory.
    #[doc(alias = "prepare_creds")]
    pub(crate) fn new() -> Result<Self> {
        // SAFETY: No requirements, in process context.
        let cred = NonNull::new(unsafe { bindings::prepare_creds() }).ok_or(ENOMEM)?;
        // INVARIANT: Just prepared, and `NotThreadSafe` keeps it in this task.
        Ok(Self(cred, NotThreadSafe))
    }

    /// Makes them the credentials of the current task.
    #[doc(alias = "commit_creds")]
    pub(crate) fn commit(self) {
        let cred = ManuallyDrop::new(self);
        // SAFETY: By the type invariant they are prepared by this task and not used up.
        // `ManuallyDrop` hands the reference over. No reference to the old ones is held here:
        // `Cred::Current` and `Cred::Prepared` exclude each other. Always returns 0.
        unsafe { bindings::commit_creds(cred.0.as_ptr()) };
    }
}

impl Drop for PreparedCred {
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the reference is there to be put.
        unsafe { bindings::put_cred(self.0.as_ptr()) };
    }
}
