// SPDX-License-Identifier: GPL-2.0

//! The world that the mocks of C work on: two tasks with all that they have, one descriptor, and a
//! log of what was done to them.
//!
//! Each call of setns(2) gets a world of its own. Two worlds that are made in the same way do not
//! differ, so the test can compare what C does in one with what Rust does in the other.

use crate::{
    bindings::{
        self,
        cred,
        file,
        fs_struct,
        inode,
        ns_common,
        nsproxy,
        path,
        pid,
        pid_namespace,
        task_struct,
        user_namespace, //
    },
    mocks, //
};
use core::{
    ffi::{
        c_int,
        c_long,
        c_uint, //
    },
    mem::offset_of,
    ptr::{
        null,
        null_mut, //
    },
};
use std::{
    alloc::{
        alloc,
        Layout, //
    },
    cell::{
        OnceCell,
        RefCell, //
    },
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

/// A descriptor of the open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptor {
    /// Its number. The mocks take any number, even one that is beyond any table.
    pub number: c_int,
    /// No other task shares the table, so looking it up takes no reference on the file.
    pub light: bool,
}

impl Descriptor {
    /// The number of descriptors that are tried.
    pub const COUNT: usize = 10;

    /// Returns the descriptors that are tried: each number with either kind of reference.
    pub fn all() -> [Self; Self::COUNT] {
        const NUMBERS: [c_int; Descriptor::COUNT / 2] = [0, 3, 1000, c_int::MAX, -1];

        core::array::from_fn(|nth| Self {
            number: NUMBERS[nth / 2],
            light: nth % 2 == 0,
        })
    }
}

/// Returns the types that are built in, as flags.
pub const fn built_in() -> u32 {
    const fn of(is_built_in: bool, ns_type: u32) -> u32 {
        if is_built_in {
            ns_type
        } else {
            0
        }
    }

    bindings::CLONE_NEWNS
        | of(cfg!(CONFIG_USER_NS), bindings::CLONE_NEWUSER)
        | of(cfg!(CONFIG_UTS_NS), bindings::CLONE_NEWUTS)
        | of(cfg!(CONFIG_IPC_NS), bindings::CLONE_NEWIPC)
        | of(cfg!(CONFIG_PID_NS), bindings::CLONE_NEWPID)
        | of(cfg!(CONFIG_CGROUPS), bindings::CLONE_NEWCGROUP)
        | of(cfg!(CONFIG_NET_NS), bindings::CLONE_NEWNET)
        | of(cfg!(CONFIG_TIME_NS), bindings::CLONE_NEWTIME)
}

/// The thing that the descriptor refers to.
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
    /// No memory for credentials.
    PrepareCreds,
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
    /// Returns all steps, in the order in which C takes them.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Fdget,
            Self::NsproxyAlloc,
            Self::PrepareCreds,
            Self::PidTask,
            Self::PtraceMayAccess,
            Self::TaskNsproxy,
            Self::TaskPidNs,
        ];
        all.extend(TYPES.into_iter().map(Self::Install));
        all
    }

    /// Returns the number with which a mock fails. Each callback has another one, to tell them
    /// apart.
    pub fn errno(self) -> c_int {
        let nth = |ns_type| TYPES.iter().position(|&ty| ty == ns_type).unwrap_or(0) as c_int;
        match self {
            Self::Install(ns_type) => -2000 - nth(ns_type),
            // C chooses the number, or the mock returns no number.
            _ => 0,
        }
    }
}

/// The owner of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Owner {
    /// The calling task.
    Current,
    /// The task whose namespaces the descriptor leads to.
    Other,
    /// The kernel: an initial namespace of a type that is not built in.
    Kernel,
    /// The call, which has allocated it.
    New,
    /// The other task, but only a mistake finds it: the credentials with which the task acts for a
    /// while, and what its `nsproxy` leads to while the task is not locked.
    Decoy,
}

/// The kind of a thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A namespace of this type.
    Namespace(u32),
    /// A namespace of this type, for children.
    ForChildren(u32),
    /// A `struct nsproxy`.
    Nsproxy,
    /// A `struct cred`.
    Cred,
    /// A `struct fs_struct`.
    Fs,
    /// A root, or the working directory.
    Root,
    Pwd,
    /// A `struct task_struct`.
    Task,
    /// A `struct file`.
    File,
    /// A `struct inode`.
    Inode,
    /// A `struct pid`.
    Pid,
}

/// What the slots of a `struct nsproxy` have, in the order in which C installs it.
pub const SLOTS: [Kind; 8] = [
    Kind::Namespace(bindings::CLONE_NEWNS),
    Kind::Namespace(bindings::CLONE_NEWUTS),
    Kind::Namespace(bindings::CLONE_NEWIPC),
    Kind::ForChildren(bindings::CLONE_NEWPID),
    Kind::Namespace(bindings::CLONE_NEWCGROUP),
    Kind::Namespace(bindings::CLONE_NEWNET),
    Kind::Namespace(bindings::CLONE_NEWTIME),
    Kind::ForChildren(bindings::CLONE_NEWTIME),
];

impl Kind {
    /// Returns the type, or 0 for what is no namespace.
    pub fn ns_type(self) -> u32 {
        match self {
            Self::Namespace(ns_type) | Self::ForChildren(ns_type) => ns_type,
            _ => 0,
        }
    }
}

/// A thing, by a name that is the same in all worlds.
pub type Thing = (Owner, Kind);

/// An entry in the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Something was allocated.
    Allocated(Thing),
    /// The caller has said that it might sleep.
    MightSleep,
    /// The trace events were fired with this outcome: the reason, what the descriptor is, the type
    /// that has refused, the number of joins, the argument, and the result.
    Traced(u32, u32, u32, c_int, u32, c_long),
    /// A reference was taken.
    Took(Thing),
    /// A reference was put.
    Gave(Thing),
    /// Something was freed.
    Freed(Thing),
    /// A namespace was counted as active, or not any more.
    Activated(Thing),
    Deactivated(Thing),
    /// The current task was unlocked, and other tasks can see that it has these namespaces.
    Seen([Option<Thing>; 8]),
    /// A step failed.
    Failed(Step),
    /// The callback of a namespace was called, for a set with these flags.
    Install(Thing, u32),
    /// A C function was called on something.
    Called(&'static str, Thing),
    /// Rust serves setns(2) from now on (`true`), or C does.
    Switched(bool),
    /// The parameters of the module were locked (`true`), or unlocked.
    Parameters(bool),
}

/// What the current task has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Having {
    /// The user namespace, and then the namespaces in the slots.
    pub namespaces: [Option<Thing>; 9],
    /// The credentials.
    pub cred: Option<Thing>,
    /// The `struct nsproxy`.
    pub nsproxy: Option<Thing>,
    /// The root and the working directory.
    pub directories: [Option<Thing>; 2],
}

/// The effects of a call on its world.
#[derive(Debug)]
pub struct Outcome {
    /// The return value of the call.
    pub result: c_long,
    /// What the current task has after the call.
    pub having: Having,
    /// The log of the call.
    pub log: Vec<Event>,
    /// The rules that the call broke.
    pub faults: Vec<String>,
}

/// A thing that exists or existed.
struct Object {
    thing: Thing,
    start: usize,
    size: usize,
    /// The address of C's count of the references. The mocks count them in `refs`.
    counter: usize,
    refs: usize,
    /// The references that there should be at the end.
    expected: usize,
    /// How often a namespace is counted as active. This is its number of slots in the sets that
    /// tasks have, except while the current task exchanges it.
    active: usize,
    live: bool,
}

/// The world.
pub(crate) struct World {
    pub(crate) target: Target,
    pub(crate) descriptor: Descriptor,
    fails: Vec<Step>,
    log: Vec<Event>,
    faults: Vec<String>,
    objects: Vec<Object>,
    /// The first address that is not in use.
    next: *mut u8,
    /// The task whose lock is held.
    pub(crate) locked: *mut task_struct,
    pub(crate) rcu: u32,
    /// The number of the RCU section, and of the one in which the other task was found.
    section: u32,
    found_in: u32,
    pub(crate) current: *mut task_struct,
    /// The set of the current task when it was last unlocked, and what was in it.
    seen: (*mut nsproxy, [*const u8; 8]),
    /// The set that the current task had before the call, and what was in it, if one more task has
    /// the set.
    shared: Option<(*mut nsproxy, [*const u8; 8])>,
    pub(crate) other: *mut task_struct,
    /// The set of the other task, even if it is a zombie.
    other_nsproxy: *mut nsproxy,
    /// The `nsproxy` of the other task while it is not locked.
    decoy: *mut nsproxy,
    pub(crate) file: *mut file,
    pub(crate) pid: *mut pid,
}

/// The size of a world is below this, in bytes.
const SIZE: usize = 1 << 16;

thread_local! {
    static MEMORY: OnceCell<*mut u8> = const { OnceCell::new() };
    static WORLD: RefCell<Option<World>> = const { RefCell::new(None) };
}

/// Does something with the world.
pub(crate) fn with<R>(f: impl FnOnce(&mut World) -> R) -> R {
    WORLD.with_borrow_mut(|world| f(world.as_mut().expect("a world")))
}

/// Makes a world in which `descriptor` refers to `target`, one more task has the set of the current
/// one if it is `shared`, and the steps in `fails` fail. Makes a call in it, and returns the outcome.
pub fn run(
    target: Target,
    descriptor: Descriptor,
    shared: bool,
    fails: &[Step],
    call: impl FnOnce() -> c_long,
) -> Outcome {
    let mut world = World::new(target, descriptor, shared, fails);
    let before = world.having();
    WORLD.set(Some(world));
    let result = call();
    let mut world = WORLD.take().expect("a world");
    let having = world.having();
    world.audit();
    world.check(result == 0 || having == before, "change of a refused call");
    Outcome {
        result,
        having,
        log: world.log,
        faults: world.faults,
    }
}

/// Returns what the other task has: its set, its user namespace and its pid namespace. Every slot
/// of the set has something in it, even if the type is not built in.
pub fn of_other_task() -> (nsproxy, *mut user_namespace, *mut pid_namespace) {
    with(|world| {
        // SAFETY: The task is there, and so is all that it has.
        unsafe {
            let mut set = core::ptr::read(world.other_nsproxy);
            mocks::fill(&mut set);
            let user_ns = (*(*world.other).real_cred).user_ns;
            (set, user_ns, (*world.other).pid_ns)
        }
    })
}

/// The operations of the mocks.
impl World {
    /// Logs an event.
    pub(crate) fn note(&mut self, event: Event) {
        self.log.push(event);
    }

    /// Logs that a function was called on something.
    pub(crate) fn called<T>(&mut self, function: &'static str, on: *const T) {
        if let Some(object) = self.live(on.addr(), function) {
            let thing = object.thing;
            self.note(Event::Called(function, thing));
        }
    }

    /// Notes a fault.
    pub(crate) fn fault(&mut self, fault: impl Into<String>) {
        self.faults.push(fault.into());
    }

    /// Notes a fault unless `holds`.
    pub(crate) fn check(&mut self, holds: bool, fault: &str) {
        if !holds {
            self.fault(fault);
        }
    }

    /// Notes a fault if the current task must not sleep.
    pub(crate) fn might_sleep(&mut self, what: &str) {
        if !self.locked.is_null() || self.rcu != 0 {
            self.fault(format!("{what}() under a lock"));
        }
    }

    /// Enters an RCU section, or a nested one.
    pub(crate) fn rcu_read_lock(&mut self) {
        self.section += u32::from(self.rcu == 0);
        self.rcu += 1;
    }

    /// Notes that the other task was found.
    pub(crate) fn find_task(&mut self) {
        self.found_in = self.section;
    }

    /// Was the other task found in the current RCU section? If not, it may be gone.
    pub(crate) fn task_is_there(&self) -> bool {
        self.rcu > 0 && self.found_in == self.section
    }

    /// Locks a task. The `nsproxy` of the other task is correct only while it is locked. Notes a
    /// fault if the set of the current task was changed before.
    pub(crate) fn lock(&mut self, task: *mut task_struct) {
        self.locked = task;
        if task == self.other {
            let set = match self.fails.contains(&Step::TaskNsproxy) {
                true => null_mut(),
                false => self.other_nsproxy,
            };
            // SAFETY: The task is there.
            unsafe { (*task).nsproxy = set };
        }
        self.check_seen("before task_lock()");
    }

    /// Unlocks a task.
    pub(crate) fn unlock(&mut self, task: *mut task_struct) {
        self.locked = null_mut();
        // SAFETY: Both tasks are there.
        unsafe {
            if task == self.other {
                (*task).nsproxy = self.decoy;
            } else {
                self.seen = self.set_of_current();
            }
        }
    }

    /// Returns the set of the current task, and what is in it.
    fn set_of_current(&self) -> (*mut nsproxy, [*const u8; 8]) {
        // SAFETY: The task is there, and so is the memory of all sets that it ever had.
        unsafe {
            let set = (*self.current).nsproxy;
            (set, slots(set))
        }
    }

    /// Notes a fault if the set of the current task was replaced or changed while the task was not
    /// locked, or changed although one more task has it.
    fn check_seen(&mut self, when: &str) {
        if self.set_of_current() != self.seen {
            self.fault(format!("set changed {when}"));
        }
        if let Some((set, before)) = self.shared {
            // SAFETY: The memory of all sets stays.
            let same = unsafe { slots(set) } == before;
            self.check(same, "a set changed that one more task has");
        }
    }

    /// Logs what other tasks see. Notes a fault if they see a namespace that is not active.
    pub(crate) fn see(&mut self) {
        self.check_seen("after task_unlock()");
        let (_, slots) = self.seen;
        for slot in slots_of(slots, built_in()) {
            let users = self.users(slot.addr());
            let active = self
                .live(slot.addr(), "task_unlock")
                .map_or(0, |ns| ns.active);
            self.check(active >= users, "a task gets what is not active");
        }
        let seen = slots.map(|slot| self.thing(slot));
        self.note(Event::Seen(seen));
    }

    /// Returns the sets that tasks have.
    fn sets(&self) -> impl Iterator<Item = *mut nsproxy> {
        let (mine, _) = self.set_of_current();
        let shared = self.shared.map(|(set, _)| set);
        let shared = shared.filter(|&set| set != mine);
        [mine, self.other_nsproxy].into_iter().chain(shared)
    }

    /// Returns the number of slots that have the namespace at this address, in the sets that tasks
    /// have.
    fn users(&self, address: usize) -> usize {
        // SAFETY: The memory of all sets stays.
        let slots = self.sets().flat_map(|set| unsafe { slots(set) });
        slots.filter(|slot| slot.addr() == address).count()
    }

    /// Counts a namespace as active.
    pub(crate) fn activate<T>(&mut self, ns: *const T) {
        if let Some(object) = self.live(ns.addr(), "active_get") {
            object.active += 1;
            let (thing, counts) = (object.thing, object.counter != 0);
            self.check(counts, "active_get() of what is not counted");
            self.note(Event::Activated(thing));
        }
    }

    /// Does the opposite. Notes a fault if a task has the namespace and counts on it.
    pub(crate) fn deactivate<T>(&mut self, ns: *const T) {
        self.might_sleep("active_put");
        let Some(object) = self.live(ns.addr(), "active_put") else {
            return;
        };
        let (thing, start, active) = (object.thing, object.start, object.active);
        object.active = active.saturating_sub(1);
        self.check(
            active > self.users(start),
            "active_put() of what a task has",
        );
        self.note(Event::Deactivated(thing));
    }

    /// Returns the number of references on what has its count there.
    pub(crate) fn count(&mut self, counter: *const c_int, acquires: bool) -> c_int {
        self.check(acquires, "atomic_load() without an acquire");
        self.counted(counter.addr(), "atomic_load");
        self.at(counter.addr())
            .map_or(0, |object| object.refs as c_int)
    }

    /// Does the call hold the file, or does it need no reference on it?
    pub(crate) fn holds_file(&mut self) -> bool {
        let light = self.descriptor.light;
        let file = self.at(self.file.addr());
        file.is_some_and(|file| light || file.refs > 1)
    }

    /// Is `step` told to fail? Logs it if so.
    pub(crate) fn fails(&mut self, step: Step) -> bool {
        let fails = self.fails.contains(&step);
        if fails {
            self.note(Event::Failed(step));
        }
        fails
    }

    /// Returns what is or was at this address.
    fn at(&mut self, address: usize) -> Option<&mut Object> {
        let mut objects = self.objects.iter_mut();
        objects.find(|object| (object.start..object.start + object.size).contains(&address))
    }

    /// Returns what is at this address. Notes a fault if there is nothing.
    fn live(&mut self, address: usize, what: &str) -> Option<&mut Object> {
        if !self.at(address).is_some_and(|object| object.live) {
            self.fault(format!("{what}() of what is not there"));
            return None;
        }
        self.at(address)
    }

    /// Returns its name.
    pub(crate) fn thing<T>(&mut self, ptr: *const T) -> Option<Thing> {
        self.at(ptr.addr()).map(|object| object.thing)
    }

    /// Does it exist? Notes a fault if not.
    pub(crate) fn is_live<T>(&mut self, ptr: *const T, what: &str) -> bool {
        self.live(ptr.addr(), what).is_some()
    }

    /// Does it exist, and did this call allocate it?
    pub(crate) fn is_new<T>(&mut self, ptr: *const T) -> bool {
        self.at(ptr.addr())
            .is_some_and(|object| object.live && object.thing.0 == Owner::New)
    }

    /// Does the call alone have it? It is new, or on the stack, where there is no thing.
    pub(crate) fn is_own<T>(&mut self, ptr: *const T) -> bool {
        !ptr.is_null() && (self.thing(ptr).is_none() || self.is_new(ptr))
    }

    /// Is there a count at this address? Notes a fault if not.
    pub(crate) fn counted(&mut self, counter: usize, what: &str) -> bool {
        let object = self.live(counter, what);
        let counted = object.is_some_and(|object| object.counter == counter);
        if !counted {
            self.fault(format!("{what}() of what is no count"));
        }
        counted
    }

    /// Takes a reference.
    pub(crate) fn get<T>(&mut self, ptr: *const T, what: &str) {
        if let Some(object) = self.live(ptr.addr(), what) {
            object.refs += 1;
            let (thing, counts) = (object.thing, object.counter != 0);
            if !counts {
                self.fault(format!("{what}() of what is not counted"));
            }
            self.note(Event::Took(thing));
        }
    }

    /// Sets the number of references on a new set to one. The number is not valid before.
    pub(crate) fn set_count<T>(&mut self, ptr: *const T, n: c_int) {
        let Some(object) = self.live(ptr.addr(), "refcount_set") else {
            return;
        };
        let right = object.thing == (Owner::New, Kind::Nsproxy) && object.refs == 0 && n == 1;
        object.refs = 1;
        self.check(right, "refcount_set() of a count in use");
        self.called("refcount_set", ptr);
    }

    /// Puts a reference. Returns whether it was the last one.
    pub(crate) fn put<T>(&mut self, ptr: *const T, what: &str) -> bool {
        let Some(object) = self.live(ptr.addr(), what) else {
            return false;
        };
        let (thing, start, refs) = (object.thing, object.start, object.refs);
        object.refs = refs.saturating_sub(1);
        if refs <= self.users(start) {
            self.fault(format!("{what}() without a reference"));
        }
        self.note(Event::Gave(thing));
        refs == 1
    }

    /// Puts a reference on a namespace, and frees it with the last one.
    pub(crate) fn put_namespace<T>(&mut self, ns: *const T, what: &str) {
        self.might_sleep(what);
        if self.put(ns, what) {
            self.free(ns, what);
        }
    }

    /// Frees something. The memory is not used again in this world.
    pub(crate) fn free<T>(&mut self, ptr: *const T, what: &str) {
        if let Some(object) = self.live(ptr.addr(), what) {
            object.live = false;
            let (thing, refs, size) = (object.thing, object.refs, object.size);
            let active = object.active;
            self.check(active == 0, &format!("{what}() of what is active"));
            match thing.1 {
                // A pointer that is read from it leads nowhere.
                //
                // SAFETY: It is in the memory of the world.
                Kind::Nsproxy => unsafe { ptr.cast_mut().cast::<u8>().write_bytes(0x6b, size) },
                Kind::Fs => {}
                _ => self.check(refs == 0, &format!("{what}() of what is referenced")),
            }
            self.note(Event::Freed(thing));
        }
    }

    /// Allocates something for the call, with one reference. The count of a set is not valid yet.
    pub(crate) fn new_object<T>(&mut self, kind: Kind, counter: usize) -> *mut T {
        let object = self.allocate((Owner::New, kind), counter, 0);
        self.set_refs(object, usize::from(kind != Kind::Nsproxy));
        self.note(Event::Allocated((Owner::New, kind)));
        object
    }

    /// Returns the namespace that a task gets if it joins the other task.
    pub(crate) fn offered(&self, ns_type: u32) -> *mut ns_common {
        // SAFETY: The task is there, and so is all that it has.
        unsafe { namespace_of(self.other, self.other_nsproxy, ns_type) }
    }

    /// Returns the set of the other task, even if it is a zombie.
    pub(crate) fn other_nsproxy(&self) -> *mut nsproxy {
        self.other_nsproxy
    }
}

/// The construction of a world.
impl World {
    /// Makes an empty world.
    fn empty(target: Target, descriptor: Descriptor, fails: &[Step]) -> Self {
        Self {
            target,
            descriptor,
            fails: fails.to_vec(),
            log: Vec::new(),
            faults: Vec::new(),
            objects: Vec::new(),
            next: memory(),
            locked: null_mut(),
            rcu: 0,
            section: 0,
            found_in: 0,
            current: null_mut(),
            seen: (null_mut(), [null(); 8]),
            shared: None,
            other: null_mut(),
            other_nsproxy: null_mut(),
            decoy: null_mut(),
            file: null_mut(),
            pid: null_mut(),
        }
    }

    fn new(target: Target, descriptor: Descriptor, shared: bool, fails: &[Step]) -> Self {
        let mut world = Self::empty(target, descriptor, fails);
        world.add_initial_namespaces();
        world.current = world.new_task(Owner::Current);
        world.other = world.new_task(Owner::Other);
        world.pid = world.allocate((Owner::Other, Kind::Pid), offset_of!(pid, count), 0);
        // SAFETY: Both tasks are there, and so is all that they have.
        unsafe {
            world.other_nsproxy = (*world.other).nsproxy;
            world.file = world.new_file();
        }
        world.seen = world.set_of_current();
        if shared {
            world.shared = Some(world.seen);
            world.set_refs(world.seen.0, 2);
        }
        world.add_decoys();
        world
    }

    /// Makes the other task act with credentials that are not its own, and hides its set.
    fn add_decoys(&mut self) {
        let kind = Kind::Namespace(bindings::CLONE_NEWUSER);
        let offset = offset_of!(user_namespace, ns);
        let user_ns = self.new_namespace(Owner::Decoy, kind, offset);
        let cred = self.new_cred((Owner::Decoy, Kind::Cred), user_ns);
        self.decoy = self.allocate((Owner::Decoy, Kind::Nsproxy), 0, 0);
        let decoy = self.decoy;
        if let Some(object) = self.at(decoy.addr()) {
            (object.live, object.refs) = (false, 0);
        }
        // SAFETY: The task is there, and the rest was just allocated.
        unsafe {
            decoy.write_bytes(0x6b, 1);
            self.set_refs((*self.other).real_cred, 1);
            (*self.other).cred = cred;
            (*self.other).nsproxy = decoy;
        }
    }

    /// Adds the initial namespaces of the types that are not built in. They have no count here.
    fn add_initial_namespaces(&mut self) {
        for (ns_type, address, size) in mocks::initial_namespaces() {
            if built_in() & ns_type == 0 {
                let object = Object {
                    thing: (Owner::Kernel, Kind::Namespace(ns_type)),
                    start: address,
                    size,
                    counter: 0,
                    refs: 0,
                    expected: 0,
                    active: 0,
                    live: true,
                };
                self.objects.push(object);
            }
        }
    }

    /// Allocates something at `skew` bytes after a multiple of 64, filled with zeros.
    fn allocate<T>(&mut self, thing: Thing, counter: usize, skew: usize) -> *mut T {
        let size = size_of::<T>();
        let ptr = self.next.wrapping_add(skew);
        self.next = self
            .next
            .wrapping_add((skew + size).next_multiple_of(64) + 64);
        assert!(self.next.addr() <= memory().addr() + SIZE, "a larger world");
        // SAFETY: In bounds, see above.
        unsafe { ptr.write_bytes(0, size) };
        let object = Object {
            thing,
            start: ptr.addr(),
            size,
            counter: ptr.addr() + counter,
            refs: 1,
            expected: 0,
            active: 0,
            live: true,
        };
        self.objects.push(object);
        ptr.cast()
    }

    /// Makes a namespace, or returns the initial one of a type that is not built in. `offset` is
    /// the offset of its `struct ns_common`.
    fn new_namespace<T>(&mut self, owner: Owner, kind: Kind, offset: usize) -> *mut T {
        let (Kind::Namespace(ns_type) | Kind::ForChildren(ns_type)) = kind else {
            unreachable!("a type of namespace");
        };
        if built_in() & ns_type == 0 {
            return mocks::initial_namespace(ns_type);
        }
        // A red zone moves the object there if the cache asks for no alignment.
        let skew = if ns_type == bindings::CLONE_NEWUTS {
            8
        } else {
            0
        };
        let counter = offset + offset_of!(ns_common, __bindgen_anon_1);
        let ns: *mut T = self.allocate((owner, kind), counter, skew);
        let common: *mut ns_common = ns.wrapping_byte_add(offset).cast();
        // SAFETY: It was just allocated. It need not be aligned.
        unsafe {
            (&raw mut (*common).ns_type).write_unaligned(ns_type);
            (&raw mut (*common).ops).write_unaligned(mocks::OPERATIONS);
            let ns_id: *mut u64 = common.byte_add(bindings::NS_ID_OFFSET as usize).cast();
            ns_id.write_unaligned(1 + bindings::LAST_INIT_ID);
        }
        ns
    }

    /// Makes a task with namespaces, credentials and directories of its own.
    fn new_task(&mut self, owner: Owner) -> *mut task_struct {
        /// Makes a namespace of this type, and passes the offset of its `struct ns_common`.
        macro_rules! namespace {
            ($kind:ident($ns_type:ident), $ty:ident) => {
                self.new_namespace::<bindings::$ty>(
                    owner,
                    Kind::$kind(bindings::$ns_type),
                    offset_of!(bindings::$ty, ns),
                )
            };
        }

        let user_ns = namespace!(Namespace(CLONE_NEWUSER), user_namespace);
        let pid_ns = namespace!(Namespace(CLONE_NEWPID), pid_namespace);
        let set: *mut nsproxy =
            self.allocate((owner, Kind::Nsproxy), offset_of!(nsproxy, count), 0);
        let cred = self.new_cred((owner, Kind::Cred), user_ns);
        let fs: *mut fs_struct = self.allocate((owner, Kind::Fs), 0, 0);
        let task: *mut task_struct = self.allocate((owner, Kind::Task), 0, 0);
        self.set_refs(cred, 2);
        // SAFETY: All were just allocated.
        unsafe {
            (*set).mnt_ns = namespace!(Namespace(CLONE_NEWNS), mnt_namespace);
            (*set).uts_ns = namespace!(Namespace(CLONE_NEWUTS), uts_namespace);
            (*set).ipc_ns = namespace!(Namespace(CLONE_NEWIPC), ipc_namespace);
            (*set).pid_ns_for_children = namespace!(ForChildren(CLONE_NEWPID), pid_namespace);
            (*set).cgroup_ns = namespace!(Namespace(CLONE_NEWCGROUP), cgroup_namespace);
            (*set).net_ns = namespace!(Namespace(CLONE_NEWNET), net);
            (*set).time_ns = namespace!(Namespace(CLONE_NEWTIME), time_namespace);
            (*set).time_ns_for_children = namespace!(ForChildren(CLONE_NEWTIME), time_namespace);
            (*task).nsproxy = set;
            (*task).cred = cred;
            (*task).real_cred = cred;
            (*task).pid_ns = pid_ns;
            (*task).fs = fs;
            (*fs).root = self.new_place((owner, Kind::Root));
            (*fs).pwd = self.new_place((owner, Kind::Pwd));
            for slot in slots_of(slots(set), built_in()) {
                if let Some(object) = self.at(slot.addr()) {
                    object.active = 1;
                }
            }
        }
        task
    }

    /// Makes a place. One thing stands for its mount and its dentry, with the references on both.
    fn new_place(&mut self, thing: Thing) -> path {
        let place: *mut u64 = self.allocate(thing, 0, 0);
        path {
            mnt: place.cast(),
            dentry: place.cast(),
        }
    }

    /// Makes credentials, which take over the reference on `user_ns`.
    fn new_cred(&mut self, thing: Thing, user_ns: *mut user_namespace) -> *mut cred {
        let cred: *mut cred = self.allocate(thing, offset_of!(cred, usage), 0);
        // SAFETY: It was just allocated.
        unsafe { (*cred).user_ns = user_ns };
        cred
    }

    /// Makes the open file, with a reference on what it refers to.
    ///
    /// # Safety
    ///
    /// The other task is there, and so is all that it has.
    unsafe fn new_file(&mut self) -> *mut file {
        let file: *mut file =
            self.allocate((Owner::Other, Kind::File), offset_of!(file, f_flags), 0);
        let inode: *mut inode = self.allocate((Owner::Other, Kind::Inode), 0, 0);
        // SAFETY: Both were just allocated, and the caller guarantees the rest.
        unsafe {
            (*file).f_inode = inode;
            if let Target::Namespace(ns_type) = self.target {
                let ns = namespace_of(self.other, self.other_nsproxy, ns_type);
                (*inode).i_private = ns.cast();
                if let Some(object) = self.at(ns.addr()) {
                    object.refs += 1;
                }
            }
        }
        file
    }

    /// Sets the number of references.
    fn set_refs<T>(&mut self, ptr: *const T, refs: usize) {
        if let Some(object) = self.at(ptr.addr()) {
            object.refs = refs;
        }
    }
}

/// The state of a world at the end.
impl World {
    /// Returns what the current task has.
    fn having(&mut self) -> Having {
        // SAFETY: The task is there, and so is the memory of all that it ever had.
        let (cred, set, fs) = unsafe {
            (
                (*self.current).cred,
                (*self.current).nsproxy,
                (*self.current).fs,
            )
        };
        // SAFETY: As above.
        let slots = unsafe { slots(set) };
        // SAFETY: As above.
        let user_ns = unsafe { (*cred).user_ns };
        let mut namespaces = [self.thing(user_ns); 9];
        for (thing, slot) in namespaces.iter_mut().skip(1).zip(slots) {
            *thing = self.thing(slot);
        }
        Having {
            namespaces,
            cred: self.thing(cred),
            nsproxy: self.thing(set),
            // SAFETY: As above.
            directories: unsafe { [self.thing((*fs).root.mnt), self.thing((*fs).pwd.mnt)] },
        }
    }

    /// Compares the references with those that there should be. Nothing else may exist, and nothing
    /// may have one reference too many or too few.
    fn audit(&mut self) {
        // SAFETY: The memory of all things stays, even if they are freed.
        unsafe {
            self.expect_of_task(self.current);
            self.expect_of_task(self.other);
            for set in self.sets().collect::<Vec<_>>() {
                slots(set).into_iter().for_each(|slot| self.expect(slot));
            }
            self.expect(self.pid);
            self.expect(self.file);
            self.expect((*self.file).f_inode);
        }
        let (mine, _) = self.set_of_current();
        let shared = self.shared.map_or(null_mut(), |(set, _)| set);
        for set in [mine, shared, self.other_nsproxy] {
            self.expect(set);
        }
        if let Target::Namespace(ns_type) = self.target {
            self.expect(self.offered(ns_type));
        }

        let wrong = |object: &&Object| {
            let refs = if object.live { object.refs } else { 0 };
            let right = refs == object.expected
                && object.live == (refs > 0)
                && object.active == self.users(object.start);
            object.thing.0 != Owner::Kernel && !right
        };
        let faults = self.objects.iter().filter(wrong).map(|object| {
            format!(
                "{:x?} has {} references, should have {}, is active {} times, is there: {}",
                object.thing, object.refs, object.expected, object.active, object.live
            )
        });
        let faults: Vec<String> = faults.collect();
        self.faults.extend(faults);
        self.check_seen("without task_lock()");
        self.check(self.locked.is_null(), "returned with a lock");
        self.check(self.rcu == 0, "returned under RCU");
    }

    /// Expects a reference on everything that a task has, except its set.
    ///
    /// # Safety
    ///
    /// The memory of the task, and of all that it has, is there.
    unsafe fn expect_of_task(&mut self, task: *mut task_struct) {
        // SAFETY: The caller guarantees it.
        unsafe {
            self.expect(task);
            self.expect((*task).fs);
            self.expect((*(*task).fs).root.dentry);
            self.expect((*(*task).fs).pwd.dentry);
            self.expect((*task).cred);
            self.expect((*task).real_cred);
            self.expect((*task).pid_ns);
            self.expect((*(*task).real_cred).user_ns);
            if (*task).cred != (*task).real_cred {
                self.expect((*(*task).cred).user_ns);
            }
        }
    }

    /// Expects one more reference, if `ptr` is to something.
    fn expect<T>(&mut self, ptr: *const T) {
        if let Some(object) = self.at(ptr.addr()) {
            object.expected += 1;
        }
    }
}

/// Returns the memory of all worlds. Each one replaces the one before.
fn memory() -> *mut u8 {
    MEMORY.with(|memory| {
        *memory.get_or_init(|| {
            let layout = Layout::from_size_align(SIZE, 64).expect("a layout");
            // SAFETY: The size is not zero.
            let memory = unsafe { alloc(layout) };
            assert!(!memory.is_null(), "no memory");
            memory
        })
    })
}

/// Returns the contents of the slots.
///
/// # Safety
///
/// The memory of the set is there.
pub(crate) unsafe fn slots(set: *const nsproxy) -> [*const u8; 8] {
    // SAFETY: The caller guarantees it.
    let set = unsafe { &*set };
    [
        set.mnt_ns.cast(),
        set.uts_ns.cast(),
        set.ipc_ns.cast(),
        set.pid_ns_for_children.cast(),
        set.cgroup_ns.cast(),
        set.net_ns.cast(),
        set.time_ns.cast(),
        set.time_ns_for_children.cast(),
    ]
}

/// Returns those of the slots of a set whose types are in `flags`.
pub(crate) fn slots_of(slots: [*const u8; 8], flags: u32) -> impl Iterator<Item = *const u8> {
    let slots = slots.into_iter().zip(SLOTS);
    slots.filter_map(move |(slot, kind)| (flags & kind.ns_type() != 0).then_some(slot))
}

/// Returns the namespace of a type that a task gets if it joins `task`. The type is built in.
///
/// # Safety
///
/// The task is there, and so is `set`, which it has.
pub(crate) unsafe fn namespace_of(
    task: *mut task_struct,
    set: *mut nsproxy,
    ns_type: c_uint,
) -> *mut ns_common {
    // SAFETY: The caller guarantees it.
    unsafe {
        match ns_type {
            bindings::CLONE_NEWUSER => &raw mut (*(*(*task).real_cred).user_ns).ns,
            bindings::CLONE_NEWPID => &raw mut (*(*task).pid_ns).ns,
            bindings::CLONE_NEWNS => &raw mut (*(*set).mnt_ns).ns,
            bindings::CLONE_NEWUTS => &raw mut (*(*set).uts_ns).ns,
            bindings::CLONE_NEWIPC => &raw mut (*(*set).ipc_ns).ns,
            bindings::CLONE_NEWCGROUP => &raw mut (*(*set).cgroup_ns).ns,
            bindings::CLONE_NEWNET => &raw mut (*(*set).net_ns).ns,
            _ => &raw mut (*(*set).time_ns).ns,
        }
    }
}
