// SPDX-License-Identifier: GPL-2.0

//! What a file descriptor given to setns(2) refers to, and whether the caller accepts it.

use crate::{
    fd::Fd,
    flags::{
        NsFlag,
        NsFlags, //
    },
    namespace::NsCommon,
    task::Pid, //
};
use kernel::prelude::*;

/// What a file descriptor refers to.
///
/// Lives no longer than the [`Fd`] that keeps it alive.
pub(crate) enum Target<'fd> {
    /// A file of nsfs: opened from `/proc/PID/ns/`, from a bind mount of such a file, by an ioctl
    /// of another namespace or of a pidfd, or received from another process.
    Namespace(&'fd NsCommon),

    /// A pidfd.
    Process(&'fd Pid),
}

impl<'fd> Target<'fd> {
    /// Finds out what `fd` refers to.
    ///
    /// Fails with [`EINVAL`] if it is neither a namespace nor a pidfd.
    ///
    /// Counterpart of the first half of `do_setns()`. The name is that of the C function which did
    /// this when setns(2) was new.
    #[doc(alias = "proc_ns_file")]
    #[doc(alias = "pidfd_pid")]
    pub(crate) fn proc_ns_fget(fd: &'fd Fd) -> Result<Self> {
        if let Some(ns) = fd.namespace() {
            Ok(Self::Namespace(ns))
        } else if let Some(pid) = fd.pid() {
            Ok(Self::Process(pid))
        } else {
            Err(EINVAL)
        }
    }

    /// Checks the target against `nstype`, and returns the types of namespace to join.
    ///
    /// Fails with [`EINVAL`] if `nstype` does not allow this target.
    pub(crate) fn accepted_by(&self, nstype: c_int) -> Result<NsFlags> {
        match self {
            Self::Namespace(ns) => namespace_accepted_by(ns.ns_type(), nstype),
            Self::Process(_) => NsFlags::of_process(nstype),
        }
    }
}

/// Checks that a caller who passed `nstype` accepts a namespace of type `ns_type`.
///
/// The descriptor may come from somebody whom the caller does not trust, so `nstype` is either 0,
/// which accepts any one namespace, or exactly its type.
fn namespace_accepted_by(ns_type: u32, nstype: c_int) -> Result<NsFlags> {
    // CAST: Bit for bit, as the comparison in C converts it.
    if nstype != 0 && nstype as u32 != ns_type {
        return Err(EINVAL);
    }
    // `flags.rs` does not build while the kernel has a type that is not found here.
    Ok(NsFlag::from_ns_type(ns_type).ok_or(EINVAL)?.into())
}

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
#[kunit_tests(rust_setns_target)]
mod tests {
    use super::*;
    use crate::nsproxy;

    #[test]
    fn zero_accepts_any_namespace() {
        for ns in NsFlag::ORDER {
            assert!(namespace_accepted_by(ns as u32, 0) == Ok(ns.into()));
        }
    }

    #[test]
    fn a_type_accepts_itself_only() {
        for ns in NsFlag::ORDER {
            for asked in NsFlag::ORDER {
                let accepted = namespace_accepted_by(ns as u32, asked as c_int);
                assert_eq!(accepted.is_ok(), ns == asked);
            }
        }
    }

    #[test]
    fn more_than_the_type_is_refused() {
        let uts_and_ipc = NsFlag::Uts as c_int | NsFlag::Ipc as c_int;
        assert!(namespace_accepted_by(NsFlag::Uts as u32, uts_and_ipc) == Err(EINVAL));
        assert!(namespace_accepted_by(NsFlag::Uts as u32, -1) == Err(EINVAL));
    }

    /// The accessors of the table lead to namespaces of the right type.
    #[test]
    fn every_slot_holds_a_namespace_of_its_type() {
        let mine = nsproxy::of_current();
        for ns in NsFlag::ORDER {
            if let Some(common) = mine.namespace(ns) {
                assert_eq!(common.ns_type(), ns as u32);
            }
        }
        assert!(mine.namespace(NsFlag::User).is_none());
        assert!(mine.namespace(NsFlag::Mnt).is_some());
    }

    #[test]
    fn a_descriptor_that_is_not_open_is_refused() {
        assert!(Fd::get(-1).is_err_and(|err| err == EBADF));
    }
}
