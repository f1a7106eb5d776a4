// SPDX-License-Identifier: GPL-2.0

//! A set of namespaces on its way to the caller: it is prepared, installed into, and committed.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h), `struct nsset`.

use crate::{
    flags::{
        NsFlag,
        NsFlags, //
    },
    fs::{
        FsMemory,
        NewFs, //
    },
    refusal::{
        Outcome,
        Refusal,
        Result, //
    },
    snapshot::{
        Snapshot,
        SnapshotMemory, //
    },
    target::{
        Request,
        Target, //
    },
    way::{
        Ready,
        Way, //
    }, //
};
use kernel::{
    bindings,
    cred::PreparedCred,
    ns_common::NsCommon,
    pid::Pid,
    prelude::Error, //
};

/// The credentials in a set of namespaces.
enum Cred {
    /// The caller's own. The set has no user namespace, so nobody writes to them.
    Current,

    /// A copy. The user namespace is installed into it.
    Prepared(PreparedCred),
}

/// The root and the working directory in a set of namespaces.
enum Fs<'a> {
    /// No directories: the set has no mount namespace.
    None,

    /// The caller's own. Installing the mount namespace changes them in place.
    ///
    /// This is right only if nothing can fail afterwards. Changing them is the last thing that the
    /// callback does, no other callback runs, and the way cannot fail.
    Live,

    /// New ones, because something may still fail after the mount namespace was installed: another
    /// namespace, or the way.
    New(NewFs<'a>),
}

/// The resources that a call needs to change the caller's namespaces, before the caller gets them.
///
/// Counterpart of `struct nsset` in C, with one owner for each resource instead of flags that say
/// which of them there are. Dropping it is `put_nsset()`. C puts the credentials first. Here the
/// way may be dropped before them. Neither needs the other then.
///
/// # Invariants
///
/// - `cred` is [`Cred::Prepared`] if the request has [`NsFlag::User`], and only then.
/// - `fs` is [`Fs::None`] if the request does not have [`NsFlag::Mnt`], and only then.
/// - If it is [`Fs::Live`], the request has nothing else, and [`Way::ready()`] cannot fail.
#[doc(alias = "put_nsset")]
pub(crate) struct NsSet<'a, 'fd, W> {
    cred: Cred,
    fs: Fs<'a>,
    way: W,
    request: Request<'fd>,
}

/// A set in which every namespace of its request is installed, and all is there that the caller
/// needs to get them.
///
/// [`NsSet::install()`] is the one way to get one, and [`commit()`](Self::commit) the one thing to
/// do with it.
#[must_use]
pub(crate) struct Installed<'a, 'fd, R> {
    cred: Cred,
    fs: Fs<'a>,
    way: R,
    request: Request<'fd>,
}

impl<'a, 'fd, W: Way> NsSet<'a, 'fd, W> {
    /// Prepares a set into which the namespaces of `request` can be installed. May sleep.
    ///
    /// Starts from the credentials and the directories of the caller.
    ///
    /// Counterpart of `prepare_nsset()` in C, which copies the nsproxy of the caller, too.
    ///
    /// # Errors
    ///
    /// [`Refusal::NoCred`] if there is no memory for a copy of the credentials.
    #[doc(alias = "prepare_nsset")]
    #[inline(always)]
    pub(crate) fn prepare(request: Request<'fd>, way: W, memory: &'a mut FsMemory) -> Result<Self> {
        let flags = request.flags();

        let cred = if flags.contains(NsFlag::User) {
            Cred::Prepared(PreparedCred::new().map_err(|_| Refusal::NoCred)?)
        } else {
            Cred::Current
        };
        let fs = if flags.is_only(NsFlag::Mnt) && W::CANNOT_FAIL {
            Fs::Live
        } else if flags.contains(NsFlag::Mnt) {
            Fs::New(NewFs::empty(memory))
        } else {
            Fs::None
        };

        // INVARIANT: See the conditions above, and `Way::CANNOT_FAIL`.
        Ok(Self {
            cred,
            fs,
            way,
            request,
        })
    }

    /// Installs the namespaces of the request. May sleep.
    ///
    /// If one of them refuses, the set is dropped, with all that was installed before.
    ///
    /// # Errors
    ///
    /// The errors of [`Snapshot::take()`], then those of [`validate_ns()`]. At
    /// last [`Refusal::NoNsproxy`], if there is no memory for the nsproxy that the caller needs.
    #[inline(always)]
    pub(crate) fn install(mut self) -> Result<Installed<'a, 'fd, W::Ready>> {
        let mut nsset = self.as_nsset();
        let outcome = self.request.caller().outcome();

        match self.request.target() {
            Target::Namespace(ns) => {
                // SAFETY: By the invariant of `Request`, the flags have the type of its namespace.
                // The set is valid.
                if let Err(refusal) = unsafe { validate_ns(&mut nsset, ns, outcome) } {
                    // SAFETY: The only namespace has refused, so nothing is installed.
                    unsafe { self.way.drop_unused() };
                    return Err(refusal);
                }
            }
            Target::Process(pid) => {
                // SAFETY: The set is valid.
                unsafe { validate_nsset(&mut nsset, pid, self.request.flags(), outcome) }?
            }
        }
        // SAFETY: The namespaces are installed.
        let way = unsafe { self.way.ready(&self.request) }?;
        Ok(Installed {
            cred: self.cred,
            fs: self.fs,
            way,
            request: self.request,
        })
    }

    /// Returns the set as the callbacks of the types get it. It is valid as long as `self`.
    #[inline(always)]
    fn as_nsset(&mut self) -> bindings::nsset {
        let caller = self.request.caller();
        bindings::nsset {
            flags: self.request.flags().into(),
            nsproxy: self.way.nsproxy(),
            fs: match &mut self.fs {
                Fs::None => core::ptr::null_mut(),
                Fs::Live => caller.fs(),
                Fs::New(new) => new.as_ptr(),
            },
            cred: match &mut self.cred {
                Cred::Current => caller.cred(),
                Cred::Prepared(copy) => copy.as_ptr(),
            },
            #[cfg(CONFIG_TRACEPOINTS)]
            outcome: caller.outcome().as_ptr(),
        }
    }
}

/// Installs namespaces of a process. The order is that of [`NsFlag::ORDER`].
///
/// Counterpart of the C function of this name.
///
/// # Safety
///
/// `nsset` is a set that is valid, with `flags`.
unsafe fn validate_nsset(
    nsset: &mut bindings::nsset,
    pid: &Pid,
    flags: NsFlags,
    outcome: Outcome<'_>,
) -> Result {
    let mut memory = SnapshotMemory::uninit();
    let snapshot = Snapshot::take(&mut memory, pid, flags)?;

    for common in snapshot.namespaces() {
        // SAFETY: By the invariant of `Snapshot`, its type is one of the flags. The set is valid.
        unsafe { validate_ns(nsset, common, outcome) }?;
    }
    Ok(())
}

/// Installs a namespace in a set. May sleep.
///
/// All permission checks of setns(2) on a namespace are made here, in C, by the subsystem that
/// owns the type.
///
/// Counterpart of the C function of this name.
///
/// # Safety
///
/// `nsset` is a set that is valid. The type of `ns` is one of its flags.
///
/// # Errors
///
/// [`Refusal::Install`] with the errno of the type's callback: `EPERM`, `EINVAL`, `EUSERS`, or
/// what the lookup of a mount namespace's root returns.
#[inline(always)]
unsafe fn validate_ns(
    nsset: &mut bindings::nsset,
    ns: NsCommon<'_>,
    outcome: Outcome<'_>,
) -> Result {
    // SAFETY: `ns` is valid, and the caller guarantees that its type is one of the flags. Its
    // callback then finds what it writes to. `nsproxy` is as `Way` guarantees, and its slot of the
    // type may be null, see `struct nsset`. By the invariants of `NsSet`, there is `fs` for a mount
    // namespace, and the credentials are a copy for a user namespace. No callback changes the
    // pointers themselves, so the owners stay the owners.
    let errno = unsafe { bindings::proc_ns_install(nsset, ns.as_ptr()) };
    if errno == 0 {
        return Ok(());
    }
    // SAFETY: The set's credentials are valid.
    unsafe { outcome.note_namespace_for(ns, nsset.cred) };
    Err(Refusal::Install(Error::from_errno(errno)))
}

impl<R: Ready> Installed<'_, '_, R> {
    /// Makes the set the caller's own. Cannot fail. May sleep.
    ///
    /// The order is that of `commit_nsset()` in C, and matters in two places. The semaphore
    /// adjustments are looked up in the old IPC namespace, so they go before the switch. perf
    /// reports the namespaces that the caller has, so it comes after.
    ///
    /// Counterpart of `commit_nsset()` in C, and of the call to `perf_event_namespaces()` that
    /// follows it.
    #[doc(alias = "commit_nsset")]
    #[inline(always)]
    pub(crate) fn commit(self) {
        let Installed {
            mut cred,
            fs,
            mut way,
            request,
        } = self;
        let flags = request.flags();
        let mut caller = request.into_caller();

        let new = || {
            let new_cred = match &mut cred {
                Cred::Current => caller.cred(),
                Cred::Prepared(cred) => cred.as_ptr(),
            };
            (way.nsproxy().cast_const(), new_cred)
        };
        // SAFETY: All namespaces of `flags` are installed. The credentials are valid: they have an
        // owner here, or are the caller's own.
        unsafe { caller.outcome().note_joins(flags, new) };

        if let Cred::Prepared(cred) = cred {
            caller.commit_creds(cred);
        }
        if let Fs::New(new) = fs {
            // SAFETY: The mount namespace is installed, and its callback sets both directories.
            unsafe { caller.set_fs(new) };
        }
        // SAFETY: The namespaces of `flags` are installed.
        unsafe { way.commit(&mut caller, flags) };
        caller.perf_event_namespaces();
    }
}
