// SPDX-License-Identifier: GPL-2.0

//! The events of setns(2) as the kernel prints them, and names for the ids in them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsRawFd;

use common::NAMESPACES;

/// An event.
pub struct Event {
    /// The name of the task that has called.
    pub task: String,
    /// Its ID.
    pub pid: u32,
    /// `setns_refused` or `setns_joined`.
    name: String,
    fields: BTreeMap<String, String>,
}

impl Event {
    /// Reads a line of the trace: `TASK-PID [CPU] FLAGS TIME: NAME: FIELD=VALUE ...`.
    pub fn parse(line: &str) -> Option<Self> {
        let (head, rest) = line.split_once(": setns_")?;
        let (name, fields) = rest.split_once(": ")?;
        let (task, pid) = task_of(head)?;
        let fields = fields.split(' ').filter_map(|field| field.split_once('='));
        Some(Event {
            task: task.replace(char::is_control, "?"),
            pid,
            name: format!("setns_{name}"),
            fields: fields
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
        })
    }

    /// Returns a field, or nothing if the kernel does not print it.
    pub fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// Returns why the call was refused, unless it was not.
    pub fn reason(&self) -> Option<&str> {
        (self.name == "setns_refused").then(|| self.field("reason"))
    }

    /// Returns the event as a JSON object. Numbers stay numbers.
    pub fn json(&self) -> String {
        let text = |text: &str| format!("{text:?}");
        let mut members = vec![
            format!("\"event\": {}", text(&self.name)),
            format!("\"task\": {}", json_text(&self.task)),
            format!("\"pid\": {}", self.pid),
        ];
        for (name, value) in &self.fields {
            let value = match value.parse::<i64>() {
                Ok(number) => number.to_string(),
                Err(_) => json_text(value),
            };
            members.push(format!("{}: {value}", text(name)));
        }
        format!("{{{}}}", members.join(", "))
    }
}

/// Reads the beginning of a line of the trace: `TASK-PID [CPU]`. The name of a task may contain
/// any of these signs but not after the PID.
fn task_of(head: &str) -> Option<(&str, u32)> {
    let (task, pid) = head.rsplit_once('[')?.0.trim().rsplit_once('-')?;
    Some((task, pid.parse().ok()?))
}

/// Reads a line about a new task: the IDs of the task that has made it, and its own.
pub fn parse_fork(line: &str) -> Option<(u32, u32)> {
    let (head, rest) = line.split_once(": sched_process_fork: ")?;
    let child = rest.rsplit_once("child_pid=")?.1.parse().ok()?;
    Some((task_of(head)?.1, child))
}

/// Returns a string of JSON. There are no control characters in it.
fn json_text(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// A process in each namespace, by the id of the namespace.
#[derive(Default)]
pub struct Names(BTreeMap<u64, String>);

impl Names {
    /// Looks at all processes, and names the namespaces that have no name yet.
    pub fn look(&mut self) {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        for pid in processes.filter_map(|entry| entry.file_name().into_string().ok()) {
            if pid.parse::<u32>().is_err() {
                continue;
            }
            let Ok(comm) = fs::read_to_string(format!("/proc/{pid}/comm")) else {
                continue;
            };
            let name = format!("{pid} {}", comm.trim_end().replace(char::is_control, "?"));
            for ns in NAMESPACES {
                let file = File::open(format!("/proc/{pid}/ns/{}", ns.name));
                if let Some(id) = file.ok().and_then(|file| id_of(&file)) {
                    self.0.entry(id).or_insert_with(|| name.clone());
                }
            }
        }
    }

    /// Returns an id with the process that shows what it is.
    pub fn of(&self, id: &str) -> String {
        let name = id.parse().ok().and_then(|id: u64| self.0.get(&id));
        match name {
            Some(name) => format!("{id} (as of process {name})"),
            None => format!("{id} (no process was in it before and after)"),
        }
    }
}

/// Returns the id of a namespace that is never used again, unless the kernel has none.
fn id_of(namespace: &File) -> Option<u64> {
    const NS_GET_ID: libc::Ioctl = 0x8008_b70d_u32 as libc::Ioctl;
    let mut id = 0_u64;
    // SAFETY: this ioctl writes a u64, and `id` is one.
    let rc = unsafe { libc::ioctl(namespace.as_raw_fd(), NS_GET_ID, &mut id) };
    (rc == 0).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_trace_is_read() {
        let line = "  a-b c-77   [001] ..... 1.5: setns_refused: reason=NO_CAP type=uts cap=21";
        let event = Event::parse(line).unwrap();
        assert_eq!((event.task.as_str(), event.pid), ("a-b c", 77));
        assert_eq!(event.reason(), Some("NO_CAP"));
        assert_eq!(event.field("cap"), "21");
        assert_eq!(event.field("nothing"), "");
    }

    #[test]
    fn a_new_task_is_read() {
        let line = "  a [b-77   [001] ..... 1.5: sched_process_fork: comm=x child_pid=3 pid=77 child_comm=x child_pid=78";
        assert_eq!(parse_fork(line), Some((77, 78)));
        assert_eq!(
            parse_fork("a-77 [001] ..... 1.5: setns_joined: type=uts"),
            None
        );
    }

    #[test]
    fn json_is_quoted() {
        let line = "a\"b-77 [001] ..... 1.5: setns_joined: type=uts old_id=3";
        let json = Event::parse(line).unwrap().json();
        let expected =
            r#"{"event": "setns_joined", "task": "a\"b", "pid": 77, "old_id": 3, "type": "uts"}"#;
        assert_eq!(json, expected);
    }
}
