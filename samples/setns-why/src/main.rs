// SPDX-License-Identifier: GPL-2.0

//! Runs a command, and says why the kernel refused its calls of setns(2).
//!
//! ```text
//! setns-why [--json] CMD [ARGS...]
//! ```
//!
//! EINVAL and EPERM have many causes. The kernel's trace events `setns:setns_refused` and
//! `setns:setns_joined` say which check refused a call. The program traces the command and its
//! children, and prints a sentence for each call on standard error when the command has ended.
//! With `--json`, it prints a line of JSON for each event instead. It returns the exit status of
//! the command.
//!
//! The events need root, tracefs, and a kernel that has them. Without them the program says so,
//! follows the command with ptrace(2), and prints what the errno alone can mean.
//!
//! # Example
//!
//! ```text
//! # sleep 60 & setns-why setpriv --reuid 65534 --clear-groups nsenter --uts=/proc/1/ns/uts true
//! nsenter: reassociate to namespace 'ns/uts' failed: Operation not permitted
//! setns-why: nsenter (123) may not join the uts namespace 4026531838: CAP_SYS_ADMIN is needed in
//! the user namespace that owns it, 4026531837 (1 init). Be root there, or get the capability there.
//! ```

mod advice;
mod event;
mod follow;
mod tracefs;

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::{Command, ExitCode};

use common::{Help, status_code};
use event::Event;
use tracefs::Instance;

const HELP: Help = Help {
    usage: "usage: setns-why [--json] CMD [ARGS...]",
    shows: "Runs a command, and says why the kernel refused its calls of setns(2).",
    example: "setns-why nsenter --user --target $$ true",
};

/// Prints a line on standard error. If that is closed, nobody can read the line.
fn tell(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Runs the command while its calls are traced.
fn run_traced(trace: &Instance, command: &mut Command, json: bool) -> Result<ExitCode, String> {
    let status = command.status().map_err(|error| {
        let name = command.get_program().display();
        format!("cannot run {name}: {error}")
    })?;
    let names = event::Names::take();
    let mut last = String::new();
    for event in trace.events()? {
        if json {
            tell(&event.json());
            continue;
        }
        let sentence = describe(&event, &names);
        // nsenter tries twice
        if sentence != last {
            tell(&format!("setns-why: {sentence}"));
        }
        last = sentence;
    }
    Ok(status_code(status).into())
}

/// Says what an event means, in one or two sentences.
fn describe(event: &Event, names: &event::Names) -> String {
    let who = format!("{} ({})", event.task, event.pid);
    match event.reason() {
        Some(reason) => format!("{who} {}", advice::refused(reason, event, names)),
        None => format!("{who} {}", advice::joined(event, names)),
    }
}

fn run(args: &[OsString]) -> Result<ExitCode, String> {
    let (json, args) = match args {
        [option, rest @ ..] if option == "--json" => (true, rest),
        rest => (false, rest),
    };
    let [program, rest @ ..] = args else {
        return Err(HELP.usage.into());
    };
    if program.to_str().is_some_and(|name| name.starts_with('-')) {
        return Err(HELP.usage.into());
    }
    let mut command = Command::new(program);
    command.args(rest);
    match Instance::start() {
        Ok(trace) => run_traced(&trace, &mut command, json),
        Err(lack) if json => Err(format!("there is no JSON without the events: {lack}")),
        Err(lack) => {
            tell(&format!("setns-why: only the errno is known, as {lack}"));
            follow::run(&mut command, |pid, errno| {
                tell(&format!(
                    "setns-why: process {pid}: {}",
                    advice::errno(errno)
                ));
            })
        }
    }
}

fn main() -> ExitCode {
    common::main(&HELP, run)
}
