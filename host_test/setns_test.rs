// SPDX-License-Identifier: GPL-2.0

//! Every call of setns(2), on the host: each flag set, each kind of descriptor, each failing step.
//!
//! The core is compiled as it is, `unsafe` and all, with mocks below it that count. Each call is
//! compared with what [`C`] does, which is the code in `kernel/nsproxy.c` line by line: the result,
//! and all that was taken, given back, installed and committed, in this order. Apart from that:
//!
//! - Whatever was taken is given back or handed over to the task, once.
//! - The references on all objects add up.
//! - A call that fails has committed nothing, and the task has what it had before.
//! - A call that succeeds has committed everything once, and the task has what it asked for.

extern crate rust_setns as core_of_setns;

use core::ffi::{
    c_int,
    c_long, //
};
use kernel::{
    bindings,
    world::{
        self,
        Change,
        Event::{
            self,
            Commit,
            Gave,
            Install,
            Took, //
        },
        Step,
        Target,
        Thing,
        HAVING,
        TYPES, //
    },
};
use std::process::ExitCode;

extern "C" {
    /// The core's one entry.
    fn rust_setns(fd: c_int, nstype: c_int) -> c_long;
}

/// The descriptor in all calls.
const FD: c_int = 3;

/// EINVAL, as a result.
const EINVAL: c_int = -22;

/// One call.
#[derive(Debug)]
struct Case {
    target: Target,
    nstype: c_int,
    fails: Vec<Step>,
}

/// What the C implementation does, with what it has done so far.
struct C<'a> {
    case: &'a Case,
    log: Vec<Event>,
}

impl C<'_> {
    /// Runs a step, which may be told to fail.
    fn step(&self, step: Step) -> Result<(), c_int> {
        if self.case.fails.contains(&step) {
            Err(step.errno())
        } else {
            Ok(())
        }
    }

    fn took(&mut self, thing: Thing) {
        self.log.push(Took(thing));
    }

    fn gave(&mut self, thing: Thing) {
        self.log.push(Gave(thing));
    }

    fn do_setns(&mut self) -> Result<(), c_int> {
        self.step(Step::Fdget)?;
        self.took(Thing::Fd);
        let result = self.with_fd();
        self.gave(Thing::Fd);
        result
    }

    fn with_fd(&mut self) -> Result<(), c_int> {
        let nstype = self.case.nstype as u32;
        let flags = match self.case.target {
            Target::Namespace(ns) if nstype == 0 || nstype == ns => ns,
            Target::Process if nstype != 0 && nstype & !built_in() == 0 => nstype,
            _ => return Err(EINVAL),
        };

        self.prepare_nsset(flags)?;
        let result = match self.case.target {
            Target::Namespace(ns) => self.validate_ns(flags, ns),
            _ => self.validate_nsset(flags),
        };
        if result.is_ok() {
            self.commit_nsset(flags);
        } else if flags & bindings::CLONE_NEWUSER != 0 {
            self.gave(Thing::Cred);
        }
        if copies_fs(flags) {
            self.gave(Thing::FsCopy);
        }
        if result.is_err() {
            self.nsproxy_free();
        }
        result
    }

    fn nsproxy_free(&mut self) {
        let slots = [
            bindings::CLONE_NEWNS,
            bindings::CLONE_NEWUTS,
            bindings::CLONE_NEWIPC,
            bindings::CLONE_NEWPID,
            bindings::CLONE_NEWTIME,
            bindings::CLONE_NEWTIME,
            bindings::CLONE_NEWCGROUP,
            bindings::CLONE_NEWNET,
        ];
        for ns in slots.into_iter().filter(|ns| built_in() & ns != 0) {
            self.gave(Thing::Slot(ns));
        }
        self.gave(Thing::Nsproxy);
    }

    fn prepare_nsset(&mut self, flags: u32) -> Result<(), c_int> {
        self.create_new_namespaces()?;
        if flags & bindings::CLONE_NEWUSER != 0 {
            self.step(Step::PrepareCreds)
                .inspect_err(|_| self.nsproxy_free())?;
            self.took(Thing::Cred);
        }
        if copies_fs(flags) {
            self.step(Step::CopyFsStruct).inspect_err(|_| {
                // C forgets these without its fix: `put_nsset()` looks at flags that are not set yet.
                if flags & bindings::CLONE_NEWUSER != 0 {
                    self.gave(Thing::Cred);
                }
                self.nsproxy_free();
            })?;
            self.took(Thing::FsCopy);
        }
        Ok(())
    }

    fn create_new_namespaces(&mut self) -> Result<(), c_int> {
        let mut slots = Vec::new();

        self.step(Step::NsproxyAlloc)?;
        self.took(Thing::Nsproxy);
        for ns in types(built_in() & !bindings::CLONE_NEWUSER) {
            if let Err(err) = self.step(Step::Copy(ns)) {
                for slot in slots.into_iter().rev() {
                    self.gave(Thing::Slot(slot));
                }
                self.gave(Thing::Nsproxy);
                return Err(err);
            }
            self.took(Thing::Slot(ns));
            slots.push(ns);
        }
        if built_in() & bindings::CLONE_NEWTIME != 0 {
            self.took(Thing::Slot(bindings::CLONE_NEWTIME));
        }
        Ok(())
    }

    fn validate_ns(&mut self, flags: u32, ns: u32) -> Result<(), c_int> {
        self.log.push(Install(ns, flags));
        self.step(Step::Install(ns))
    }

    fn validate_nsset(&mut self, flags: u32) -> Result<(), c_int> {
        let pid_ns = flags & bindings::CLONE_NEWPID != 0;
        let user_ns = flags & bindings::CLONE_NEWUSER != 0;

        self.step(Step::PidTask)?;
        self.step(Step::PtraceMayAccess)?;
        self.step(Step::TaskNsproxy)?;
        self.took(Thing::TargetNsproxy);
        if pid_ns && self.step(Step::TaskPidNs).is_err() {
            // C leaves before it takes the user namespace. Nobody can tell.
            if user_ns {
                self.took(Thing::TargetUserNs);
                self.gave(Thing::TargetUserNs);
            }
            self.gave(Thing::TargetNsproxy);
            return Err(Step::TaskPidNs.errno());
        }
        if pid_ns {
            self.took(Thing::TargetPidNs);
        }
        if user_ns {
            self.took(Thing::TargetUserNs);
        }

        let result = types(flags).try_for_each(|ns| self.validate_ns(flags, ns));

        if pid_ns {
            self.gave(Thing::TargetPidNs);
        }
        self.gave(Thing::TargetNsproxy);
        if user_ns {
            self.gave(Thing::TargetUserNs);
        }
        result
    }

    /// With the call to `perf_event_namespaces()` that follows it.
    fn commit_nsset(&mut self, flags: u32) {
        if flags & bindings::CLONE_NEWUSER != 0 {
            self.log.push(Commit(Change::Cred));
        }
        if copies_fs(flags) {
            self.log.push(Commit(Change::FsRoot));
            self.log.push(Commit(Change::FsPwd));
        }
        if flags & bindings::CLONE_NEWIPC != 0 {
            self.log.push(Commit(Change::Sem));
        }
        if flags & bindings::CLONE_NEWTIME != 0 {
            self.log.push(Commit(Change::Timens));
        }
        self.log.push(Commit(Change::Switch));
        self.gave(Thing::OldNsproxy);
        self.log.push(Commit(Change::Perf));
    }
}

/// The types that are built in, as flags.
fn built_in() -> u32 {
    let of = |is_built_in, ns| if is_built_in { ns } else { 0 };

    bindings::CLONE_NEWNS
        | of(cfg!(CONFIG_USER_NS), bindings::CLONE_NEWUSER)
        | of(cfg!(CONFIG_UTS_NS), bindings::CLONE_NEWUTS)
        | of(cfg!(CONFIG_IPC_NS), bindings::CLONE_NEWIPC)
        | of(cfg!(CONFIG_PID_NS), bindings::CLONE_NEWPID)
        | of(cfg!(CONFIG_CGROUPS), bindings::CLONE_NEWCGROUP)
        | of(cfg!(CONFIG_NET_NS), bindings::CLONE_NEWNET)
        | of(cfg!(CONFIG_TIME_NS), bindings::CLONE_NEWTIME)
}

/// The types in `flags`, in the order in which C installs them.
fn types(flags: u32) -> impl Iterator<Item = u32> {
    TYPES.into_iter().filter(move |ns| flags & ns != 0)
}

/// Does C copy the `struct fs_struct` for this set?
fn copies_fs(flags: u32) -> bool {
    flags & bindings::CLONE_NEWNS != 0 && flags != bindings::CLONE_NEWNS
}

/// Every subset of the types, built in or not, as flags.
fn subsets() -> impl Iterator<Item = u32> {
    (0..1 << TYPES.len()).map(|subset| {
        let types = TYPES.into_iter().enumerate();
        types.fold(0, |bits, (i, ns)| bits | ((subset >> i & 1) * ns))
    })
}

/// The changes that a successful call for `flags` makes, each once.
fn changes(flags: u32) -> Vec<Change> {
    let mut changes = vec![Change::Switch, Change::Perf];
    if flags & bindings::CLONE_NEWUSER != 0 {
        changes.push(Change::Cred);
    }
    if copies_fs(flags) {
        changes.extend([Change::FsRoot, Change::FsPwd]);
    }
    if flags & bindings::CLONE_NEWIPC != 0 {
        changes.push(Change::Sem);
    }
    if flags & bindings::CLONE_NEWTIME != 0 {
        changes.push(Change::Timens);
    }
    changes
}

/// Says what is wrong with the log of a call, whatever the order of it.
fn check_balance(log: &[Event], flags: u32, succeeded: bool) -> Result<(), String> {
    let count = |event| log.iter().filter(|&&other| other == event).count();

    for &event in log {
        let (Took(thing) | Gave(thing)) = event else {
            continue;
        };
        let (took, gave) = (count(Took(thing)), count(Gave(thing)));
        let right = match thing {
            Thing::OldNsproxy => succeeded && gave == 1,
            // The task has them now.
            Thing::Cred | Thing::Nsproxy | Thing::Slot(_) if succeeded => gave == 0,
            _ => gave == took,
        };
        if !right {
            return Err(format!(
                "{thing:?}: taken {took} times, given back {gave} times"
            ));
        }
    }

    let expected = if succeeded {
        changes(flags)
    } else {
        Vec::new()
    };
    let commits = log
        .iter()
        .filter(|event| matches!(event, Commit(_)))
        .count();
    if commits != expected.len() || expected.iter().any(|&change| count(Commit(change)) != 1) {
        return Err(format!("{commits} commits, expected {expected:?}"));
    }
    Ok(())
}

/// Makes one call, and says what is wrong with it.
fn check(case: &Case) -> Result<(), String> {
    let mut c = C {
        case,
        log: Vec::new(),
    };
    let expected = c.do_setns().err().unwrap_or(0);

    let (before, offered) = world::create(built_in(), FD, case.target, &case.fails);
    // SAFETY: Takes any numbers, and the world that it works on is there.
    let result = unsafe { rust_setns(FD, case.nstype) };
    let (after, log, faults) = world::end();

    if !faults.is_empty() {
        return Err(format!("{faults:?}"));
    }
    if result != c_long::from(expected) {
        return Err(format!("returned {result}, C returns {expected}"));
    }
    let flags = match case.target {
        Target::Namespace(ns) => ns,
        _ => case.nstype as u32,
    };
    check_balance(&log, flags, result == 0)?;
    for (i, ns) in HAVING.into_iter().enumerate() {
        let joined = result == 0 && flags & ns != 0;
        if after[i] != if joined { offered[i] } else { before[i] } {
            return Err(format!("the task has the wrong thing of type {ns:#x}"));
        }
    }
    if log != c.log {
        return Err(format!("did {log:x?}, C does {:x?}", c.log));
    }
    Ok(())
}

/// What can fail in one call: nothing, each step, and each two of them, of which one comes first.
fn failures(steps: &[Step], at_once: usize) -> Vec<Vec<Step>> {
    let mut failures = vec![Vec::new()];
    if at_once > 0 {
        failures.extend(steps.iter().map(|&step| vec![step]));
    }
    if at_once > 1 {
        for (i, &first) in steps.iter().enumerate() {
            failures.extend(steps[i + 1..].iter().map(|&second| vec![first, second]));
        }
    }
    failures
}

/// What is to be called: the descriptor, `nstype`, and how many steps fail at once.
fn calls() -> Vec<(Target, u32, usize)> {
    let mut calls = Vec::new();
    let all = subsets().last().unwrap_or(0);

    // Every set of types, and each of the other bits with every set.
    for flags in subsets() {
        calls.push((Target::Process, flags, 2));
        calls.push((Target::Other, flags, 1));
        for bit in (0..32).map(|bit| 1 << bit).filter(|bit| all & bit == 0) {
            calls.push((Target::Process, flags | bit, 1));
        }
    }
    // Every type that there is: any, itself, and what it is not.
    for ns in types(built_in()) {
        let target = Target::Namespace(ns);
        calls.extend([(target, 0, 2), (target, ns, 2)]);
        let wrong = subsets().chain((0..32).map(|bit| 1 << bit));
        let wrong = wrong.filter(|&nstype| nstype != 0 && nstype != ns);
        calls.extend(wrong.map(|nstype| (target, nstype, 1)));
    }
    calls
}

/// Loads the module and unloads it. Says what is wrong with that.
fn check_module() -> Result<(), String> {
    world::create(built_in(), FD, Target::Other, &[]);
    drop(core_of_setns::load().map_err(|err| format!("init() returned {}", err.to_errno()))?);
    let (_, log, faults) = world::end();

    if log != [Commit(Change::Start), Commit(Change::Stop)] || !faults.is_empty() {
        return Err(format!("loading: did {log:?}, {faults:?}"));
    }
    Ok(())
}

fn main() -> ExitCode {
    let steps = Step::all();
    let (mut passed, mut failed) = (0, 0);

    let mut count = |what: &dyn core::fmt::Debug, result: Result<(), String>| match result {
        Ok(()) => passed += 1,
        Err(err) => {
            failed += 1;
            // The first few tell it all.
            if failed <= 5 {
                println!("{what:x?}: {err}");
            }
        }
    };
    count(&"module", check_module());
    for (target, nstype, at_once) in calls() {
        for fails in failures(&steps, at_once) {
            let case = Case {
                target,
                nstype: nstype as c_int,
                fails,
            };
            let result = check(&case);
            count(&case, result);
        }
    }

    println!("types {:#x}: {passed} passed, {failed} failed", built_in());
    ExitCode::from(u8::from(failed > 0))
}
