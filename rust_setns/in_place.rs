// SPDX-License-Identifier: GPL-2.0

//! Joining namespaces without a copy of the caller's nsproxy.
//!
//! Most of C's join takes and puts references on namespaces that do not change. Here, the callbacks
//! install into a set that has nothing but the namespaces that are asked for. If no other task has
//! the caller's nsproxy, they are exchanged there. Otherwise, the caller gets a new nsproxy with
//! them, which is allocated after the checks.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h).

use crate::{
    caller::Caller,
    flags::{
        for_types,
        NsFlag,
        NsFlags, //
    },
    nsproxy::NewNsProxy,
    refusal::{
        Refusal,
        Result, //
    },
    slots::{
        for_namespaces,
        for_slots,
        put_namespaces,
        share_namespaces, //
    },
    target::Request,
    way::{
        Ready,
        Way, //
    }, //
};
use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};
use kernel::{
    bindings,
    nsproxy::NsProxy,
    sync::atomic::{
        atomic_load,
        Acquire, //
    },
    task::Task,
    types::{
        NotThreadSafe,
        Opaque, //
    },
};

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
use kernel::prelude::*;

/// The memory of [`Slots`], on the stack of the call.
pub(crate) type SlotMemory = Opaque<bindings::nsproxy>;

/// A set of namespaces in which only the slots of some types are filled, and the others are null.
///
/// The callback of a type installs a namespace into it, and keeps no pointer to it.
///
/// # Invariants
///
/// No task has the set. Each slot is null, or it owns a reference on a namespace whose type is
/// built in. The slots of one type are all null, or none is. No namespace is counted as active for
/// this set.
struct Slots<'a>(&'a mut SlotMemory);

impl<'a> Slots<'a> {
    /// Creates a set in which all slots are null.
    fn empty(memory: &'a mut SlotMemory) -> Self {
        let slots = memory.get();

        macro_rules! clear {
            ($slot:ident) => {
                // SAFETY: The memory is ours.
                unsafe { (&raw mut (*slots).$slot).write(core::ptr::null_mut()) }
            };
        }
        for_types!(NsFlags::all(), |ns| for_slots!(ns, clear));
        // INVARIANT: See above. Nobody reads the count.
        Self(memory)
    }

    /// Returns the set, for C to read or for a callback to install into.
    fn as_ptr(&mut self) -> *mut bindings::nsproxy {
        self.0.get()
    }

    /// Creates a complete set: with these namespaces, and with those of `old` for the rest.
    ///
    /// Returns [`None`] if there is no memory for it.
    ///
    /// # Safety
    ///
    /// This set has namespaces of the types in `flags` that have a slot, and of no other type.
    #[inline(always)]
    unsafe fn complete(self, flags: NsFlags, old: &NsProxy) -> Option<NewNsProxy> {
        // SAFETY: No requirements, in process context.
        let new = NonNull::new(unsafe { bindings::nsproxy_alloc() })?;
        let set = new.as_ptr();
        // The references are those of the new set.
        let slots = ManuallyDrop::new(self).as_ptr();

        macro_rules! move_slot {
            ($slot:ident) => {{
                // SAFETY: Valid and ours.
                let ns = unsafe { (*slots).$slot };
                // SAFETY: Valid, and nobody else uses it.
                unsafe { (*set).$slot = ns }
            }};
        }
        for_types!(NsFlags::all(), |ns| {
            if flags.contains(ns) {
                for_slots!(ns, move_slot);
            } else {
                // SAFETY: The set is valid and ours, and these slots own nothing.
                unsafe { share_namespaces(ns, old, set) };
            }
        });
        // SAFETY: Every slot is filled, and nobody else has the set. Nothing was counted as active.
        Some(unsafe { NewNsProxy::from_raw(new) })
    }

    /// Drops a set without a look at its slots.
    ///
    /// # Safety
    ///
    /// Nothing was installed in it.
    #[inline(always)]
    unsafe fn drop_empty(self) {
        // All slots are null, so there is nothing to put.
        core::mem::forget(self);
    }

    /// Exchanges the namespaces of the types in `flags` with those that a task has, and puts these.
    /// Cannot fail. May sleep.
    ///
    /// Whoever looks at the task under its lock sees all of the new namespaces, or none. Each
    /// namespace is active while the task has it. The old ones are put after the task was unlocked,
    /// because that may free them.
    ///
    /// # Safety
    ///
    /// - This set has namespaces of the types in `flags` that have a slot, and of no other type.
    /// - `task` is the current task. It has a set, and no other task has the same.
    /// - [`Caller::leave()`] was called for the types in `flags`. Otherwise the exit of the task
    ///   looks for its semaphores in the wrong IPC namespace.
    #[inline(always)]
    unsafe fn exchange(self, task: &Task, flags: NsFlags) {
        let slots = ManuallyDrop::new(self).as_ptr();

        let activate = |ns: NonNull<bindings::ns_common>| {
            // SAFETY: The slot owns a reference on the namespace.
            unsafe { bindings::__ns_ref_active_get(ns.as_ptr()) };
        };
        // SAFETY: Valid by the type invariant, and the caller says that the slots are filled.
        for_types!(flags, |ns| unsafe { for_namespaces(slots, ns, activate) });

        let locked = task.task_lock();
        // SAFETY: The task is valid, and nobody else changes which set it has.
        let current = unsafe { (*task.as_ptr()).nsproxy };
        macro_rules! swap {
            ($slot:ident) => {{
                // SAFETY: The caller says that the task has a set.
                let published = unsafe { &raw mut (*current).$slot };
                // SAFETY: Valid, and only the current task writes to it.
                let old = unsafe { published.read() };
                // SAFETY: Valid and ours.
                let new = unsafe { core::mem::replace(&mut (*slots).$slot, old) };
                // SAFETY: No other task has the set, so rule 1 in the C header allows this under
                // the lock. Volatile, because debuggers and BPF programs read without the lock.
                unsafe { published.write_volatile(new) };
            }};
        }
        for_types!(flags, |ns| for_slots!(ns, swap));
        locked.unlock();

        // The slots own what the task had: namespaces of all types, each referenced and active. To
        // put one may take long. As in C, none is active any more then.
        let deactivate = |ns: NonNull<bindings::ns_common>| {
            // SAFETY: The task has counted it as active, and does not have it any more.
            unsafe { bindings::__ns_ref_active_put(ns.as_ptr()) };
        };
        // SAFETY: Valid and filled, see above.
        for_types!(flags, |ns| unsafe { for_namespaces(slots, ns, deactivate) });
        // SAFETY: As above.
        for_types!(flags, |ns| unsafe { put_namespaces(slots, ns) });
    }

    /// As [`exchange()`](Self::exchange), for several types. The code is there once.
    ///
    /// # Safety
    ///
    /// As for that function.
    #[inline(never)]
    unsafe fn exchange_several(self, task: &Task, flags: NsFlags) {
        // SAFETY: The caller guarantees what `exchange()` asks for.
        unsafe { self.exchange(task, flags) };
    }
}

impl Drop for Slots<'_> {
    #[inline]
    fn drop(&mut self) {
        // The handle is not borrowed there, so it may stay in a register.
        // SAFETY: This drops the set.
        unsafe { put_all(self.0.get()) };
    }
}

/// Puts the namespaces in a set. May sleep.
///
/// # Safety
///
/// The set is the one of [`Slots`] that is dropped.
unsafe fn put_all(slots: *mut bindings::nsproxy) {
    for ns in NsFlag::ORDER.into_iter().rev() {
        let mut filled = false;

        macro_rules! look_at {
            ($slot:ident) => {
                // SAFETY: The caller guarantees that the set is valid.
                filled |= !unsafe { (*slots).$slot }.is_null()
            };
        }
        for_slots!(ns, look_at);
        if filled {
            // SAFETY: The slots are filled, so they own references. They are not used again.
            unsafe { put_namespaces(slots, ns) };
        }
    }
}

/// The caller's set of namespaces, if no other task has it.
///
/// # Invariants
///
/// The count of the current task's nsproxy was 1, and the load that saw this was an acquire. Only
/// fork takes references, and the current task does not fork while this value exists. So nobody
/// else has the set, and everything that the last other task did with it came before.
pub(crate) struct Private(NotThreadSafe);

impl Private {
    /// Returns [`None`] if another task may have the caller's set, too.
    #[inline(always)]
    pub(crate) fn of(caller: &Caller<'_>) -> Option<Self> {
        let nsproxy = caller.nsproxy().as_ptr();
        // SAFETY: The set of the current task is valid. Nothing is read.
        let count = unsafe { &raw mut (*nsproxy).count.refs.counter };
        // The acquire pairs with the release in `refcount_dec_and_test()`. A task that had the set,
        // too, has read the slots without a lock, as rule 2 in the C header allows, and has then
        // put its reference. Its reads are before that release in program order, this load reads
        // from the release or from a later decrement, and our writes are after this load in program
        // order. So the reads happen before the writes. The lock that we take for the writes does
        // not order this load: loads may move into a critical section.
        // A third task that has read the slots through that task, under its `task_lock()`, is
        // ordered as well: the task took this lock when it left the set, and before it put its
        // reference.
        // SAFETY: Valid as the set is. References are taken and put atomically.
        let count = unsafe { atomic_load(count, Acquire) };
        // `init_task` keeps the first set for ever. A module cannot see which one that is.
        #[cfg(not(MODULE))]
        debug_assert!(count != 1 || nsproxy != &raw mut bindings::init_nsproxy);
        // INVARIANT: See rule 4 in `include/linux/nsproxy.h`.
        (count == 1).then_some(Self(NotThreadSafe))
    }

    /// Exchanges the caller's namespaces of the types in `flags`. Cannot fail. May sleep.
    ///
    /// # Safety
    ///
    /// `new` has namespaces of the types in `flags`, except the user namespace, and of no other
    /// type.
    #[inline(always)]
    unsafe fn exchange(self, caller: &mut Caller<'_>, mut new: Slots<'_>, flags: NsFlags) {
        // The code for one type is short, because the compiler leaves out the others.
        macro_rules! exchange_only {
            ($($ns:ident)*) => {
                $(if flags.is_only(NsFlag::$ns) {
                    // SAFETY: The caller guarantees that the namespaces are installed.
                    unsafe { caller.leave(flags, new.as_ptr()) };
                    // SAFETY: The caller guarantees the first, and the type invariant the second.
                    // `Caller::leave()` was just called.
                    return unsafe { new.exchange(caller.task(), NsFlag::$ns.into()) };
                })*
            };
        }
        // The caller has asked this, too, so one branch remains.
        if flags.have_slots_only() {
            exchange_only!(Net Uts Ipc Pid Cgroup Time);
        } else {
            exchange_only!(Mnt);
            // The user namespace has no slot.
            if flags.is_only(NsFlag::User) {
                return;
            }
        }
        // SAFETY: The caller guarantees that the namespaces are installed.
        unsafe { caller.leave(flags, new.as_ptr()) };
        // SAFETY: The caller guarantees the first, and the type invariant the second.
        // `Caller::leave()` was just called.
        unsafe { new.exchange_several(caller.task(), flags) };
    }
}

/// The namespaces are exchanged in the caller's nsproxy, which no other task has. Nothing is
/// allocated, and the caller's other namespaces are not touched.
pub(crate) struct InPlace<'a> {
    slots: Slots<'a>,
    private: Private,
}

impl<'a> InPlace<'a> {
    #[inline(always)]
    pub(crate) fn new(private: Private, memory: &'a mut SlotMemory) -> Self {
        let slots = Slots::empty(memory);
        Self { slots, private }
    }
}

// SAFETY: By the type invariant of `Slots`, its set is valid, and no task has it. `ready()` returns
// `Ok`.
unsafe impl Way for InPlace<'_> {
    type Ready = Self;
    const CANNOT_FAIL: bool = true;

    #[inline(always)]
    fn nsproxy(&mut self) -> *mut bindings::nsproxy {
        self.slots.as_ptr()
    }

    #[inline(always)]
    unsafe fn ready(self, _: &Request<'_>) -> Result<Self> {
        Ok(self)
    }

    #[inline(always)]
    unsafe fn drop_unused(self) {
        // SAFETY: The caller guarantees that nothing was installed.
        unsafe { self.slots.drop_empty() };
    }
}

// SAFETY: It is the set that `Way::nsproxy()` returns.
unsafe impl Ready for InPlace<'_> {
    #[inline(always)]
    fn nsproxy(&mut self) -> *mut bindings::nsproxy {
        self.slots.as_ptr()
    }

    #[inline(always)]
    unsafe fn commit(self, caller: &mut Caller<'_>, flags: NsFlags) {
        // SAFETY: The caller guarantees that the namespaces are installed. Nothing else is.
        unsafe { self.private.exchange(caller, self.slots, flags) };
    }
}

/// The caller gets a new nsproxy, because other tasks have the one that it has. It is allocated
/// after the checks, so this can fail when all namespaces are installed.
pub(crate) struct Anew<'a>(Slots<'a>);

impl<'a> Anew<'a> {
    pub(crate) fn new(memory: &'a mut SlotMemory) -> Self {
        Self(Slots::empty(memory))
    }
}

// SAFETY: By the type invariant of `Slots`, its set is valid, and no task has it.
unsafe impl Way for Anew<'_> {
    /// [`None`] if only a user namespace is joined: it is in the credentials.
    type Ready = Option<NewNsProxy>;
    const CANNOT_FAIL: bool = false;

    #[inline(always)]
    fn nsproxy(&mut self) -> *mut bindings::nsproxy {
        self.0.as_ptr()
    }

    #[inline(always)]
    unsafe fn ready(self, request: &Request<'_>) -> Result<Option<NewNsProxy>> {
        if request.flags().is_only(NsFlag::User) {
            // SAFETY: The user namespace is in the credentials, and nothing is in this set.
            unsafe { self.0.drop_empty() };
            return Ok(None);
        }
        // SAFETY: The caller guarantees that these types are installed. No other was.
        let new = unsafe { self.0.complete(request.flags(), request.caller().nsproxy()) };
        new.map(Some).ok_or(Refusal::NoNsproxy)
    }

    #[inline(always)]
    unsafe fn drop_unused(self) {
        // SAFETY: The caller guarantees that nothing was installed.
        unsafe { self.0.drop_empty() };
    }
}

#[cfg(CONFIG_RUST_SETNS_KUNIT_TEST)]
#[kunit_tests(rust_setns_in_place)]
mod tests {
    use super::*;
    use crate::create::tests::{
        address,
        count,
        create,
        look_at,
        mine, //
    };
    use kernel::ns_common::NsCommon;

    /// The types whose callbacks a kernel thread can run. It shares its directories, has no memory
    /// map, and is in the only user namespace.
    fn tested() -> impl Iterator<Item = NsFlag> {
        [
            NsFlag::Uts,
            NsFlag::Ipc,
            NsFlag::Pid,
            NsFlag::Cgroup,
            NsFlag::Net,
        ]
        .into_iter()
        .filter(|ns| ns.is_built_in())
    }

    /// Creates new namespaces of these types.
    fn create_tested() -> kernel::error::Result<NewNsProxy> {
        create(tested().fold(0, |flags, ns| flags | u64::from(ns as u32)))
    }

    /// Lets the callback of a type install a namespace. Returns its errno, or 0.
    fn install(slots: &mut Slots<'_>, ns: NsFlag, common: NsCommon<'_>) -> c_int {
        let mut nsset = bindings::nsset {
            flags: ns as u32,
            nsproxy: slots.as_ptr(),
            // SAFETY: No requirements.
            cred: unsafe { bindings::current_cred() },
            ..Default::default()
        };
        // SAFETY: The namespace is valid, and of the type in the flags.
        unsafe { bindings::proc_ns_install(&mut nsset, common.as_ptr()) }
    }

    /// Returns whether the slots of type `ns` are null.
    fn is_empty(slots: &mut Slots<'_>, ns: NsFlag) -> bool {
        let slots = slots.as_ptr();
        let mut empty = true;

        macro_rules! check {
            ($slot:ident) => {
                // SAFETY: The set is valid.
                empty &= unsafe { (*slots).$slot }.is_null()
            };
        }
        for_slots!(ns, check);
        empty
    }

    /// The contract at `struct nsset` in C: a callback fills its slots, and needs no others.
    #[test]
    fn callbacks_fill_slots_that_are_null() -> kernel::error::Result {
        let mut set = create_tested()?;
        let set = look_at(&mut set);

        for ns in tested() {
            let common = set.ns_common(ns as u32).ok_or(EINVAL)?;
            let before = count(common);
            let mut memory = SlotMemory::uninit();
            let mut slots = Slots::empty(&mut memory);

            assert_eq!(install(&mut slots, ns, common), 0);
            assert_eq!(count(common), before + 1);
            for other in NsFlag::ORDER {
                assert_eq!(is_empty(&mut slots, other), other != ns);
            }
            // The next one replaces it.
            assert_eq!(install(&mut slots, ns, common), 0);
            assert_eq!(count(common), before + 1);
            drop(slots);
            assert_eq!(count(common), before);
        }
        Ok(())
    }

    #[test]
    fn a_complete_set_has_what_was_installed_and_the_rest() -> kernel::error::Result {
        let mut set = create_tested()?;
        let set = look_at(&mut set);

        for ns in tested() {
            let common = set.ns_common(ns as u32).ok_or(EINVAL)?;
            let before = count(common);
            let mut memory = SlotMemory::uninit();
            let mut slots = Slots::empty(&mut memory);

            assert_eq!(install(&mut slots, ns, common), 0);
            // SAFETY: See above.
            let mut new = unsafe { slots.complete(ns.into(), mine()) }.ok_or(ENOMEM)?;
            assert_eq!(count(common), before + 1);
            for other in NsFlag::ORDER {
                let from = if other == ns { set } else { mine() };
                assert_eq!(address(look_at(&mut new), other), address(from, other));
            }
            drop(new);
            assert_eq!(count(common), before);
        }
        Ok(())
    }
}
