// SPDX-License-Identifier: GPL-2.0

//! Calls setns(2) on the host, with each flag set, each kind of descriptor and each failing step.
//! From call to call, the number of the descriptor changes, and whether its file is referenced.
//!
//! The test makes each call twice, in two equal worlds: once to C, which is `kernel/nsproxy.c` as
//! it is, and once to Rust, which is the core as it is, `unsafe` included. Both run on the same
//! mocks. They must return the same, call the same functions on the same things in the same order,
//! and leave the task in the same state. They differ in one argument, see [`same()`]. Neither may
//! break a rule of the mocks, and the references on all things must add up.

extern crate rust_setns as core_of_setns;

use core::{
    ffi::{
        c_int,
        c_long, //
    },
    fmt::Debug, //
};
use kernel::{
    bindings,
    ns_common::NsCommon,
    nsproxy::NsProxy,
    pid_namespace::PidNamespace,
    user_namespace::UserNamespace,
    world::{
        self,
        built_in,
        Descriptor,
        Event,
        Kind,
        Outcome,
        Owner,
        Step,
        Target,
        TYPES, //
    },
};
use std::{
    cell::RefCell,
    panic,
    process::ExitCode, //
};

/// The entry point of an implementation.
type Setns = unsafe extern "C" fn(c_int, c_int) -> c_long;

/// One call.
#[derive(Clone, Debug)]
struct Case {
    target: Target,
    descriptor: Descriptor,
    nstype: c_int,
    fails: Vec<Step>,
}

thread_local! {
    /// The current call, and the implementation that it goes to.
    static NOW: RefCell<Option<(&'static str, Case)>> = const { RefCell::new(None) };
}

/// The types, as flags, that some call has joined, or that refused some call. Types that are
/// refused because an earlier step fails do not count. There is one of these for each descriptor.
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

    /// Checks that each type that is built in was joined in both ways, and refused.
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
    world::run(case.target, case.descriptor, &case.fails, || {
        // SAFETY: The function takes any numbers, and its world exists.
        unsafe { implementation(case.descriptor.number, case.nstype) }
    })
}

/// What the system call does if it is traced and Rust serves.
#[cfg(CONFIG_TRACEPOINTS)]
unsafe extern "C" fn rust_setns(fd: c_int, nstype: c_int) -> c_long {
    let mut outcome = bindings::setns_outcome::default();
    // SAFETY: The function takes any numbers, and its world exists.
    let result = unsafe { bindings::rust_setns(fd, nstype, &mut outcome) };
    // SAFETY: The outcome is valid.
    unsafe { bindings::setns_trace(&outcome, nstype as u32, result) };
    result
}

/// What the system call does if it is not traced and Rust serves.
#[cfg(not(CONFIG_TRACEPOINTS))]
unsafe extern "C" fn rust_setns(fd: c_int, nstype: c_int) -> c_long {
    // SAFETY: The function takes any numbers, and its world exists.
    unsafe { bindings::rust_setns(fd, nstype, core::ptr::null_mut()) }
}

/// Makes a call to both implementations, and returns what is wrong with it.
fn check(case: &Case, reached: &mut Reached) -> Result<(), String> {
    let c = call("C", bindings::c_setns, case);
    let rust = call("Rust", rust_setns, case);

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

/// Did both implementations do the same?
///
/// There is one difference, which must be there. C passes the directories of the task to
/// `copy_mnt_ns()`, and Rust passes none. That function changes them only if its flags have
/// `CLONE_NEWNS`. setns(2) creates no namespace, so the flags are 0 here.
fn same(c: Option<&Event>, rust: Option<&Event>) -> bool {
    const MINE: Option<world::Thing> = Some((Owner::Current, Kind::Fs));

    match (c, rust) {
        (Some(Event::CopiesMounts(c_flags, c)), Some(Event::CopiesMounts(flags, rust))) => {
            (*c_flags, *flags) == (0, 0) && *c == MINE && rust.is_none()
        }
        _ => c == rust,
    }
}

/// Returns where two logs first differ.
fn compare_logs(c: &[Event], rust: &[Event]) -> Result<(), String> {
    let longer = c.len().max(rust.len());
    match (0..longer).find(|&i| !same(c.get(i), rust.get(i))) {
        Some(i) => Err(format!(
            "event {i}: Rust {:x?}, C {:x?}, before that {:x?}",
            rust.get(i),
            c.get(i),
            &c[..i]
        )),
        None => Ok(()),
    }
}

/// Returns every subset of the types, built in or not, as flags.
fn subsets() -> impl Iterator<Item = u32> {
    (0..1 << TYPES.len()).map(|subset| {
        let types = TYPES.into_iter().enumerate();
        types.fold(0, |bits, (i, ns)| bits | ((subset >> i & 1) * ns))
    })
}

/// Returns what can fail in one call: nothing, each step, and each pair of steps.
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

/// Returns the calls to make: the descriptor, `nstype`, and how many steps fail at once.
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
    // Each type that is built in: with 0, with the type itself, and with each wrong `nstype`.
    for ns in TYPES.into_iter().filter(|ns| built_in() & ns != 0) {
        let target = Target::Namespace(ns);
        calls.extend([(target, 0, 2), (target, ns, 2)]);
        let wrong = subsets().chain((0..32).map(|bit| 1 << bit));
        let wrong = wrong.filter(|&nstype| nstype != 0 && nstype != ns);
        calls.extend(wrong.map(|nstype| (target, nstype, 1)));
    }
    calls
}

/// The number of calls, as a person counts them. It does not use `calls()` or `failures()`.
fn expected_calls() -> usize {
    // There are 23 steps. Nothing fails, or one of them. In addition, two of them fail.
    const UP_TO_ONE: usize = 1 + 23;
    const UP_TO_TWO: usize = UP_TO_ONE + 23 * 22 / 2;
    // A process, and a file that is neither. Each of the 24 bits that is no type.
    const SETS: usize = 256 * (UP_TO_TWO + UP_TO_ONE + 24 * UP_TO_ONE);
    // Zero and the type itself. The other 254 sets, and the other 31 bits.
    const EACH_TYPE: usize = 2 * UP_TO_TWO + (254 + 31) * UP_TO_ONE;

    SETS + EACH_TYPE * built_in().count_ones() as usize
}

/// Initializes the core, which makes Rust serve setns(2). Returns what is wrong with that.
fn check_module() -> Result<(), String> {
    let [descriptor, ..] = Descriptor::all();
    let load = || match core_of_setns::load() {
        Ok(_module) => 0,
        Err(err) => c_long::from(err.to_errno()),
    };
    let outcome = world::run(Target::Other, descriptor, &[], load);
    let expected = [
        Event::Parameters(true),
        Event::Switched(true),
        Event::Parameters(false),
    ];

    if outcome.result != 0 || outcome.log != expected || !outcome.faults.is_empty() {
        return Err(format!("loading: {outcome:?}"));
    }
    Ok(())
}

/// Checks that the namespace of a type is found if the type is built in, and only then.
fn check_built_in() -> Result<(), String> {
    let [descriptor, ..] = Descriptor::all();
    let mut wrong = Vec::new();
    let mut expect = |what: &'static str, ns: u32, there: bool, found: Option<NsCommon<'_>>| {
        let found = found.map(|found| found.ns_type());
        if found != there.then_some(ns) {
            wrong.push((what, ns, found));
        }
    };
    let outcome = world::run(Target::Other, descriptor, &[], || {
        let (set, user_ns, pid_ns) = world::of_other_task();
        let is_built_in = |ns| built_in() & ns != 0;
        let (user, pid) = (bindings::CLONE_NEWUSER, bindings::CLONE_NEWPID);
        // SAFETY: Each slot has a namespace.
        let set = unsafe { NsProxy::from_ptr(&set) };
        // SAFETY: The other task has it.
        let user_ns = unsafe { UserNamespace::from_ptr(user_ns) };
        // SAFETY: As above.
        let pid_ns = unsafe { PidNamespace::from_ptr(pid_ns) };

        for ns in TYPES {
            expect("set", ns, ns != user && is_built_in(ns), set.ns_common(ns));
        }
        expect("user", user, is_built_in(user), user_ns.ns_common());
        expect("pid", pid, is_built_in(pid), pid_ns.ns_common());
        0
    });

    if !wrong.is_empty() || !outcome.faults.is_empty() {
        return Err(format!("{wrong:x?} {:?}", outcome.faults));
    }
    Ok(())
}

/// Prints the current call if there is a panic.
fn tell_of_panics() {
    let tell = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        NOW.with_borrow(|now| println!("panic in {now:x?}"));
        tell(info);
    }));
}

/// The number of failures.
#[derive(Default)]
struct Failed(usize);

impl Failed {
    /// Counts and prints a failure. Returns 1 if `result` is a success.
    fn count(&mut self, what: &dyn Debug, result: Result<(), String>) -> usize {
        let Err(err) = result else {
            return 1;
        };
        self.0 += 1;
        // The first few failures are enough to print.
        if self.0 <= 5 {
            println!("{what:x?}: {err}");
        }
        0
    }
}

/// Makes all calls. Returns the number of calls, and how many of them passed.
fn check_calls(failed: &mut Failed, reached: &mut [Reached]) -> (usize, usize) {
    let steps = Step::all();
    let descriptors = Descriptor::all();
    let (mut made, mut passed) = (0, 0);

    for (target, nstype, at_once) in calls() {
        for fails in failures(&steps, at_once) {
            let nth = made % descriptors.len();
            let case = Case {
                target,
                descriptor: descriptors[nth],
                nstype: nstype as c_int,
                fails,
            };
            let result = check(&case, &mut reached[nth]);
            made += 1;
            passed += failed.count(&case, result);
        }
    }
    (made, passed)
}

fn main() -> ExitCode {
    let mut failed = Failed::default();
    let mut reached: [Reached; Descriptor::COUNT] = Default::default();

    tell_of_panics();
    // SAFETY: This is the only call, and nothing is allocated yet.
    unsafe { bindings::nsproxy_cache_init() };
    let (made, passed) = check_calls(&mut failed, &mut reached);
    let number = match made == expected_calls() {
        true => Ok(()),
        false => Err(format!("{made} instead of {}", expected_calls())),
    };
    let others = [
        ("module", check_module()),
        ("built in", check_built_in()),
        ("number of calls", number),
        ("reached", reached.iter().try_for_each(Reached::check)),
    ];
    let others: usize = others
        .into_iter()
        .map(|(what, result)| failed.count(&what, result))
        .sum();

    println!(
        "types {:#x}: {passed} calls and {others} other checks passed, {} failed",
        built_in(),
        failed.0
    );
    ExitCode::from(u8::from(failed.0 > 0))
}
