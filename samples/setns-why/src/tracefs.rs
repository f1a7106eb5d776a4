// SPDX-License-Identifier: GPL-2.0

//! A trace buffer of its own in tracefs, which records the calls of all tasks, and new tasks.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process;

use common::identity;

use crate::event::{self, Event};

const TRACEFS: &str = "/sys/kernel/tracing";

/// The inode number of the pid namespace that the kernel boots with, `PROC_PID_INIT_INO`.
const FIRST_PID_NS: u64 = 0xEFFF_FFFC;

/// An instance of the trace buffer. Its end removes it.
pub struct Instance(PathBuf);

/// What an instance has recorded.
pub struct Record {
    /// The events of the children of this process, and of their children.
    pub events: Vec<Event>,
    /// The number of events that the buffer had no room for.
    pub lost: u64,
}

impl Instance {
    /// Starts to record the events of setns(2). The error says what is missing.
    pub fn start() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can read trace events, run this as root".into());
        }
        if identity("self", "pid").is_ok_and(|inode| inode != FIRST_PID_NS) {
            return Err(
                "the events have process IDs of the first pid namespace, run this there".into(),
            );
        }
        if !fs::exists(format!("{TRACEFS}/instances")).unwrap_or(false) {
            return Err(format!(
                "tracefs is not there, run mount -t tracefs none {TRACEFS}"
            ));
        }
        if !fs::exists(format!("{TRACEFS}/events/setns")).unwrap_or(false) {
            return Err("this kernel has no trace events of setns(2)".into());
        }
        let path = format!("{TRACEFS}/instances/setns-why-{}", process::id());
        let instance = Instance(path.into());
        fs::create_dir(&instance.0).map_err(|error| format!("tracefs refuses: {error}"))?;
        instance.switch("1")?;
        Ok(instance)
    }

    fn switch(&self, state: &str) -> Result<(), String> {
        for events in ["sched/sched_process_fork", "setns"] {
            fs::write(self.0.join("events").join(events).join("enable"), state)
                .map_err(|error| format!("tracefs refuses: {error}"))?;
        }
        Ok(())
    }

    /// Stops to record, and returns what was recorded.
    pub fn stop(&self) -> Result<Record, String> {
        self.switch("0")?;
        let text = fs::read(self.0.join("trace"))
            .map_err(|error| format!("cannot read the trace: {error}"))?;
        Ok(select(&String::from_utf8_lossy(&text), process::id()))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // An event that is on would keep the instance
        let _ = self.switch("0");
        let _ = fs::remove_dir(&self.0);
    }
}

/// Returns how many events the trace has lost, from `# entries-in-buffer/entries-written: 5/9`.
fn lost_in(text: &str) -> Option<u64> {
    let (_, rest) = text.split_once("entries-written: ")?;
    let (kept, written) = rest.split_whitespace().next()?.split_once('/')?;
    let (kept, written): (u64, u64) = (kept.parse().ok()?, written.parse().ok()?);
    written.checked_sub(kept)
}

/// Selects the events of the children of `first`, and of their children.
fn select(text: &str, first: u32) -> Record {
    let mut family = BTreeSet::from([first]);
    let mut events = Vec::new();
    for line in text.lines() {
        if let Some((parent, child)) = event::parse_fork(line) {
            // An ID may be used again, by a task that is none of them
            if family.contains(&parent) {
                family.insert(child);
            } else {
                family.remove(&child);
            }
        } else if let Some(event) = Event::parse(line) {
            events.extend(family.contains(&event.pid).then_some(event));
        }
    }
    Record {
        events,
        lost: lost_in(text).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "\
# entries-in-buffer/entries-written: 6/8   #P:2
      setns-why-10  [000] ..... 1.0: sched_process_fork: comm=setns-why pid=10 child_comm=setns-why child_pid=11
          other-50  [000] ..... 1.1: sched_process_fork: comm=other pid=50 child_comm=other child_pid=51
             sh-11  [001] ..... 1.2: sched_process_fork: comm=sh pid=11 child_comm=sh child_pid=12
        nsenter-12  [001] ..... 1.3: setns_joined: type=uts
          other-51  [001] ..... 1.4: setns_joined: type=net
          other-50  [000] ..... 1.5: sched_process_fork: comm=other pid=50 child_comm=other child_pid=12
          other-12  [000] ..... 1.6: setns_joined: type=ipc
";

    #[test]
    fn only_the_family_is_selected() {
        let record = select(TRACE, 10);
        let types: Vec<_> = record
            .events
            .iter()
            .map(|event| event.field("type"))
            .collect();
        assert_eq!(types, ["uts"]);
        assert_eq!(record.lost, 2);
    }
}
