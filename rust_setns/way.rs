// SPDX-License-Identifier: GPL-2.0

//! How a caller gets the namespaces that are installed.

use crate::{
    caller::Caller,
    create::create_new_namespaces,
    flags::NsFlags,
    nsproxy::{
        switch_task_namespaces,
        NewNsProxy, //
    },
    refusal::{
        Refusal,
        Result, //
    },
    target::Request, //
};
use kernel::bindings;

/// A way to give namespaces to the caller. A call chooses one, before it installs anything.
///
/// # Safety
///
/// - [`nsproxy()`](Self::nsproxy) returns an nsproxy that is valid as long as `self`, and that no
///   task has. Its slots of the types that are asked for are null or own references.
/// - If [`CANNOT_FAIL`](Self::CANNOT_FAIL) is true, [`ready()`](Self::ready) does not fail.
pub(crate) unsafe trait Way: Sized {
    /// The way when everything is allocated that it needs.
    type Ready: Ready;

    /// Does it allocate everything at its start?
    const CANNOT_FAIL: bool;

    /// Returns the nsproxy into which C installs namespaces.
    fn nsproxy(&mut self) -> *mut bindings::nsproxy;

    /// Allocates what is still needed.
    ///
    /// # Safety
    ///
    /// The namespaces of the request are installed.
    unsafe fn ready(self, request: &Request<'_>) -> Result<Self::Ready>;

    /// Drops it.
    ///
    /// # Safety
    ///
    /// No namespace was installed.
    unsafe fn drop_unused(self) {}
}

/// A way that cannot fail any more.
///
/// # Safety
///
/// [`nsproxy()`](Self::nsproxy) returns the nsproxy that [`Way::nsproxy()`] has returned, or one
/// with the same namespaces. It may be null if there is none of a type that has a slot.
pub(crate) unsafe trait Ready {
    /// Returns the nsproxy in which the new namespaces are.
    fn nsproxy(&mut self) -> *mut bindings::nsproxy;

    /// Gives the caller the namespaces of the types in `flags`. May sleep.
    ///
    /// # Safety
    ///
    /// They are installed.
    unsafe fn commit(self, caller: &mut Caller<'_>, flags: NsFlags);
}

/// The caller gets a new nsproxy, which is a copy of the one that it has. C makes one in each call.
pub(crate) struct Copy(NewNsProxy);

impl Copy {
    pub(crate) fn new(caller: &Caller<'_>) -> Result<Self> {
        let copy = create_new_namespaces(0, caller.nsproxy(), caller.user_ns(), None);
        // Without a flag, nothing can fail but the allocation.
        Ok(Self(copy.map_err(|_| Refusal::NoNsproxy)?))
    }
}

// SAFETY: By the type invariant of `NewNsProxy`, the set is valid, complete, and no task has it. It
// is all that is needed.
unsafe impl Way for Copy {
    type Ready = Option<NewNsProxy>;
    const CANNOT_FAIL: bool = true;

    fn nsproxy(&mut self) -> *mut bindings::nsproxy {
        self.0.as_ptr()
    }

    unsafe fn ready(self, _: &Request<'_>) -> Result<Option<NewNsProxy>> {
        Ok(Some(self.0))
    }
}

// SAFETY: `Copy` gives away the set that it had, and `Anew` makes one of the same namespaces. It
// makes none if only a user namespace is joined, which has no slot.
unsafe impl Ready for Option<NewNsProxy> {
    fn nsproxy(&mut self) -> *mut bindings::nsproxy {
        self.as_mut()
            .map_or(core::ptr::null_mut(), NewNsProxy::as_ptr)
    }

    unsafe fn commit(self, caller: &mut Caller<'_>, flags: NsFlags) {
        if let Some(mut new) = self {
            // SAFETY: The caller guarantees that the namespaces are installed.
            unsafe { caller.leave(flags, new.as_ptr()) };
            // SAFETY: `Caller::leave()` was just called for the types whose namespaces are new.
            unsafe { switch_task_namespaces(caller, new) };
        }
    }
}
