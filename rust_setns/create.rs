// SPDX-License-Identifier: GPL-2.0

//! Creating a set of namespaces, all or nothing.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h).

use crate::{
    flags::NsFlag,
    fs::NewFs,
    nsproxy::NewNsProxy,
    slots::{
        put_namespaces,
        share_namespaces, //
    }, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    nsproxy::NsProxy,
    prelude::*,
    user_namespace::UserNamespace, //
};

/// Creates a set of namespaces: new ones of the types in `flags`, and those of `old` for the rest.
///
/// `flags` has flags of clone3(2). Only `CLONE_NEW*` and `CLONE_EMPTY_MNTNS` have an effect.
/// `user_ns` owns the new namespaces. If a mount namespace is one of them, the root and the working
/// directory of `fs` are moved into it. `fs` is not locked, so no task may be using it. May sleep.
/// No task has the new set yet; attaching it is up to the caller.
///
/// Counterpart of the C function of this name.
///
/// # Errors
///
/// The error of the first step that fails: [`ENOMEM`], [`ENOSPC`] at the limit of a type,
/// [`EINVAL`] for a type that is not built in. Everything taken before is released in reverse
/// order.
pub(crate) fn create_new_namespaces(
    flags: u64,
    old: &NsProxy,
    user_ns: &UserNamespace,
    fs: Option<&mut NewFs<'_>>,
) -> Result<NewNsProxy> {
    NsProxyBuilder::new(flags, old, user_ns, fs)?.build()
}

/// A `struct nsproxy` whose slots are being filled, one type after the other.
///
/// Dropping it puts what is in the slots, the last first. This is what the ladder of seven labels
/// at the end of C's `create_new_namespaces()` does: each label puts what the step before the
/// failed one took, and falls through to the next label.
///
/// # Invariants
///
/// `new` came from `nsproxy_alloc()`, and nobody else has it. The slots of the types in `filled`
/// are filled: each of a type that is built in owns a reference.
struct NsProxyBuilder<'a, 'fs> {
    new: NonNull<bindings::nsproxy>,
    filled: u64,
    flags: u64,
    old: &'a NsProxy,
    user_ns: &'a UserNamespace,
    fs: Option<&'a mut NewFs<'fs>>,
}

impl<'a, 'fs> NsProxyBuilder<'a, 'fs> {
    /// Allocates one without anything in its slots.
    ///
    /// Fails with [`ENOMEM`] if there is no memory for it.
    #[doc(alias = "create_nsproxy")]
    fn new(
        flags: u64,
        old: &'a NsProxy,
        user_ns: &'a UserNamespace,
        fs: Option<&'a mut NewFs<'fs>>,
    ) -> Result<Self> {
        // SAFETY: No requirements, in process context.
        let new = NonNull::new(unsafe { bindings::nsproxy_alloc() }).ok_or(ENOMEM)?;
        // INVARIANT: Just allocated, and nothing is filled.
        Ok(Self {
            new,
            filled: 0,
            flags,
            old,
            user_ns,
            fs,
        })
    }

    /// Fills the slots of a type.
    #[inline(always)]
    fn fill(&mut self, ns: NsFlag) -> Result {
        if self.flags & u64::from(ns as u32) == 0 {
            // SAFETY: By the type invariant `new` is valid and ours, and these slots are not
            // filled.
            unsafe { share_namespaces(ns, self.old, self.new.as_ptr()) };
        } else {
            self.copy(ns)?;
        }
        // INVARIANT: They are filled now.
        self.filled |= u64::from(ns as u32);
        Ok(())
    }

    /// Fills all slots, and hands over the set.
    #[inline(always)]
    fn build(mut self) -> Result<NewNsProxy> {
        // Unrolled: if the compiler knows the flags, no step has to look for the type.
        self.fill(NsFlag::User)?;
        self.fill(NsFlag::Mnt)?;
        self.fill(NsFlag::Uts)?;
        self.fill(NsFlag::Ipc)?;
        self.fill(NsFlag::Pid)?;
        self.fill(NsFlag::Cgroup)?;
        self.fill(NsFlag::Net)?;
        self.fill(NsFlag::Time)?;

        let built = ManuallyDrop::new(self);
        // SAFETY: Every slot is filled, just above. By the type invariant nobody else has the set,
        // and nothing in this module counts its namespaces as active.
        Ok(unsafe { NewNsProxy::from_raw(built.new) })
    }

    /// Fills the slots of type `ns` with new namespaces. If that fails, there is nothing in them to
    /// put.
    ///
    /// The table of the types: which slots each has, and which C function creates for them.
    fn copy(&mut self, ns: NsFlag) -> Result {
        let (new, flags) = (self.new.as_ptr(), self.flags);
        let (old, user_ns) = (self.old.as_ptr(), self.user_ns.as_ptr());

        /// Fills a slot with what a C function makes of the same slot in `old`.
        macro_rules! slot {
            ($slot:ident: |$from:ident| $copy:ident($($arg:expr),+)) => {{
                // SAFETY: `old` is valid by the invariant of `NsProxy`, and nobody writes to it.
                let $from = unsafe { (*old).$slot };
                // SAFETY: `old` holds a reference on `$from`, `user_ns` is valid by its type
                // invariant, and no task has `fs`, see `NewFs`.
                let copied = from_err_ptr(unsafe { bindings::$copy($($arg),+) })?;
                // SAFETY: By the type invariant `new` is valid, and ours alone.
                unsafe { (*new).$slot = copied };
            }};
        }

        match ns {
            // The user namespace is in the credentials.
            NsFlag::User => {}
            NsFlag::Mnt => {
                let fs = self
                    .fs
                    .as_mut()
                    .map_or(core::ptr::null_mut(), |fs| fs.as_ptr());
                slot!(mnt_ns: |from| copy_mnt_ns(flags, from, user_ns, fs));
            }
            NsFlag::Uts => slot!(uts_ns: |from| copy_utsname(flags, user_ns, from)),
            NsFlag::Ipc => slot!(ipc_ns: |from| copy_ipcs(flags, user_ns, from)),
            NsFlag::Pid => {
                slot!(pid_ns_for_children: |from| copy_pid_ns(flags, user_ns, from));
            }
            NsFlag::Cgroup => slot!(cgroup_ns: |from| copy_cgroup_ns(flags, user_ns, from)),
            NsFlag::Net => slot!(net_ns: |from| copy_net_ns(flags, user_ns, from)),
            NsFlag::Time => {
                slot!(time_ns_for_children: |from| copy_time_ns(flags, user_ns, from));
                slot!(time_ns: |from| get_time_ns(from));
            }
        }
        Ok(())
    }
}

impl Drop for NsProxyBuilder<'_, '_> {
    fn drop(&mut self) {
        for ns in NsFlag::ORDER.into_iter().rev() {
            if self.filled & u64::from(ns as u32) != 0 {
                // SAFETY: By the type invariant they are filled, and this is the last use of them.
                // If the type is not built in, they own nothing.
                unsafe { put_namespaces(self.new.as_ptr(), ns) };
            }
        }
        // SAFETY: By the type invariant nobody else has it, and what was in the slots was put.
        unsafe { bindings::nsproxy_dealloc(self.new.as_ptr()) };
    }
}

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
#[kunit_tests(rust_setns_create)]
pub(crate) mod tests {
    use super::*;
    use crate::{
        flags::NsFlags,
        fs::{
            self,
            FsMemory, //
        }, //
    };
    use kernel::{
        ns_common::NsCommon,
        sync::atomic::{
            atomic_load,
            Relaxed, //
        },
        task::Task, //
    };

    /// Every type that can be created here. `copy_creds()` creates user namespaces, and
    /// `create_new_namespaces()` ignores them.
    fn creatable() -> impl Iterator<Item = NsFlag> {
        NsFlag::ORDER
            .into_iter()
            .filter(|&ns| ns != NsFlag::User && ns.is_built_in())
    }

    /// Returns the namespaces of the current task. KUnit runs a test in a kernel thread.
    pub(crate) fn mine() -> &'static NsProxy {
        // SAFETY: The current task is valid.
        let nsproxy = unsafe { (*Task::current_raw()).nsproxy };
        // SAFETY: Kernel threads have `init_nsproxy`, which is static. This one changes nothing in
        // it, and the tests run in no other task.
        unsafe { NsProxy::from_ptr(nsproxy) }
    }

    /// Returns the root and the working directory of the current task, for a new mount namespace to
    /// change.
    fn my_fs(memory: &mut FsMemory) -> NewFs<'_> {
        let mut new = NewFs::empty(memory);
        let mine = fs::of(current!());
        // SAFETY: Valid. Nothing is read.
        let root = unsafe { &raw const (*mine).root };
        // SAFETY: As above.
        let pwd = unsafe { &raw const (*mine).pwd };
        // SAFETY: Both are valid. No kernel thread changes its root.
        unsafe { bindings::set_fs_root(new.as_ptr(), root) };
        // SAFETY: Both are valid. No kernel thread changes its directory.
        unsafe { bindings::set_fs_pwd(new.as_ptr(), pwd) };
        new
    }

    /// Creates a set from the set of the current task.
    pub(crate) fn create(flags: u64) -> Result<NewNsProxy> {
        let mut memory = FsMemory::uninit();
        let mut fs = my_fs(&mut memory);
        create_new_namespaces(flags, mine(), &current!().get_user_ns(), Some(&mut fs))
    }

    /// Looks at what is in a set that no task has.
    pub(crate) fn look_at(set: &mut NewNsProxy) -> &NsProxy {
        // SAFETY: Valid and complete by the type invariant. Nobody else has it, and the borrow
        // keeps its owner from writing to it.
        unsafe { NsProxy::from_ptr(set.as_ptr()) }
    }

    /// Returns the time namespace for children, where a new one goes. `ns_common()` returns the one
    /// of the task itself.
    fn time_ns_for_children(set: &NsProxy) -> *mut bindings::time_namespace {
        // SAFETY: The set is valid by its type invariant.
        unsafe { (*set.as_ptr()).time_ns_for_children }
    }

    /// Returns the number of references on a namespace.
    pub(crate) fn count(ns: NsCommon<'_>) -> c_int {
        // SAFETY: Valid by the type invariant. Nothing is read.
        let count = unsafe { &raw mut (*ns.as_ptr()).__bindgen_anon_1.__ns_ref.refs.counter };
        // SAFETY: Valid as the namespace is. References are taken and put atomically.
        unsafe { atomic_load(count, Relaxed) }
    }

    /// Returns the number of references on each namespace of a set.
    fn references(set: &NsProxy) -> Result<KVec<c_int>> {
        let mut counts = KVec::new();
        for ns in NsFlag::ORDER {
            if let Some(common) = set.ns_common(ns as u32) {
                counts.push(count(common), GFP_KERNEL)?;
            }
        }
        if NsFlag::Time.is_built_in() {
            // SAFETY: The slot holds a reference. Nothing is read.
            let common = unsafe { &raw mut (*time_ns_for_children(set)).ns };
            let common = NonNull::new(common).ok_or(EINVAL)?;
            // SAFETY: The namespace is referenced as long as the set, and its type is built in.
            let common = unsafe { NsCommon::from_ptr(common) };
            counts.push(count(common), GFP_KERNEL)?;
        }
        Ok(counts)
    }

    /// The test uses new namespaces, because those of the boot are not counted.
    #[test]
    fn what_is_undone_leaves_no_reference() -> Result {
        let mut set = create(creatable().fold(0, |flags, ns| flags | u64::from(ns as u32)))?;
        let set = look_at(&mut set);
        let user_ns = current!().get_user_ns();
        let before = references(set)?;

        for steps in 0..=NsFlag::ORDER.len() {
            let mut builder = NsProxyBuilder::new(0, set, &user_ns, None)?;
            for ns in &NsFlag::ORDER[..steps] {
                builder.fill(*ns)?;
            }
            // The first two are the user namespace, which has no slot, and mounts.
            assert_eq!(references(set)?.iter().eq(before.iter()), steps < 2);
            drop(builder);
            assert!(references(set)?.iter().eq(before.iter()));
        }
        Ok(())
    }

    /// Returns the namespace of type `ns` in a set, as an address to compare.
    pub(crate) fn address(set: &NsProxy, ns: NsFlag) -> usize {
        if ns == NsFlag::Time {
            return time_ns_for_children(set).addr();
        }
        set.ns_common(ns as u32)
            .map_or(0, |common| common.as_ptr().addr())
    }

    /// Creates real namespaces: those that `flags` ask for are new, the others are shared.
    fn creates_what_it_is_asked_for(asked: NsFlags) -> Result {
        let bits: u32 = asked.into();
        let mut created = create(bits.into())?;
        let created = look_at(&mut created);

        for ns in NsFlag::ORDER {
            let is_new = address(mine(), ns) != address(created, ns);
            assert_eq!(is_new, asked.contains(ns));
        }
        Ok(())
    }

    /// The counter of allocations to go before one fails, `/proc/self/fail-nth`: see
    /// `Documentation/fault-injection/fault-injection.rst`.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn fail_nth() -> *mut c_uint {
        // SAFETY: The current task is valid.
        unsafe { &raw mut (*Task::current_raw()).fail_nth }
    }

    /// Creates the namespaces that `flags` ask for. Allocation number `nth` fails, if there is one.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn create_failing_at(
        nth: c_uint,
        flags: u64,
        old: &NsProxy,
        fs: &mut NewFs<'_>,
    ) -> (Result<NewNsProxy>, bool) {
        let user_ns = current!().get_user_ns();
        // SAFETY: Valid as long as the current task. `should_fail_ex()` uses it in this task only.
        unsafe { fail_nth().write(nth) };
        let created = create_new_namespaces(flags, old, &user_ns, Some(fs));
        // SAFETY: Valid as long as the current task, and nothing of this task fails meanwhile.
        let left = unsafe { fail_nth().replace(0) };
        (created, left == 0)
    }

    /// Returns what a failure must not change: the set of namespaces, the credentials, the root and
    /// the working directory of the current task.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn task_state() -> impl PartialEq {
        let task = Task::current_raw();
        let fs = fs::of(current!());
        // SAFETY: The current task is valid, and nobody else changes which set it has.
        let nsproxy = unsafe { (*task).nsproxy };
        // SAFETY: The current task is valid, and nobody else changes which credentials it has.
        let cred = unsafe { (*task).cred };
        // SAFETY: Valid as long as the current task. No kernel thread changes its root.
        let root = unsafe { (*fs).root };
        // SAFETY: Valid as long as the current task. No kernel thread changes its directory.
        let pwd = unsafe { (*fs).pwd };
        (
            nsproxy,
            cred,
            fs,
            root.mnt,
            root.dentry,
            pwd.mnt,
            pwd.dentry,
        )
    }

    /// The first allocation fails, then the second, until there are no more. Each time, whatever
    /// was taken before is put. The errno is that of the type.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn undoes_whatever_allocation_fails(flags: u64) -> Result {
        // References on namespaces of its own count. But a pid namespace can be created only in the
        // one of the task.
        let own = creatable()
            .filter(|&ns| !(ns == NsFlag::Pid && flags & u64::from(ns as u32) != 0))
            .fold(0, |own, ns| own | u64::from(ns as u32));
        let mut memory = FsMemory::uninit();
        let mut fs = my_fs(&mut memory);
        let mut set = create(own)?;
        let set = look_at(&mut set);
        let before = references(set)?;
        let task_before = task_state();
        let mut failures = 0;
        let mut errnos = KVec::new();

        for nth in 1.. {
            let (created, injected) = create_failing_at(nth, flags, set, &mut fs);
            match created {
                // The call may succeed without that allocation.
                Ok(created) => drop(created),
                Err(err) => {
                    assert!(injected);
                    failures += 1;
                    if !errnos.contains(&err.to_errno()) {
                        errnos.push(err.to_errno(), GFP_KERNEL)?;
                    }
                }
            }
            assert!(references(set)?.iter().eq(before.iter()));
            assert!(task_state() == task_before);
            if !injected {
                break;
            }
        }

        kernel::kunit::info(fmt!(
            "rust_setns: create_new_namespaces {flags:#x}: {failures} failures: {errnos:?}\n"
        ));
        Ok(())
    }

    /// Each type alone, each pair of them, all, and a mount namespace with nothing in it.
    ///
    /// Allocations that may sleep fail only if `/sys/kernel/debug/failslab/ignore-gfp-wait` is N.
    /// It is Y while booting, so run the test again after that.
    #[cfg(CONFIG_FAULT_INJECTION)]
    #[test]
    fn every_allocation_fails_once() -> Result {
        let mut all = 0;

        for (i, first) in creatable().enumerate() {
            for second in creatable().skip(i) {
                undoes_whatever_allocation_fails((first as u32 | second as u32).into())?;
            }
            all |= u64::from(first as u32);
        }
        undoes_whatever_allocation_fails(all)?;
        undoes_whatever_allocation_fails(NsFlag::Mnt as u64 | bindings::CLONE_EMPTY_MNTNS)
    }

    #[test]
    fn creates_each_type_alone_and_all_at_once() -> Result {
        let mut all = NsFlags::default();

        creates_what_it_is_asked_for(all)?;
        for ns in creatable() {
            creates_what_it_is_asked_for(ns.into())?;
            all |= ns;
        }
        creates_what_it_is_asked_for(all)
    }
}
