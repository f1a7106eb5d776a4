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
    forget,
    replace, //
};
use kernel::{
    ns_common::{
        NsCommon,
        NsRef, //
    },
    pid::Pid,
    pid_namespace::PidNamespace,
    sync::rcu,
    task::PtraceMode,
    user_namespace::UserNamespace, //
};

/// A "snapshot" of the target task's namespaces, as C calls it.
///
/// The quotes are C's: the namespaces are read one after the other. If the target changes some of
/// them meanwhile, the snapshot may mix old and new ones. This does no harm, because each of
/// them checks the caller's permission when it is installed.
///
/// It has references on the namespaces, and not on the nsproxy of the target: only fork takes one.
///
/// # Invariants
///
/// It has namespaces only of the types that [`take()`](Self::take) was asked for.
pub(crate) struct Snapshot {
    /// By the places of their types in [`NsFlag::ORDER`]. The pid namespace is the one that the
    /// target lives in. Its children may live in another one.
    namespaces: [Option<NsRef>; NsFlag::ORDER.len()],
}

impl Snapshot {
    /// Creates a snapshot without namespaces.
    #[inline(always)]
    pub(crate) fn empty() -> Self {
        // INVARIANT: There is none.
        Self {
            namespaces: [const { None }; NsFlag::ORDER.len()],
        }
    }

    /// Takes references on the namespaces of `pid`'s process that `flags` ask for.
    ///
    /// Counterpart of the first part of `validate_nsset()` in C.
    ///
    /// # Errors
    ///
    /// In this order: [`Refusal::Reaped`], [`Refusal::NotInspectable`], [`Refusal::Zombie`],
    /// [`Refusal::ReapedSince`]. With the last one, there are references nevertheless.
    #[doc(alias = "validate_nsset")]
    #[inline(always)]
    pub(crate) fn take(&mut self, pid: &Pid, flags: NsFlags) -> Result {
        let rcu = rcu::read_lock();
        let taken = self.grab(&rcu, pid, flags);
        rcu.unlock();
        taken
    }

    /// Looks at the process while RCU is held. Does not sleep.
    ///
    /// Putting a reference may sleep, which is forbidden under RCU. So the references go into
    /// `self`, which lives longer than RCU is held, and no field is dropped here.
    #[inline(always)]
    fn grab(&mut self, rcu: &rcu::Guard, pid: &Pid, flags: NsFlags) -> Result {
        let task = pid.task(rcu).ok_or(Refusal::Reaped)?;
        if !task.ptrace_may_access(PtraceMode::ReadRealCreds) {
            return Err(Refusal::NotInspectable);
        }

        let locked = task.task_lock();
        let Some(nsproxy) = locked.nsproxy() else {
            return Err(Refusal::Zombie);
        };
        for_types!(flags, |ns| {
            if ns != NsFlag::Pid {
                self.fill(ns, nsproxy.ns_common(ns as u32).map(NsCommon::get));
            }
        });
        locked.unlock();

        if flags.contains(NsFlag::Pid) {
            let pid_ns = task.get_pid_ns().ok_or(Refusal::ReapedSince)?;
            self.fill(NsFlag::Pid, PidNamespace::into_ns_ref(pid_ns));
        }
        if flags.contains(NsFlag::User) {
            self.fill(NsFlag::User, UserNamespace::into_ns_ref(task.get_user_ns()));
        }
        Ok(())
    }

    /// Takes a reference over. There is none of the same type yet, so there is nothing to drop.
    #[inline(always)]
    fn fill(&mut self, ns: NsFlag, reference: Option<NsRef>) {
        // INVARIANT: `grab()` does this for types that are asked for.
        forget(replace(&mut self.namespaces[ns.place()], reference));
    }

    /// Returns the namespaces, in the order in which the kernel installs them.
    #[inline(always)]
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = NsCommon<'_>> {
        self.namespaces.iter().flatten().map(NsRef::as_common)
    }
}
