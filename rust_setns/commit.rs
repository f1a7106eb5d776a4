// SPDX-License-Identifier: GPL-2.0

//! The point of no return.

use crate::{
    cred::Cred,
    flags::NsFlag,
    fs::Fs,
    install::Installed,
    nsproxy::switch_task_namespaces,
    nsset::NsSet,
    task, //
};

impl Installed {
    /// Makes the set the current task's own. Cannot fail. May sleep.
    ///
    /// The order is that of `commit_nsset()` in C, and matters in two places. The semaphore
    /// adjustments are looked up in the old IPC namespace, so they go before the switch. perf
    /// reports the namespaces that the task has, so it comes after.
    ///
    /// Counterpart of `commit_nsset()` in C, and of the call to `perf_event_namespaces()` that
    /// follows it.
    #[doc(alias = "commit_nsset")]
    pub(crate) fn commit(self) {
        let NsSet {
            cred,
            fs,
            nsproxy,
            flags,
        } = self.0;

        if let Cred::Prepared(cred) = cred {
            cred.commit();
        }
        if let Fs::Copied(copy) = &fs {
            copy.commit();
        }
        if flags.contains(NsFlag::Ipc) {
            task::exit_sem();
        }
        if flags.contains(NsFlag::Time) {
            task::timens_commit(&nsproxy);
        }
        switch_task_namespaces(nsproxy);
        task::perf_event_namespaces();
    }
}
