// SPDX-License-Identifier: GPL-2.0

//! The namespaces of the process that a pidfd refers to.

use crate::{
    flags::{
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
    ManuallyDrop, //
};
use kernel::{
    ns_common::{
        NsCommon,
        NsRef, //
    },
    pid::Pid,
    pid_namespace::PidNamespace,
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    },
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
/// It has namespaces of the types that [`take()`](Self::take) was asked for, and of no other type.
pub(crate) struct Snapshot {
    /// The one that the target lives in. Its children may live in another one.
    pid_ns: Option<ARef<PidNamespace>>,
    user_ns: Option<ARef<UserNamespace>>,
    /// Those of other types, by their places in [`NsFlag::ORDER`].
    others: [Option<NsRef>; NsFlag::ORDER.len()],
}

/// The result of looking at a process while RCU was held.
///
/// Putting a reference may sleep, which is forbidden under RCU. So this type has no drop, and only
/// [`release()`](Self::release), which ends the guard, gives the references back. It is not a
/// [`Result`] either: a function that returns it cannot use `?` after it has taken a reference.
#[must_use]
enum Grabbed {
    /// The target cannot be looked at, for this reason. No reference was taken.
    Nothing(Refusal),

    /// References that are still to be put.
    References {
        pid_ns: Option<ManuallyDrop<ARef<PidNamespace>>>,
        user_ns: Option<ManuallyDrop<ARef<UserNamespace>>>,
        others: [Option<ManuallyDrop<NsRef>>; NsFlag::ORDER.len()],
        /// The pid namespace was asked for, and the target lives in none any more.
        reaped: bool,
    },
}

static_assert!(!needs_drop::<Grabbed>());

impl Snapshot {
    /// Takes references on the namespaces of `pid`'s process that `flags` ask for. May sleep.
    ///
    /// Counterpart of the first part of `validate_nsset()` in C.
    ///
    /// # Errors
    ///
    /// In this order: [`Refusal::Reaped`], [`Refusal::NotInspectable`], [`Refusal::Zombie`],
    /// [`Refusal::ReapedSince`].
    #[doc(alias = "validate_nsset")]
    pub(crate) fn take(pid: &Pid, flags: NsFlags) -> Result<Self> {
        let rcu = rcu::read_lock();
        grab(&rcu, pid, flags).release(rcu)
    }

    /// Returns the namespaces that [`take()`](Self::take) was asked for, in the order in which the
    /// kernel installs them.
    pub(crate) fn namespaces(&self) -> impl Iterator<Item = NsCommon<'_>> {
        NsFlag::ORDER
            .into_iter()
            .zip(&self.others)
            .filter_map(|(ns, other)| match ns {
                NsFlag::User => self.user_ns.as_ref()?.ns_common(),
                NsFlag::Pid => self.pid_ns.as_ref()?.ns_common(),
                _ => Some(other.as_ref()?.as_common()),
            })
    }
}

/// Looks at the process while RCU is held. Does not sleep.
fn grab(rcu: &rcu::Guard, pid: &Pid, flags: NsFlags) -> Grabbed {
    let Some(task) = pid.task(rcu) else {
        return Grabbed::Nothing(Refusal::Reaped);
    };
    if !task.ptrace_may_access(PtraceMode::ReadRealCreds) {
        return Grabbed::Nothing(Refusal::NotInspectable);
    }
    let locked = task.task_lock();
    let Some(nsproxy) = locked.nsproxy() else {
        return Grabbed::Nothing(Refusal::Zombie);
    };
    let others = NsFlag::ORDER.map(|ns| {
        let wanted = flags.contains(ns) && ns != NsFlag::Pid;
        let common = nsproxy.ns_common(ns as u32).filter(|_| wanted);
        common.map(|common| ManuallyDrop::new(common.get()))
    });
    locked.unlock();

    let wants_pid_ns = flags.contains(NsFlag::Pid);
    let pid_ns = wants_pid_ns.then(|| task.get_pid_ns()).flatten();
    let pid_ns = pid_ns.map(ManuallyDrop::new);
    let reaped = wants_pid_ns && pid_ns.is_none();
    let wants_user_ns = flags.contains(NsFlag::User) && !reaped;
    let user_ns = wants_user_ns.then(|| ManuallyDrop::new(task.get_user_ns()));

    Grabbed::References {
        pid_ns,
        user_ns,
        others,
        reaped,
    }
}

impl Grabbed {
    /// Unlocks RCU, and makes a snapshot of what was found.
    fn release(self, rcu: rcu::Guard) -> Result<Snapshot> {
        rcu.unlock();

        match self {
            Self::Nothing(refusal) => Err(refusal),
            Self::References {
                pid_ns,
                user_ns,
                others,
                reaped,
            } => {
                // INVARIANT: `grab()` takes references on what it was asked for.
                let snapshot = Snapshot {
                    pid_ns: pid_ns.map(ManuallyDrop::into_inner),
                    user_ns: user_ns.map(ManuallyDrop::into_inner),
                    others: others.map(|ns| ns.map(ManuallyDrop::into_inner)),
                };
                if reaped {
                    return Err(Refusal::ReapedSince);
                }
                Ok(snapshot)
            }
        }
    }
}
