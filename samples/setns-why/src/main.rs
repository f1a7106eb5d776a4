// SPDX-License-Identifier: GPL-2.0

//! Runs a command, and says why the kernel refused its calls of setns(2).
//!
//! ```text
//! setns-why [--json] [--output FILE] CMD [ARGS...]
//! ```
//!
//! EINVAL and EPERM have many causes. The kernel's trace events `setns:setns_refused` and
//! `setns:setns_joined` say which check refused a call. The program traces the command and its
//! children, and prints a sentence for each call when the command has ended, also if there was no
//! call. With `--json`, it prints a line of JSON for each event instead. The output goes to
//! standard error, or to a file. The program returns the exit status of the command.
//!
//! The events need root, tracefs, and a kernel that has them. Without them the program says so,
//! follows the command with ptrace(2), and prints what the errno alone can mean.
//!
//! # Example
//!
//! ```text
//! # setns-why setpriv --reuid=65534 --clear-groups nsjoin 91 uts
//! setns-why: nsjoin (95) may not inspect the process of the pidfd. Be the same user and let the
//! process be dumpable, or have CAP_SYS_PTRACE in its user namespace. A security module can also
//! refuse this.
//! ```

mod advice;
mod event;
mod follow;
mod tracefs;

use std::cell::Cell;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

use common::{Help, status_code};
use event::{Event, Names};
use tracefs::Instance;

const HELP: Help = Help {
    usage: "usage: setns-why [--json] [--output FILE] CMD [ARGS...]",
    shows: "Runs a command, and says why the kernel refused its calls of setns(2).",
    example: "setns-why nsenter --user --target $$ true",
};

/// What the user asked for.
struct Options {
    json: bool,
    /// A file, unless the output goes to standard error.
    output: Option<File>,
}

impl Options {
    /// Prints a line. If nobody can read it, nothing can be done.
    fn tell(&self, line: &str) {
        let _ = match &self.output {
            Some(file) => writeln!(&mut &*file, "{line}"),
            None => writeln!(io::stderr(), "{line}"),
        };
    }

    /// Prints a sentence for each event. Calls one after another that are all alike get one: a
    /// program may try again and again.
    fn explain(&self, events: &[Event], names: &Names) {
        let sentences: Vec<_> = events.iter().map(|event| describe(event, names)).collect();
        for alike in sentences.chunk_by(|a, b| a == b) {
            match (&alike[0], alike.len()) {
                (sentence, 1) => self.tell(&format!("setns-why: {sentence}")),
                (sentence, times) => self.tell(&format!("setns-why: {sentence} ({times} times)")),
            }
        }
    }
}

/// Runs the command while its calls are traced.
fn run_traced(
    trace: &Instance,
    command: &mut Command,
    options: &Options,
) -> Result<ExitCode, String> {
    let mut names = Names::default();
    names.look();
    let status = command.status().map_err(|error| {
        let name = command.get_program().display();
        format!("cannot run {name}: {error}")
    })?;
    let record = trace.stop()?;
    names.look();
    if options.json {
        let lines = record.events.iter().map(Event::json);
        lines.for_each(|line| options.tell(&line));
    } else {
        options.explain(&record.events, &names);
    }
    if record.events.is_empty() && record.lost == 0 && !options.json {
        options.tell(&format!("setns-why: {}", advice::NO_CALL));
    }
    if record.lost > 0 {
        tell_user(&format!(
            "setns-why: the buffer had no room for {} events, so calls may be missing; boot \
             with a larger trace_buf_size=, or trace a shorter command",
            record.lost
        ));
    }
    Ok(status_code(status).into())
}

/// Prints a line about this program on standard error. If that is closed, nobody can read it.
fn tell_user(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Says what an event means, in one or two sentences.
fn describe(event: &Event, names: &Names) -> String {
    let who = format!("{} ({})", event.task, event.pid);
    match event.reason() {
        Some(reason) => format!("{who} {}", advice::refused(reason, event, names)),
        None => format!("{who} {}", advice::joined(event, names)),
    }
}

/// Reads the options, and returns the command.
fn parse(mut args: &[OsString]) -> Result<(Options, &[OsString]), String> {
    let mut options = Options {
        json: false,
        output: None,
    };
    loop {
        args = match args {
            [option, rest @ ..] if option == "--json" => {
                options.json = true;
                rest
            }
            [option, file, rest @ ..] if option == "--output" => {
                let created = File::create(file);
                let why = |error| format!("cannot create {}: {error}", file.display());
                options.output = Some(created.map_err(why)?);
                rest
            }
            [program, ..] if !program.as_encoded_bytes().starts_with(b"-") => {
                return Ok((options, args));
            }
            _ => return Err(HELP.usage.into()),
        };
    }
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let (options, args) = parse(args)?;
    let mut command = Command::new(&args[0]);
    command.args(&args[1..]);
    match Instance::start() {
        Ok(trace) => run_traced(&trace, &mut command, &options),
        Err(lack) if options.json => Err(format!("there is no JSON without the events: {lack}")),
        Err(lack) => {
            tell_user(&format!("setns-why: only the errno is known, as {lack}"));
            let called = Cell::new(false);
            let code = follow::run(&mut command, |pid, errno| {
                called.set(true);
                let meaning = advice::errno(errno);
                options.tell(&format!("setns-why: process {pid}: {meaning}"));
            })?;
            if !called.get() {
                options.tell(&format!("setns-why: {}", advice::NO_CALL));
            }
            Ok(code)
        }
    }
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
