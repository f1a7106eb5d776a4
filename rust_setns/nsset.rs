// SPDX-License-Identifier: GPL-2.0

//! A set of namespaces on its way to the current task, and everything that goes with it.
//!
//! C header: [`include/linux/nsproxy.h`](srctree/include/linux/nsproxy.h), `struct nsset`.

use crate::{
    cred::{
        Cred,
        PreparedCred, //
    },
    flags::{
        NsFlag,
        NsFlags, //
    },
    fs::{
        Fs,
        FsCopy, //
    },
    namespace::LentNsset,
    nsproxy::{
        create_new_namespaces,
        NsProxy,
        Origin, //
    },
};
use kernel::prelude::*;

/// A set of namespaces, prepared but not yet the current task's.
///
/// Counterpart of `struct nsset` in C, with one owner for each resource instead of flags that say
/// which of them there are. Dropping it is `put_nsset()`: the fields are dropped in the order in
/// which C puts them.
#[doc(alias = "put_nsset")]
pub(crate) struct NsSet {
    pub(crate) cred: Cred,
    pub(crate) fs: Fs,
    pub(crate) nsproxy: NsProxy,
    pub(crate) flags: NsFlags,
}

impl NsSet {
    /// Prepares a set into which namespaces of the types in `flags` can be installed.
    ///
    /// Starts from the namespaces, the credentials and the directories of the current task. May
    /// sleep.
    ///
    /// Counterpart of `prepare_nsset()` in C.
    ///
    /// # Errors
    ///
    /// [`ENOMEM`] if there is no memory for one of them.
    #[doc(alias = "prepare_nsset")]
    pub(crate) fn prepare(flags: NsFlags) -> Result<Self> {
        let nsproxy = create_new_namespaces(0, Origin::Current, None)?;
        let cred = if flags.contains(NsFlag::User) {
            Cred::Prepared(PreparedCred::new()?)
        } else {
            Cred::Current
        };
        let fs = if flags.is_only(NsFlag::Mnt) {
            Fs::Live
        } else if flags.contains(NsFlag::Mnt) {
            Fs::Copied(FsCopy::new()?)
        } else {
            Fs::None
        };

        Ok(Self {
            cred,
            fs,
            nsproxy,
            flags,
        })
    }

    /// Lends the set to the callbacks of the namespaces that enter it.
    pub(crate) fn lend(&mut self) -> LentNsset<'_> {
        LentNsset::new(self.flags, &mut self.nsproxy, &mut self.fs, &mut self.cred)
    }
}
