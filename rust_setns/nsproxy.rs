// SPDX-License-Identifier: GPL-2.0

//! The namespaces of a task: creating a set of them, and switching the current task to it.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h).

use crate::{
    flags::NsFlag,
    fs::FsCopy,
    namespace::NsCommon, //
};
use core::{
    marker::PhantomData,
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    error::from_err_ptr,
    prelude::*,
    task::{
        might_sleep,
        Task, //
    },
    types::{
        NotThreadSafe,
        ScopeGuard, //
    },
};

/// A complete `struct nsproxy` that no task has yet.
///
/// # Invariants
///
/// `self.0` is valid, this value owns the only reference on it, each of its slots owns a reference
/// on a namespace or is null as the configuration has it, and none of them is counted as active.
pub(crate) struct NsProxy(NonNull<bindings::nsproxy>, NotThreadSafe);

impl NsProxy {
    /// The set, valid as long as `self`.
    pub(crate) fn as_ptr(&self) -> *mut bindings::nsproxy {
        self.0.as_ptr()
    }

    /// Counts the namespaces as active, as those of a task are, so that the set can become one's.
    ///
    /// Dropping the result counts them as inactive again: the two cannot get out of step.
    #[doc(alias = "nsproxy_ns_active_get")]
    fn activate(self) -> NsProxyRef {
        let nsproxy = ManuallyDrop::new(self).0;
        // SAFETY: Valid, with its slots filled, by the type invariant.
        unsafe { bindings::nsproxy_ns_active_get(nsproxy.as_ptr()) };
        // SAFETY: `ManuallyDrop` leaves the one reference to us, and it is active now.
        unsafe { NsProxyRef::from_raw(nsproxy) }
    }
}

impl Drop for NsProxy {
    #[doc(alias = "nsproxy_free")]
    fn drop(&mut self) {
        // SAFETY: By the type invariant the reference is the only one, and not active.
        unsafe { bindings::nsproxy_free(self.0.as_ptr()) };
    }
}

/// A reference on a `struct nsproxy` that some task has, or had.
///
/// # Invariants
///
/// `self.0` is valid, its namespaces are counted as active, and this value owns one reference.
pub(crate) struct NsProxyRef(NonNull<bindings::nsproxy>);

impl NsProxyRef {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// `nsproxy` is valid, its namespaces are counted as active, and the caller hands over one
    /// reference on it.
    pub(crate) unsafe fn from_raw(nsproxy: NonNull<bindings::nsproxy>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(nsproxy)
    }

    /// The namespace of type `ns`, unless the type is not built in or is [`NsFlag::User`], which
    /// the credentials hold.
    ///
    /// For [`NsFlag::Pid`] and [`NsFlag::Time`]: that of the task's children, and that of the task.
    #[doc(alias = "to_ns_common")]
    pub(crate) fn namespace(&self, ns: NsFlag) -> Option<&NsCommon> {
        // SAFETY: Valid by the type invariant.
        let common = unsafe { bindings::nsproxy_ns_common(self.0.as_ptr(), ns as u32) };
        // SAFETY: The slot has a reference on it. Nobody changes the slots of an nsproxy that a
        // task has and others hold, see "namespaces access rules" in the header.
        NonNull::new(common).map(|common| unsafe { NsCommon::from_ptr(common.as_ptr()) })
    }
}

impl Drop for NsProxyRef {
    /// May sleep.
    #[doc(alias = "put_nsproxy")]
    #[doc(alias = "deactivate_nsproxy")]
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the reference is there to be put.
        unsafe { bindings::put_nsproxy(self.0.as_ptr()) };
    }
}

/// The namespaces that a new set starts from.
#[derive(Clone, Copy)]
pub(crate) enum Origin<'a> {
    /// Those of the current task.
    Current,

    /// Those of a set that no task has.
    #[cfg_attr(not(CONFIG_RUST_SETNS_KUNIT_TEST), expect(dead_code))]
    Set(&'a NsProxy),
}

impl Origin<'_> {
    /// The set, valid until the current task switches to another one.
    fn as_ptr(self) -> *mut bindings::nsproxy {
        match self {
            // SAFETY: The current task is valid, and nobody else changes which set it has.
            Self::Current => unsafe { (*Task::current_raw()).nsproxy },
            Self::Set(set) => set.as_ptr(),
        }
    }
}

/// Creates a set of namespaces: new ones of the types in `flags`, those of `origin` for the rest.
///
/// `flags` are those of clone3(2), of which everything but `CLONE_NEW*` and `CLONE_EMPTY_MNTNS` is
/// ignored. The current user namespace owns the new ones. If a mount namespace is one of them, the
/// root and the working directory of `fs` are moved into it: nobody locks, so that it must be no
/// task's. May sleep. The set belongs to no task, that is left to the caller.
///
/// Counterpart of the C function of this name.
///
/// # Errors
///
/// That of the first step that fails: [`ENOMEM`], [`ENOSPC`] at the limit of a type, [`EINVAL`] for
/// a type that is not built in. What the steps before it took is put, the last first.
pub(crate) fn create_new_namespaces(
    flags: u64,
    origin: Origin<'_>,
    fs: Option<&mut FsCopy>,
) -> Result<NsProxy> {
    let filled = fill(Blank::new(flags, origin, fs)?)?;

    // INVARIANT: `fill()` has filled every slot.
    Ok(NsProxy(ManuallyDrop::new(filled).new, NotThreadSafe))
}

/// Slots that can be filled, and emptied again, one type at a time.
trait Slots {
    /// Fills the slot of type `ns`. If that fails, there is nothing in it to put.
    fn copy(&mut self, ns: NsFlag) -> Result;

    /// Empties the slot of type `ns`, which was filled.
    fn put(&mut self, ns: NsFlag);
}

/// Fills all of `slots`, or none.
///
/// This is what the ladder of seven labels at the end of C's `create_new_namespaces()` does: each
/// label puts what was there before the jump.
fn fill<S: Slots>(slots: S) -> Result<S> {
    let mut partial = ScopeGuard::new_with_data((slots, 0), |(mut slots, filled)| {
        for ns in NsFlag::ORDER.into_iter().take(filled).rev() {
            slots.put(ns);
        }
    });

    for ns in NsFlag::ORDER {
        let (slots, filled) = &mut *partial;
        slots.copy(ns)?;
        *filled += 1;
    }
    Ok(partial.dismiss().0)
}

/// A `struct nsproxy` whose slots are yet to be filled.
///
/// # Invariants
///
/// `self.new` came from `nsproxy_alloc()`, and nobody else has it. The other pointers are valid
/// until the current task commits a set, but for `self.fs`, which may be null.
struct Blank<'a> {
    new: NonNull<bindings::nsproxy>,
    flags: u64,
    old: *mut bindings::nsproxy,
    user_ns: *mut bindings::user_namespace,
    fs: *mut bindings::fs_struct,
    borrowed: PhantomData<(Origin<'a>, &'a mut FsCopy)>,
}

impl<'a> Blank<'a> {
    /// Allocates one.
    ///
    /// Fails with [`ENOMEM`] without memory.
    #[doc(alias = "create_nsproxy")]
    fn new(flags: u64, origin: Origin<'a>, fs: Option<&'a mut FsCopy>) -> Result<Self> {
        // SAFETY: No requirements, in process context.
        let new = NonNull::new(unsafe { bindings::nsproxy_alloc() }).ok_or(ENOMEM)?;
        // INVARIANT: Just allocated, borrowed for as long as `self` lives, or the current task's.
        Ok(Self {
            new,
            flags,
            old: origin.as_ptr(),
            // SAFETY: No requirements.
            user_ns: unsafe { bindings::current_user_ns() },
            fs: fs.map_or(core::ptr::null_mut(), |fs| fs.as_ptr()),
            borrowed: PhantomData,
        })
    }
}

impl Drop for Blank<'_> {
    fn drop(&mut self) {
        // SAFETY: By the type invariant nobody else has it. `fill()` has put what was in the slots.
        unsafe { bindings::nsproxy_dealloc(self.new.as_ptr()) };
    }
}

/// The table of the types: the slots of each, and who copies what is to be in it.
impl Slots for Blank<'_> {
    fn copy(&mut self, ns: NsFlag) -> Result {
        let (new, flags) = (self.new.as_ptr(), self.flags);
        let (old, user_ns, fs) = (self.old, self.user_ns, self.fs);

        /// Fills a slot with what a C function returns.
        macro_rules! slot {
            ($slot:ident = $copy:ident($($arg:expr),+)) => {{
                // SAFETY: The pointers are valid by the type invariant, and so are the namespaces
                // in `old`, whose slots hold references. No task has `fs`, see `FsCopy`.
                let copied = from_err_ptr(unsafe { bindings::$copy($($arg),+) })?;
                // SAFETY: By the type invariant `new` is valid, and ours alone.
                unsafe { (*new).$slot = copied };
            }};
        }

        match ns {
            // In the credentials: see `Cred`.
            NsFlag::User => {}
            NsFlag::Mnt => slot!(mnt_ns = copy_mnt_ns(flags, (*old).mnt_ns, user_ns, fs)),
            NsFlag::Uts => slot!(uts_ns = copy_utsname(flags, user_ns, (*old).uts_ns)),
            NsFlag::Ipc => slot!(ipc_ns = copy_ipcs(flags, user_ns, (*old).ipc_ns)),
            NsFlag::Pid => {
                slot!(pid_ns_for_children = copy_pid_ns(flags, user_ns, (*old).pid_ns_for_children))
            }
            NsFlag::Cgroup => {
                slot!(cgroup_ns = copy_cgroup_ns(flags, user_ns, (*old).cgroup_ns))
            }
            NsFlag::Net => slot!(net_ns = copy_net_ns(flags, user_ns, (*old).net_ns)),
            NsFlag::Time => {
                slot!(
                    time_ns_for_children =
                        copy_time_ns(flags, user_ns, (*old).time_ns_for_children)
                );
                slot!(time_ns = get_time_ns((*old).time_ns));
            }
        }
        Ok(())
    }

    fn put(&mut self, ns: NsFlag) {
        let new = self.new.as_ptr();

        if !ns.is_built_in() {
            return;
        }
        // SAFETY: By the type invariant `new` is valid, and `copy()` has filled the slot.
        let slot = unsafe { bindings::nsproxy_ns_common(new, ns as u32) };
        let second_slot = if ns == NsFlag::Time {
            // SAFETY: `new` is valid, and `copy()` fills this slot together with the first.
            unsafe { bindings::nsproxy_time_ns_for_children(new) }
        } else {
            core::ptr::null_mut()
        };

        for filled in [slot, second_slot].into_iter().filter(|ns| !ns.is_null()) {
            // SAFETY: `copy()` has put a reference into the slot, and nobody uses the slot again.
            unsafe { bindings::proc_ns_put(filled) };
        }
    }
}

/// Switches the current task to the namespaces in `new`. Cannot fail. May sleep.
///
/// They are counted as active before anybody can see them with the task, and the old ones are let
/// go of when the task is unlocked again, which may free them.
///
/// Counterpart of the C function of this name, for the current task.
pub(crate) fn switch_task_namespaces(new: NsProxy) {
    might_sleep();

    let new = new.activate();
    let old = TaskLocked::current().replace_nsproxy(new);
    drop(old);
}

/// The current task with its `task_lock()` held.
///
/// # Invariants
///
/// The current task holds its own `alloc_lock`.
struct TaskLocked(NotThreadSafe);

impl TaskLocked {
    /// Locks the current task.
    #[doc(alias = "task_lock")]
    fn current() -> Self {
        // SAFETY: The current task is valid. No other lock is taken in this crate.
        unsafe { bindings::task_lock(Task::current_raw()) };
        // INVARIANT: Just locked.
        Self(NotThreadSafe)
    }

    /// Gives the task `new`, unlocks it, and returns what it had.
    ///
    /// Putting a set of namespaces may sleep, so it must not happen under the lock. It cannot:
    /// whoever has the old set has no lock any more.
    fn replace_nsproxy(self, new: NsProxyRef) -> Option<NsProxyRef> {
        let task = Task::current_raw();
        let new = ManuallyDrop::new(new).0.as_ptr();

        // SAFETY: The current task is valid.
        let nsproxy = unsafe { &raw mut (*task).nsproxy };
        // SAFETY: It lives as long as the task. The kernel reads another task's under this lock
        // alone, see `include/linux/nsproxy.h`.
        let old = unsafe { nsproxy.replace(new) };
        drop(self);

        // SAFETY: The task's reference, and that its namespaces are active, are ours now.
        NonNull::new(old).map(|old| unsafe { NsProxyRef::from_raw(old) })
    }
}

impl Drop for TaskLocked {
    #[doc(alias = "task_unlock")]
    fn drop(&mut self) {
        // SAFETY: By the type invariant, the lock is held.
        unsafe { bindings::task_unlock(Task::current_raw()) };
    }
}

/// The namespaces of the current task.
#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
pub(crate) fn of_current() -> NsProxyRef {
    // SAFETY: The current task is valid.
    let nsproxy = unsafe { bindings::task_get_nsproxy(Task::current_raw()) };
    // SAFETY: A running task has one, and the call above took a reference for us.
    unsafe { NsProxyRef::from_raw(NonNull::new_unchecked(nsproxy)) }
}

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
#[kunit_tests(rust_setns_nsproxy)]
mod tests {
    use super::*;
    use crate::flags::NsFlags;
    #[cfg(CONFIG_FAULT_INJECTION)]
    use crate::fs;
    use kernel::sync::atomic::{
        atomic_load,
        Relaxed, //
    };

    /// Slots that write down what is done to them.
    struct Recorder<'a> {
        log: &'a mut KVec<(char, NsFlag)>,
        fails_at: Option<NsFlag>,
    }

    impl Recorder<'_> {
        fn record(&mut self, what: char, ns: NsFlag) {
            assert!(self.log.push((what, ns), GFP_KERNEL).is_ok());
        }
    }

    impl Slots for Recorder<'_> {
        fn copy(&mut self, ns: NsFlag) -> Result {
            if self.fails_at == Some(ns) {
                return Err(ENOSPC);
            }
            self.record('+', ns);
            Ok(())
        }

        fn put(&mut self, ns: NsFlag) {
            self.record('-', ns);
        }
    }

    /// Whichever step fails, exactly the steps before it are undone, the last first.
    #[test]
    fn a_failing_step_undoes_the_earlier_ones() -> Result {
        for (failing, fails_at) in NsFlag::ORDER.into_iter().enumerate() {
            let mut log = KVec::new();
            let filled = fill(Recorder {
                log: &mut log,
                fails_at: Some(fails_at),
            });
            assert!(filled.is_err_and(|err| err == ENOSPC));

            let earlier = &NsFlag::ORDER[..failing];
            let done = earlier.iter().map(|&ns| ('+', ns));
            let undone = earlier.iter().rev().map(|&ns| ('-', ns));
            assert!(Iterator::chain(done, undone).eq(log.into_iter()));
        }
        Ok(())
    }

    #[test]
    fn without_failure_nothing_is_undone() -> Result {
        let mut log = KVec::new();
        fill(Recorder {
            log: &mut log,
            fails_at: None,
        })?;
        assert!(NsFlag::ORDER
            .iter()
            .map(|&ns| ('+', ns))
            .eq(log.into_iter()));
        Ok(())
    }

    /// Every type that can be created here: a user namespace is none of them, that is
    /// `copy_creds()`, and no concern of `create_new_namespaces()`.
    fn creatable() -> impl Iterator<Item = NsFlag> {
        NsFlag::ORDER
            .into_iter()
            .filter(|&ns| ns != NsFlag::User && ns.is_built_in())
    }

    /// How many references there are on each namespace of a set.
    fn references(set: &NsProxy) -> Result<KVec<c_int>> {
        let mut counts = KVec::new();
        let slots = NsFlag::ORDER
            .into_iter()
            // SAFETY: The set is valid by its type invariant.
            .map(|ns| unsafe { bindings::nsproxy_ns_common(set.as_ptr(), ns as u32) });
        // SAFETY: The set is valid by its type invariant.
        let second_slot = unsafe { bindings::nsproxy_time_ns_for_children(set.as_ptr()) };

        for filled in Iterator::chain(slots, [second_slot]).filter(|ns| !ns.is_null()) {
            // SAFETY: The slot holds a reference. The count is there in every namespace.
            let count = unsafe { &raw mut (*filled).__bindgen_anon_1.__ns_ref.refs.counter };
            // SAFETY: Valid as the namespace is. Who takes or puts a reference does it atomically.
            counts.push(unsafe { atomic_load(count, Relaxed) }, GFP_KERNEL)?;
        }
        Ok(counts)
    }

    /// Real slots, one of which cannot be filled.
    struct FailsAt<'a>(Blank<'a>, NsFlag);

    impl Slots for FailsAt<'_> {
        fn copy(&mut self, ns: NsFlag) -> Result {
            if ns == self.1 {
                return Err(ENOSPC);
            }
            self.0.copy(ns)
        }

        fn put(&mut self, ns: NsFlag) {
            self.0.put(ns);
        }
    }

    /// On namespaces of its own, as those of the boot are not counted.
    #[test]
    fn what_is_undone_leaves_no_reference() -> Result {
        let all = creatable().fold(0, |flags, ns| flags | u64::from(ns as u32));
        let set = create_new_namespaces(all, Origin::Current, Some(&mut FsCopy::new()?))?;
        let before = references(&set)?;

        for fails_at in NsFlag::ORDER {
            let filled = fill(FailsAt(Blank::new(0, Origin::Set(&set), None)?, fails_at));
            assert!(filled.is_err_and(|err| err == ENOSPC));
            assert!(references(&set)?.iter().eq(before.iter()));
        }

        // The last step is undone, too, if there ever is one after it.
        let mut blank = Blank::new(0, Origin::Set(&set), None)?;
        for ns in NsFlag::ORDER {
            blank.copy(ns)?;
        }
        assert!(!references(&set)?.iter().eq(before.iter()));
        for ns in NsFlag::ORDER {
            blank.put(ns);
        }
        assert!(references(&set)?.iter().eq(before.iter()));
        Ok(())
    }

    /// Where a namespace of type `ns` goes that is created, or null. A time namespace is for the
    /// children, setns(2) knows that of the task.
    fn slot(set: &NsProxyRef, ns: NsFlag) -> *mut bindings::ns_common {
        let set = set.0.as_ptr();
        if ns == NsFlag::Time {
            // SAFETY: The set is valid by its type invariant.
            unsafe { bindings::nsproxy_time_ns_for_children(set) }
        } else {
            // SAFETY: The set is valid by its type invariant.
            unsafe { bindings::nsproxy_ns_common(set, ns as u32) }
        }
    }

    /// The real thing: what `flags` ask for is new, the rest is shared.
    fn creates_what_it_is_asked_for(asked: NsFlags) -> Result {
        let bits: u32 = asked.into();
        let mine = of_current();
        let mut fs = FsCopy::new()?;
        let created = create_new_namespaces(bits.into(), Origin::Current, Some(&mut fs))?;
        let created = created.activate();

        for ns in NsFlag::ORDER {
            let is_new = slot(&mine, ns) != slot(&created, ns);
            assert_eq!(is_new, asked.contains(ns));
        }
        Ok(())
    }

    /// What is left of the number of an allocation that is to fail: see
    /// `Documentation/fault-injection/fault-injection.rst`, `/proc/self/fail-nth`.
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
        origin: &NsProxy,
        fs: &mut FsCopy,
    ) -> (Result<NsProxy>, bool) {
        // SAFETY: Valid as long as the current task. `should_fail_ex()` uses it in this task only.
        unsafe { fail_nth().write(nth) };
        let created = create_new_namespaces(flags, Origin::Set(origin), Some(fs));
        // SAFETY: Valid as long as the current task, and nothing of this task fails meanwhile.
        let left = unsafe { fail_nth().replace(0) };
        (created, left == 0)
    }

    /// What a failure must not change: the set of namespaces, the credentials, the root and the
    /// working directory of the current task.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn task_state() -> impl PartialEq {
        let task = Task::current_raw();
        let fs = fs::of_current();
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

    /// The first allocation fails, then the second, until there are no more: whatever was there
    /// when one did not succeed is put. The errno is that of the type.
    #[cfg(CONFIG_FAULT_INJECTION)]
    fn undoes_whatever_allocation_fails(flags: u64) -> Result {
        // References on namespaces of its own count. But a pid namespace is created in that of the
        // task only.
        let own = creatable()
            .filter(|&ns| !(ns == NsFlag::Pid && flags & u64::from(ns as u32) != 0))
            .fold(0, |own, ns| own | u64::from(ns as u32));
        let mut fs = FsCopy::new()?;
        let set = create_new_namespaces(own, Origin::Current, Some(&mut fs))?;
        let before = references(&set)?;
        let task_before = task_state();
        let mut failures = 0;
        let mut errnos = KVec::new();

        for nth in 1.. {
            let (created, injected) = create_failing_at(nth, flags, &set, &mut fs);
            match created {
                // What has failed may be of no importance.
                Ok(created) => drop(created),
                Err(err) => {
                    assert!(injected);
                    failures += 1;
                    if !errnos.contains(&err.to_errno()) {
                        errnos.push(err.to_errno(), GFP_KERNEL)?;
                    }
                }
            }
            assert!(references(&set)?.iter().eq(before.iter()));
            assert!(task_state() == task_before);
            if !injected {
                break;
            }
        }

        pr_info!("create_new_namespaces {flags:#x}: {failures} failures: {errnos:?}\n");
        Ok(())
    }

    /// Each type alone, each pair of them, all, and a mount namespace with nothing in it.
    ///
    /// Allocations that may sleep fail only if `/sys/kernel/debug/failslab/ignore-gfp-wait` says
    /// so, which it does not while booting: the test is to be run again then.
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
