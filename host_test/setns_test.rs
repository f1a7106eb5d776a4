// SPDX-License-Identifier: GPL-2.0

//! Calls setns(2) on the host, with each flag set, each kind of descriptor and each failing step,
//! at both entries of the core, for a caller that shares its set of namespaces and for one that does
//! not. From call to call, the number of the descriptor changes, and whether its file is referenced.
//!
//! The test makes each call twice, in two equal worlds: once to C, which is `kernel/nsproxy.c` as
//! it is, and once to Rust, which is the core as it is, `unsafe` included. Both run on the same
//! mocks. They must return the same, call the same functions on the same things in the same order,
//! and leave the task in the same state. The order of references is not compared. Neither may break
//! a rule of the mocks, and the references on all things must add up.
//!
//! Rust differs from C on purpose. [`compare_copy()`] and [`compare_in_place()`] say in what, and
//! what it does instead.

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
        Thing,
        SLOTS,
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

/// An entry of the core.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Entry {
    /// With the algorithm of C.
    Copy,
    /// Joins in place, if the caller does not share its set.
    InPlace,
}

/// One call.
#[derive(Clone, Debug)]
struct Case {
    entry: Entry,
    /// Does one more task have the set of the caller?
    shared: bool,
    target: Target,
    descriptor: Descriptor,
    nstype: c_int,
    fails: Vec<Step>,
}

/// Each entry, with and without a shared set.
const ENTRIES: [(Entry, bool); 4] = [
    (Entry::Copy, false),
    (Entry::Copy, true),
    (Entry::InPlace, false),
    (Entry::InPlace, true),
];

impl Case {
    /// Returns the types that are joined if nothing fails.
    fn flags(&self) -> u32 {
        match self.target {
            Target::Namespace(ns) => ns,
            _ => self.nstype as u32,
        }
    }

    /// Does the caller get a new set if it joins in place? The user namespace is not in a set.
    fn needs_set(&self) -> bool {
        self.shared && self.flags() != bindings::CLONE_NEWUSER
    }
}

thread_local! {
    /// The current call, and the implementation that it goes to.
    static NOW: RefCell<Option<(&'static str, Case)>> = const { RefCell::new(None) };
}

/// The types, as flags, that some call has joined, or that refused some call. Types that are
/// refused because an earlier step fails do not count. There is one of these for each descriptor,
/// and for each of [`ENTRIES`].
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
    world::run(
        case.target,
        case.descriptor,
        case.shared,
        &case.fails,
        || {
            // SAFETY: The function takes any numbers, and its world exists.
            unsafe { implementation(case.descriptor.number, case.nstype) }
        },
    )
}

/// An entry of the core, as C declares it.
type Serve = unsafe extern "C" fn(c_int, c_int, *mut bindings::setns_outcome) -> c_long;

/// What the system call does if Rust serves, and if it is traced.
///
/// # Safety
///
/// A world exists.
unsafe fn traced(serve: Serve, fd: c_int, nstype: c_int) -> c_long {
    #[cfg(CONFIG_TRACEPOINTS)]
    {
        let mut outcome = bindings::setns_outcome::default();
        // SAFETY: The function takes any numbers, and its world exists.
        let result = unsafe { serve(fd, nstype, &mut outcome) };
        // SAFETY: The outcome is valid.
        unsafe { bindings::setns_trace(&outcome, nstype as u32, result) };
        result
    }
    // SAFETY: The function takes any numbers, and its world exists.
    #[cfg(not(CONFIG_TRACEPOINTS))]
    unsafe {
        serve(fd, nstype, core::ptr::null_mut())
    }
}

unsafe extern "C" fn rust_setns(fd: c_int, nstype: c_int) -> c_long {
    // SAFETY: The caller guarantees it.
    unsafe { traced(bindings::rust_setns, fd, nstype) }
}

unsafe extern "C" fn rust_setns_copy(fd: c_int, nstype: c_int) -> c_long {
    // SAFETY: The caller guarantees it.
    unsafe { traced(bindings::rust_setns_copy, fd, nstype) }
}

/// Makes a call to both implementations, and returns what is wrong with it.
fn check(case: &Case, reached: &mut Reached) -> Result<(), String> {
    let rust = match case.entry {
        Entry::Copy => call("Rust, copy", rust_setns_copy, case),
        Entry::InPlace => call("Rust, in place", rust_setns, case),
    };
    check_faults("Rust", &rust)?;
    match case.entry {
        Entry::Copy => compare_copy(case, &rust)?,
        Entry::InPlace => compare_in_place(case, &rust)?,
    }
    reached.add(case, &rust);
    Ok(())
}

/// Makes a call to C.
fn call_c(case: &Case) -> Result<Outcome, String> {
    let c = call("C", bindings::c_setns, case);
    check_faults("C", &c)?;
    Ok(c)
}

/// Returns which rules of the mocks a call broke.
fn check_faults(name: &str, outcome: &Outcome) -> Result<(), String> {
    if outcome.faults.is_empty() {
        return Ok(());
    }
    let (faults, log) = (&outcome.faults, &outcome.log);
    Err(format!("{name}: {faults:?}, did {log:x?}"))
}

/// Compares a call with C, if Rust has the algorithm of C.
///
/// There are two differences. C copies the directories of the caller, and Rust does not. And they
/// take and put references in another order, see [`sort_references()`].
fn compare_copy(case: &Case, rust: &Outcome) -> Result<(), String> {
    let c = call_c(case)?;
    let of = |outcome: &Outcome| {
        let log = outcome.log.iter().copied();
        sort_references(log.filter(|event| !is_of_directories(event)).collect())
    };

    compare_logs(&of(&c), &of(rust))?;
    compare_results(&c, rust)
}

/// Compares a call with C, if Rust joins in place.
///
/// Rust does what C does, but does not copy the set of the caller. So it differs in this:
///
/// - It is not refused for want of memory for a set before the checks. So it does what C does if
///   there is memory.
/// - Only if the caller needs a new set, it is refused like C, and only after all checks.
/// - The caller keeps its set, if it does not share it.
/// - A user namespace alone leaves the set alone. C gives the caller a copy.
/// - If the caller needs a new set, it gets the directories of a mount namespace alone at the end.
/// - It takes and puts only the references that [`bookkeeping()`] lists, on a set and on namespaces
///   that the caller has.
fn compare_in_place(case: &Case, rust: &Outcome) -> Result<(), String> {
    let mut ample = case.clone();
    ample.fails.retain(|&step| step != Step::NsproxyAlloc);
    let mut c = call_c(&ample)?;
    let joins = c.result == 0;

    if joins && case.needs_set() && case.fails.contains(&Step::NsproxyAlloc) {
        return compare_no_memory(case, &c, rust);
    }
    compare_logs(&visible(case, &c), &visible(case, rust))?;
    compare_logs(&bookkeeping(case, joins), &bookkept(rust))?;
    if joins && !case.needs_set() {
        c.having.nsproxy = Some((Owner::Current, Kind::Nsproxy));
    }
    compare_results(&c, rust)
}

/// Compares a call for which there is no memory for a set, and nothing else fails. Rust makes the
/// checks that C makes in `ample`, where there is memory. Then it puts what it has got, and ends as
/// C does without memory.
fn compare_no_memory(case: &Case, ample: &Outcome, rust: &Outcome) -> Result<(), String> {
    let c = call_c(case)?;
    let mut expected = visible(case, ample);
    expected.truncate(expected.iter().position(commits).unwrap_or(0));
    expected.push(Event::Failed(Step::NsproxyAlloc));
    let log = visible(case, rust);
    let (checks, puts) = log.split_at(expected.len().min(log.len()));

    compare_logs(&expected, checks)?;
    compare_logs(&[], &bookkept(rust))?;
    let end = puts.iter().find(|event| !is_put(event));
    let traced = |event: &&Event| matches!(event, Event::Traced(..));
    if end != c.log.iter().find(traced) {
        return Err(format!("after the checks {puts:x?}"));
    }
    compare_results(&c, rust)
}

/// Returns what Rust takes and puts of a set, and of the namespaces in the caller's, if it joins in
/// place. If it does not join, it takes and puts nothing.
fn bookkeeping(case: &Case, joins: bool) -> Vec<Event> {
    const NEW: Thing = (Owner::New, Kind::Nsproxy);
    let of = |flags: u32| {
        let slots = SLOTS
            .into_iter()
            .filter(move |slot| slot.ns_type() & flags != 0);
        slots.map(|slot| (Owner::Current, slot))
    };
    let (joined, others) = (of(case.flags()), of(built_in() & !case.flags()));
    let mut expected = Vec::new();

    if joins && case.needs_set() {
        // The new set shares the other namespaces with the old one, which one more task has.
        expected.extend([Event::Allocated(NEW), Event::Called("refcount_set", NEW)]);
        expected.extend(others.clone().map(Event::Took));
        expected.extend(others.map(Event::Activated));
        expected.push(Event::Gave((Owner::Current, Kind::Nsproxy)));
    } else if joins {
        // The namespaces that the caller has left. Nothing of the others.
        expected.extend(joined.clone().map(Event::Deactivated));
        expected.extend(joined.flat_map(|ns| [Event::Gave(ns), Event::Freed(ns)]));
    }
    expected
}

/// Returns the thing that is allocated, or the like.
fn counted(event: &Event) -> Option<Thing> {
    match *event {
        Event::Allocated(thing)
        | Event::Took(thing)
        | Event::Gave(thing)
        | Event::Freed(thing)
        | Event::Activated(thing)
        | Event::Deactivated(thing) => Some(thing),
        _ => None,
    }
}

/// Is this about the memory of directories, or about references on them?
fn is_of_directories(event: &Event) -> bool {
    matches!(counted(event), Some((_, Kind::Fs | Kind::Root | Kind::Pwd)))
}

/// Is this about the memory of a set, or about the references that a set of the caller has?
fn is_bookkeeping(event: &Event) -> bool {
    match counted(event) {
        Some((_, Kind::Nsproxy)) => true,
        Some((Owner::Current, kind)) => SLOTS.contains(&kind),
        _ => matches!(event, Event::Called("refcount_set", _)),
    }
}

/// Does this show that nothing can fail any more?
fn commits(event: &Event) -> bool {
    match event {
        Event::Called("setns_note_joins" | "commit_creds" | "set_fs_root" | "exit_sem", _) => true,
        Event::Called("timens_commit", _) | Event::Activated(_) => true,
        _ => false,
    }
}

/// Returns the events that C and Rust have in the same order, if Rust joins in place. `might_sleep()`
/// is not one: C says so when it switches to another set.
fn visible(case: &Case, outcome: &Outcome) -> Vec<Event> {
    const CALLER: Thing = (Owner::Current, Kind::Task);
    let is_visible = |event: &Event| match event {
        Event::MightSleep => false,
        // With a user namespace alone, the caller has the same namespaces in its set.
        Event::Called("task_lock" | "task_unlock", CALLER) | Event::Seen(_) => {
            case.flags() != bindings::CLONE_NEWUSER
        }
        // If the caller needs a new set, it gets the directories of a mount namespace alone later.
        Event::Called("set_fs_root" | "set_fs_pwd", _) => {
            case.flags() != bindings::CLONE_NEWNS || !case.shared
        }
        _ => !is_of_directories(event) && !is_bookkeeping(event),
    };
    sort_references(outcome.log.iter().copied().filter(is_visible).collect())
}

/// Returns the events that [`bookkeeping()`] is about.
fn bookkept(outcome: &Outcome) -> Vec<Event> {
    outcome.log.iter().copied().filter(is_bookkeeping).collect()
}

/// Is this what dropping a set of a refused call does?
fn is_put(event: &Event) -> bool {
    matches!(event, Event::Gave(_) | Event::Freed(_))
}

/// Sorts the references that are taken one after the other, and those that are put. Nobody can see
/// their order. C fills the slots of the time namespaces in another order than Rust. And if a call
/// is refused, C puts what it has got in another order.
fn sort_references(mut log: Vec<Event>) -> Vec<Event> {
    let order = |event: &Event| match *event {
        Event::Took(thing) => Some(("takes", thing, 0)),
        Event::Gave(thing) => Some(("puts", thing, 0)),
        Event::Freed(thing) => Some(("puts", thing, 1)),
        _ => None,
    };
    let what = |event: &Event| order(event).map(|(what, ..)| what);
    for run in log.chunk_by_mut(|one, next| what(one).is_some() && what(one) == what(next)) {
        run.sort_by_key(order);
    }
    log
}

/// Returns where two logs first differ.
fn compare_logs(expected: &[Event], rust: &[Event]) -> Result<(), String> {
    let longer = expected.len().max(rust.len());
    match (0..longer).find(|&i| expected.get(i) != rust.get(i)) {
        Some(i) => Err(format!(
            "event {i}: Rust {:x?}, expected {:x?}, before that {:x?}",
            rust.get(i),
            expected.get(i),
            &expected[..i]
        )),
        None => Ok(()),
    }
}

/// Compares what is left of two calls.
fn compare_results(expected: &Outcome, rust: &Outcome) -> Result<(), String> {
    if (rust.result, &rust.having) != (expected.result, &expected.having) {
        return Err(format!(
            "Rust returned {} and has {:x?}, expected {} and {:x?}",
            rust.result, rust.having, expected.result, expected.having
        ));
    }
    Ok(())
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
    // There are 15 steps. Nothing fails, or one of them. In addition, two of them fail.
    const UP_TO_ONE: usize = 1 + 15;
    const UP_TO_TWO: usize = UP_TO_ONE + 15 * 14 / 2;
    // A process, and a file that is neither. Each of the 24 bits that is no type.
    const SETS: usize = 256 * (UP_TO_TWO + UP_TO_ONE + 24 * UP_TO_ONE);
    // Zero and the type itself. The other 254 sets, and the other 31 bits.
    const EACH_TYPE: usize = 2 * UP_TO_TWO + (254 + 31) * UP_TO_ONE;

    // Two entries, and two kinds of callers.
    4 * (SETS + EACH_TYPE * built_in().count_ones() as usize)
}

/// Initializes the core, which makes Rust serve setns(2). Returns what is wrong with that.
fn check_module() -> Result<(), String> {
    let [descriptor, ..] = Descriptor::all();
    let load = || match core_of_setns::load() {
        Ok(_module) => 0,
        Err(err) => c_long::from(err.to_errno()),
    };
    let outcome = world::run(Target::Other, descriptor, false, &[], load);
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
    let outcome = world::run(Target::Other, descriptor, false, &[], || {
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
            let descriptor = descriptors[made / ENTRIES.len() % descriptors.len()];
            for (entry, shared) in ENTRIES {
                let case = Case {
                    entry,
                    shared,
                    target,
                    descriptor,
                    nstype: nstype as c_int,
                    fails: fails.clone(),
                };
                let nth = made % reached.len();
                let result = check(&case, &mut reached[nth]);
                made += 1;
                passed += failed.count(&case, result);
            }
        }
    }
    (made, passed)
}

fn main() -> ExitCode {
    let mut failed = Failed::default();
    let mut reached: [[Reached; ENTRIES.len()]; Descriptor::COUNT] = Default::default();

    tell_of_panics();
    // SAFETY: This is the only call, and nothing is allocated yet.
    unsafe { bindings::nsproxy_cache_init() };
    let (made, passed) = check_calls(&mut failed, reached.as_flattened_mut());
    let number = match made == expected_calls() {
        true => Ok(()),
        false => Err(format!("{made} instead of {}", expected_calls())),
    };
    let others = [
        ("module", check_module()),
        ("built in", check_built_in()),
        ("number of calls", number),
        (
            "reached",
            reached.iter().flatten().try_for_each(Reached::check),
        ),
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
