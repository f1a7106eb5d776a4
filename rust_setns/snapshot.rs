// SPDX-License-Identifier: GPL-2.0

//! The namespaces of the process that a pidfd refers to.

use crate::{
    flags::{
        NsFlag,
        NsFlags, //
    },
    namespace::{
        self,
        NsCommon,
        UserNamespace, //
    },
    nsproxy::NsProxyRef,
    task::Pid, //
};
use kernel::{
    pid_namespace::PidNamespace,
    prelude::*,
    sync::{
        aref::ARef,
        rcu, //
    },
};

/// A "snapshot" of the target task's namespaces, as C calls it.
///
/// The quotes are C's: what is read here is read one after the other. If the target changes its
/// namespaces meanwhile, the snapshot may hold some of before and some of after. That opens
/// nothing, because each of them checks the caller's permission when it is installed.
///
/// The fields are dropped in the order in which `validate_nsset()` puts them.
pub(crate) struct Snapshot {
    /// The one that the target lives in, which need not be the one its children will live in.
    pid_ns: Option<ARef<PidNamespace>>,
    nsproxy: NsProxyRef,
    user_ns: Option<UserNamespace>,
}

impl Snapshot {
    /// Takes references on the namespaces of `pid`'s process that `flags` ask for.
    ///
    /// Counterpart of the first part of `validate_nsset()` in C.
    ///
    /// # Errors
    ///
    /// In this order: [`ESRCH`] if the process was reaped, [`EPERM`] if the caller may not inspect
    /// it, [`ESRCH`] if it is a zombie.
    #[doc(alias = "validate_nsset")]
    pub(crate) fn take(pid: &Pid, flags: NsFlags) -> Result<Self> {
        let rcu = rcu::read_lock();

        let task = pid.task(&rcu).ok_or(ESRCH)?;
        if !task.may_read() {
            return Err(EPERM);
        }
        let nsproxy = task.nsproxy().ok_or(ESRCH)?;
        // From here on there is something to put, and putting may sleep: no way out before
        // `rcu` is unlocked.
        let pid_ns = flags.contains(NsFlag::Pid).then(|| task.pid_ns());
        let user_ns = flags.contains(NsFlag::User).then(|| task.user_ns());
        rcu.unlock();

        Ok(Self {
            pid_ns: match pid_ns {
                Some(pid_ns) => Some(pid_ns.ok_or(ESRCH)?),
                None => None,
            },
            nsproxy,
            user_ns: user_ns.flatten(),
        })
    }

    /// The namespace of type `ns`, if [`take()`](Self::take) was asked for it.
    pub(crate) fn namespace(&self, ns: NsFlag) -> Option<&NsCommon> {
        match ns {
            NsFlag::User => self.user_ns.as_ref().map(UserNamespace::common),
            NsFlag::Pid => self.pid_ns.as_deref().map(namespace::of_pid_ns),
            _ => self.nsproxy.namespace(ns),
        }
    }
}
