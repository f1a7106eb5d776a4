// SPDX-License-Identifier: GPL-2.0

//! The task that calls setns(2): what it has, and how that is replaced.
//!
//! C headers: [`include/linux/cred.h`](srctree/include/linux/cred.h),
//! [`include/linux/fs_struct.h`](srctree/include/linux/fs_struct.h) and
//! [`include/linux/sem.h`](srctree/include/linux/sem.h).

use crate::{
    flags::{
        NsFlag,
        NsFlags, //
    },
    fs::{
        self,
        NewFs, //
    },
    refusal::Outcome, //
};
use core::marker::PhantomData;
use kernel::{
    bindings,
    cred::PreparedCred,
    nsproxy::NsProxy,
    task::{
        CurrentTask,
        Task, //
    },
    user_namespace::UserNamespace, //
};

/// The current task, while it is in setns(2).
///
/// `&Caller` looks at what the task has, `&mut Caller` replaces it. So the borrow checker refuses
/// a pointer to the old namespaces or credentials that is used after they were replaced.
///
/// # Invariants
///
/// The current task came from user space and is in the system call setns(2). It has a memory map,
/// its `cred` is its `real_cred`, and it holds no lock. There is one `Caller` for the call.
pub(crate) struct Caller<'a> {
    outcome: Outcome<'a>,
    task: PhantomData<&'a CurrentTask>,
}

impl<'a> Caller<'a> {
    /// Starts a call of setns(2).
    ///
    /// # Safety
    ///
    /// Call this from the system call setns(2) only, and once for each call.
    pub(crate) unsafe fn new(_task: &'a CurrentTask, outcome: Outcome<'a>) -> Self {
        // INVARIANT: A system call is entered from user space. So there is a memory map, and no
        // lock is held. No `override_creds()` is in force, because each is followed by a
        // `revert_creds()` before the task returns to user space.
        Self {
            outcome,
            task: PhantomData,
        }
    }

    /// Returns what the trace events will show of the call.
    pub(crate) fn outcome(&self) -> Outcome<'a> {
        self.outcome
    }

    /// Returns the task.
    ///
    /// It is not kept in `self`: asking for it is one instruction, and keeping it costs a register.
    #[inline(always)]
    pub(crate) fn task(&self) -> &'a CurrentTask {
        // SAFETY: By the type invariant, `self` does not leave the current task. The type is
        // transparent.
        unsafe { &*Task::current_raw().cast() }
    }

    /// Returns the namespaces of the caller.
    pub(crate) fn nsproxy(&self) -> &NsProxy {
        // SAFETY: The current task is valid, and nobody else changes which set it has.
        let nsproxy = unsafe { (*self.task().as_ptr()).nsproxy };
        // SAFETY: A running task has a set and a reference on it. The task changes neither the set
        // nor a slot while `self` is borrowed, and nobody else may.
        unsafe { NsProxy::from_ptr(nsproxy) }
    }

    /// Returns the user namespace of the caller.
    #[doc(alias = "current_user_ns")]
    pub(crate) fn user_ns(&self) -> &UserNamespace {
        // SAFETY: No requirements.
        let user_ns = unsafe { bindings::current_user_ns() };
        // SAFETY: The credentials of the task hold a reference on it. The task does not change
        // them while `self` is borrowed, and nobody else may.
        unsafe { UserNamespace::from_ptr(user_ns) }
    }

    /// Returns the credentials of the caller. Other tasks may use them, too, so do not write to
    /// them.
    #[doc(alias = "current_cred")]
    pub(crate) fn cred(&self) -> *const bindings::cred {
        // SAFETY: No requirements.
        unsafe { bindings::current_cred() }
    }

    /// Returns the root and the working directory of the caller.
    pub(crate) fn fs(&self) -> *mut bindings::fs_struct {
        fs::of(self.task())
    }

    /// Gives the caller other credentials.
    pub(crate) fn commit_creds(&mut self, new: PreparedCred) {
        // SAFETY: `cred` is `real_cred` by the type invariant. A borrow of the old
        // credentials is a borrow of `self`, and `&mut self` ends it.
        unsafe { new.commit() };
    }

    /// Gives the caller the root and the working directory in `new`. May sleep.
    ///
    /// # Safety
    ///
    /// `new` has both.
    #[doc(alias = "set_fs_root")]
    #[doc(alias = "set_fs_pwd")]
    #[inline(always)]
    pub(crate) unsafe fn set_fs(&mut self, new: NewFs<'_>) {
        let (root, pwd) = (new.root(), new.pwd());
        // SAFETY: The structure of the task is valid, and the caller guarantees that the root is.
        // `set_fs_root()` takes a reference of its own.
        unsafe { bindings::set_fs_root(self.fs(), root) };
        // SAFETY: As above, for the working directory and `set_fs_pwd()`.
        unsafe { bindings::set_fs_pwd(self.fs(), pwd) };
    }

    /// Does what must come before the caller gets the namespaces of the types in `flags`, which are
    /// in `new`. May sleep.
    ///
    /// # Safety
    ///
    /// `new` is valid, and has namespaces of those of these types that have a slot.
    #[inline(always)]
    pub(crate) unsafe fn leave(&mut self, flags: NsFlags, new: *const bindings::nsproxy) {
        if flags.contains(NsFlag::Ipc) {
            self.exit_sem();
        }
        if flags.contains(NsFlag::Time) {
            // SAFETY: The caller guarantees that `new` is valid, and that it has a time namespace,
            // because the type is in `flags`.
            unsafe { self.timens_commit(new) };
        }
    }

    /// Applies the caller's semaphore adjustments (`SEM_UNDO`), and forgets them. May sleep.
    ///
    /// Looks the semaphores up in the IPC namespace that the caller has now, so it must run before
    /// the caller gets another one.
    fn exit_sem(&mut self) {
        // SAFETY: The current task is valid, and may give its own list up at any time.
        unsafe { bindings::exit_sem(self.task().as_ptr()) };
    }

    /// Shows the clocks of the time namespace in `new` in the caller's vDSO data. May sleep.
    ///
    /// Other tasks that share the caller's memory map would see them, too. `timens_install()` has
    /// made sure that there are none.
    ///
    /// # Safety
    ///
    /// `new` is valid, and has a time namespace.
    unsafe fn timens_commit(&mut self, new: *const bindings::nsproxy) {
        // SAFETY: The caller guarantees that it is valid.
        let time_ns = unsafe { (*new).time_ns };
        // SAFETY: There is a memory map by the type invariant, and `new` holds a reference on
        // `time_ns`.
        unsafe { bindings::timens_commit(self.task().as_ptr(), time_ns) };
    }

    /// Tells perf which namespaces the caller has.
    pub(crate) fn perf_event_namespaces(&self) {
        // SAFETY: The current task is valid.
        unsafe { bindings::perf_event_namespaces(self.task().as_ptr()) };
    }
}
