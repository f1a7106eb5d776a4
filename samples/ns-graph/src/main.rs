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
//! with `--proc`, the program finds only the namespaces of processes, their owners and parents.
//! It does not look at the namespaces of single threads.
//!
//! The program may miss a namespace that exists only for a moment. The kernel may give the inode
//! number of an ended namespace to a new one, and the program then draws both as one.
//!
//! # Example
//!
//! A mount keeps namespace 4026532229, `red`, alive. It has no process. This example leaves out
//! the lines of eight namespaces.
//!
//! ```text
//! # ip netns add red
//! # ns-graph -- unshare -Unpf sleep 3
//! Namespaces from listns(2) and /proc, while this command ran: unshare -Unpf sleep 3
//! + new, ~ came and went, - gone
//!
//!   user 4026531837: +unshare[106] virtme-ng-init[1] kthreadd[2] and 50 more
//!   ├─ net 4026531833: +unshare[106] virtme-ng-init[1] kthreadd[2] and 49 more
//!   ├─ net 4026532229: no process
//!   ├─ pid 4026531836: +unshare[106] virtme-ng-init[1] kthreadd[2] and 50 more
//! ~ └─ user 4026532306: unshare[106] sleep[107]
//! ~    ├─ net 4026532308: unshare[106] sleep[107]
//! ~    └─ pid 4026532307 (child of 4026531836): sleep[107]
//! ```

mod graph;
mod svg;

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::PathBuf;
use std::process::{self, Command, ExitCode};
use std::thread::sleep;
use std::time::Duration;

use common::snapshot::{Source, take};
use common::{Help, cannot, say, status_code};
use graph::Graph;
use rustix::process::geteuid;

const HELP: Help = Help {
    usage: "usage: ns-graph [--svg FILE] [--proc] [-- CMD...]",
    shows: "Draws the namespaces of the system, and which of them a command changes.",
    example: "ns-graph -- unshare -Unpf sleep 3",
};

const INTERVAL: Duration = Duration::from_millis(20);

/// The arguments.
#[derive(Default)]
struct Request {
    svg: Option<PathBuf>,
    source: Option<Source>,
    command: Vec<OsString>,
}

impl Request {
    fn parse(args: &[OsString]) -> Result<Self, String> {
        let mut request = Self::default();
        let mut args = args.iter();
        while let Some(arg) = args.next() {
            match arg.to_str() {
                Some("--svg") => request.svg = Some(args.next().ok_or(HELP.usage)?.into()),
                Some("--proc") => request.source = Some(Source::Proc),
                Some("--") => request.command = args.by_ref().cloned().collect(),
                _ => {
                    let (option, usage) = (arg.display(), HELP.usage);
                    return Err(format!("there is no option '{option}', {usage}"));
                }
            }
        }
        Ok(request)
    }

    /// Writes the SVG file, if there is one. `rename` replaces the file at once, so a reader never
    /// sees an incomplete drawing.
    fn write_svg(&self, graph: &Graph) -> Result<(), String> {
        let Some(path) = &self.svg else {
            return Ok(());
        };
        let name = path.display();
        if path.exists() && !path.is_file() {
            return Err(format!("'{name}' is not a file, give the name of one"));
        }
        let new = path.with_added_extension(format!("{}.new", process::id()));
        let written = fs::write(&new, svg::draw(graph)).and_then(|()| fs::rename(&new, path));
        // If this fails as well, the first error counts
        written
            .inspect_err(|_| drop(fs::remove_file(&new)))
            .map_err(cannot(format_args!("write '{name}'")))
    }

    /// Runs the command and takes snapshots until it ends. Returns its exit status.
    fn watch(&self, graph: &mut Graph, source: Source) -> Result<ExitCode, String> {
        let Some((program, args)) = self.command.split_first() else {
            return Ok(ExitCode::SUCCESS);
        };
        let child = Command::new(program).args(args).spawn();
        let mut child = child.map_err(cannot(format_args!("run '{}'", program.display())))?;
        loop {
            let ended = child.try_wait().map_err(cannot("wait for the command"))?;
            if graph.update(take(source)?) || ended.is_some() {
                self.write_svg(graph)?;
            }
            if let Some(status) = ended {
                return Ok(status_code(status).into());
            }
            sleep(INTERVAL);
        }
    }
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let request = Request::parse(args)?;
    let source = request.source.map_or_else(Source::best, Ok)?;
    let mut title = format!("Namespaces from {source}");
    if !geteuid().is_root() {
        title += ", only those that this user may see";
    }
    if !request.command.is_empty() {
        let words = request.command.join(OsStr::new(" "));
        title += &format!(", while this command ran: {}", words.display());
    }
    let mut graph = Graph::new(title, take(source)?);
    request.write_svg(&graph)?;
    let status = request.watch(&mut graph, source)?;
    say(graph.text());
    Ok(status)
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
