// SPDX-License-Identifier: GPL-2.0

//! The namespace types, their order, and the sets of them that a caller may ask for.
//!
//! C header: [`include/uapi/linux/sched.h`](srctree/include/uapi/linux/sched.h), `CLONE_NEW*`.

use kernel::{
    impl_flags,
    ns_common::{
        ns_type,
        NsCommon, //
    },
    prelude::*, //
};

impl_flags!(
    /// A set of namespace types.
    #[derive(Debug, Clone, Default, Copy, PartialEq, Eq)]
    pub(crate) struct NsFlags(u32);

    /// One namespace type, with the value of its `CLONE_NEW*` flag.
    ///
    /// Listed in the order in which the kernel installs them: see [`NsFlag::ORDER`].
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    pub(crate) enum NsFlag {
        /// User and group IDs, capabilities, keys.
        User = ns_type::USER,

        /// Mounts.
        Mnt = ns_type::MNT,

        /// Host name and domain name.
        Uts = ns_type::UTS,

        /// System V IPC and POSIX message queues.
        Ipc = ns_type::IPC,

        /// Process IDs, of the children that the caller has from then on.
        Pid = ns_type::PID,

        /// The root of the cgroup hierarchy as the caller sees it.
        Cgroup = ns_type::CGROUP,

        /// Network devices, addresses, routes, ports.
        Net = ns_type::NET,

        /// Offsets of the monotonic and the boot time clock.
        Time = ns_type::TIME,
    }
);

/// Evaluates an expression for each type in a set that has a slot in `struct nsproxy`.
///
/// It is unrolled: where the compiler knows the set, it leaves the other types out, and in the
/// expression the type is a constant.
macro_rules! for_types {
    ($flags:expr, |$ns:ident| $body:expr) => {
        $crate::flags::for_types!(@ $flags, $ns, $body, Mnt Uts Ipc Pid Cgroup Net Time)
    };
    (@ $flags:expr, $ns:ident, $body:expr, $($type:ident)*) => {
        $(if $flags.contains($crate::flags::NsFlag::$type) {
            let $ns = $crate::flags::NsFlag::$type;
            $body;
        })*
    };
}
pub(crate) use for_types;

// Stops the build when the kernel gains a namespace type that [`NsFlag::ORDER`] does not list.
static_assert!(NsFlags::of_order() as u64 == ns_type::ALL);

impl NsFlag {
    /// Every type, in the order in which the kernel installs them.
    ///
    /// The order is visible to user space. The user namespace comes first because the capabilities
    /// that the later checks ask for may come with it. If several types would refuse, the first of
    /// them here decides the errno.
    pub(crate) const ORDER: [Self; 8] = [
        Self::User,
        Self::Mnt,
        Self::Uts,
        Self::Ipc,
        Self::Pid,
        Self::Cgroup,
        Self::Net,
        Self::Time,
    ];

    /// Returns the place of this type in [`NsFlag::ORDER`].
    #[inline(always)]
    pub(crate) const fn place(self) -> usize {
        match self {
            Self::User => 0,
            Self::Mnt => 1,
            Self::Uts => 2,
            Self::Ipc => 3,
            Self::Pid => 4,
            Self::Cgroup => 5,
            Self::Net => 6,
            Self::Time => 7,
        }
    }

    /// Is this type configured into the kernel?
    pub(crate) const fn is_built_in(self) -> bool {
        match self {
            Self::User => cfg!(CONFIG_USER_NS),
            Self::Mnt => true,
            Self::Uts => cfg!(CONFIG_UTS_NS),
            Self::Ipc => cfg!(CONFIG_IPC_NS),
            Self::Pid => cfg!(CONFIG_PID_NS),
            Self::Cgroup => cfg!(CONFIG_CGROUPS),
            Self::Net => cfg!(CONFIG_NET_NS),
            Self::Time => cfg!(CONFIG_TIME_NS),
        }
    }

    /// Returns the type whose `CLONE_NEW*` value is `ns_type`, as `struct ns_common` carries it.
    pub(crate) fn from_ns_type(ns_type: u32) -> Option<Self> {
        Self::ORDER.into_iter().find(|&ns| ns as u32 == ns_type)
    }
}

impl NsFlags {
    /// All types in [`NsFlag::ORDER`].
    const fn of_order() -> u32 {
        let mut bits = 0;
        let mut i = 0;
        while i < NsFlag::ORDER.len() {
            bits |= NsFlag::ORDER[i] as u32;
            i += 1;
        }
        bits
    }

    /// Returns all types.
    pub(crate) const fn all() -> Self {
        Self(Self::of_order())
    }

    /// Returns the type of a namespace, as a set.
    ///
    /// This file does not build while the kernel has a type that [`NsFlag`] has not.
    pub(crate) fn of_namespace(ns: NsCommon<'_>) -> Self {
        let ns_type = ns.ns_type();
        debug_assert!(NsFlag::from_ns_type(ns_type).is_some());
        Self(ns_type)
    }

    /// Returns the set with these bits, or [`None`] if one of them is not a type.
    pub(crate) fn from_bits(bits: u32) -> Option<Self> {
        (bits & !Self::of_order() == 0).then_some(Self(bits))
    }

    /// Are these types only in `struct nsproxy`, and not in the credentials or the directories?
    pub(crate) fn have_slots_only(self) -> bool {
        !self.contains_any(NsFlag::User | NsFlag::Mnt)
    }

    /// Is `ns` the only type in this set?
    pub(crate) fn is_only(self, ns: NsFlag) -> bool {
        self == ns.into()
    }
}

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
#[kunit_tests(rust_setns_flags)]
mod tests {
    use super::*;

    /// The values are ABI.
    #[test]
    fn values_are_those_of_clone() {
        assert_eq!(NsFlag::User as u32, 0x1000_0000);
        assert_eq!(NsFlag::Mnt as u32, 0x0002_0000);
        assert_eq!(NsFlag::Uts as u32, 0x0400_0000);
        assert_eq!(NsFlag::Ipc as u32, 0x0800_0000);
        assert_eq!(NsFlag::Pid as u32, 0x2000_0000);
        assert_eq!(NsFlag::Cgroup as u32, 0x0200_0000);
        assert_eq!(NsFlag::Net as u32, 0x4000_0000);
        assert_eq!(NsFlag::Time as u32, 0x0000_0080);
    }

    /// The order of `validate_nsset()` in C.
    #[test]
    fn order_is_that_of_c() {
        let c = [
            ns_type::USER,
            ns_type::MNT,
            ns_type::UTS,
            ns_type::IPC,
            ns_type::PID,
            ns_type::CGROUP,
            ns_type::NET,
            ns_type::TIME,
        ];
        assert!(NsFlag::ORDER.into_iter().map(|ns| ns as u32).eq(c));
    }

    #[test]
    fn every_type_is_found_by_its_value() {
        for ns in NsFlag::ORDER {
            assert!(NsFlag::from_ns_type(ns as u32) == Some(ns));
        }
        assert!(NsFlag::from_ns_type(0).is_none());
        assert!(NsFlag::from_ns_type(ns_type::MNT | ns_type::UTS).is_none());
    }

    #[test]
    fn a_set_has_types_only() {
        for bit in 0..32 {
            let bits = 1u32 << bit;
            let known = NsFlag::from_ns_type(bits).is_some();
            assert_eq!(NsFlags::from_bits(bits).is_some(), known);
            assert!(NsFlags::from_bits(bits | 1).is_none());
        }
    }
}
