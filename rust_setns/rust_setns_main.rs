// SPDX-License-Identifier: GPL-2.0

//! The core of setns(2) in Rust.
//!
//! `int setns(int fd, int nstype)` moves the calling thread into the namespace that `fd` refers to,
//! or, if `fd` is a pidfd, into any combination of the namespaces of that process, all of them or
//! none. `nstype` is the caller's guard against a descriptor of the wrong kind.
//!
//! This crate stands beside the C implementation in
//! [`kernel/nsproxy.c`](srctree/kernel/nsproxy.c), and has the same behaviour. A call takes
//! these steps, in one direction:
//!
//! 1. [`target`]: what does the descriptor refer to, and does the caller accept that? The answer is
//!    a [`Request`].
//! 2. [`NsSet::prepare()`] prepares a set into which namespaces can be installed.
//! 3. [`NsSet::install()`] installs each namespace in the set, in the kernel's order. A namespace
//!    may refuse.
//! 4. [`Installed::commit()`] makes the set the caller's own. It cannot fail.
//!
//! How the caller gets the namespaces is decided before step 2, and is a type: see [`way`] and
//! [`in_place`].
//!
//! Each step consumes the result of the one before. An [`NsSet`] holds everything that must be
//! undone. Dropping it undoes that, and there is no other error path.
//!
//! `unsafe` stays in the modules that own what C works on, and at the entries in this file.
//! The abstractions that other code can use are in the `kernel` crate.
//!
//! # Objects of C
//!
//! A Rust reference, and access to a field through a pointer, require an object to be aligned. What
//! this crate borrows from C is aligned because of its allocator:
//!
//! | object | allocated in | aligned by |
//! |---|---|---|
//! | `task_struct` | `kernel/fork.c` | an argument, the type's alignment or more |
//! | `nsproxy` | `kernel/nsproxy.c` | `KMEM_CACHE()`, which passes the type's alignment |
//! | `cred` | `kernel/cred.c` | `KMEM_CACHE()` |
//! | `user_namespace` | `kernel/user_namespace.c` | `KMEM_CACHE()` |
//! | `pid_namespace` | `kernel/pid_namespace.c` | `KMEM_CACHE()` |
//! | `fs_struct` | `kernel/fork.c` | any cache: the type asks for a word |
//! | `file` | `fs/file_table.c` | any cache |
//! | `pid` | `kernel/pid.c`, `kernel/pid_namespace.c` | any cache |
//! | the first of each of these | static data | the compiler |
//! | `setns_outcome` | the stack of the system call, in `kernel/nsproxy.c` | the C compiler |
//! | `nsset` | the stack, in [`nsset`] | Rust |
//! | an `nsproxy` or `fs_struct` for one call | the stack, in [`in_place`] and [`fs`] | Rust |
//! | `ns_common` | its namespace | nothing: see [`NsCommon`](kernel::ns_common::NsCommon) |
//!
//! C headers: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h) and
//! [`include/linux/proc_ns.h`](srctree/include/linux/proc_ns.h).
//!
//! Reference: <https://man7.org/linux/man-pages/man2/setns.2.html>
//!
//! [`Installed::commit()`]: nsset::Installed::commit
//! [`Request`]: target::Request

mod caller;
mod create;
mod flags;
mod fs;
mod in_place;
mod nsproxy;
mod nsset;
mod refusal;
mod slots;
mod snapshot;
mod target;
mod way;

use crate::{
    caller::Caller,
    fs::FsMemory,
    in_place::{
        Anew,
        InPlace,
        Private,
        SlotMemory, //
    },
    nsset::NsSet,
    refusal::{
        Outcome,
        Refusal,
        Refused, //
    },
    target::{
        Request,
        Target, //
    },
    way::Copy, //
};
use kernel::{
    bindings,
    error::to_result,
    fs::file::Fd,
    prelude::*, //
};

module! {
    type: RustSetns,
    name: "rust_setns",
    description: "setns(2) in Rust",
    license: "GPL",
}

/// The module. The dispatcher holds a reference on it while a call may be in [`rust_setns()`]. So
/// the module cannot be unloaded then, and unloading it needs no step here.
struct RustSetns;

impl kernel::Module for RustSetns {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Module initialization calls this once, and cannot fail after it.
        // `rust_setns()` is called by the system call only.
        to_result(unsafe { bindings::rust_setns_start() })?;
        Ok(Self)
    }
}

/// Moves the caller into the namespaces that `fd` refers to, with `join`. May sleep.
///
/// If it fails, nothing of the caller has changed.
///
/// Counterpart of `do_setns()` in C.
///
/// # Errors
///
/// - [`EBADF`]: `fd` is not open, or was opened with `O_PATH`.
/// - [`EINVAL`]: `fd` is neither a namespace nor a pidfd; or `nstype` does not fit it; or the
///   namespace cannot be joined by this caller, whatever its privileges.
/// - [`ENOMEM`]: no memory for the new set.
/// - [`ESRCH`]: the process of the pidfd is gone.
/// - [`EPERM`]: the caller lacks a capability, or may not inspect the process of the pidfd.
/// - [`EUSERS`]: a time namespace, and the caller shares its memory with another task.
#[inline(always)]
fn setns(
    caller: Caller<'_>,
    fd: c_int,
    nstype: c_int,
    join: impl FnOnce(Request<'_>) -> refusal::Result,
) -> core::result::Result<(), Refused> {
    // Where a refusal is constant, the compiler knows its errno.
    let outcome = caller.outcome();
    let refuse = |refusal| outcome.refuse(refusal);

    let fd = get(&caller, fd).map_err(refuse)?;
    let target = Target::proc_ns_fget(&fd).map_err(refuse)?;
    let request = target.accept(caller, nstype).map_err(refuse)?;
    join(request).map_err(refuse)
}

/// Gives the caller the namespaces of the request, in place if possible. This is the default.
#[inline(always)]
fn join(request: Request<'_>) -> refusal::Result {
    let mut slots = SlotMemory::uninit();
    let mut fs = FsMemory::uninit();

    match Private::of(request.caller()) {
        // As below. The compiler leaves credentials and directories out here.
        Some(private) if request.flags().have_slots_only() => {
            let way = InPlace::new(private, &mut slots);
            NsSet::prepare(request, way, &mut fs)?.install()?.commit();
        }
        Some(private) => {
            let way = InPlace::new(private, &mut slots);
            NsSet::prepare(request, way, &mut fs)?.install()?.commit();
        }
        None => {
            let way = Anew::new(&mut slots);
            NsSet::prepare(request, way, &mut fs)?.install()?.commit();
        }
    }
    Ok(())
}

/// As [`join()`], with the algorithm of C: it copies the nsproxy of the caller before the checks.
#[inline(always)]
fn join_with_copy(request: Request<'_>) -> refusal::Result {
    let mut fs = FsMemory::uninit();

    let way = Copy::new(request.caller())?;
    NsSet::prepare(request, way, &mut fs)?.install()?.commit();
    Ok(())
}

/// Looks up the file descriptor.
#[inline(always)]
fn get<'a>(caller: &Caller<'a>, fd: c_int) -> refusal::Result<Fd<'a>> {
    // CAST: Bit for bit. A negative number becomes one that is beyond any table.
    Fd::get(caller.task(), fd as c_uint).map_err(|_| Refusal::BadFd)
}

/// Serves a call with `join`.
///
/// # Safety
///
/// As for [`rust_setns()`].
#[inline(always)]
unsafe fn serve(
    fd: c_int,
    nstype: c_int,
    outcome: *mut bindings::setns_outcome,
    join: impl FnOnce(Request<'_>) -> refusal::Result,
) -> c_long {
    let task = current!();
    // SAFETY: The caller guarantees that it is null, or this call's own.
    let outcome = unsafe { Outcome::from_raw(outcome) };
    // SAFETY: The caller guarantees that this is the system call, which creates one only.
    let caller = unsafe { Caller::new(task, outcome) };

    match setns(caller, fd, nstype, join) {
        Ok(()) => 0,
        // CAST: `c_long` is never narrower than `c_int`.
        Err(refused) => refused.errno().to_errno() as c_long,
    }
}

/// Entry from the system call.
///
/// # Safety
///
/// Call this from the system call setns(2) only, and once for each call. `outcome` is null, or the
/// call's own.
#[export]
unsafe extern "C" fn rust_setns(
    fd: c_int,
    nstype: c_int,
    outcome: *mut bindings::setns_outcome,
) -> c_long {
    // SAFETY: `serve()` asks for what this function asks for.
    unsafe { serve(fd, nstype, outcome, join) }
}

/// Entry from the system call, with the algorithm of C.
///
/// # Safety
///
/// As for [`rust_setns()`].
#[export]
unsafe extern "C" fn rust_setns_copy(
    fd: c_int,
    nstype: c_int,
    outcome: *mut bindings::setns_outcome,
) -> c_long {
    // SAFETY: `serve()` asks for what this function asks for.
    unsafe { serve(fd, nstype, outcome, join_with_copy) }
}
