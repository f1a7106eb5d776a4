// SPDX-License-Identifier: GPL-2.0

//! What the mocks of C work on: two tasks with all that they have, one descriptor, and a list of
//! what was done to them.

use crate::bindings::{
    self,
    cred,
    fs_struct,
    ns_common,
    nsproxy,
    pid_namespace,
    task_struct,
    user_namespace, //
};
use core::ffi::c_int;
use std::{
    cell::RefCell,
    collections::BTreeMap, //
};

/// Every namespace type, in the order in which C installs them.
pub const TYPES: [u32; 8] = [
    bindings::CLONE_NEWUSER,
    bindings::CLONE_NEWNS,
    bindings::CLONE_NEWUTS,
    bindings::CLONE_NEWIPC,
    bindings::CLONE_NEWPID,
    bindings::CLONE_NEWCGROUP,
    bindings::CLONE_NEWNET,
    bindings::CLONE_NEWTIME,
];

/// What the descriptor refers to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The namespace of this type that the other task has.
    Namespace(u32),
    /// The other task.
    Process,
    /// Neither.
    Other,
}

/// A step that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The descriptor is not open.
    Fdget,
    /// No memory for a `struct nsproxy`.
    NsproxyAlloc,
    /// The namespace of this type cannot be put into the new `struct nsproxy`.
    Copy(u32),
    /// No memory for credentials.
    PrepareCreds,
    /// No memory for a `struct fs_struct`.
    CopyFsStruct,
    /// The process was reaped.
    PidTask,
    /// The caller may not look at the process.
    PtraceMayAccess,
    /// The process is a zombie.
    TaskNsproxy,
    /// The process was reaped meanwhile.
    TaskPidNs,
    /// The callback of this type refuses.
    Install(u32),
}

impl Step {
    /// All of them, in the order in which C takes them.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self::Fdget, Self::NsproxyAlloc];
        all.extend(TYPES.into_iter().skip(1).map(Self::Copy));
        all.extend([
            Self::PrepareCreds,
            Self::CopyFsStruct,
            Self::PidTask,
            Self::PtraceMayAccess,
            Self::TaskNsproxy,
            Self::TaskPidNs,
        ]);
        all.extend(TYPES.into_iter().map(Self::Install));
        all
    }

    /// The number with which C fails. It is another one for each callback, to tell them apart.
    pub fn errno(self) -> c_int {
        let nth = |ns| {
            TYPES
                .iter()
                .position(|&ty| ty == ns)
                .map_or(0, |i| i as c_int)
        };
        -match self {
            Self::Fdget => 9,
            Self::NsproxyAlloc | Self::PrepareCreds | Self::CopyFsStruct => 12,
            Self::PidTask | Self::TaskNsproxy | Self::TaskPidNs => 3,
            Self::PtraceMayAccess => 1,
            Self::Copy(ns) => 1000 + nth(ns),
            Self::Install(ns) => 2000 + nth(ns),
        }
    }
}

/// Something that is taken, and must be given back or handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The descriptor.
    Fd,
    /// The new `struct nsproxy`: its memory, and what is in its slots if it is complete.
    Nsproxy,
    /// A reference in a slot of the new `struct nsproxy`, which is not complete yet.
    Slot(u32),
    /// Prepared credentials.
    Cred,
    /// A copy of the `struct fs_struct`.
    FsCopy,
    /// The target's `struct nsproxy`.
    TargetNsproxy,
    /// The target's pid namespace.
    TargetPidNs,
    /// The target's user namespace.
    TargetUserNs,
    /// The current task's `struct nsproxy`, which is not its own any more.
    OldNsproxy,
}

/// A change to the current task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Its credentials.
    Cred,
    /// Its root.
    FsRoot,
    /// Its working directory.
    FsPwd,
    /// Its semaphore adjustments.
    Sem,
    /// Its clocks.
    Timens,
    /// Its namespaces.
    Switch,
    /// perf is told.
    Perf,
    /// The module is there.
    Start,
    /// The module is gone.
    Stop,
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was taken.
    Took(Thing),
    /// Something was given back.
    Gave(Thing),
    /// The callback of a type was called, for a set with these flags.
    Install(u32, u32),
    /// The current task was changed.
    Commit(Change),
}

/// An object that is allocated.
#[derive(Clone, Copy)]
enum Object {
    Namespace(*mut ns_common),
    Nsproxy(*mut nsproxy),
    Cred(*mut cred),
    Fs(*mut fs_struct),
}

/// What a task has, by address: the eight types, the time namespace of its children, its root and
/// its working directory.
pub type Having = [usize; 11];

/// The type that each entry of [`Having`] is of.
pub const HAVING: [u32; 11] = [
    bindings::CLONE_NEWUSER,
    bindings::CLONE_NEWNS,
    bindings::CLONE_NEWUTS,
    bindings::CLONE_NEWIPC,
    bindings::CLONE_NEWPID,
    bindings::CLONE_NEWCGROUP,
    bindings::CLONE_NEWNET,
    bindings::CLONE_NEWTIME,
    bindings::CLONE_NEWTIME,
    bindings::CLONE_NEWNS,
    bindings::CLONE_NEWNS,
];

/// All that there is.
pub(crate) struct World {
    /// The descriptor that the caller names.
    pub(crate) fd: c_int,
    pub(crate) target: Target,
    /// The types that are built in, as flags.
    built_in: u32,
    fails: Vec<Step>,
    log: Vec<Event>,
    faults: Vec<String>,
    live: BTreeMap<usize, Object>,
    /// How many locks are held under which the task must not sleep.
    pub(crate) atomic: u32,
    pub(crate) rcu: u32,
    /// What others see as the namespaces of the current task.
    pub(crate) seen: *mut nsproxy,
    pub(crate) current: *mut task_struct,
    pub(crate) other: *mut task_struct,
}

thread_local! {
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Does something with the world.
pub(crate) fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("a world")))
}

/// The current task.
pub(crate) fn current() -> *mut task_struct {
    with(|world| world.current)
}

/// Complains if the current task must not sleep.
pub(crate) fn might_sleep(what: &str) {
    with(|world| world.might_sleep(what));
}

/// Makes a world that has the types in `built_in`, in which `fd` refers to `target` and the steps
/// in `fails` fail.
///
/// Returns what the current task has, and what the other task has to offer.
pub fn create(built_in: u32, fd: c_int, target: Target, fails: &[Step]) -> (Having, Having) {
    let mut world = World {
        fd,
        target,
        built_in,
        fails: fails.to_vec(),
        log: Vec::new(),
        faults: Vec::new(),
        live: BTreeMap::new(),
        atomic: 0,
        rcu: 0,
        seen: core::ptr::null_mut(),
        current: core::ptr::null_mut(),
        other: core::ptr::null_mut(),
    };
    world.current = world.new_task(1);
    world.other = world.new_task(2);
    // SAFETY: Both tasks are there, and so is all that they have.
    let havings = unsafe {
        world.seen = (*world.current).nsproxy;
        if let Target::Namespace(_) = target {
            (*world.target_namespace()).refs += 1;
        }
        (having(world.current), offer(world.other))
    };
    WORLD.set(Some(world));
    havings
}

/// Takes the world apart.
///
/// Returns what the current task has now, what was done, and what was done wrong.
pub fn end() -> (Having, Vec<Event>, Vec<String>) {
    let mut world = WORLD.take().expect("a world");
    world.audit();
    // SAFETY: The tasks are there, and nothing of the world is used after this.
    unsafe {
        let now = having(world.current);
        drop(Box::from_raw(world.current));
        drop(Box::from_raw(world.other));
        for object in core::mem::take(&mut world.live).into_values() {
            object.free();
        }
        (now, world.log, world.faults)
    }
}

impl World {
    /// Notes what was done.
    pub(crate) fn note(&mut self, event: Event) {
        self.log.push(event);
    }

    /// Notes what was done wrong.
    pub(crate) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Complains unless `holds`.
    pub(crate) fn check(&mut self, holds: bool, fault: &str) {
        if !holds {
            self.fault(fault);
        }
    }

    /// Complains if the current task must not sleep.
    pub(crate) fn might_sleep(&mut self, what: &str) {
        let atomic = self.atomic + self.rcu;
        self.check(atomic == 0, &format!("{what}() under a lock"));
    }

    /// Is `step` told to fail?
    pub(crate) fn fails(&self, step: Step) -> bool {
        self.fails.contains(&step)
    }

    /// Allocates an object.
    fn allocate<T>(&mut self, value: T, object: impl FnOnce(*mut T) -> Object) -> *mut T {
        let ptr = Box::into_raw(Box::new(value));
        self.live.insert(ptr.addr(), object(ptr));
        ptr
    }

    /// Frees an object, if it was not freed before.
    pub(crate) fn free<T>(&mut self, ptr: *mut T) {
        match self.live.remove(&ptr.addr()) {
            // SAFETY: It is there, and not any more in the list of those that are.
            Some(object) => unsafe { object.free() },
            None => self.fault("freed what is not there"),
        }
    }

    /// Is the object there?
    pub(crate) fn is_there<T>(&self, ptr: *const T) -> bool {
        self.live.contains_key(&ptr.addr())
    }

    /// Is the object there? Complains if not.
    pub(crate) fn is_live<T>(&mut self, ptr: *const T, what: &str) -> bool {
        let live = self.is_there(ptr);
        self.check(live, &format!("{what}() of what is not there"));
        live
    }

    /// A new namespace, or null for a type that is not built in.
    fn new_namespace<T>(&mut self, ns_type: u32) -> *mut T {
        // Somebody has to own the files, built in or not.
        if (self.built_in | bindings::CLONE_NEWUSER) & ns_type == 0 {
            return core::ptr::null_mut();
        }
        self.allocate(ns_common { ns_type, refs: 1 }, Object::Namespace)
            .cast()
    }

    /// A new `struct nsproxy`, with undefined slots.
    pub(crate) fn new_nsproxy(&mut self) -> *mut nsproxy {
        self.allocate(nsproxy::undefined(), Object::Nsproxy)
    }

    /// New credentials, which take over the reference on `user_ns`.
    pub(crate) fn new_cred(&mut self, user_ns: *mut user_namespace) -> *mut cred {
        self.allocate(cred { user_ns }, Object::Cred)
    }

    /// A new `struct fs_struct`.
    pub(crate) fn new_fs(&mut self, root: usize, pwd: usize) -> *mut fs_struct {
        let fs = fs_struct {
            root: bindings::path(root),
            pwd: bindings::path(pwd),
        };
        self.allocate(fs, Object::Fs)
    }

    /// A task with namespaces, credentials and directories of its own.
    fn new_task(&mut self, directory: usize) -> *mut task_struct {
        let user_ns = self.new_namespace(bindings::CLONE_NEWUSER);
        let pid_ns: *mut pid_namespace = self.new_namespace(bindings::CLONE_NEWPID);
        let set = nsproxy {
            count: 1,
            active: true,
            mnt_ns: self.new_namespace(bindings::CLONE_NEWNS),
            uts_ns: self.new_namespace(bindings::CLONE_NEWUTS),
            ipc_ns: self.new_namespace(bindings::CLONE_NEWIPC),
            pid_ns_for_children: self.new_namespace(bindings::CLONE_NEWPID),
            cgroup_ns: self.new_namespace(bindings::CLONE_NEWCGROUP),
            net_ns: self.new_namespace(bindings::CLONE_NEWNET),
            time_ns: self.new_namespace(bindings::CLONE_NEWTIME),
            time_ns_for_children: self.new_namespace(bindings::CLONE_NEWTIME),
        };
        let task = task_struct {
            nsproxy: self.allocate(set, Object::Nsproxy),
            cred: self.new_cred(user_ns),
            fs: self.new_fs(directory, directory + 10),
            pid_ns,
        };
        Box::into_raw(Box::new(task))
    }

    /// The namespace that the descriptor refers to.
    pub(crate) fn target_namespace(&mut self) -> *mut ns_common {
        let Target::Namespace(ns_type) = self.target else {
            self.fault("namespace of what is no file of nsfs");
            return core::ptr::null_mut();
        };
        // SAFETY: The other task is there.
        unsafe { namespace_of(self.other, ns_type) }
    }

    /// Takes a reference on a namespace.
    ///
    /// # Safety
    ///
    /// If the namespace is in the list of live objects, it is there.
    pub(crate) unsafe fn get(&mut self, ns: *mut ns_common, what: &str) {
        if self.is_live(ns, what) {
            // SAFETY: It is there.
            unsafe { (*ns).refs += 1 };
        }
    }

    /// Puts a reference on a namespace, and frees it with the last one.
    ///
    /// # Safety
    ///
    /// As for [`get()`](Self::get).
    pub(crate) unsafe fn put(&mut self, ns: *mut ns_common, what: &str) {
        if self.is_live(ns, what) {
            // SAFETY: It is there.
            let refs = unsafe {
                (*ns).refs -= 1;
                (*ns).refs
            };
            if refs == 0 {
                self.free(ns);
            }
        }
    }

    /// Counts the references from what there should be, and compares: nothing else is there, and
    /// nothing of it has one reference too many or too few.
    fn audit(&mut self) {
        let mut expected = BTreeMap::<usize, usize>::new();
        let mut count = |address: usize| *expected.entry(address).or_default() += 1;

        for task in [self.current, self.other] {
            // SAFETY: The tasks are there, and they have what is there, unless it is missing in the
            // list of live objects.
            unsafe {
                count((*task).fs.addr());
                count((*task).cred.addr());
                count((*task).nsproxy.addr());
                count((*task).pid_ns.addr());
                if self.live.contains_key(&(*task).cred.addr()) {
                    count((*(*task).cred).user_ns.addr());
                }
                if self.live.contains_key(&(*task).nsproxy.addr()) {
                    for slot in (*(*task).nsproxy).slots() {
                        count(slot.addr());
                    }
                }
            }
        }
        if let Target::Namespace(_) = self.target {
            let ns = self.target_namespace();
            *expected.entry(ns.addr()).or_default() += 1;
        }

        // What is not built in.
        expected.remove(&0);
        let actual = self
            .live
            .iter()
            // SAFETY: It is in the list of live objects.
            .map(|(&address, object)| (address, unsafe { object.references() }))
            .collect();
        self.check(expected == actual, "references do not add up");
        self.check(self.atomic == 0, "returned with a lock");
        self.check(self.rcu == 0, "returned under RCU");
    }
}

impl Object {
    /// How many references there are.
    ///
    /// # Safety
    ///
    /// The object is there.
    unsafe fn references(self) -> usize {
        match self {
            // SAFETY: It is there.
            Self::Namespace(ns) => unsafe { (*ns).refs },
            // SAFETY: It is there.
            Self::Nsproxy(nsproxy) => unsafe { (*nsproxy).count },
            Self::Cred(_) | Self::Fs(_) => 1,
        }
    }

    /// Frees the memory.
    ///
    /// # Safety
    ///
    /// The object is there, and not used again.
    unsafe fn free(self) {
        // SAFETY: All come from `World::allocate()`.
        unsafe {
            match self {
                Self::Namespace(ns) => drop(Box::from_raw(ns)),
                Self::Nsproxy(nsproxy) => drop(Box::from_raw(nsproxy)),
                Self::Cred(cred) => drop(Box::from_raw(cred)),
                Self::Fs(fs) => drop(Box::from_raw(fs)),
            }
        }
    }
}

/// The namespace of a type that somebody who joins `task` gets.
///
/// # Safety
///
/// The task is there, and so is all that it has.
pub(crate) unsafe fn namespace_of(task: *mut task_struct, ns_type: u32) -> *mut ns_common {
    // SAFETY: The caller guarantees it.
    unsafe {
        match ns_type {
            bindings::CLONE_NEWUSER => (*(*task).cred).user_ns.cast(),
            bindings::CLONE_NEWPID => (*task).pid_ns.cast(),
            _ => bindings::nsproxy_ns_common((*task).nsproxy, ns_type),
        }
    }
}

/// What `task` has. The pid namespace is that of its children.
///
/// # Safety
///
/// As for [`namespace_of()`].
unsafe fn having(task: *mut task_struct) -> Having {
    // SAFETY: The caller guarantees it.
    unsafe {
        let (set, fs) = (&*(*task).nsproxy, &*(*task).fs);
        [
            (*(*task).cred).user_ns.addr(),
            set.mnt_ns.addr(),
            set.uts_ns.addr(),
            set.ipc_ns.addr(),
            set.pid_ns_for_children.addr(),
            set.cgroup_ns.addr(),
            set.net_ns.addr(),
            set.time_ns.addr(),
            set.time_ns_for_children.addr(),
            fs.root.0,
            fs.pwd.0,
        ]
    }
}

/// What somebody who joins `task` has then: it lives in the pid namespace of `task`, not in that of
/// its children, and so it is with time.
///
/// # Safety
///
/// As for [`namespace_of()`].
unsafe fn offer(task: *mut task_struct) -> Having {
    // SAFETY: The caller guarantees it.
    let mut offer = unsafe { having(task) };
    // SAFETY: The caller guarantees it.
    offer[4] = unsafe { (*task).pid_ns }.addr();
    offer[8] = offer[7];
    offer
}
