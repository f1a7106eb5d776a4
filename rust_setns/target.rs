// SPDX-License-Identifier: GPL-2.0

//! The target of the file descriptor given to setns(2), and whether the caller accepts it.

use crate::{
    caller::Caller,
    flags::{
        NsFlag,
        NsFlags, //
    },
    refusal::{
        FdKind,
        Refusal,
        Result, //
    }, //
};
use kernel::{
    fs::LocalFile,
    ns_common::NsCommon,
    pid::Pid,
    prelude::*, //
};

/// The target of a file descriptor.
///
/// Lives no longer than the file.
#[derive(Clone, Copy)]
pub(crate) enum Target<'fd> {
    /// A file of nsfs: opened from `/proc/PID/ns/`, from a bind mount of such a file, by an ioctl
    /// of another namespace or of a pidfd, or received from another process.
    Namespace(NsCommon<'fd>),

    /// A pidfd.
    Process(&'fd Pid),
}

/// The request of a caller: namespaces of these types, from this target.
///
/// # Invariants
///
/// If the target is a namespace, `flags` is its type. If it is a process, `flags` has at least one
/// type, and only types that are built in.
pub(crate) struct Request<'fd> {
    caller: Caller<'fd>,
    target: Target<'fd>,
    flags: NsFlags,
}

impl<'fd> Target<'fd> {
    /// Finds out what `file` refers to.
    ///
    /// Fails with [`Refusal::NotANamespace`] if it is neither a namespace nor a pidfd.
    ///
    /// Counterpart of the first half of `do_setns()`. The name is that of the C function which did
    /// this when setns(2) was new.
    #[doc(alias = "proc_ns_file")]
    #[doc(alias = "pidfd_pid")]
    pub(crate) fn proc_ns_fget(file: &'fd LocalFile) -> Result<Self> {
        if let Some(ns) = NsCommon::of_file(file) {
            Ok(Self::Namespace(ns))
        } else if let Some(pid) = Pid::of_pidfd(file) {
            Ok(Self::Process(pid))
        } else {
            Err(Refusal::NotANamespace)
        }
    }

    /// Checks the target against the `nstype` that the caller passed.
    ///
    /// # Errors
    ///
    /// [`Refusal::OtherType`], [`Refusal::BadTypes`] or [`Refusal::NotBuiltIn`] if `nstype` does
    /// not allow this target.
    pub(crate) fn accept(self, caller: Caller<'fd>, nstype: c_int) -> Result<Request<'fd>> {
        let outcome = caller.outcome();
        let flags = match self {
            Self::Namespace(ns) => {
                outcome.note_fd(FdKind::Namespace);
                accept_namespace(NsFlags::of_namespace(ns), nstype)
                    .inspect_err(|_| outcome.note_namespace(ns))?
            }
            Self::Process(_) => {
                outcome.note_fd(FdKind::Pidfd);
                check_setns_flags(nstype)?
            }
        };
        // INVARIANT: What the two functions above return.
        Ok(Request {
            caller,
            target: self,
            flags,
        })
    }
}

impl<'fd> Request<'fd> {
    /// Returns the caller of setns(2).
    pub(crate) fn caller(&self) -> &Caller<'fd> {
        &self.caller
    }

    /// Returns the target that the namespaces are taken from.
    pub(crate) fn target(&self) -> Target<'fd> {
        self.target
    }

    /// Returns the types of namespace to join.
    pub(crate) fn flags(&self) -> NsFlags {
        self.flags
    }

    /// Ends the request, to change the caller.
    pub(crate) fn into_caller(self) -> Caller<'fd> {
        self.caller
    }
}

/// Checks that a caller that passed `nstype` accepts a namespace of type `ns_type`, and returns
/// that type.
///
/// The caller may not trust the origin of the descriptor. So `nstype` is either 0, which accepts a
/// namespace of any type, or exactly the type.
fn accept_namespace(ns_type: NsFlags, nstype: c_int) -> Result<NsFlags> {
    // CAST: Bit for bit, as the comparison in C converts it.
    if nstype != 0 && nstype as u32 != u32::from(ns_type) {
        return Err(Refusal::OtherType);
    }
    Ok(ns_type)
}

/// The types that can be left out of the kernel, in the order in which C asks for them. If several
/// are missing, the first decides what the trace event shows.
const CHECKED: [NsFlag; 7] = [
    NsFlag::User,
    NsFlag::Pid,
    NsFlag::Uts,
    NsFlag::Ipc,
    NsFlag::Cgroup,
    NsFlag::Net,
    NsFlag::Time,
];

/// Checks which namespaces of a process the caller asks for.
///
/// With a pidfd there is no "any": `nstype` names at least one type, and only types that this
/// kernel has.
///
/// Counterpart of the C function of this name.
fn check_setns_flags(nstype: c_int) -> Result<NsFlags> {
    // CAST: Bit for bit. C widens to `unsigned long` instead; either way a negative `nstype` has
    // its top bit set, and no type has.
    let asked = NsFlags::from_bits(nstype as u32)
        .filter(|&asked| asked != NsFlags::empty())
        .ok_or(Refusal::BadTypes)?;

    match CHECKED
        .into_iter()
        .find(|&ns| asked.contains(ns) && !ns.is_built_in())
    {
        Some(absent) => Err(Refusal::NotBuiltIn(absent)),
        None => Ok(asked),
    }
}

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
#[kunit_tests(rust_setns_target)]
mod tests {
    use super::*;

    #[test]
    fn zero_accepts_any_namespace() {
        for ns in NsFlag::ORDER {
            assert!(accept_namespace(ns.into(), 0) == Ok(ns.into()));
        }
    }

    #[test]
    fn a_type_accepts_itself_only() {
        for ns in NsFlag::ORDER {
            for asked in NsFlag::ORDER {
                let accepted = accept_namespace(ns.into(), asked as c_int);
                assert_eq!(accepted.is_ok(), ns == asked);
            }
        }
    }

    #[test]
    fn more_than_the_type_is_refused() {
        let uts_and_ipc = NsFlag::Uts as c_int | NsFlag::Ipc as c_int;
        assert!(accept_namespace(NsFlag::Uts.into(), uts_and_ipc) == Err(Refusal::OtherType));
        assert!(accept_namespace(NsFlag::Uts.into(), -1) == Err(Refusal::OtherType));
    }

    /// Each of the 32 bits alone, and each subset of the eight types.
    #[test]
    fn a_process_takes_built_in_types_only() {
        for bit in 0..32 {
            let nstype = 1u32 << bit;
            let known = NsFlag::from_ns_type(nstype).is_some_and(NsFlag::is_built_in);
            assert_eq!(check_setns_flags(nstype as c_int).is_ok(), known);
        }
        for subset in 1u32..256 {
            let mut asked = NsFlags::default();
            for (i, ns) in NsFlag::ORDER.into_iter().enumerate() {
                if subset & (1 << i) != 0 {
                    asked |= ns;
                }
            }
            let built_in = NsFlag::ORDER
                .into_iter()
                .all(|ns| ns.is_built_in() || !asked.contains(ns));
            let bits: u32 = asked.into();
            let accepted = check_setns_flags(bits as c_int);
            assert_eq!((accepted == Ok(asked)), built_in);
            assert!(built_in || matches!(accepted, Err(Refusal::NotBuiltIn(_))));
            assert!(check_setns_flags((bits | 1) as c_int) == Err(Refusal::BadTypes));
        }
    }

    #[test]
    fn a_process_takes_neither_nothing_nor_everything() {
        assert!(check_setns_flags(0) == Err(Refusal::BadTypes));
        assert!(check_setns_flags(-1) == Err(Refusal::BadTypes));
        assert!(check_setns_flags(c_int::MIN) == Err(Refusal::BadTypes));
    }

    /// A task has a namespace of each type that is built in, and it is of the right type. The user
    /// namespace is in the credentials.
    #[test]
    fn every_slot_holds_a_namespace_of_its_type() -> kernel::error::Result {
        let task = current!();
        let locked = task.task_lock();
        let mine = locked.nsproxy().ok_or(ESRCH)?;
        for ns in NsFlag::ORDER {
            let common = mine.ns_common(ns as u32);
            assert_eq!(common.is_some(), ns != NsFlag::User && ns.is_built_in());
            assert!(common.is_none_or(|common| common.ns_type() == ns as u32));
        }
        locked.unlock();
        let user_ns = current!().get_user_ns();
        assert_eq!(user_ns.ns_common().is_some(), NsFlag::User.is_built_in());
        Ok(())
    }
}
