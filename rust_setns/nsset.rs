// SPDX-License-Identifier: GPL-2.0

//! A set of namespaces on its way to the caller: it is prepared, installed into, and committed.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h), `struct nsset`.

use crate::{
    create::create_new_namespaces,
    flags::NsFlag,
    fs::FsCopy,
    nsproxy::{
        switch_task_namespaces,
        NewNsProxy, //
    },
    refusal::{
        Refusal,
        Result, //
    },
    snapshot::Snapshot,
    target::{
        Request,
        Target, //
    },
};
use kernel::{
    bindings,
    cred::PreparedCred,
    error::to_result,
    ns_common::NsCommon,
    pid::Pid, //
};

/// The credentials in a set of namespaces.
enum Cred {
    /// The caller's own. The set has no user namespace, so nobody writes to them.
    Current,

    /// A copy. The user namespace is installed into it.
    Prepared(PreparedCred),
}

/// The root and the working directory in a set of namespaces.
enum Fs {
    /// No directories: the set has no mount namespace.
    None,

    /// The caller's own. Installing the mount namespace changes them in place, which saves a copy.
    ///
    /// This is sound only because a set with a mount namespace and nothing else has one callback to
    /// run, and changing them is the last thing that the callback does.
    Live,

    /// A copy: another namespace of the set may still refuse after the mount namespace was
    /// installed.
    Copied(FsCopy),
}

/// The resources that a call needs to change the caller's namespaces, before the caller gets them.
///
/// Counterpart of `struct nsset` in C, with one owner for each resource instead of flags that say
/// which of them there are. Dropping it is `put_nsset()`: the fields are dropped in the order in
/// which C puts them.
///
/// # Invariants
///
/// - `cred` is [`Cred::Prepared`] if the request has [`NsFlag::User`], and only then.
/// - `fs` is [`Fs::Live`] if the request has [`NsFlag::Mnt`] and nothing else, [`Fs::Copied`] if it
///   has that and something else, and [`Fs::None`] if it does not have it.
#[doc(alias = "put_nsset")]
pub(crate) struct NsSet<'fd> {
    cred: Cred,
    fs: Fs,
    nsproxy: NewNsProxy,
    request: Request<'fd>,
}

/// A set in which every namespace of its request is installed.
///
/// [`NsSet::install()`] is the one way to get one, and [`commit()`](Self::commit) the one thing to
/// do with it.
#[must_use]
pub(crate) struct Installed<'fd>(NsSet<'fd>);

impl<'fd> NsSet<'fd> {
    /// Prepares a set into which the namespaces of `request` can be installed. May sleep.
    ///
    /// Starts from the namespaces, the credentials and the directories of the caller.
    ///
    /// Counterpart of `prepare_nsset()` in C.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoNsproxy`], [`Refusal::NoCred`] or [`Refusal::NoFs`] if there is no memory for
    /// one of them.
    #[doc(alias = "prepare_nsset")]
    pub(crate) fn prepare(request: Request<'fd>) -> Result<Self> {
        let (caller, flags) = (request.caller(), request.flags());

        let nsproxy = create_new_namespaces(0, caller.nsproxy(), caller.user_ns(), None)
            .map_err(Refusal::NoNsproxy)?;
        let cred = if flags.contains(NsFlag::User) {
            Cred::Prepared(PreparedCred::new().map_err(|_| Refusal::NoCred)?)
        } else {
            Cred::Current
        };
        let fs = if flags.is_only(NsFlag::Mnt) {
            Fs::Live
        } else if flags.contains(NsFlag::Mnt) {
            Fs::Copied(FsCopy::new(caller.task()).map_err(|_| Refusal::NoFs)?)
        } else {
            Fs::None
        };

        // INVARIANT: See the conditions above.
        Ok(Self {
            cred,
            fs,
            nsproxy,
            request,
        })
    }

    /// Installs the namespaces of the request. May sleep.
    ///
    /// If one of them refuses, the set is dropped, with all that was installed before.
    ///
    /// # Errors
    ///
    /// The errors of [`Snapshot::take()`], then those of [`validate_ns()`](Self::validate_ns).
    pub(crate) fn install(mut self) -> Result<Installed<'fd>> {
        match self.request.target() {
            // SAFETY: By the invariant of `Request`, the flags have the type of its namespace.
            Target::Namespace(ns) => unsafe { self.validate_ns(ns) }?,
            Target::Process(pid) => self.validate_nsset(pid)?,
        }
        Ok(Installed(self))
    }

    /// Installs namespaces of a process.
    ///
    /// Counterpart of the C function of this name. The order is that of
    /// [`NsFlag::ORDER`].
    fn validate_nsset(&mut self, pid: &Pid) -> Result {
        let flags = self.request.flags();
        let snapshot = Snapshot::take(pid, flags)?;

        for common in snapshot.namespaces() {
            // SAFETY: By the invariant of `Snapshot`, its type is one of the flags.
            unsafe { self.validate_ns(common) }?;
        }
        Ok(())
    }

    /// Installs a namespace in the set.
    ///
    /// All permission checks of setns(2) on a namespace are made here, in C, by the subsystem that
    /// owns the type. May sleep.
    ///
    /// Counterpart of the C function of this name.
    ///
    /// # Safety
    ///
    /// The type of `ns` is one of the flags of the request.
    ///
    /// # Errors
    ///
    /// [`Refusal::Install`] with the errno of the type's callback: `EPERM`, `EINVAL`, `EUSERS`, or
    /// what the lookup of a mount namespace's root returns.
    unsafe fn validate_ns(&mut self, ns: NsCommon<'_>) -> Result {
        let caller = self.request.caller();
        let mut nsset = bindings::nsset {
            flags: self.request.flags().into(),
            nsproxy: self.nsproxy.as_ptr(),
            fs: match &mut self.fs {
                Fs::None => core::ptr::null_mut(),
                Fs::Live => caller.fs(),
                Fs::Copied(copy) => copy.as_ptr(),
            },
            cred: match &mut self.cred {
                Cred::Current => caller.cred(),
                Cred::Prepared(copy) => copy.as_ptr(),
            },
            #[cfg(CONFIG_TRACEPOINTS)]
            outcome: caller.outcome().as_ptr(),
        };

        // SAFETY: `ns` is valid, and the caller guarantees that its type is one of the flags. By
        // the type invariants, its callback then finds what it writes to: `nsproxy`, which nobody
        // else has; for a mount namespace `fs`; for a user namespace credentials that are a copy.
        // No callback changes the pointers themselves, so the owners stay the owners.
        let installed = to_result(unsafe { bindings::proc_ns_install(&mut nsset, ns.as_ptr()) });
        installed.map_err(|errno| {
            // SAFETY: The set's credentials are valid as long as `self`.
            unsafe { caller.outcome().note_namespace(ns, nsset.cred) };
            Refusal::Install(errno)
        })
    }
}

impl Installed<'_> {
    /// Makes the set the caller's own. Cannot fail. May sleep.
    ///
    /// The order is that of `commit_nsset()` in C, and matters in two places. The semaphore
    /// adjustments are looked up in the old IPC namespace, so they go before the switch. perf
    /// reports the namespaces that the caller has, so it comes after.
    ///
    /// Counterpart of `commit_nsset()` in C, and of the call to `perf_event_namespaces()` that
    /// follows it.
    #[doc(alias = "commit_nsset")]
    pub(crate) fn commit(self) {
        let NsSet {
            mut cred,
            fs,
            mut nsproxy,
            request,
        } = self.0;
        let flags = request.flags();
        let mut caller = request.into_caller();

        let new_cred = match &mut cred {
            Cred::Current => caller.cred(),
            Cred::Prepared(cred) => cred.as_ptr(),
        };
        let outcome = caller.outcome();
        // SAFETY: `nsproxy` is complete. `new_cred` is its owner's, or the caller's own.
        unsafe { outcome.note_joins(flags, nsproxy.as_ptr(), new_cred) };

        if let Cred::Prepared(cred) = cred {
            caller.commit_creds(cred);
        }
        if let Fs::Copied(copy) = &fs {
            caller.set_fs(copy);
        }
        if flags.contains(NsFlag::Ipc) {
            caller.exit_sem();
        }
        if flags.contains(NsFlag::Time) {
            nsproxy.timens_commit(&mut caller);
        }
        switch_task_namespaces(&mut caller, nsproxy);
        caller.perf_event_namespaces();
    }
}
