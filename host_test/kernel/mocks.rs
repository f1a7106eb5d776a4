// SPDX-License-Identifier: GPL-2.0

//! Mocks of the C functions that `kernel/nsproxy.c`, the helpers and the `kernel` crate call.
//!
//! A mock changes the [`world`](crate::world) as the original changes the kernel, as far as
//! ownership goes. It logs this, and fails if it is told to. It notes a fault if the caller breaks
//! its rules: putting something twice is a fault, and no crash.
//!
//! [`export`] compares each mock with its declaration in C.

use crate::{
    bindings::{
        self,
        cred,
        fd,
        file,
        fs_struct,
        kmem_cache,
        ns_common,
        nsproxy,
        nsset,
        path,
        pid,
        refcount_t,
        task_struct,
        user_namespace, //
    },
    world::{
        built_in,
        slots,
        slots_of,
        with,
        Event,
        Kind,
        Owner,
        Step,
        Target,
        World,
        SLOTS, //
    },
};
use core::{
    ffi::{
        c_char,
        c_int,
        c_long,
        c_uint,
        c_void,
        CStr, //
    },
    mem::{
        offset_of,
        MaybeUninit, //
    },
    ptr::{
        null_mut,
        without_provenance_mut, //
    },
};
use macros::export;

fn err_ptr<T>(errno: c_int) -> *mut T {
    without_provenance_mut(errno as isize as usize)
}

// Initial namespaces. Their `ops` is null, as for a type that is not built in.

/// Defines the initial namespaces. Each line has the structure, the type, and whether
/// `init_nsproxy` uses it if the type is not built in.
macro_rules! initial_namespaces {
    ($($name:ident: $ty:ident, $ns_type:ident, $there:expr;)+) => {
        $(#[no_mangle]
        static mut $name: MaybeUninit<bindings::$ty> = MaybeUninit::zeroed();)+

        /// Returns the types, addresses and sizes of the initial namespaces.
        pub(crate) fn initial_namespaces() -> [(u32, usize, usize); 8] {
            [$((
                bindings::$ns_type,
                (&raw const $name).addr(),
                size_of::<bindings::$ty>(),
            ),)+]
        }

        /// Returns what the slot of a type has that is not built in, as in `init_nsproxy`.
        pub(crate) fn initial_namespace<T>(ns_type: u32) -> *mut T {
            match ns_type {
                $(bindings::$ns_type if $there => (&raw mut $name).cast(),)+
                _ => null_mut(),
            }
        }
    };
}

initial_namespaces! {
    init_user_ns: user_namespace, CLONE_NEWUSER, true;
    init_mnt_ns: mnt_namespace, CLONE_NEWNS, false;
    init_uts_ns: uts_namespace, CLONE_NEWUTS, true;
    init_ipc_ns: ipc_namespace, CLONE_NEWIPC, cfg!(CONFIG_SYSVIPC);
    init_pid_ns: pid_namespace, CLONE_NEWPID, true;
    init_cgroup_ns: cgroup_namespace, CLONE_NEWCGROUP, false;
    init_net: net, CLONE_NEWNET, cfg!(CONFIG_NET);
    init_time_ns: time_namespace, CLONE_NEWTIME, false;
}

/// Puts an initial namespace into each slot that is null.
pub(crate) fn fill(set: &mut nsproxy) {
    /// Checks each slot.
    macro_rules! fill {
        ($($slot:ident = $name:ident;)+) => {
            $(if set.$slot.is_null() {
                set.$slot = (&raw mut $name).cast();
            })+
        };
    }

    fill! {
        mnt_ns = init_mnt_ns;
        uts_ns = init_uts_ns;
        ipc_ns = init_ipc_ns;
        pid_ns_for_children = init_pid_ns;
        cgroup_ns = init_cgroup_ns;
        net_ns = init_net;
        time_ns = init_time_ns;
        time_ns_for_children = init_time_ns;
    }
}

// References.

#[export]
unsafe extern "C" fn refcount_inc(r: *mut refcount_t) {
    with(|world| {
        if world.counted(r.addr(), "refcount_inc") {
            check_taken(world, r);
            world.get(r, "refcount_inc");
        }
    });
}

/// Notes a fault if something of the other task is taken while it may be gone, or what is in its set
/// while the task may put it. Nobody but fork takes a set.
fn check_taken(world: &mut World, r: *mut refcount_t) {
    let Some((owner, kind)) = world.thing(r) else {
        return;
    };
    world.check(kind != Kind::Nsproxy, "refcount_inc() of a set");
    if matches!(owner, Owner::Other | Owner::Decoy) {
        let locked = !SLOTS.contains(&kind) || world.locked == world.other;
        let there = world.task_is_there() && locked;
        world.check(there, "refcount_inc() of what may be gone");
    }
}

/// The last put of a namespace or a set may sleep, and any put may be the last one.
#[export]
unsafe extern "C" fn refcount_dec_and_test(r: *mut refcount_t) -> bool {
    with(|world| {
        world.might_sleep("refcount_dec_and_test");
        world.counted(r.addr(), "refcount_dec_and_test") && world.put(r, "refcount_dec_and_test")
    })
}

/// C sets only the count of a new set itself.
#[export]
unsafe extern "C" fn refcount_set(r: *mut refcount_t, n: c_int) {
    with(|world| {
        if world.counted(r.addr(), "refcount_set") {
            world.set_count(r, n);
        }
    });
}

#[export]
unsafe extern "C" fn atomic_long_sub_and_test(i: c_long, v: *mut bindings::atomic_long_t) -> bool {
    with(|world| {
        world.check(i == 1, "number of credentials");
        world.counted(v.addr(), "put_cred") && world.put(v, "put_cred")
    })
}

/// The kernel warns of a condition.
#[export]
unsafe extern "C" fn host_warn(what: *const c_char) {
    // SAFETY: The pointer is to the text of a condition.
    let what = unsafe { CStr::from_ptr(what) };
    with(|world| world.fault(format!("warning: {what:?}")));
}

// Only the kernel's warnings read a count. One asks whether a namespace that is freed is still
// active, and `World::free()` asks that. Others ask about an initial namespace, which has no count
// here.

#[export]
unsafe extern "C" fn atomic_read(_v: *const bindings::atomic_t) -> c_int {
    0
}

#[export]
unsafe extern "C" fn refcount_read(_r: *const refcount_t) -> c_int {
    with(|world| world.fault("a reference on an initial namespace"));
    1
}

// Descriptors.

#[export]
unsafe extern "C" fn fdget(number: c_uint) -> fd {
    with(|world| {
        let right = number == world.descriptor.number as c_uint;
        world.check(right, "fdget() of another descriptor");
        if world.fails(Step::Fdget) {
            return fd { word: 0 };
        }
        world.called("fdget", world.file);
        let word = world.file.addr() as u64;
        if world.descriptor.light {
            return fd { word };
        }
        world.get(world.file, "fdget");
        fd {
            word: word | u64::from(bindings::FDPUT_FPUT),
        }
    })
}

#[export]
unsafe extern "C" fn fput(file: *mut file) {
    with(|world| {
        world.check(!world.descriptor.light, "fput() of a light reference");
        let last = world.put(file, "fput");
        world.check(!last, "fput() of the last reference");
    });
}

/// Notes a fault unless `file` is the open file, and is held.
fn check_file(world: &mut World, what: &str, file: *const file) {
    let right = file == world.file && world.holds_file();
    if !right {
        world.fault(format!("{what}() of another file"));
    }
}

#[export]
unsafe extern "C" fn proc_ns_file(file: *const file) -> bool {
    with(|world| {
        check_file(world, "proc_ns_file", file);
        matches!(world.target, Target::Namespace(_))
    })
}

#[export]
unsafe extern "C" fn pidfd_pid(file: *const file) -> *mut pid {
    with(|world| {
        check_file(world, "pidfd_pid", file);
        match world.target {
            Target::Process => world.pid,
            _ => err_ptr(-(bindings::EBADF as c_int)),
        }
    })
}

// A new `struct nsproxy`.

/// The address of the cache. No code reads there.
const CACHE: *mut kmem_cache = without_provenance_mut(0xcac4e);

/// `KMEM_CACHE()`, which `nsproxy_cache_init()` uses.
#[export]
unsafe extern "C" fn host_cache(name: *const c_char, flags: c_uint) -> *mut kmem_cache {
    // SAFETY: The pointer is to the name of a structure.
    let name = unsafe { CStr::from_ptr(name) };
    let right = flags == bindings::SLAB_PANIC | bindings::SLAB_ACCOUNT && name == c"nsproxy";
    if right {
        CACHE
    } else {
        null_mut()
    }
}

#[export]
unsafe extern "C" fn kmem_cache_alloc(
    cache: *mut kmem_cache,
    flags: bindings::gfp_t,
) -> *mut c_void {
    with(|world| {
        world.might_sleep("kmem_cache_alloc");
        let right = cache == CACHE && flags == bindings::GFP_KERNEL;
        world.check(right, "cache or flags of kmem_cache_alloc()");
        if world.fails(Step::NsproxyAlloc) {
            return null_mut();
        }
        let new: *mut nsproxy = world.new_object(Kind::Nsproxy, offset_of!(nsproxy, count));
        // The slots lead nowhere.
        //
        // SAFETY: Just allocated.
        unsafe { new.write_bytes(0x6b, 1) };
        new.cast()
    })
}

#[export]
unsafe extern "C" fn kmem_cache_free(cache: *mut kmem_cache, object: *mut c_void) {
    with(|world| {
        let is_set = matches!(world.thing(object), Some((_, Kind::Nsproxy)));
        let right = cache == CACHE && is_set;
        world.check(right, "kmem_cache_free() of what is no set");
        world.free(object, "kmem_cache_free");
    });
}

/// The common part of the functions that copy a namespace. Without a flag, they take a reference and
/// cannot fail. C calls them, and the core does not: it takes the reference itself.
unsafe fn copy<T>(
    flags: u64,
    user_ns: *mut user_namespace,
    old: *mut T,
    slot: impl FnOnce(&nsproxy) -> *mut T,
) -> *mut T {
    with(|world| {
        world.might_sleep("copy");
        // SAFETY: The current task is there, and so is all that it has.
        let (mine, owner) = unsafe {
            let current = &*world.current;
            (slot(&*current.nsproxy), (*current.cred).user_ns)
        };
        world.check(flags == 0, "setns(2) creates a namespace");
        world.check(user_ns == owner, "owner of a copy");
        world.check(old == mine, "origin of a copy");
        world.get(old, "copy");
        old
    })
}

#[export]
unsafe extern "C" fn copy_mnt_ns(
    flags: u64,
    old: *mut bindings::mnt_namespace,
    user_ns: *mut user_namespace,
    fs: *mut fs_struct,
) -> *mut bindings::mnt_namespace {
    with(|world| {
        // SAFETY: The current task is there.
        let live = unsafe { (*world.current).fs };
        world.check(fs == live, "directories of a copy");
    });
    // SAFETY: The caller guarantees it.
    unsafe { copy(flags, user_ns, old, |set| set.mnt_ns) }
}

#[export]
unsafe extern "C" fn put_mnt_ns(ns: *mut bindings::mnt_namespace) {
    put_unless_null(ns, "put_mnt_ns");
}

#[export]
unsafe extern "C" fn from_mnt_ns(ns: *mut bindings::mnt_namespace) -> *mut ns_common {
    with(|world| world.is_live(ns, "from_mnt_ns"));
    ns.wrapping_byte_add(offset_of!(bindings::mnt_namespace, ns))
        .cast()
}

/// Does the same as `ns_ref_put()`, which accepts null.
fn put_unless_null<T>(ns: *mut T, what: &str) {
    if !ns.is_null() {
        with(|world| world.put_namespace(ns, what));
    }
}

/// Defines the functions of the other types, if they are built in. Each line has the functions and
/// the slot. The last function puts a reference, or frees what has no reference.
macro_rules! built_in {
    ($($config:ident: $copy:ident, $put:ident = $what:ident($ty:ident), $slot:ident;)+) => {
        $(
            #[cfg($config)]
            #[export]
            unsafe extern "C" fn $copy(
                flags: u64,
                user_ns: *mut user_namespace,
                old: *mut bindings::$ty,
            ) -> *mut bindings::$ty {
                // SAFETY: The caller guarantees it.
                unsafe { copy(flags, user_ns, old, |set| set.$slot) }
            }

            #[cfg($config)]
            #[export]
            unsafe extern "C" fn $put(ns: *mut bindings::$ty) {
                $what(ns, stringify!($put));
            }
        )+
    };
}

/// Frees what has no reference. C has put the last one.
#[allow(dead_code)] // None of the types may be built in.
fn free<T>(ns: *mut T, what: &str) {
    with(|world| {
        world.might_sleep(what);
        world.free(ns, what);
    });
}

built_in! {
    CONFIG_UTS_NS: copy_utsname, free_uts_ns = free(uts_namespace), uts_ns;
    CONFIG_IPC_NS: copy_ipcs, put_ipc_ns = put_unless_null(ipc_namespace), ipc_ns;
    CONFIG_PID_NS: copy_pid_ns, put_pid_ns = put_unless_null(pid_namespace), pid_ns_for_children;
    CONFIG_CGROUPS: copy_cgroup_ns, free_cgroup_ns = free(cgroup_namespace), cgroup_ns;
    CONFIG_NET_NS: copy_net_ns, __put_net = free(net), net_ns;
    CONFIG_TIME_NS: copy_time_ns, free_time_ns = free(time_namespace), time_ns_for_children;
}

#[cfg(CONFIG_USER_NS)]
#[export]
unsafe extern "C" fn __put_user_ns(ns: *mut user_namespace) {
    free(ns, "put_user_ns");
}

// Credentials and directories.

#[export]
unsafe extern "C" fn get_current() -> *mut task_struct {
    with(|world| world.current)
}

#[export]
unsafe extern "C" fn prepare_creds() -> *mut cred {
    with(|world| {
        world.might_sleep("prepare_creds");
        if world.fails(Step::PrepareCreds) {
            return null_mut();
        }
        let new: *mut cred = world.new_object(Kind::Cred, offset_of!(cred, usage));
        // SAFETY: The current task is there, and so is all that it has.
        let user_ns = unsafe { (*(*world.current).cred).user_ns };
        // SAFETY: Just allocated.
        unsafe { (*new).user_ns = user_ns };
        if cfg!(CONFIG_USER_NS) {
            world.get(user_ns, "prepare_creds");
        }
        new
    })
}

#[export]
unsafe extern "C" fn commit_creds(new: *mut cred) -> c_int {
    with(|world| {
        world.might_sleep("commit_creds");
        world.called("commit_creds", new);
        let is_new = world.is_new(new);
        world.check(is_new, "commit_creds() of what is not prepared");
        // SAFETY: The current task is there.
        let task = unsafe { &mut *world.current };
        let old = task.cred;
        world.check(
            task.real_cred == old,
            "commit_creds() while others are in force",
        );
        task.cred = new;
        task.real_cred = new;
        world.get(new, "commit_creds");
        for _ in 0..2 {
            put_credentials(world, old);
        }
    });
    0
}

fn put_credentials(world: &mut World, cred: *const cred) {
    if world.put(cred, "put_cred") {
        free_credentials(world, cred);
    }
}

fn free_credentials(world: &mut World, cred: *const cred) {
    world.free(cred, "put_cred");
    if cfg!(CONFIG_USER_NS) {
        // SAFETY: The memory of a freed object stays.
        world.put_namespace(unsafe { (*cred).user_ns }, "put_cred");
    }
}

#[export]
unsafe extern "C" fn __put_cred(cred: *mut cred) {
    with(|world| free_credentials(world, cred));
}

// C alone copies directories, so this cannot fail here.

#[export]
unsafe extern "C" fn copy_fs_struct(old: *mut fs_struct) -> *mut fs_struct {
    with(|world| {
        world.might_sleep("copy_fs_struct");
        // SAFETY: The current task is there.
        let live = unsafe { (*world.current).fs };
        world.check(old == live, "copy of another's directories");
        let new: *mut fs_struct = world.new_object(Kind::Fs, 0);
        // SAFETY: Both are there.
        let copied = unsafe {
            *new = *live;
            &*new
        };
        world.get(copied.root.dentry, "copy_fs_struct");
        world.get(copied.pwd.dentry, "copy_fs_struct");
        new
    })
}

#[export]
unsafe extern "C" fn free_fs_struct(fs: *mut fs_struct) {
    with(|world| {
        world.might_sleep("free_fs_struct");
        let is_new = world.is_new(fs);
        world.check(is_new, "free_fs_struct() of a task's");
        // SAFETY: The memory is there.
        let (root, pwd) = unsafe { ((*fs).root, (*fs).pwd) };
        put_place(world, root);
        put_place(world, pwd);
        world.free(fs, "free_fs_struct");
    });
}

/// Puts the references on a place, unless it is null. The last put may sleep.
fn put_place(world: &mut World, place: path) {
    world.might_sleep("path_put");
    if !place.dentry.is_null() && world.put(place.dentry, "path_put") {
        world.free(place.dentry, "path_put");
    }
}

#[export]
unsafe extern "C" fn path_put(place: *const path) {
    // SAFETY: The caller guarantees it.
    with(|world| put_place(world, unsafe { *place }));
}

/// Replaces a place, with references.
fn replace_place(world: &mut World, old: &mut path, new: path) {
    world.get(new.dentry, "path_get");
    put_place(world, core::mem::replace(old, new));
}

/// Notes a fault unless `fs` is the current task's. Notes that `what` was called on a place.
fn check_place(world: &mut World, what: &'static str, fs: *mut fs_struct, place: path) {
    world.might_sleep(what);
    // SAFETY: The current task is there.
    let live = unsafe { (*world.current).fs };
    world.check(fs == live, "place of another task");
    world.called(what, place.dentry);
}

#[export]
unsafe extern "C" fn set_fs_root(fs: *mut fs_struct, root: *const path) {
    // SAFETY: The caller guarantees it.
    let (old, root) = unsafe { (&mut (*fs).root, *root) };
    with(|world| {
        check_place(world, "set_fs_root", fs, root);
        replace_place(world, old, root);
    });
}

#[export]
unsafe extern "C" fn set_fs_pwd(fs: *mut fs_struct, pwd: *const path) {
    // SAFETY: The caller guarantees it.
    let (old, pwd) = unsafe { (&mut (*fs).pwd, *pwd) };
    with(|world| {
        check_place(world, "set_fs_pwd", fs, pwd);
        replace_place(world, old, pwd);
    });
}

// The target's namespaces. The log does not show RCU: C holds it once, Rust in parts.

#[export]
unsafe extern "C" fn rcu_read_lock() {
    with(World::rcu_read_lock);
}

#[export]
unsafe extern "C" fn rcu_read_unlock() {
    with(|world| {
        world.check(world.rcu > 0, "rcu_read_unlock()");
        world.rcu = world.rcu.saturating_sub(1);
    });
}

#[export]
unsafe extern "C" fn __might_sleep(_file: *const c_char, _line: c_int) {
    with(|world| {
        world.might_sleep("might_sleep");
        world.note(Event::MightSleep);
    });
}

/// Notes a fault unless `task` is the target and cannot go away. Notes that `what` was called.
fn check_task(world: &mut World, what: &'static str, task: *mut task_struct) {
    let safe = world.task_is_there() && task == world.other;
    if !safe {
        world.fault(format!("task of {what}()"));
    }
    world.called(what, task);
}

#[export]
unsafe extern "C" fn pid_task(pid: *mut pid, pid_type: bindings::pid_type) -> *mut task_struct {
    with(|world| {
        world.check(world.rcu > 0, "pid_task() without RCU");
        let right = pid_type == bindings::pid_type_PIDTYPE_PID;
        world.check(right, "pid_task() of another type");
        world.called("pid_task", pid);
        if world.fails(Step::PidTask) {
            return null_mut();
        }
        world.find_task();
        world.other
    })
}

#[export]
unsafe extern "C" fn ptrace_may_access(task: *mut task_struct, mode: c_uint) -> bool {
    with(|world| {
        check_task(world, "ptrace_may_access", task);
        let right = mode == bindings::PTRACE_MODE_READ_REALCREDS;
        world.check(right, "mode of access");
        !world.fails(Step::PtraceMayAccess)
    })
}

#[export]
unsafe extern "C" fn task_active_pid_ns(task: *mut task_struct) -> *mut bindings::pid_namespace {
    with(|world| {
        check_task(world, "task_active_pid_ns", task);
        if world.fails(Step::TaskPidNs) {
            return null_mut();
        }
        // SAFETY: The task is there.
        unsafe { (*task).pid_ns }
    })
}

#[export]
unsafe extern "C" fn task_lock(task: *mut task_struct) {
    with(|world| {
        let safe = task == world.current || (task == world.other && world.task_is_there());
        world.check(safe && world.locked.is_null(), "task_lock()");
        world.called("task_lock", task);
        world.lock(task);
    });
}

#[export]
unsafe extern "C" fn task_unlock(task: *mut task_struct) {
    with(|world| {
        world.check(world.locked == task, "task_unlock()");
        world.unlock(task);
        world.called("task_unlock", task);
        if task == world.current {
            world.see();
        }
    });
}

// Installing.

/// The callbacks of all types.
pub(crate) const OPERATIONS: &bindings::proc_ns_operations = &bindings::proc_ns_operations {
    name: c"".as_ptr(),
    real_ns_name: c"".as_ptr(),
    get: None,
    put: Some(put),
    install: Some(install),
    owner: None,
    get_parent: None,
};

unsafe extern "C" fn put(ns: *mut ns_common) {
    with(|world| world.put_namespace(ns, "put"));
}

/// The callback of each type.
unsafe extern "C" fn install(set: *mut nsset, ns: *mut ns_common) -> c_int {
    with(|world| {
        world.might_sleep("install");
        let Some(thing) = world.thing(ns) else {
            world.fault("install() of nothing");
            return -1;
        };
        let (Kind::Namespace(ns_type) | Kind::ForChildren(ns_type)) = thing.1 else {
            world.fault("install() of what is no namespace");
            return -1;
        };
        // SAFETY: The caller guarantees that the set is valid.
        let set = unsafe { &*set };
        world.note(Event::Install(thing, set.flags));
        let offered = world.offered(ns_type);
        world.check(ns == offered, "install() of another namespace");
        check_nsset(world, set, ns_type);
        if world.fails(Step::Install(ns_type)) {
            #[cfg(CONFIG_TRACEPOINTS)]
            // SAFETY: The call is traced, so the set has an outcome.
            unsafe {
                (*set.outcome).reason = bindings::setns_reason_SETNS_NO_OWNER_CAP
            };
            return Step::Install(ns_type).errno();
        }
        // SAFETY: See the checks above.
        unsafe { install_in(world, set, ns_type) };
        0
    })
}

/// Notes a fault unless the callback of `ns_type` may work on `set`.
fn check_nsset(world: &mut World, set: &nsset, ns_type: u32) {
    // SAFETY: The current task is there.
    let (cred, fs) = unsafe { ((*world.current).cred, (*world.current).fs) };

    world.check(
        set.flags & ns_type != 0,
        "install() of what is not asked for",
    );
    let is_own = world.is_own(set.nsproxy);
    world.check(is_own, "set with the namespaces of a task");
    // The core has a set on the stack in which the other slots are null. C does not.
    if world.thing(set.nsproxy).is_none() {
        // SAFETY: See the check above.
        let mut others = slots_of(unsafe { slots(set.nsproxy) }, !set.flags);
        let empty = others.all(|slot| slot.is_null());
        world.check(empty, "set on the stack with other namespaces");
    }
    let right = if set.flags & bindings::CLONE_NEWUSER != 0 {
        world.is_new(set.cred)
    } else {
        set.cred == cred
    };
    world.check(right, "set with wrong credentials");
    let right = if set.flags & bindings::CLONE_NEWNS == 0 {
        set.fs.is_null()
    } else {
        // If nothing else can refuse, the callback may change those of the caller.
        (set.fs == fs && set.flags == bindings::CLONE_NEWNS) || world.is_own(set.fs)
    };
    world.check(right, "set with wrong directories");
}

/// Puts the other task's namespaces of a type into a set.
///
/// # Safety
///
/// The set is valid, and has the credentials, directories or slots that the type changes.
unsafe fn install_in(world: &mut World, set: &nsset, ns_type: u32) {
    /// Replaces the namespace in a slot, which may be null.
    macro_rules! replace {
        ($slot:expr, $new:expr) => {{
            let new = $new;
            world.get(new, "install");
            let old = core::mem::replace(&mut $slot, new);
            if !old.is_null() {
                world.put_namespace(old, "install");
            }
        }};
    }

    // SAFETY: The caller guarantees it, and the other task is there.
    unsafe {
        let (other, new) = (&*world.other, &mut *set.nsproxy);
        let offered = &*world.other_nsproxy();
        match ns_type {
            bindings::CLONE_NEWUSER => {
                replace!((*set.cred.cast_mut()).user_ns, (*other.real_cred).user_ns);
            }
            bindings::CLONE_NEWNS => {
                replace!(new.mnt_ns, offered.mnt_ns);
                replace_place(world, &mut (*set.fs).pwd, (*other.fs).pwd);
                replace_place(world, &mut (*set.fs).root, (*other.fs).root);
            }
            bindings::CLONE_NEWUTS => replace!(new.uts_ns, offered.uts_ns),
            bindings::CLONE_NEWIPC => replace!(new.ipc_ns, offered.ipc_ns),
            bindings::CLONE_NEWPID => replace!(new.pid_ns_for_children, other.pid_ns),
            bindings::CLONE_NEWCGROUP => replace!(new.cgroup_ns, offered.cgroup_ns),
            bindings::CLONE_NEWNET => replace!(new.net_ns, offered.net_ns),
            _ => {
                replace!(new.time_ns, offered.time_ns);
                replace!(new.time_ns_for_children, offered.time_ns);
            }
        }
    }
}

// `proc_ns_glue.c` is compiled as it is, but its function has another name. So the mock can note a
// fault for a pointer with which it would crash.

extern "C" {
    fn glue_proc_ns_install(set: *mut nsset, ns: *mut ns_common) -> c_int;
}

/// Notes a fault unless there is a namespace with callbacks.
fn has_operations(ns: *mut ns_common, what: &str) -> bool {
    with(|world| {
        if !world.is_live(ns, what) {
            return false;
        }
        // SAFETY: It is there. It need not be aligned.
        let operations = unsafe { (&raw const (*ns).ops).read_unaligned() };
        world.check(
            !operations.is_null(),
            &format!("{what}() without callbacks"),
        );
        !operations.is_null()
    })
}

#[export]
unsafe extern "C" fn proc_ns_install(set: *mut nsset, ns: *mut ns_common) -> c_int {
    if !has_operations(ns, "proc_ns_install") {
        return -1;
    }
    // SAFETY: The caller guarantees it.
    unsafe { glue_proc_ns_install(set, ns) }
}

// Committing.

/// Notes a fault unless `task` is the current one. Notes that `what` was called.
#[allow(dead_code)] // None of the functions may be there.
fn check_current(what: &'static str, task: *mut task_struct) {
    with(|world| {
        world.might_sleep(what);
        world.check(task == world.current, &format!("{what}() of another task"));
        world.called(what, task);
    });
}

#[cfg(CONFIG_SYSVIPC)]
#[export]
unsafe extern "C" fn exit_sem(task: *mut task_struct) {
    check_current("exit_sem", task);
}

#[cfg(CONFIG_TIME_NS_VDSO)]
#[export]
unsafe extern "C" fn timens_commit(task: *mut task_struct, ns: *mut bindings::time_namespace) {
    check_current("timens_commit", task);
    with(|world| world.called("timens_commit", ns));
}

#[cfg(CONFIG_PERF_EVENTS)]
#[export]
unsafe extern "C" fn perf_event_namespaces(task: *mut task_struct) {
    check_current("perf_event_namespaces", task);
}

#[export]
unsafe extern "C" fn __ns_ref_active_get(ns: *mut ns_common) {
    with(|world| world.activate(ns));
}

#[export]
unsafe extern "C" fn __ns_ref_active_put(ns: *mut ns_common) {
    with(|world| world.deactivate(ns));
}

#[export]
unsafe extern "C" fn nsproxy_ns_active_get(nsproxy: *mut nsproxy) {
    // SAFETY: The caller guarantees it.
    let slots = unsafe { slots(nsproxy) };
    with(|world| slots_of(slots, built_in()).for_each(|ns| world.activate(ns)));
}

#[export]
unsafe extern "C" fn nsproxy_ns_active_put(nsproxy: *mut nsproxy) {
    // SAFETY: The caller guarantees it.
    let slots = unsafe { slots(nsproxy) };
    with(|world| slots_of(slots, built_in()).for_each(|ns| world.deactivate(ns)));
}

// The trace events, which are on in every call.

// A kernel without TRACEPOINTS has none of these functions. The compiler removes the calls, but not
// in a build without optimisation.

#[export]
unsafe extern "C" fn setns_note_namespace(
    outcome: *mut bindings::setns_outcome,
    ns: *mut ns_common,
    cred: *const bindings::cred,
) {
    with(|world| {
        world.called("setns_note_namespace", ns);
        if !cred.is_null() {
            world.called("setns_note_namespace", cred);
        }
    });
    // SAFETY: The namespace is valid, but it need not be aligned, see `NsCommon`.
    let ns_type = unsafe { (&raw const (*ns).ns_type).read_unaligned() };
    // SAFETY: The outcome is valid.
    unsafe { (*outcome).type_ = ns_type };
}

#[export]
unsafe extern "C" fn setns_note_joins(
    outcome: *mut bindings::setns_outcome,
    flags: c_uint,
    nsproxy: *const nsproxy,
    cred: *const bindings::cred,
) {
    with(|world| {
        // The user namespace is not in a set, so there may be none.
        if flags != bindings::CLONE_NEWUSER {
            // SAFETY: The caller guarantees it.
            let joined = slots_of(unsafe { slots(nsproxy) }, flags);
            joined.for_each(|ns| world.called("setns_note_joins", ns));
        }
        world.called("setns_note_joins", cred);
    });
    // SAFETY: The outcome is valid.
    unsafe { (*outcome).nr_joins = flags.count_ones() as c_int };
}

#[cfg(CONFIG_TRACEPOINTS)]
#[export]
unsafe extern "C" fn setns_trace(outcome: *const bindings::setns_outcome, asked: u32, err: c_long) {
    // SAFETY: The outcome is valid.
    let outcome = unsafe { &*outcome };
    with(|world| {
        world.note(Event::Traced(
            outcome.reason,
            outcome.fd_kind,
            outcome.type_,
            outcome.nr_joins,
            asked,
            err,
        ));
        world.check(
            (err != 0) == (outcome.reason != 0),
            "a refusal without a reason",
        );
    });
}

// The dispatcher and the parameter. C always serves `c_setns()`, and the test calls the entries of
// the core directly.

#[no_mangle]
static mut setns_in_rust: bool = false;

#[export]
unsafe extern "C" fn setns_select_rust(
    _impl: bindings::setns_fn,
    _copy_impl: bindings::setns_fn,
    _owner: *mut bindings::module,
) -> c_int {
    with(|world| world.note(Event::Switched(true)));
    0
}

#[export]
unsafe extern "C" fn setns_select_c() {
    with(|world| world.note(Event::Switched(false)));
}

#[export]
unsafe extern "C" fn kernel_param_lock(_module: *mut bindings::module) {
    with(|world| {
        world.might_sleep("kernel_param_lock");
        world.note(Event::Parameters(true));
    });
}

#[export]
unsafe extern "C" fn kernel_param_unlock(_module: *mut bindings::module) {
    with(|world| world.note(Event::Parameters(false)));
}
