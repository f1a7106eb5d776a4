// SPDX-License-Identifier: GPL-2.0

//! Mocks of what the core calls and touches in C.
//!
//! They do to the [`world`](crate::world) what the originals do to the kernel as far as ownership
//! goes, write it down, fail where they are told to, and complain about a caller who breaks their
//! rules: what is put twice is a complaint, and no crash.

#![allow(
    non_camel_case_types,
    non_upper_case_globals,
    clippy::missing_safety_doc
)]

use crate::world::{
    self,
    namespace_of,
    with,
    Change,
    Event::{
        Commit,
        Gave,
        Install,
        Took, //
    },
    Step,
    Target,
    Thing,
    World, //
};
use core::{
    ffi::{
        c_int,
        c_uint,
        c_ulong, //
    },
    ptr::{
        null_mut,
        without_provenance_mut, //
    },
};

pub const CLONE_NEWTIME: u32 = 0x0000_0080;
pub const CLONE_NEWNS: u32 = 0x0002_0000;
pub const CLONE_NEWCGROUP: u32 = 0x0200_0000;
pub const CLONE_NEWUTS: u32 = 0x0400_0000;
pub const CLONE_NEWIPC: u32 = 0x0800_0000;
pub const CLONE_NEWUSER: u32 = 0x1000_0000;
pub const CLONE_NEWPID: u32 = 0x2000_0000;
pub const CLONE_NEWNET: u32 = 0x4000_0000;
pub const CLONE_NS_ALL: u64 = 0x7e02_0080;
pub const PTRACE_MODE_READ_REALCREDS: u32 = 0x11;
pub const pid_type_PIDTYPE_PID: c_uint = 0;

/// `struct ns_common`: the first and only member of every namespace here.
#[repr(C)]
pub struct ns_common {
    pub ns_type: u32,
    pub(crate) refs: usize,
}

/// The namespace types, which are distinct types so that none is taken for another one.
macro_rules! namespaces {
    ($($name:ident)+) => {
        $(#[repr(C)]
        pub struct $name {
            pub ns: ns_common,
        })+
    };
}

namespaces!(user_namespace mnt_namespace uts_namespace ipc_namespace);
namespaces!(pid_namespace cgroup_namespace net time_namespace);

pub struct nsproxy {
    pub(crate) count: usize,
    pub(crate) active: bool,
    pub mnt_ns: *mut mnt_namespace,
    pub uts_ns: *mut uts_namespace,
    pub ipc_ns: *mut ipc_namespace,
    pub pid_ns_for_children: *mut pid_namespace,
    pub cgroup_ns: *mut cgroup_namespace,
    pub net_ns: *mut net,
    pub time_ns: *mut time_namespace,
    pub time_ns_for_children: *mut time_namespace,
}

pub struct cred {
    pub(crate) user_ns: *mut user_namespace,
}

/// A place in the file system, by number.
#[derive(Clone, Copy)]
pub struct path(pub(crate) usize);

pub struct fs_struct {
    pub root: path,
    pub pwd: path,
}

pub struct task_struct {
    pub nsproxy: *mut nsproxy,
    pub fs: *mut fs_struct,
    pub(crate) cred: *mut cred,
    pub(crate) pid_ns: *mut pid_namespace,
}

pub struct nsset {
    pub flags: c_uint,
    pub nsproxy: *mut nsproxy,
    pub fs: *mut fs_struct,
    pub cred: *const cred,
}

#[derive(Clone, Copy)]
pub struct fd {
    pub word: c_ulong,
}

pub struct file(());
pub struct pid(());

/// The one file, and the one process ID.
static mut FILE: file = file(());
static mut PID: pid = pid(());

impl nsproxy {
    /// As `kmem_cache_alloc()` leaves it: what is in the slots leads nowhere.
    pub(crate) fn undefined() -> Self {
        Self {
            count: 1,
            active: false,
            mnt_ns: without_provenance_mut(0x6b),
            uts_ns: without_provenance_mut(0x6b),
            ipc_ns: without_provenance_mut(0x6b),
            pid_ns_for_children: without_provenance_mut(0x6b),
            cgroup_ns: without_provenance_mut(0x6b),
            net_ns: without_provenance_mut(0x6b),
            time_ns: without_provenance_mut(0x6b),
            time_ns_for_children: without_provenance_mut(0x6b),
        }
    }

    /// What is in the slots, in the order in which `nsproxy_free()` puts it.
    pub(crate) fn slots(&self) -> [*mut ns_common; 8] {
        [
            self.mnt_ns.cast(),
            self.uts_ns.cast(),
            self.ipc_ns.cast(),
            self.pid_ns_for_children.cast(),
            self.time_ns.cast(),
            self.time_ns_for_children.cast(),
            self.cgroup_ns.cast(),
            self.net_ns.cast(),
        ]
    }
}

fn err_ptr<T>(errno: c_int) -> *mut T {
    without_provenance_mut(errno as isize as usize)
}

// Descriptors.

pub unsafe fn fdget(number: c_uint) -> fd {
    with(|world| {
        let asked = world.fd as c_uint;
        world.check(number == asked, "fdget() of another descriptor");
        if world.fails(Step::Fdget) {
            return fd { word: 0 };
        }
        world.note(Took(Thing::Fd));
        fd { word: 1 }
    })
}

pub unsafe fn fdput(fd: fd) {
    with(|world| {
        world.check(fd.word == 1, "fdput() of an empty one");
        world.note(Gave(Thing::Fd));
    });
}

pub unsafe fn fd_file(fd: fd) -> *mut file {
    with(|world| world.check(fd.word == 1, "fd_file() of an empty one"));
    &raw mut FILE
}

pub unsafe fn proc_ns_file(_file: *mut file) -> bool {
    with(|world| matches!(world.target, Target::Namespace(_)))
}

pub unsafe fn file_proc_ns(_file: *mut file) -> *mut ns_common {
    with(World::target_namespace)
}

pub unsafe fn pidfd_pid(_file: *mut file) -> *mut pid {
    match with(|world| world.target) {
        Target::Process => &raw mut PID,
        _ => err_ptr(-9),
    }
}

// A new `struct nsproxy`.

pub unsafe fn nsproxy_alloc() -> *mut nsproxy {
    with(|world| {
        world.might_sleep("nsproxy_alloc");
        if world.fails(Step::NsproxyAlloc) {
            return null_mut();
        }
        world.note(Took(Thing::Nsproxy));
        world.new_nsproxy()
    })
}

pub unsafe fn nsproxy_dealloc(nsproxy: *mut nsproxy) {
    with(|world| {
        world.note(Gave(Thing::Nsproxy));
        world.free(nsproxy);
    });
}

pub unsafe fn nsproxy_free(nsproxy: *mut nsproxy) {
    with(|world| {
        world.might_sleep("nsproxy_free");
        unsafe { free_nsproxy(world, nsproxy, false) };
        world.note(Gave(Thing::Nsproxy));
    });
}

/// Puts what is in the slots, and frees the memory.
unsafe fn free_nsproxy(world: &mut World, nsproxy: *mut nsproxy, active: bool) {
    if !world.is_live(nsproxy, "nsproxy_free") {
        return;
    }
    unsafe {
        world.check((*nsproxy).active == active, "active count of a set");
        for slot in (*nsproxy).slots().into_iter().filter(|ns| !ns.is_null()) {
            if !active && world.is_live(slot, "nsproxy_free") {
                world.note(Gave(Thing::Slot((*slot).ns_type)));
            }
            world.put(slot, "nsproxy_free");
        }
    }
    world.free(nsproxy);
}

/// What is common to the functions that copy a namespace, here always by taking a reference.
unsafe fn copy<T>(
    ns_type: u32,
    flags: u64,
    user_ns: *mut user_namespace,
    old: *mut T,
    slot: impl FnOnce(&nsproxy) -> *mut T,
) -> *mut T {
    with(|world| unsafe {
        world.might_sleep("copy");
        let current = world.current;
        world.check(flags == 0, "setns(2) creates a namespace");
        world.check(user_ns == (*(*current).cred).user_ns, "owner of a copy");
        world.check(old == slot(&*(*current).nsproxy), "origin of a copy");
        if old.is_null() {
            return old;
        }
        if world.fails(Step::Copy(ns_type)) {
            return err_ptr(Step::Copy(ns_type).errno());
        }
        world.note(Took(Thing::Slot(ns_type)));
        world.get(old.cast(), "copy");
        old
    })
}

pub unsafe fn copy_mnt_ns(
    flags: u64,
    old: *mut mnt_namespace,
    user_ns: *mut user_namespace,
    fs: *mut fs_struct,
) -> *mut mnt_namespace {
    with(|world| world.check(fs.is_null(), "directories to be moved"));
    unsafe { copy(CLONE_NEWNS, flags, user_ns, old, |set| set.mnt_ns) }
}

/// The other types: the function, the type, and the slot.
macro_rules! copies {
    ($($name:ident($ty:ident, $flag:ident, $slot:ident);)+) => {
        $(pub unsafe fn $name(
            flags: u64,
            user_ns: *mut user_namespace,
            old: *mut $ty,
        ) -> *mut $ty {
            unsafe { copy($flag, flags, user_ns, old, |set| set.$slot) }
        })+
    };
}

copies! {
    copy_utsname(uts_namespace, CLONE_NEWUTS, uts_ns);
    copy_ipcs(ipc_namespace, CLONE_NEWIPC, ipc_ns);
    copy_pid_ns(pid_namespace, CLONE_NEWPID, pid_ns_for_children);
    copy_cgroup_ns(cgroup_namespace, CLONE_NEWCGROUP, cgroup_ns);
    copy_net_ns(net, CLONE_NEWNET, net_ns);
    copy_time_ns(time_namespace, CLONE_NEWTIME, time_ns_for_children);
}

pub unsafe fn get_time_ns(ns: *mut time_namespace) -> *mut time_namespace {
    if ns.is_null() {
        return ns;
    }
    with(|world| unsafe {
        world.note(Took(Thing::Slot(CLONE_NEWTIME)));
        world.check(
            ns == (*(*world.current).nsproxy).time_ns,
            "origin of a time namespace",
        );
        world.get(ns.cast(), "get_time_ns");
        ns
    })
}

pub unsafe fn nsproxy_ns_common(nsproxy: *mut nsproxy, ns_type: u32) -> *mut ns_common {
    let nsproxy = unsafe { &*nsproxy };
    match ns_type {
        CLONE_NEWNS => nsproxy.mnt_ns.cast(),
        CLONE_NEWUTS => nsproxy.uts_ns.cast(),
        CLONE_NEWIPC => nsproxy.ipc_ns.cast(),
        CLONE_NEWPID => nsproxy.pid_ns_for_children.cast(),
        CLONE_NEWCGROUP => nsproxy.cgroup_ns.cast(),
        CLONE_NEWNET => nsproxy.net_ns.cast(),
        CLONE_NEWTIME => nsproxy.time_ns.cast(),
        _ => null_mut(),
    }
}

pub unsafe fn nsproxy_time_ns_for_children(nsproxy: *mut nsproxy) -> *mut ns_common {
    unsafe { (*nsproxy).time_ns_for_children.cast() }
}

pub unsafe fn proc_ns_put(ns: *mut ns_common) {
    with(|world| unsafe {
        world.might_sleep("proc_ns_put");
        if world.is_live(ns, "proc_ns_put") {
            world.note(Gave(Thing::Slot((*ns).ns_type)));
            world.put(ns, "proc_ns_put");
        }
    });
}

// Credentials and directories.

pub unsafe fn current_cred() -> *const cred {
    with(|world| unsafe { (*world.current).cred })
}

pub unsafe fn current_user_ns() -> *mut user_namespace {
    with(|world| unsafe { (*(*world.current).cred).user_ns })
}

pub unsafe fn prepare_creds() -> *mut cred {
    with(|world| unsafe {
        world.might_sleep("prepare_creds");
        if world.fails(Step::PrepareCreds) {
            return null_mut();
        }
        world.note(Took(Thing::Cred));
        let user_ns = (*(*world.current).cred).user_ns;
        world.get(user_ns.cast(), "prepare_creds");
        world.new_cred(user_ns)
    })
}

pub unsafe fn commit_creds(new: *mut cred) -> c_int {
    with(|world| unsafe {
        world.note(Commit(Change::Cred));
        if world.is_live(new, "commit_creds") {
            let old = core::mem::replace(&mut (*world.current).cred, new);
            world.put((*old).user_ns.cast(), "commit_creds");
            world.free(old);
        }
    });
    0
}

pub unsafe fn put_cred(cred: *const cred) {
    with(|world| unsafe {
        world.note(Gave(Thing::Cred));
        if world.is_live(cred, "put_cred") {
            world.put((*cred).user_ns.cast(), "put_cred");
            world.free(cred.cast_mut());
        }
    });
}

pub unsafe fn copy_fs_struct(old: *mut fs_struct) -> *mut fs_struct {
    with(|world| unsafe {
        world.might_sleep("copy_fs_struct");
        let live = (*world.current).fs;
        world.check(old == live, "copy of another's directories");
        if world.fails(Step::CopyFsStruct) {
            return null_mut();
        }
        world.note(Took(Thing::FsCopy));
        world.new_fs((*live).root.0, (*live).pwd.0)
    })
}

pub unsafe fn free_fs_struct(fs: *mut fs_struct) {
    with(|world| {
        world.might_sleep("free_fs_struct");
        world.note(Gave(Thing::FsCopy));
        world.free(fs);
    });
}

pub unsafe fn set_fs_root(fs: *mut fs_struct, root: *const path) {
    with(|world| unsafe {
        world.might_sleep("set_fs_root");
        world.note(Commit(Change::FsRoot));
        world.check(fs == (*world.current).fs, "root of another one");
        (*fs).root = *root;
    });
}

pub unsafe fn set_fs_pwd(fs: *mut fs_struct, pwd: *const path) {
    with(|world| unsafe {
        world.might_sleep("set_fs_pwd");
        world.note(Commit(Change::FsPwd));
        world.check(fs == (*world.current).fs, "directory of another one");
        (*fs).pwd = *pwd;
    });
}

// The target's namespaces.

pub unsafe fn rcu_read_lock() {
    with(|world| world.rcu += 1);
}

pub unsafe fn rcu_read_unlock() {
    with(|world| world.rcu -= 1);
}

pub unsafe fn rcu_barrier() {
    world::might_sleep("rcu_barrier");
}

pub unsafe fn synchronize_rcu() {
    world::might_sleep("synchronize_rcu");
}

pub unsafe fn pid_task(_pid: *mut pid, _type: c_uint) -> *mut task_struct {
    with(|world| {
        let rcu = world.rcu;
        world.check(rcu > 0, "pid_task() without RCU");
        if world.fails(Step::PidTask) {
            return null_mut();
        }
        world.other
    })
}

/// Complains unless `task` is the target and cannot go away.
fn check_task(world: &mut World, task: *mut task_struct, what: &str) {
    let (rcu, other) = (world.rcu, world.other);
    world.check(rcu > 0 && task == other, &format!("task of {what}()"));
}

pub unsafe fn ptrace_may_access(task: *mut task_struct, mode: c_uint) -> bool {
    with(|world| {
        check_task(world, task, "ptrace_may_access");
        world.check(mode == PTRACE_MODE_READ_REALCREDS, "mode of access");
        !world.fails(Step::PtraceMayAccess)
    })
}

pub unsafe fn task_get_nsproxy(task: *mut task_struct) -> *mut nsproxy {
    with(|world| unsafe {
        check_task(world, task, "task_get_nsproxy");
        if world.fails(Step::TaskNsproxy) {
            return null_mut();
        }
        world.note(Took(Thing::TargetNsproxy));
        (*(*task).nsproxy).count += 1;
        (*task).nsproxy
    })
}

pub unsafe fn put_nsproxy(nsproxy: *mut nsproxy) {
    with(|world| unsafe {
        world.might_sleep("put_nsproxy");
        if !world.is_live(nsproxy, "put_nsproxy") {
            return;
        }
        let is_target = nsproxy == (*world.other).nsproxy;
        world.note(Gave(if is_target {
            Thing::TargetNsproxy
        } else {
            Thing::OldNsproxy
        }));
        (*nsproxy).count -= 1;
        if (*nsproxy).count == 0 {
            free_nsproxy(world, nsproxy, true);
        }
    });
}

pub unsafe fn task_get_pid_ns(task: *mut task_struct) -> *mut pid_namespace {
    with(|world| unsafe {
        check_task(world, task, "task_get_pid_ns");
        if world.fails(Step::TaskPidNs) {
            return null_mut();
        }
        get_pid_ns_in(world, (*task).pid_ns);
        (*task).pid_ns
    })
}

unsafe fn get_pid_ns_in(world: &mut World, ns: *mut pid_namespace) {
    world.note(Took(Thing::TargetPidNs));
    unsafe { world.get(ns.cast(), "get_pid_ns") };
}

pub unsafe fn get_pid_ns(ns: *mut pid_namespace) {
    with(|world| unsafe { get_pid_ns_in(world, ns) });
}

pub unsafe fn put_pid_ns(ns: *mut pid_namespace) {
    with(|world| unsafe {
        world.might_sleep("put_pid_ns");
        world.note(Gave(Thing::TargetPidNs));
        world.put(ns.cast(), "put_pid_ns");
    });
}

pub unsafe fn task_get_user_ns(task: *mut task_struct) -> *mut user_namespace {
    with(|world| unsafe {
        check_task(world, task, "task_get_user_ns");
        world.note(Took(Thing::TargetUserNs));
        let user_ns = (*(*task).cred).user_ns;
        world.get(user_ns.cast(), "task_get_user_ns");
        user_ns
    })
}

pub unsafe fn put_user_ns(ns: *mut user_namespace) {
    with(|world| unsafe {
        world.might_sleep("put_user_ns");
        world.note(Gave(Thing::TargetUserNs));
        world.put(ns.cast(), "put_user_ns");
    });
}

// Installing.

pub unsafe fn proc_ns_install(set: *mut nsset, ns: *mut ns_common) -> c_int {
    with(|world| unsafe {
        world.might_sleep("proc_ns_install");
        if !world.is_live(ns, "proc_ns_install") {
            return -1;
        }
        let (set, ns_type) = (&*set, (*ns).ns_type);
        world.note(Install(ns_type, set.flags));
        check_nsset(world, set, ns_type);
        let offered = namespace_of(world.other, ns_type);
        world.check(ns == offered, "install of another namespace");
        if world.fails(Step::Install(ns_type)) {
            return Step::Install(ns_type).errno();
        }
        install(world, set, ns);
        0
    })
}

/// Complains unless the callback of `ns_type` may work on `set`.
unsafe fn check_nsset(world: &mut World, set: &nsset, ns_type: u32) {
    let current = unsafe { &*world.current };

    world.check(set.flags & ns_type != 0, "install of what is not asked for");
    world.check(
        set.nsproxy != current.nsproxy && world.is_there(set.nsproxy),
        "set with the namespaces of a task",
    );
    let copied = set.flags & CLONE_NEWUSER != 0;
    world.check(
        copied != (set.cred == current.cred.cast_const())
            && (!copied || world.is_there(set.cred.cast_mut())),
        "set with wrong credentials",
    );
    let fs_is_right = if set.flags & CLONE_NEWNS == 0 {
        set.fs.is_null()
    } else if set.flags == CLONE_NEWNS {
        set.fs == current.fs
    } else {
        set.fs != current.fs && world.is_there(set.fs)
    };
    world.check(fs_is_right, "set with wrong directories");
}

/// What the callbacks do.
unsafe fn install(world: &mut World, set: &nsset, ns: *mut ns_common) {
    /// Replaces what is in a slot.
    macro_rules! replace {
        ($slot:expr) => {{
            world.get(ns, "install");
            let old = core::mem::replace(&mut $slot, ns.cast());
            world.put(old.cast(), "install");
        }};
    }

    unsafe {
        let other = &*world.other;
        match (*ns).ns_type {
            CLONE_NEWUSER => replace!((*set.cred.cast_mut()).user_ns),
            CLONE_NEWNS => {
                replace!((*set.nsproxy).mnt_ns);
                (*set.fs).root = (*other.fs).root;
                (*set.fs).pwd = (*other.fs).pwd;
            }
            CLONE_NEWUTS => replace!((*set.nsproxy).uts_ns),
            CLONE_NEWIPC => replace!((*set.nsproxy).ipc_ns),
            CLONE_NEWPID => replace!((*set.nsproxy).pid_ns_for_children),
            CLONE_NEWCGROUP => replace!((*set.nsproxy).cgroup_ns),
            CLONE_NEWNET => replace!((*set.nsproxy).net_ns),
            _ => {
                replace!((*set.nsproxy).time_ns);
                replace!((*set.nsproxy).time_ns_for_children);
            }
        }
    }
}

// Committing.

pub unsafe fn exit_sem(task: *mut task_struct) {
    with(|world| {
        world.might_sleep("exit_sem");
        world.note(Commit(Change::Sem));
        world.check(task == world.current, "semaphores of another task");
    });
}

pub unsafe fn timens_commit(task: *mut task_struct, ns: *mut time_namespace) {
    with(|world| unsafe {
        world.might_sleep("timens_commit");
        world.note(Commit(Change::Timens));
        world.check(task == world.current, "clocks of another task");
        let offered = namespace_of(world.other, CLONE_NEWTIME);
        world.check(ns.cast() == offered, "clocks of another namespace");
    });
}

pub unsafe fn nsproxy_ns_active_get(nsproxy: *mut nsproxy) {
    with(|world| unsafe {
        if world.is_live(nsproxy, "nsproxy_ns_active_get") {
            world.check(!(*nsproxy).active, "a set counted as active twice");
            (*nsproxy).active = true;
        }
    });
}

pub unsafe fn task_lock(task: *mut task_struct) {
    with(|world| {
        world.check(task == world.current, "lock of another task");
        world.atomic += 1;
    });
}

pub unsafe fn task_unlock(task: *mut task_struct) {
    with(|world| unsafe {
        world.check(task == world.current && world.atomic == 1, "unlock");
        world.atomic = 0;
        let nsproxy = (*task).nsproxy;
        if nsproxy != world.seen {
            world.note(Commit(Change::Switch));
            world.seen = nsproxy;
            let active = world.is_live(nsproxy, "switch") && (*nsproxy).active;
            world.check(active, "switch to a set that is not active");
        }
    });
}

pub unsafe fn perf_event_namespaces(task: *mut task_struct) {
    with(|world| {
        world.note(Commit(Change::Perf));
        world.check(task == world.current, "perf is told of another task");
    });
}

// The module.

pub unsafe fn rust_setns_start() {
    with(|world| world.note(Commit(Change::Start)));
}

pub unsafe fn rust_setns_stop() {
    with(|world| world.note(Commit(Change::Stop)));
}
