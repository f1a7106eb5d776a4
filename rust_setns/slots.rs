// SPDX-License-Identifier: GPL-2.0

//! The slots of a set of namespaces.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h).

use crate::flags::NsFlag;
use core::ptr::NonNull;
use kernel::{
    bindings,
    ns_common::NsRef,
    nsproxy::NsProxy, //
};

/// Calls a macro with the name of each slot that a type has in `struct nsproxy`.
///
/// The time namespace has two slots: the task's own, and the one that its children get.
macro_rules! for_slots {
    ($ns:expr, $apply:ident) => {
        match $ns {
            // The user namespace is in the credentials.
            NsFlag::User => {}
            NsFlag::Mnt => $apply!(mnt_ns),
            NsFlag::Uts => $apply!(uts_ns),
            NsFlag::Ipc => $apply!(ipc_ns),
            NsFlag::Pid => $apply!(pid_ns_for_children),
            NsFlag::Cgroup => $apply!(cgroup_ns),
            NsFlag::Net => $apply!(net_ns),
            NsFlag::Time => {
                $apply!(time_ns);
                $apply!(time_ns_for_children);
            }
        }
    };
}

pub(crate) use for_slots;

/// Calls `f` with each namespace of type `ns` in a set. There is none of a type that is not built
/// in.
///
/// # Safety
///
/// `nsproxy` is valid, and if the type is built in, its slots are filled.
#[inline(always)]
pub(crate) unsafe fn for_namespaces(
    nsproxy: *mut bindings::nsproxy,
    ns: NsFlag,
    mut f: impl FnMut(NonNull<bindings::ns_common>),
) {
    if ns == NsFlag::User || !ns.is_built_in() {
        return;
    }
    // SAFETY: `nsproxy` is valid.
    let common = unsafe { bindings::nsproxy_ns_common(nsproxy, ns as u32) };
    // SAFETY: The caller says that the slot is filled. The helper has a case for each type that
    // is built in, as KUnit checks (`every_slot_holds_a_namespace_of_its_type`).
    f(unsafe { NonNull::new_unchecked(common) });

    if ns == NsFlag::Time {
        // SAFETY: `nsproxy` is valid.
        let for_children = unsafe { (*nsproxy).time_ns_for_children };
        // SAFETY: The caller says that the slot is filled. Nothing is read.
        let common = unsafe { &raw mut (*for_children).ns };
        // SAFETY: As above.
        f(unsafe { NonNull::new_unchecked(common) });
    }
}

/// Fills the slots of type `ns` in a new set with those of another set, and takes references.
///
/// C's functions that create namespaces do this without their flag.
///
/// # Safety
///
/// `new` is valid, nobody else uses it, and its slots of this type own nothing.
#[inline(always)]
pub(crate) unsafe fn share_namespaces(ns: NsFlag, old: &NsProxy, new: *mut bindings::nsproxy) {
    let old = old.as_ptr();

    macro_rules! share_slot {
        ($slot:ident) => {{
            // SAFETY: `old` is valid by the invariant of `NsProxy`, and nobody writes to it.
            let shared = unsafe { (*old).$slot };
            // SAFETY: The caller guarantees that `new` is valid and its own.
            unsafe { (*new).$slot = shared };
        }};
    }
    for_slots!(ns, share_slot);
    let get = |ns: NonNull<bindings::ns_common>| {
        // SAFETY: `old` holds a reference on it.
        unsafe { bindings::__ns_ref_inc(ns.as_ptr()) };
    };
    // SAFETY: Valid. The slots are filled, see above.
    unsafe { for_namespaces(new, ns, get) };
}

/// Puts the namespaces of type `ns` in a set. May sleep.
///
/// # Safety
///
/// `nsproxy` is valid. If the type is built in, its slots own references, and are not used again.
#[inline(always)]
pub(crate) unsafe fn put_namespaces(nsproxy: *mut bindings::nsproxy, ns: NsFlag) {
    let put = |ns: NonNull<bindings::ns_common>| {
        // SAFETY: The caller gives the reference away. `for_namespaces()` visits only types that
        // are built in.
        drop(unsafe { NsRef::from_raw(ns) });
    };
    // SAFETY: The caller guarantees that the set is valid, and that its slots are filled.
    unsafe { for_namespaces(nsproxy, ns, put) };
}
