// SPDX-License-Identifier: GPL-2.0

//! The changes of the namespaces while a command ran, and the text drawing.

use common::snapshot::{Ns, Snapshot};

/// Three sets of namespaces: before the command, seen at any time, and now.
pub struct Graph {
    /// The first line of the drawing.
    pub title: String,
    before: Snapshot,
    seen: Snapshot,
    now: Snapshot,
}

/// The explanation of the signs.
pub const LEGEND: &str = "+ new, ~ came and went, - gone";

impl Graph {
    /// Makes a graph from a snapshot before the command.
    pub fn new(title: String, before: Snapshot) -> Self {
        let (seen, now) = (before.clone(), before.clone());
        Self {
            title,
            before,
            seen,
            now,
        }
    }

    /// Adds a later snapshot. Returns whether its namespaces differ from those of the last one.
    pub fn update(&mut self, now: Snapshot) -> bool {
        let changed = !now.keys().eq(self.now.keys());
        for (inode, ns) in &now {
            let seen = self.seen.entry(*inode).or_insert_with(|| ns.clone());
            seen.members.extend(ns.members.clone());
        }
        self.now = now;
        changed
    }

    /// Lists the namespaces that a user namespace owns, or those without a visible owner. User
    /// namespaces come last.
    pub fn owned_by(&self, owner: Option<u64>) -> Vec<(u64, &Ns)> {
        let all = self.seen.iter().filter(|(_, ns)| ns.owner == owner);
        let mut owned: Vec<_> = all.map(|(inode, ns)| (*inode, ns)).collect();
        owned.sort_by_key(|(inode, ns)| (ns.kind == "user", ns.kind, *inode));
        owned
    }

    /// Returns the sign of a namespace, and the name of its style in the SVG. They tell whether it
    /// existed before the command, and whether it exists now.
    pub fn sign(&self, inode: u64) -> (char, &'static str) {
        let in_snapshot = |snapshot: &Snapshot| snapshot.contains_key(&inode);
        match (in_snapshot(&self.before), in_snapshot(&self.now)) {
            (true, true) => (' ', "kept"),
            (false, true) => ('+', "new"),
            (false, false) => ('~', "passed"),
            (true, false) => ('-', "gone"),
        }
    }

    /// Describes a namespace: its type, its inode number and up to three processes. A process that
    /// entered the namespace since the start comes first, with a +.
    pub fn label(&self, inode: u64, ns: &Ns) -> String {
        let before = self.before.get(&inode);
        let entered = |pid| before.is_some_and(|ns| !ns.members.contains_key(pid));
        let mut members: Vec<_> = ns.members.iter().collect();
        members.sort_by_key(|(pid, _)| !entered(pid));
        let mut label = format!("{} {inode}", ns.kind);
        if let (Some(parent), "pid") = (ns.parent, ns.kind) {
            label += &format!(" (child of {parent})");
        }
        label += ":";
        for (pid, name) in members.iter().take(3) {
            let sign = if entered(pid) { "+" } else { "" };
            label += &format!(" {sign}{name}[{pid}]");
        }
        match members.len() {
            0 => label + " no process",
            1..=3 => label,
            count => label + &format!(" and {} more", count - 3),
        }
    }

    /// Returns the text drawing.
    pub fn text(&self) -> String {
        format!("{}\n{LEGEND}\n{}", self.title, self.branches(None, ""))
    }

    fn branches(&self, owner: Option<u64>, indent: &str) -> String {
        let owned = self.owned_by(owner);
        let mut text = String::new();
        for (index, (inode, ns)) in owned.iter().enumerate() {
            let (fork, below) = match (owner, index + 1 == owned.len()) {
                (None, _) => ("", ""),
                (_, true) => ("└─ ", "   "),
                (_, false) => ("├─ ", "│  "),
            };
            let (sign, label) = (self.sign(*inode).0, self.label(*inode, ns));
            text += &format!("\n{sign} {indent}{fork}{label}");
            text += &self.branches(Some(*inode), &format!("{indent}{below}"));
        }
        text
    }
}
