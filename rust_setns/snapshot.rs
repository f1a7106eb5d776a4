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
    ns_common::NsCommon,
    nsproxy::NsProxy,
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
/// The fields are dropped in the order in which `validate_nsset()` puts them.
pub(crate) struct Snapshot {
    /// The one that the target lives in. Its children may live in another one.
    pid_ns: Option<ARef<PidNamespace>>,
    nsproxy: ARef<NsProxy>,
    user_ns: Option<ARef<UserNamespace>>,
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
        nsproxy: ManuallyDrop<ARef<NsProxy>>,
        user_ns: Option<ManuallyDrop<ARef<UserNamespace>>>,
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

    /// The namespace of type `ns`, if [`take()`](Self::take) was asked for it.
    pub(crate) fn namespace(&self, ns: NsFlag) -> Option<NsCommon<'_>> {
        match ns {
            NsFlag::User => self.user_ns.as_ref()?.ns_common(),
            NsFlag::Pid => self.pid_ns.as_ref()?.ns_common(),
            _ => self.nsproxy.ns_common(ns as u32),
        }
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
    let Some(nsproxy) = task.get_nsproxy().map(ManuallyDrop::new) else {
        return Grabbed::Nothing(Refusal::Zombie);
    };

    let wants_pid_ns = flags.contains(NsFlag::Pid);
    let pid_ns = wants_pid_ns.then(|| task.get_pid_ns()).flatten();
    let pid_ns = pid_ns.map(ManuallyDrop::new);
    let reaped = wants_pid_ns && pid_ns.is_none();
    let wants_user_ns = flags.contains(NsFlag::User) && !reaped;
    let user_ns = wants_user_ns.then(|| ManuallyDrop::new(task.get_user_ns()));

    Grabbed::References {
        pid_ns,
        nsproxy,
        user_ns,
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
                nsproxy,
                user_ns,
                reaped,
            } => {
                let snapshot = Snapshot {
                    pid_ns: pid_ns.map(ManuallyDrop::into_inner),
                    nsproxy: ManuallyDrop::into_inner(nsproxy),
                    user_ns: user_ns.map(ManuallyDrop::into_inner),
                };
                if reaped {
                    return Err(Refusal::ReapedSince);
                }
                Ok(snapshot)
            }
        }
    }
}
