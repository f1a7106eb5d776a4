// SPDX-License-Identifier: GPL-2.0

//! What namespaces of all types have in common.
//!
//! C headers: [`include/linux/ns_common.h`](srctree/include/linux/ns_common.h) and
//! [`include/linux/proc_ns.h`](srctree/include/linux/proc_ns.h).

use crate::{
    bindings,
    fs::LocalFile, //
};
use core::{
    marker::PhantomData,
    ptr::NonNull, //
};

/// The types of namespaces, by the values of their `CLONE_NEW*` flags.
///
/// C header: [`include/uapi/linux/sched.h`](srctree/include/uapi/linux/sched.h).
pub mod ns_type {
    use crate::bindings;

    /// User and group IDs, capabilities, keys.
    pub const USER: u32 = bindings::CLONE_NEWUSER;

    /// Mounts.
    pub const MNT: u32 = bindings::CLONE_NEWNS;

    /// Host name and domain name.
    pub const UTS: u32 = bindings::CLONE_NEWUTS;

    /// System V IPC and POSIX message queues.
    pub const IPC: u32 = bindings::CLONE_NEWIPC;

    /// Process IDs.
    pub const PID: u32 = bindings::CLONE_NEWPID;

    /// The root of the cgroup hierarchy.
    pub const CGROUP: u32 = bindings::CLONE_NEWCGROUP;

    /// Network devices, addresses, routes and ports.
    pub const NET: u32 = bindings::CLONE_NEWNET;

    /// Offsets of the monotonic and the boot-time clock.
    pub const TIME: u32 = bindings::CLONE_NEWTIME;

    /// All types that this kernel's source knows, whether they are built in or not.
    pub const ALL: u64 = bindings::CLONE_NS_ALL;
}

/// A borrowed `struct ns_common`, the part that every namespace contains.
///
/// # Alignment
///
/// This is a raw pointer and not a Rust reference, because a reference must be aligned and C does
/// not promise that here. `struct ns_common` is declared `____cacheline_aligned_in_smp`, and so is
/// every structure that contains one, but the allocator decides where an object lies:
///
/// | object | allocated in | aligned by |
/// |---|---|---|
/// | `user_namespace` | `kernel/user_namespace.c` | `KMEM_CACHE()` |
/// | `mnt_namespace` | `fs/namespace.c` | `kmalloc()` |
/// | `uts_namespace` | `kernel/utsname.c` | `KMEM_CACHE_USERCOPY()` |
/// | `ipc_namespace` | `ipc/namespace.c` | `kmalloc()` |
/// | `pid_namespace` | `kernel/pid_namespace.c` | `KMEM_CACHE()` |
/// | `cgroup_namespace` | `kernel/cgroup/namespace.c` | `kmalloc()` |
/// | `net` | `net/core/net_namespace.c` | an argument, `SMP_CACHE_BYTES` |
/// | `time_namespace` | `kernel/time/namespace.c` | `kmalloc()` |
/// | the initial ones | static data | the compiler |
///
/// The two macros pass the alignment of the type. `kmalloc()` aligns to the largest power of two
/// that divides the size, see `Documentation/core-api/memory-allocation.rst`. A new type is one
/// forgotten argument away from being misaligned, as `uts_namespace` was.
///
/// # Invariants
///
/// The pointer leads to the `struct ns_common` of a namespace that stays referenced for `'a`. The
/// type of the namespace is built into the kernel, so its `ops` is not null.
#[derive(Clone, Copy)]
pub struct NsCommon<'a>(NonNull<bindings::ns_common>, PhantomData<&'a ()>);

impl<'a> NsCommon<'a> {
    /// Creates an [`NsCommon`] from a valid pointer.
    ///
    /// # Safety
    ///
    /// `ptr` leads to the `struct ns_common` of a namespace that stays referenced for `'a`, and
    /// whose type is built into the kernel. It need not be aligned.
    #[inline]
    pub unsafe fn from_ptr(ptr: NonNull<bindings::ns_common>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(ptr, PhantomData)
    }

    /// Returns the namespace that `file` refers to, or [`None`] if it is not a file of nsfs.
    ///
    /// Files of nsfs are those in `/proc/PID/ns/`, and what is bind-mounted or opened from them.
    ///
    /// # Examples
    ///
    /// ```
    /// use kernel::{
    ///     fs::file::Fd,
    ///     ns_common::NsCommon, //
    /// };
    ///
    /// /// The `CLONE_NEW*` value of the namespace behind a file descriptor.
    /// fn type_of(fd: u32) -> Result<u32> {
    ///     let task = current!();
    ///     let fd = Fd::get(task, fd)?;
    ///     let ns = NsCommon::of_file(&fd).ok_or(EINVAL)?;
    ///     Ok(ns.ns_type())
    /// }
    ///
    /// assert_eq!(type_of(u32::MAX), Err(EBADF));
    /// ```
    #[doc(alias = "proc_ns_file")]
    #[doc(alias = "get_proc_ns")]
    #[inline]
    pub fn of_file(file: &'a LocalFile) -> Option<Self> {
        // SAFETY: A `&LocalFile` is valid.
        if !unsafe { bindings::proc_ns_file(file.as_ptr()) } {
            return None;
        }
        // SAFETY: A `&LocalFile` is valid, and a file of nsfs has an inode.
        let inode = unsafe { bindings::file_inode(file.as_ptr()) };
        // SAFETY: The inode is valid, as its file is.
        let ns = unsafe { bindings::get_proc_ns(inode) };
        // SAFETY: The inode is of nsfs, see above. `nsfs_init_inode()` has put a namespace into
        // `i_private`.
        let ns = unsafe { NonNull::new_unchecked(ns) };
        // SAFETY: The inode holds a reference on the namespace until `nsfs_evict()`, and the file
        // holds the inode for `'a`. nsfs has files of types that are built in only.
        Some(unsafe { Self::from_ptr(ns) })
    }

    /// Takes a reference on the namespace.
    #[doc(alias = "ns_ref_inc")]
    #[inline]
    pub fn get(self) -> NsRef {
        // SAFETY: Valid and referenced by the type invariant.
        unsafe { bindings::__ns_ref_inc(self.as_ptr()) };
        // SAFETY: Just taken. The type is built in by the type invariant.
        unsafe { NsRef::from_raw(self.0) }
    }

    /// Returns a raw pointer to the C struct. It may be misaligned.
    #[inline]
    pub fn as_ptr(self) -> *mut bindings::ns_common {
        self.0.as_ptr()
    }

    /// Returns the `CLONE_NEW*` value of the namespace's type.
    #[inline]
    pub fn ns_type(self) -> u32 {
        // SAFETY: In bounds by the type invariant. No reference is made, and nothing is read.
        let ns_type = unsafe { &raw const (*self.as_ptr()).ns_type };
        // SAFETY: Valid by the type invariant, and never written after `__ns_common_init()`, or the
        // initializer of an initial namespace.
        unsafe { ns_type.read_unaligned() }
    }
}

/// An owned reference on a namespace of any type.
///
/// # Invariants
///
/// Owns a reference on the namespace that the `struct ns_common` belongs to. The type of the
/// namespace is built into the kernel.
///
/// # Examples
///
/// ```
/// use kernel::ns_common::ns_type;
///
/// // A reference on a namespace outlives the lock of the task that it was read from.
/// let task = current!();
/// let locked = task.task_lock();
/// let mount_ns = locked
///     .nsproxy()
///     .and_then(|set| set.ns_common(ns_type::MNT))
///     .map(|ns| ns.get());
/// locked.unlock();
///
/// let mount_ns = mount_ns.ok_or(EINVAL)?;
/// assert_eq!(mount_ns.as_common().ns_type(), ns_type::MNT);
/// # Ok::<(), Error>(())
/// ```
pub struct NsRef(NonNull<bindings::ns_common>);

impl NsRef {
    /// Takes over a reference.
    ///
    /// # Safety
    ///
    /// `ptr` leads to the `struct ns_common` of a namespace whose type is built in. The caller owns
    /// a reference on it and gives it away.
    #[inline]
    pub unsafe fn from_raw(ptr: NonNull<bindings::ns_common>) -> Self {
        // INVARIANT: The caller guarantees it.
        Self(ptr)
    }

    /// Returns the namespace.
    #[inline]
    pub fn as_common(&self) -> NsCommon<'_> {
        // SAFETY: By the type invariant the namespace is referenced as long as `self`, and its type
        // is built in.
        unsafe { NsCommon::from_ptr(self.0) }
    }
}

impl Drop for NsRef {
    /// May sleep.
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariant there is a reference to put, and `ops` is not null.
        unsafe { bindings::ns_common_put(self.0.as_ptr()) };
    }
}
