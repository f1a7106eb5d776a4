// SPDX-License-Identifier: GPL-2.0

//! Draws the namespaces of the system, their owners and their processes. With a command, the
//! program also draws which namespaces the command changes.
//!
//! ```text
//! ns-graph [--svg FILE] [--proc] [-- CMD...]
//! ```
//!
//! The text shows each namespace below the user namespace that owns it. The SVG shows it in the
//! box of that user namespace. While CMD runs, the program looks at the system every 20 ms, and
//! writes the SVG again whenever a namespace appears or disappears. Open the SVG in a viewer that
//! reloads it, and use `bash` as CMD to watch your own commands. The program prints the text when
//! CMD has ended, and returns the exit status of CMD.
//!
//! listns(2), new in Linux 6.19, also finds namespaces without processes. On an older kernel, or
//! with `--proc`, the program finds only the namespaces of the processes in `/proc`, their owners
//! and their parents. It does not look at the namespaces of single threads.
//!
//! The program may miss a namespace that exists only for a moment. The kernel may give the inode
//! number of an ended namespace to a new one, and the program then draws both as one.
//!
//! # Example
//!
//! A mount keeps namespace 4026532229, `red`, alive. It has no process.
//!
//! ```text
//! # ip netns add red
//! # ns-graph -- unshare -Unpf sleep 3
//! Namespaces from listns(2) and /proc, while this command ran: unshare -Unpf sleep 3
//! + new, ~ came and went, - gone
//!
//!   user 4026531837: +unshare[106] virtme-ng-init[1] kthreadd[2] and 50 more
//!   ├─ cgroup 4026531835: +unshare[106] +sleep[107] virtme-ng-init[1] and 51 more
//!   ├─ ipc 4026531839: +unshare[106] +sleep[107] virtme-ng-init[1] and 51 more
//!   ├─ mnt 4026531832: +unshare[106] +sleep[107] virtme-ng-init[1] and 50 more
//!   ├─ mnt 4026531860: kdevtmpfs[27]
//!   ├─ net 4026531833: +unshare[106] virtme-ng-init[1] kthreadd[2] and 49 more
//!   ├─ net 4026532229: no process
//!   ├─ net 4026532268: login-daemon[92]
//!   ├─ pid 4026531836: +unshare[106] virtme-ng-init[1] kthreadd[2] and 50 more
//!   ├─ time 4026531834: +unshare[106] +sleep[107] virtme-ng-init[1] and 51 more
//!   ├─ uts 4026531838: +unshare[106] +sleep[107] virtme-ng-init[1] and 50 more
//!   ├─ uts 4026532267: login-daemon[92]
//! ~ └─ user 4026532306: unshare[106] sleep[107]
//! ~    ├─ net 4026532308: unshare[106] sleep[107]
//! ~    └─ pid 4026532307 (child of 4026531836): sleep[107]
//! ```

mod graph;
mod snapshot;
mod svg;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{self, Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use common::{cannot, explain, say};
use graph::Graph;
use rustix::process::geteuid;
use snapshot::Snapshot;

const USAGE: &str = "usage: ns-graph [--svg FILE] [--proc] [-- CMD...]";
const INTERVAL: Duration = Duration::from_millis(20);

/// The arguments.
#[derive(Default)]
struct Arguments {
    svg: Option<PathBuf>,
    only_proc: bool,
    command: Vec<OsString>,
}

fn parse() -> Result<Arguments, String> {
    let mut parsed = Arguments::default();
    let mut arguments = std::env::args_os().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("--svg") => parsed.svg = Some(arguments.next().ok_or(USAGE)?.into()),
            Some("--proc") => parsed.only_proc = true,
            Some("--") => parsed.command = arguments.by_ref().collect(),
            _ => {
                return Err(format!(
                    "there is no option '{}', {USAGE}",
                    argument.to_string_lossy()
                ));
            }
        }
    }
    Ok(parsed)
}

/// Takes a snapshot of the system.
fn look(by_listns: bool) -> Result<Snapshot, String> {
    let listed = match by_listns {
        true => Some(snapshot::list().map_err(cannot("list the namespaces"))?),
        false => None,
    };
    snapshot::take(listed).map_err(cannot("read the namespaces"))
}

/// Writes the SVG file, if `path` names one. `rename` replaces the file at once, so a reader never
/// sees an incomplete drawing.
fn write_svg(graph: &Graph, path: Option<&PathBuf>) -> Result<(), String> {
    let Some(path) = path else {
        return Ok(());
    };
    if path.exists() && !path.is_file() {
        return Err(format!(
            "'{}' is not a file, give the name of one",
            path.display()
        ));
    }
    let new = path.with_added_extension(format!("{}.new", process::id()));
    let written = fs::write(&new, svg::draw(graph)).and_then(|()| fs::rename(&new, path));
    written.map_err(|error| {
        // The first error counts
        let _ = fs::remove_file(&new);
        cannot(format_args!("write '{}'", path.display()))(error)
    })
}

/// Runs the command and takes snapshots until it ends. Returns its exit status.
fn watch(graph: &mut Graph, arguments: &Arguments, by_listns: bool) -> Result<ExitCode, String> {
    let (program, rest) = arguments.command.split_first().ok_or(USAGE)?;
    let mut child = Command::new(program).args(rest).spawn().map_err(|error| {
        format!(
            "cannot run '{}': {}",
            program.to_string_lossy(),
            explain(error)
        )
    })?;
    loop {
        let ended = child.try_wait().map_err(cannot("wait for the command"))?;
        if graph.update(look(by_listns)?) || ended.is_some() {
            write_svg(graph, arguments.svg.as_ref())?;
        }
        if let Some(status) = ended {
            // A shell encodes the status in the same way
            let status = status
                .code()
                .unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
            return Ok(ExitCode::from(status as u8));
        }
        sleep(INTERVAL);
    }
}

fn run() -> Result<ExitCode, String> {
    let arguments = parse()?;
    let by_listns = !arguments.only_proc && snapshot::can_list()?;
    let mut title = String::from("Namespaces from ");
    title += if by_listns {
        "listns(2) and /proc"
    } else {
        "/proc only"
    };
    if !geteuid().is_root() {
        title += ", only those that this user may see";
    }
    if !arguments.command.is_empty() {
        let words = arguments.command.join(OsStr::new(" "));
        title += &format!(", while this command ran: {}", words.display());
    }
    let mut graph = Graph::new(title, look(by_listns)?);
    write_svg(&graph, arguments.svg.as_ref())?;
    let status = match arguments.command.is_empty() {
        true => ExitCode::SUCCESS,
        false => watch(&mut graph, &arguments, by_listns)?,
    };
    say(graph.text());
    Ok(status)
}

fn main() -> ExitCode {
    common::main(run)
}
