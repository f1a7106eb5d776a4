// SPDX-License-Identifier: GPL-2.0

//! Every call of setns(2), on the host: each flag set, each kind of descriptor, each failing step.
//!
//! Each call is made twice, in two equal worlds: once to C, which is `kernel/nsproxy.c` as it is,
//! and once to Rust, which is the core as it is, `unsafe` and all. Both are on the same mocks. They
//! must do the same: return the same, call the same functions on the same things in the same order,
//! and leave the same to the task. By themselves, neither may break a rule of the mocks, and the
//! references on all things must add up.

extern crate rust_setns as core_of_setns;

use core::ffi::{
    c_int,
    c_long, //
};
use kernel::{
    bindings,
    world::{
        self,
        built_in,
        Event,
        Outcome,
        Owner,
        Step,
        Target,
        FD,
        TYPES, //
    },
};
use std::{
    cell::RefCell,
    panic,
    process::ExitCode, //
};

/// The entry of an implementation.
type Setns = unsafe extern "C" fn(c_int, c_int) -> c_long;

/// One call.
#[derive(Clone, Debug)]
struct Case {
    target: Target,
    nstype: c_int,
    fails: Vec<Step>,
}

thread_local! {
    /// The call that is being made, and to which implementation.
    static NOW: RefCell<Option<(&'static str, Case)>> = const { RefCell::new(None) };
}

/// The types, as flags, that have been joined or refused in some call, in which it was not told to
/// fail before that.
#[derive(Default)]
struct Reached {
    joined_by_nsfd: u32,
    joined_by_pidfd: u32,
    refused: u32,
}

impl Reached {
    /// Adds what a call has reached.
    fn add(&mut self, case: &Case, outcome: &Outcome) {
        let joined = TYPES
            .into_iter()
            .zip(outcome.having.namespaces)
            .filter(|(_, ns)| ns.is_some_and(|(owner, _)| owner == Owner::Other))
            .fold(0, |joined, (ns, _)| joined | ns);
        // The slots are in this order, without a gap.
        match case.target {
            Target::Namespace(_) => self.joined_by_nsfd |= joined,
            _ => self.joined_by_pidfd |= joined,
        }
        for ns in TYPES {
            let errno = c_long::from(Step::Install(ns).errno());
            self.refused |= if outcome.result == errno { ns } else { 0 };
        }
    }

    /// Was every type that is built in joined in each way, and refused?
    fn check(&self) -> Result<(), String> {
        let reached = [self.joined_by_nsfd, self.joined_by_pidfd, self.refused];
        if reached != [built_in(); 3] {
            return Err(format!("joined by nsfd, by pidfd, refused: {reached:#x?}"));
        }
        Ok(())
    }
}

/// Makes a call to one implementation.
fn call(name: &'static str, implementation: Setns, case: &Case) -> Outcome {
    NOW.set(Some((name, case.clone())));
    world::run(case.target, &case.fails, || {
        // SAFETY: Takes any numbers, and the world that it works on is there.
        unsafe { implementation(FD, case.nstype) }
    })
}

/// Makes a call to both, and says what is wrong with it.
fn check(case: &Case, reached: &mut Reached) -> Result<(), String> {
    let c = call("C", bindings::c_setns, case);
    let rust = call("Rust", bindings::rust_setns, case);

    for (name, outcome) in [("C", &c), ("Rust", &rust)] {
        if !outcome.faults.is_empty() {
            return Err(format!(
                "{name}: {:?}, did {:x?}",
                outcome.faults, outcome.log
            ));
        }
    }
    if rust.result != c.result {
        return Err(format!("Rust returned {}, C {}", rust.result, c.result));
    }
    compare_logs(&c.log, &rust.log)?;
    if rust.having != c.having {
        return Err(format!(
            "after Rust {:x?}, after C {:x?}",
            rust.having, c.having
        ));
    }
    reached.add(case, &rust);
    Ok(())
}

/// Says where two logs differ first.
fn compare_logs(c: &[Event], rust: &[Event]) -> Result<(), String> {
    let longer = c.len().max(rust.len());
    match (0..longer).find(|&i| c.get(i) != rust.get(i)) {
        Some(i) => Err(format!(
            "event {i}: Rust {:x?}, C {:x?}, before that {:x?}",
            rust.get(i),
            c.get(i),
            &c[..i]
        )),
        None => Ok(()),
    }
}

/// Every subset of the types, built in or not, as flags.
fn subsets() -> impl Iterator<Item = u32> {
    (0..1 << TYPES.len()).map(|subset| {
        let types = TYPES.into_iter().enumerate();
        types.fold(0, |bits, (i, ns)| bits | ((subset >> i & 1) * ns))
    })
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
    for ns in TYPES.into_iter().filter(|ns| built_in() & ns != 0) {
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
    let outcome = world::run(Target::Other, &[], || match core_of_setns::load() {
        Ok(_module) => 0,
        Err(err) => c_long::from(err.to_errno()),
    });
    let expected = [
        Event::Switched(true),
        Event::Switched(false),
        Event::Drained,
    ];

    if outcome.result != 0 || outcome.log != expected || !outcome.faults.is_empty() {
        return Err(format!("loading: {outcome:?}"));
    }
    Ok(())
}

/// Says which call it was when there is a panic.
fn tell_of_panics() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        NOW.with_borrow(|now| println!("panic in {now:x?}"));
        tell(info);
    }));
}

fn main() -> ExitCode {
    let steps = Step::all();
    let mut reached = Reached::default();
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
    tell_of_panics();
    count(&"module", check_module());
    for (target, nstype, at_once) in calls() {
        for fails in failures(&steps, at_once) {
            let case = Case {
                target,
                nstype: nstype as c_int,
                fails,
            };
            let result = check(&case, &mut reached);
            count(&case, result);
        }
    }
    count(&"reached", reached.check());

    println!("types {:#x}: {passed} passed, {failed} failed", built_in());
    ExitCode::from(u8::from(failed > 0))
}
