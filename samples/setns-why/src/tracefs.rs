// SPDX-License-Identifier: GPL-2.0

//! A trace buffer of its own in tracefs, which records this process and its later children.

use std::fs;
use std::path::PathBuf;
use std::process;

use crate::event::Event;

const TRACEFS: &str = "/sys/kernel/tracing";

/// An instance of the trace buffer. Its end removes it.
pub struct Instance(PathBuf);

impl Instance {
    /// Starts to record the events of setns(2). The error says what is missing.
    pub fn start() -> Result<Self, String> {
        if !rustix::process::geteuid().is_root() {
            return Err("only root can read trace events, run this as root".into());
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
        // The children come after this, so they inherit the filter
        for (file, text) in [
            ("options/event-fork", "1".to_owned()),
            ("set_event_pid", process::id().to_string()),
            ("events/setns/enable", "1".to_owned()),
        ] {
            fs::write(instance.0.join(file), text)
                .map_err(|error| format!("tracefs refuses: {error}"))?;
        }
        Ok(instance)
    }

    /// Returns the events so far.
    pub fn events(&self) -> Result<Vec<Event>, String> {
        let text = fs::read(self.0.join("trace"))
            .map_err(|error| format!("cannot read the trace: {error}"))?;
        let text = String::from_utf8_lossy(&text);
        Ok(text.lines().filter_map(Event::parse).collect())
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        // An event that is on would keep the instance
        let _ = fs::write(self.0.join("events/setns/enable"), "0");
        let _ = fs::remove_dir(&self.0);
    }
}
