// SPDX-License-Identifier: GPL-2.0

//! The core of setns(2) in Rust.
//!
//! `int setns(int fd, int nstype)` moves the calling thread into the namespace that `fd` refers to,
//! or, if `fd` is a pidfd, into any combination of the namespaces of that process, all of them or
//! none. `nstype` is the caller's guard against a descriptor of the wrong kind.
//!
//! This crate stands beside the C implementation in
//! [`kernel/nsproxy.c`](srctree/kernel/nsproxy.c), and does what it does, to the letter. A call
//! flows through it in one direction:
//!
//! 1. [`target`]: what does the descriptor refer to, and is that what the caller accepts?
//! 2. [`nsset`]: [`NsSet::prepare()`] allocates all that the change needs.
//! 3. [`install`]: [`NsSet::install()`] asks each namespace, in the kernel's order, to enter the
//!    set. It may refuse.
//! 4. [`commit`]: [`Installed::commit()`] makes the set the caller's own. It cannot fail.
//!
//! Whoever holds an [`NsSet`] holds everything that must be undone. Dropping it undoes it, and
//! there is no other error path.
//!
//! `unsafe` stays in the modules that own kernel objects: [`cred`], [`fd`], [`fs`], [`namespace`],
//! [`nsproxy`] and [`task`]. The modules that decide have none.
//!
//! C headers: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h) and
//! [`include/linux/proc_ns.h`](srctree/include/linux/proc_ns.h).
//!
//! Reference: <https://man7.org/linux/man-pages/man2/setns.2.html>
//!
//! [`Installed::commit()`]: install::Installed::commit
//! [`NsSet::install()`]: nsset::NsSet::install
//! [`NsSet::prepare()`]: nsset::NsSet::prepare

use kernel::prelude::*;

mod commit;
mod cred;
mod fd;
mod flags;
mod fs;
mod install;
mod namespace;
mod nsproxy;
mod nsset;
mod snapshot;
mod target;
mod task;

use crate::{
    fd::Fd,
    nsset::NsSet,
    target::Target, //
};

module! {
    type: RustSetns,
    name: "rust_setns",
    authors: ["The rust_setns authors"],
    description: "setns(2) in Rust",
    license: "GPL",
}

/// The loaded module: while it lives, setns(2) may be served by [`rust_setns()`].
///
/// # Invariants
///
/// `rust_setns_start()` was called, and `rust_setns_stop()` was not.
struct RustSetns(());

impl kernel::Module for RustSetns {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // SAFETY: Module initialization calls this once; `rust_setns()` is sound for any arguments
        // and stays mapped until `rust_setns_stop()`, which `drop()` calls before the module goes.
        unsafe { kernel::bindings::rust_setns_start() };
        // INVARIANT: The call above was the one to `rust_setns_start()`.
        Ok(Self(()))
    }
}

impl Drop for RustSetns {
    fn drop(&mut self) {
        // SAFETY: By the type invariant this is the one call that answers `rust_setns_start()`.
        // It may sleep, which the exit of a module may as well.
        unsafe { kernel::bindings::rust_setns_stop() };
    }
}

/// Moves the calling thread into the namespaces that `fd` refers to.
///
/// May sleep. Nothing of the caller has changed if it fails.
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
fn setns(fd: c_int, nstype: c_int) -> Result {
    let fd = Fd::get(fd)?;
    let target = Target::proc_ns_fget(&fd)?;
    let flags = target.accepted_by(nstype)?;

    NsSet::prepare(flags)?.install(&target)?.commit();
    Ok(())
}

/// Entry from the system call, through `setns_dispatch()`.
#[export]
extern "C" fn rust_setns(fd: c_int, nstype: c_int) -> c_long {
    match setns(fd, nstype) {
        Ok(()) => 0,
        // CAST: `c_long` is never narrower than `c_int`.
        Err(err) => err.to_errno() as c_long,
    }
}
