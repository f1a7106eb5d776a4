// SPDX-License-Identifier: GPL-2.0

//! Process identifiers that outlive the process.
//!
//! C header: [`include/linux/pid.h`](srctree/include/linux/pid.h).

use crate::{
    bindings,
    error::from_err_ptr,
    fs::LocalFile,
    prelude::*,
    sync::{
        aref::AlwaysRefCounted,
        rcu, //
    },
    task::Task,
    types::Opaque, //
};
use core::{
    mem::align_of,
    ptr::NonNull, //
};

/// Wraps the kernel's `struct pid`.
///
/// Unlike a number, it never refers to another process that got the number later. A reference on
/// it costs less memory than one on the task.
///
/// The type [`task::Pid`](crate::task::Pid) is such a number, C's `pid_t`.
///
/// # Invariants
///
/// Instances are reference-counted.
///
/// # Examples
///
/// ```
/// use kernel::{
///     fs::file::Fd,
///     pid::Pid,
///     sync::{
///         aref::ARef,
///         rcu, //
///     }, //
/// };
///
/// /// The process behind a pidfd of the current task.
/// fn process_of(fd: u32) -> Result<ARef<Pid>> {
///     let task = current!();
///     let fd = Fd::get(task, fd)?;
///     Pid::of_pidfd(&fd).map(ARef::from).ok_or(EINVAL)
/// }
///
/// /// Whether the process was reaped.
/// fn is_gone(pid: &Pid) -> bool {
///     pid.task(&rcu::read_lock()).is_none()
/// }
///
/// assert_eq!(process_of(u32::MAX).err(), Some(EBADF));
/// # let _ = is_gone;
/// ```
#[repr(transparent)]
pub struct Pid(Opaque<bindings::pid>);

// `create_pid_cachep()` asks for no alignment, and so gets `ARCH_SLAB_MINALIGN` or more.
static_assert!(align_of::<bindings::pid>() <= align_of::<u64>());

impl Pid {
    /// Creates a reference to a [`Pid`] from a valid pointer.
    ///
    /// # Safety
    ///
    /// `ptr` is valid, and its reference count is not zero, for the duration of `'a`.
    #[inline]
    pub unsafe fn from_ptr<'a>(ptr: *const bindings::pid) -> &'a Self {
        // SAFETY: The caller guarantees that the pointer is valid. It is aligned, see the assertion
        // above. The type is transparent.
        // INVARIANT: The caller guarantees it.
        unsafe { &*ptr.cast() }
    }

    /// Returns the process that `file` refers to, or [`None`] if it is not a pidfd.
    #[doc(alias = "pidfd_pid")]
    #[inline]
    pub fn of_pidfd(file: &LocalFile) -> Option<&Self> {
        // SAFETY: A `&LocalFile` is valid.
        let pid = from_err_ptr(unsafe { bindings::pidfd_pid(file.as_ptr()) }).ok()?;
        // SAFETY: `pidfs_init_inode()` has put a `struct pid` into `i_private`.
        unsafe { core::hint::assert_unchecked(!pid.is_null()) };
        // SAFETY: The inode of a pidfd holds a reference until `pidfs_evict_inode()`, and the file
        // holds the inode as long as it is borrowed.
        Some(unsafe { Self::from_ptr(pid) })
    }

    /// Returns a raw pointer to the C struct.
    #[inline]
    pub fn as_ptr(&self) -> *mut bindings::pid {
        self.0.get()
    }

    /// Returns the task with this ID, or [`None`] if it was reaped.
    ///
    /// The task may be a zombie, and may be reaped while it is looked at.
    #[doc(alias = "pid_task")]
    #[inline]
    pub fn task<'rcu>(&self, _rcu: &'rcu rcu::Guard) -> Option<&'rcu Task> {
        // SAFETY: Valid by the type invariant, and `_rcu` shows that RCU is held for reading.
        let task = unsafe { bindings::pid_task(self.as_ptr(), bindings::pid_type_PIDTYPE_PID) };
        // SAFETY: `put_task_struct_rcu_user()` puts the last reference of a task that was reaped
        // after a grace period, in `delayed_put_task_struct()`. So its count is not zero before
        // `_rcu` ends, and taking a reference is sound. `Task` is transparent.
        NonNull::new(task).map(|task| unsafe { task.cast().as_ref() })
    }
}

// SAFETY: The type invariants guarantee that `Pid` is always reference-counted.
unsafe impl AlwaysRefCounted for Pid {
    #[inline]
    fn inc_ref(&self) {
        // SAFETY: The existence of a shared reference means that the count is not zero.
        unsafe { bindings::get_pid(self.as_ptr()) };
    }

    #[inline]
    unsafe fn dec_ref(obj: NonNull<Self>) {
        // SAFETY: The caller guarantees that the count is not zero.
        unsafe { bindings::put_pid(obj.cast().as_ptr()) };
    }
}

// SAFETY:
// - `Pid::dec_ref` can be called from any thread.
// - It is okay to send ownership of a reference across thread boundaries.
unsafe impl Send for Pid {}

// SAFETY: Shared references use what RCU and the atomic count protect.
unsafe impl Sync for Pid {}
