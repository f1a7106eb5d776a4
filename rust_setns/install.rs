// SPDX-License-Identifier: GPL-2.0

//! The steps that may refuse: each namespace to be joined is asked to enter the set.

use crate::{
    namespace::NsCommon,
    nsset::NsSet,
    snapshot::Snapshot,
    target::Target,
    task::Pid, //
};
use kernel::prelude::*;

/// A set in which every namespace that was asked for is installed.
///
/// There is one way to get one, [`NsSet::install()`], and one thing to do with it,
/// [`commit()`](Self::commit).
#[must_use]
pub(crate) struct Installed(pub(crate) NsSet);

impl NsSet {
    /// Installs what `target` refers to. May sleep.
    ///
    /// If one namespace refuses, the set is dropped, with all that was installed before.
    ///
    /// # Errors
    ///
    /// Those of [`Snapshot::take()`], then those of [`NsCommon::install()`].
    pub(crate) fn install(mut self, target: &Target<'_>) -> Result<Installed> {
        match target {
            Target::Namespace(ns) => self.validate_ns(ns)?,
            Target::Process(pid) => self.validate_nsset(pid)?,
        }
        Ok(Installed(self))
    }

    /// Installs one namespace.
    ///
    /// Counterpart of the C function of this name.
    fn validate_ns(&mut self, ns: &NsCommon) -> Result {
        ns.install(&mut self.lend())
    }

    /// Installs namespaces of a process.
    ///
    /// Counterpart of the C function of this name. Ordering is equivalent to the standard ordering
    /// used everywhere else during unshare and process creation, see [`NsFlag::ORDER`].
    ///
    /// [`NsFlag::ORDER`]: crate::flags::NsFlag::ORDER
    fn validate_nsset(&mut self, pid: &Pid) -> Result {
        let snapshot = Snapshot::take(pid, self.flags)?;

        for ns in self.flags.types() {
            self.validate_ns(snapshot.namespace(ns).ok_or(EINVAL)?)?;
        }
        Ok(())
    }
}
