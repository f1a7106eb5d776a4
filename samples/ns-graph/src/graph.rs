// SPDX-License-Identifier: GPL-2.0

//! The changes of the namespaces while a command ran, and the text drawing.

use crate::snapshot::{Ns, Snapshot};

/// Three sets of namespaces: before the command, seen at any time, and now.
pub struct Graph {
    /// The first line of the drawing.
    pub title: String,
    before: Snapshot,
    seen: Snapshot,
    now: Snapshot,
}

/// The change of a namespace since the start.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It existed at the start and still exists.
    Kept,
    /// It began later and still exists.
    New,
    /// It began later and ended.
    Passed,
    /// It existed at the start and ended.
    Gone,
}

impl Mark {
    /// Returns the sign in a drawing, and the name of the style in the SVG.
    pub fn sign(self) -> (char, &'static str) {
        match self {
            Mark::Kept => (' ', "kept"),
            Mark::New => ('+', "new"),
            Mark::Passed => ('~', "passed"),
            Mark::Gone => ('-', "gone"),
        }
    }
}

/// The explanation of the signs.
pub const LEGEND: &str = "+ new, ~ came and went, - gone";

impl Graph {
    /// Makes a graph from a snapshot before the command.
    pub fn new(title: String, before: Snapshot) -> Self {
        Self {
            title,
            seen: before.clone(),
            now: before.clone(),
            before,
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

    /// Returns the change of a namespace.
    pub fn mark(&self, inode: u64) -> Mark {
        match (
            self.before.contains_key(&inode),
            self.now.contains_key(&inode),
        ) {
            (true, true) => Mark::Kept,
            (false, true) => Mark::New,
            (false, false) => Mark::Passed,
            (true, false) => Mark::Gone,
        }
    }

    /// Lists the namespaces that a user namespace owns, or those without a visible owner. User
    /// namespaces come last.
    pub fn owned_by(&self, owner: Option<u64>) -> Vec<(u64, &Ns)> {
        let all = self.seen.iter().filter(|(_, ns)| ns.owner == owner);
        let mut owned: Vec<_> = all.map(|(inode, ns)| (*inode, ns)).collect();
        owned.sort_by_key(|(inode, ns)| (ns.kind == "user", ns.kind, *inode));
        owned
    }

    /// Describes a namespace: its type, its inode number and up to three processes. A process that
    /// entered the namespace since the start comes first, with a +.
    pub fn label(&self, inode: u64, ns: &Ns) -> String {
        let before = self.before.get(&inode);
        let sign = |pid| match before {
            Some(ns) if !ns.members.contains_key(pid) => "+",
            _ => "",
        };
        let mut members: Vec<_> = ns.members.iter().collect();
        members.sort_by_key(|(pid, _)| (sign(pid).is_empty(), **pid));
        let some = members.iter().take(3);
        let some: Vec<_> = some
            .map(|(pid, name)| format!("{}{name}[{pid}]", sign(pid)))
            .collect();
        let parent = ns.parent.filter(|_| ns.kind == "pid");
        let parent = parent.map_or(String::new(), |parent| format!(" (child of {parent})"));
        let who = match members.len() {
            0 => "no process".into(),
            1..=3 => some.join(" "),
            count => format!("{} and {} more", some.join(" "), count - 3),
        };
        format!("{} {inode}{parent}: {who}", ns.kind)
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
            let (sign, label) = (self.mark(*inode).sign().0, self.label(*inode, ns));
            text += &format!("\n{sign} {indent}{fork}{label}");
            if ns.kind == "user" {
                text += &self.branches(Some(*inode), &format!("{indent}{below}"));
            }
        }
        text
    }
}
