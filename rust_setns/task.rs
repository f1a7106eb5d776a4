// SPDX-License-Identifier: GPL-2.0

//! The process that a pidfd refers to, and what joining asks of the current task.
//!
//! C headers: [`include/linux/pid.h`](srctree/include/linux/pid.h) and
//! [`include/linux/sched.h`](srctree/include/linux/sched.h).

use crate::{
    namespace::UserNamespace,
    nsproxy::{
        NsProxy,
        NsProxyRef, //
    },
};
use core::ptr::NonNull;
use kernel::{
    bindings,
    pid_namespace::PidNamespace,
    sync::{
        aref::ARef,
        rcu, //
    },
    task::Task,
    types::Opaque, //
};

/// Wraps the kernel's `struct pid`, which outlives the process it stands for.
///
/// # Invariants
///
/// Somebody holds a reference on it as long as a `&Pid` to it exists.
#[repr(transparent)]
pub(crate) struct Pid(Opaque<bindings::pid>);

impl Pid {
    /// Creates a reference to a [`Pid`] from a valid pointer.
    ///
    /// # Safety
    ///
    /// `ptr` is valid and stays referenced for `'a`.
    pub(crate) unsafe fn from_ptr<'a>(ptr: *const bindings::pid) -> &'a Self {
        // SAFETY: The caller guarantees validity, and the type is transparent.
        // INVARIANT: The caller guarantees the reference.
        unsafe { &*ptr.cast() }
    }

    /// The task with this ID, unless it was reaped.
    #[doc(alias = "pid_task")]
    pub(crate) fn task<'rcu>(&self, _rcu: &'rcu rcu::Guard) -> Option<RcuTask<'rcu>> {
        // SAFETY: Valid by the type invariant, and `_rcu` proves that RCU is held for reading.
        let task = unsafe { bindings::pid_task(self.0.get(), bindings::pid_type_PIDTYPE_PID) };
        // SAFETY: A task is freed after a grace period only, and `Task` is transparent.
        NonNull::new(task).map(|task| RcuTask(unsafe { task.cast().as_ref() }))
    }
}

/// A task that may be exiting, but whose memory stays while RCU is held for reading.
pub(crate) struct RcuTask<'rcu>(&'rcu Task);

impl RcuTask<'_> {
    /// May the current task look at this one, by the real credentials? Asks the LSMs too.
    #[doc(alias = "ptrace_may_access")]
    pub(crate) fn may_read(&self) -> bool {
        let mode = bindings::PTRACE_MODE_READ_REALCREDS;
        // SAFETY: The task is valid while RCU is held.
        unsafe { bindings::ptrace_may_access(self.0.as_ptr(), mode) }
    }

    /// The namespaces of the task, unless it has let go of them on its way out.
    pub(crate) fn nsproxy(&self) -> Option<NsProxyRef> {
        // SAFETY: The task is valid while RCU is held.
        let nsproxy = unsafe { bindings::task_get_nsproxy(self.0.as_ptr()) };
        // SAFETY: If there is one, the call above took a reference for us.
        NonNull::new(nsproxy).map(|nsproxy| unsafe { NsProxyRef::from_raw(nsproxy) })
    }

    /// The pid namespace that the task lives in, unless it was reaped.
    #[doc(alias = "task_active_pid_ns")]
    pub(crate) fn pid_ns(&self) -> Option<ARef<PidNamespace>> {
        self.0.get_pid_ns()
    }

    /// The user namespace of the task's objective credentials.
    pub(crate) fn user_ns(&self) -> Option<UserNamespace> {
        // SAFETY: The task is valid while RCU is held.
        let user_ns = unsafe { bindings::task_get_user_ns(self.0.as_ptr()) };
        // SAFETY: If there is one, the call above took a reference for us.
        NonNull::new(user_ns).map(|user_ns| unsafe { UserNamespace::from_raw(user_ns) })
    }
}

/// Applies the semaphore adjustments (`SEM_UNDO`) of the current task, and forgets them.
///
/// Looks the semaphores up in the IPC namespace that the task has now: must run before the switch
/// to another one. May sleep.
pub(crate) fn exit_sem() {
    // SAFETY: The current task is valid, and may give its own list up at any time.
    unsafe { bindings::exit_sem(Task::current_raw()) };
}

/// Shows the clocks of `nsproxy`'s time namespace in the vDSO data of the current task.
pub(crate) fn timens_commit(nsproxy: &NsProxy) {
    // SAFETY: Valid and ours by the type invariant of `NsProxy`.
    let time_ns = unsafe { (*nsproxy.as_ptr()).time_ns };
    // SAFETY: The current task is valid. `nsproxy` holds a reference on `time_ns`, whose
    // callback has made sure that no other task shares the memory.
    unsafe { bindings::timens_commit(Task::current_raw(), time_ns) };
}

/// Tells perf which namespaces the current task has.
pub(crate) fn perf_event_namespaces() {
    // SAFETY: The current task is valid.
    unsafe { bindings::perf_event_namespaces(Task::current_raw()) };
}
