// SPDX-License-Identifier: GPL-2.0

//! The namespaces of the process that a pidfd refers to.

use crate::{
    flags::{
        for_types,
        NsFlag,
        NsFlags, //
    },
    refusal::{
        Refusal,
        Result, //
    }, //
};
use core::mem::{
    needs_drop,
    ManuallyDrop,
    MaybeUninit, //
};
use kernel::{
    ns_common::{
        NsCommon,
        NsRef, //
    },
    pid::Pid,
    pid_namespace::PidNamespace,
    prelude::static_assert,
    sync::rcu,
    task::PtraceMode,
    user_namespace::UserNamespace, //
};

/// References on namespaces, by the places of their types in [`NsFlag::ORDER`].
///
/// To put a reference may sleep, which is forbidden while RCU is held. So the references are here
/// while they are taken, and nothing is put when this is dropped. [`Snapshot`] puts them.
///
/// The pid namespace is the one that the target lives in. Its children may live in another one.
type References = [Option<ManuallyDrop<NsRef>>; NsFlag::ORDER.len()];

/// The memory of a [`Snapshot`], on the stack of the call.
pub(crate) struct SnapshotMemory(MaybeUninit<References>);

/// A "snapshot" of the target task's namespaces, as C calls it.
///
/// The quotes are C's. The namespaces of the nsproxy are read under the lock of the target, so they
/// are of one moment. The pid and the user namespace are read after that. If the target changes
/// meanwhile, the snapshot may mix old and new ones. This does no harm, because each of them checks
/// the caller's permission when it is installed.
///
/// It has references on the namespaces, and not on the nsproxy of the target: only fork takes one.
/// Dropping it puts them, which may sleep.
///
/// # Invariants
///
/// RCU is not held for it. It has namespaces only of the types that [`take()`](Self::take) was
/// asked for.
pub(crate) struct Snapshot<'a>(&'a mut References);

/// What was taken while RCU is held, and whether that is all.
///
/// It has the guard of RCU. [`release()`](Self::release) unlocks that before it makes a
/// [`Snapshot`], and nothing else puts a reference. `?` does not work in a function that returns
/// this. The compiler would not refuse to drop a reference before it is kept. So no variable has
/// one where the function returns.
#[must_use]
struct Grabbed<'a> {
    references: &'a mut References,
    refused: Option<Refusal>,
    rcu: rcu::Guard,
}

static_assert!(!needs_drop::<References>());

impl SnapshotMemory {
    pub(crate) fn uninit() -> Self {
        Self(MaybeUninit::uninit())
    }
}

#[inline(always)]
fn keep(place: &mut Option<ManuallyDrop<NsRef>>, reference: Option<NsRef>) {
    *place = reference.map(ManuallyDrop::new);
}

impl<'a> Grabbed<'a> {
    /// Looks at the process while RCU is held. Does not sleep.
    ///
    /// Each reference goes to its place before anything can return, so none is put here.
    #[inline(always)]
    fn grab(references: &'a mut References, pid: &Pid, flags: NsFlags) -> Self {
        let rcu = rcu::read_lock();
        let Some(task) = pid.task(&rcu) else {
            return Self::refuse(references, Refusal::Reaped, rcu);
        };
        if !task.ptrace_may_access(PtraceMode::ReadRealCreds) {
            return Self::refuse(references, Refusal::NotInspectable, rcu);
        }

        let locked = task.task_lock();
        let Some(nsproxy) = locked.nsproxy() else {
            locked.unlock();
            return Self::refuse(references, Refusal::Zombie, rcu);
        };
        for_types!(flags, |ns| {
            if ns != NsFlag::Pid {
                let place = &mut references[ns.place()];
                keep(place, nsproxy.ns_common(ns as u32).map(NsCommon::get));
            }
        });
        locked.unlock();

        if flags.contains(NsFlag::Pid) {
            let place = &mut references[NsFlag::Pid.place()];
            match task.get_pid_ns() {
                Some(pid_ns) => keep(place, PidNamespace::into_ns_ref(pid_ns)),
                None => return Self::refuse(references, Refusal::ReapedSince, rcu),
            }
        }
        if flags.contains(NsFlag::User) {
            let place = &mut references[NsFlag::User.place()];
            keep(place, UserNamespace::into_ns_ref(task.get_user_ns()));
        }
        Self {
            references,
            refused: None,
            rcu,
        }
    }

    #[inline(always)]
    fn refuse(references: &'a mut References, refusal: Refusal, rcu: rcu::Guard) -> Self {
        Self {
            references,
            refused: Some(refusal),
            rcu,
        }
    }

    /// Unlocks RCU. Puts what was taken, if that is not all. May sleep.
    #[inline(always)]
    fn release(self) -> Result<Snapshot<'a>> {
        self.rcu.unlock();
        // INVARIANT: Just unlocked. `grab()` has taken what it was asked for.
        let snapshot = Snapshot(self.references);
        match self.refused {
            Some(refusal) => Err(refusal),
            None => Ok(snapshot),
        }
    }
}

impl<'a> Snapshot<'a> {
    /// Takes references on the namespaces of `pid`'s process that `flags` ask for. May sleep.
    ///
    /// Counterpart of the first part of `validate_nsset()` in C.
    ///
    /// # Errors
    ///
    /// In this order: [`Refusal::Reaped`], [`Refusal::NotInspectable`], [`Refusal::Zombie`],
    /// [`Refusal::ReapedSince`].
    #[doc(alias = "validate_nsset")]
    #[inline(always)]
    pub(crate) fn take(memory: &'a mut SnapshotMemory, pid: &Pid, flags: NsFlags) -> Result<Self> {
        let references = memory.0.write([const { None }; NsFlag::ORDER.len()]);
        Grabbed::grab(references, pid, flags).release()
    }

    /// Returns the namespaces, in the order in which the kernel installs them.
    #[inline(always)]
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = NsCommon<'_>> {
        self.0.iter().flatten().map(|ns| ns.as_common())
    }
}

impl Drop for Snapshot<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        for reference in self.0.iter_mut().flatten() {
            // SAFETY: This is the last use of the reference. `take()` writes to the memory before
            // it is used again.
            unsafe { ManuallyDrop::drop(reference) };
        }
    }
}
