#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Says what setns(2) does when an allocation fails, on C and on Rust.

usage: scripts/py/fault_report.py RESULTS [--unfixed|--kunit]

RESULTS is what scripts/fault has left: the KTAP of setns:fault_test on C and on Rust, the
kernel log and what kmemleak has found meanwhile, and the same of the KUnit tests, with the
namespaces before and after them. Prints a table in which sets of types that fare alike are
one row, and writes all of them to RESULTS/sets. Started by scripts/fault.

--unfixed: C is without the fix of its known leak, which it must show then, and nothing
else. --kunit: there are the KUnit tests alone, started by scripts/kunit. Silence is
failure: a case, a set, a count or a log that is missing, and a column that the other
implementation has served.

Exit status: 0 as it must be, 1 not so, 2 nobody can say.
"""

import errno
import pathlib
import re
import sys
import traceback
from collections import defaultdict, namedtuple

from rich.console import Console
from rich.table import Table

# Or Python leaves what it has compiled in scripts/
sys.dont_write_bytecode = True
from kernel_log import first_complaint, has_beginning

IMPLS = ("c", "rust")
NAMES = {"c": "C", "rust": "Rust"}
TYPES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "cgroup": 0x2000000,
    "net": 0x40000000,
    "time": 0x80,
}
# And the one flag beside them that create_new_namespaces() looks at
FLAGS = TYPES | {"empty": 1 << 37}
SWEEP = re.compile(
    r"^# (?P<call>nsfd|pidfd|unshare)(?P<types>(?: \w+)+): (?P<failures>\d+) failures:"
    r"(?P<errnos>[ A-Z]*), leaked:(?P<leaked>[ \w]*)$",
    re.MULTILINE,
)
CREATED = re.compile(
    r"create_new_namespaces (?P<flags>0x[0-9a-f]+): (?P<failures>\d+) failures: \[(?P<errnos>.*)\]"
)
# Where scripts/guest/kunit has begun, behind the log of the boot
BEGUN = "rust_setns: tests of create_new_namespaces()"
COUNTED = re.compile(r"^namespaces (before|after): (\w+) (\d+)$", re.MULTILINE)
VERDICT = re.compile(r"^(ok|not ok) \d+ (\S+) ?(.*)$", re.MULTILINE)
SAID = re.compile(r"^# (?:fault_test\.c:\d+:)?([a-z_]+): ?(.*)$", re.MULTILINE)
FRAME = re.compile(r"^ +(\w+)\+0x", re.MULTILINE)
ALLOCATOR = re.compile(r"_noprof$|^kmemleak_alloc")
# What is called, and how many sets of types there are to be tried. To create new namespaces,
# C has unshare(2).
CREATE = "create_new_namespaces"
SETS = {"nsfd": 8, "pidfd": 255, CREATE: 30}
CREATABLE = [name for name in TYPES if name != "user"]
SUITE = "setns:fault_test"
CASES = [
    "fault.each_type_by_nsfd",
    "fault.each_set_by_pidfd",
    "fault.each_set_by_unshare",
    "memcg.at_its_limit",
]
# The cases that are red on C without the fix, and what they say then. The second one may be
# green: its tasks meet the limit where they like, and only some of them where it matters.
LEAKY, BY_CHANCE = CASES[1], CASES[3]
LEAKS = {
    LEAKY: re.compile(
        r"Expected sweep->leaked \(\d+\) == 0 \(0\)|set 0x[0-9a-f]+: namespaces are left"
    ),
    BY_CHANCE: re.compile(r"Expected status \(768\) == 0 \(0\)|a user namespace is left"),
}

# What came of one set of types
Outcome = namedtuple("Outcome", "failures errnos leaked")


class Unclear(Exception):
    """There is no saying."""


def read(file):
    if not file.exists():
        raise Unclear(f"'{file}' is missing.")
    return file.read_text(errors="replace")


def read_sweeps(text):
    """{(call, types): Outcome} of what the test has printed."""
    sweeps = {}
    for line in SWEEP.finditer(text):
        outcome = Outcome(int(line["failures"]), line["errnos"].split(), line["leaked"].split())
        call = line["call"].replace("unshare", CREATE)
        sweeps[call, tuple(line["types"].split())] = outcome
    return sweeps


def read_created(text):
    """The same of what the Rust core's own tests have printed."""
    created = {}
    for line in CREATED.finditer(text):
        flags = int(line["flags"], 16)
        types = tuple(name for name, bit in FLAGS.items() if flags & bit)
        errnos = [errno.errorcode[-int(number)] for number in line["errnos"].split(",") if number]
        created[CREATE, types] = Outcome(int(line["failures"]), errnos, [])
    return created


def read_counts(text):
    """Of each type, how many namespaces there were before and after the KUnit tests."""
    counts = {"before": {}, "after": {}}
    for when, name, count in COUNTED.findall(text):
        counts[when][name] = int(count)
    return counts


def read_leaks(text):
    """The functions that have allocated what kmemleak has found, and how often each."""
    functions = defaultdict(int)
    for report in text.split("unreferenced object")[1:]:
        # The allocators themselves say nothing
        frames = [name for name in FRAME.findall(report) if not ALLOCATOR.search(name)]
        functions[frames[0] if frames else "unknown"] += 1
    return dict(functions)


def in_words(sets):
    """What the sets of one row have in common."""
    if len(sets) == 1:
        return " ".join(sets[0])
    every = set(sets[0]).intersection(*sets)
    some = set().union(*sets) - every
    ordered = [name for name in FLAGS if name in every]
    return " ".join([*ordered, "with any of", *(name for name in FLAGS if name in some)])


def verdict(outcome):
    if outcome is None:
        return ""
    text = f"{outcome.failures} x {', '.join(outcome.errnos)}"
    return f"{text}\n[red]leaks: {' '.join(outcome.leaked)}" if outcome.leaked else text


def print_table(rows):
    """A row for the sets of one call that have the same outcomes."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    table = Table("call", "types", "sets", "C", "Rust")
    groups = defaultdict(list)
    for (call, types), outcomes in rows.items():
        # Those two types are what makes a difference
        special = "user" in types, "mnt" in types
        groups[call, special, tuple(map(str, outcomes))].append((types, outcomes))
    for (call, _, _), members in groups.items():
        sets = [types for types, _ in members]
        outcomes = members[0][1]
        table.add_row(call, in_words(sets), str(len(sets)), *map(verdict, outcomes))
    console.print(table)


def write_sets(file, rows):
    """All rows, for programs: call, types, then failures, errnos, leaks of each."""
    with file.open("w") as out:
        for (call, types), outcomes in rows.items():
            cells = [call, "+".join(types)]
            for outcome in outcomes:
                if outcome:
                    cells += [str(outcome.failures), "+".join(outcome.errnos)]
                    cells += ["+".join(outcome.leaked) or "-"]
            print(*cells, sep="\t", file=out)


def known_leak(call, types, outcome):
    """What C does without its fix: and nothing else is it to leak."""
    return outcome.leaked == (["user"] if call == "pidfd" and {"user", "mnt"} <= {*types} else [])


def alike(call, types, c, rust):
    """Whether C and Rust have answered alike."""
    if call != CREATE:
        return (c.failures, c.errnos) == (rust.failures, rust.errnos)
    # unshare(2) has allocations of its own, which give ENOMEM, so the numbers say nothing.
    # Of the hundreds that a network namespace takes, C had some fail and Rust had all, and
    # one alone may have an errno of its own: that C has not given it is no proof of anything.
    if "net" in types:
        return {*c.errnos} <= {*rust.errnos}
    return {*c.errnos} == {*rust.errnos}


def check_sets(rows, unfixed):
    """Yields where C and Rust differ, or leak, and the sets that are missing."""
    for call, count in SETS.items():
        for i, impl in enumerate(IMPLS):
            tried = sum(row == call and bool(outcomes[i]) for (row, _), outcomes in rows.items())
            if tried != count:
                yield f"{tried} of {count} sets were tried by {call} on {NAMES[impl]}"
    for (call, types), (c, rust) in rows.items():
        name = f"{call} {' '.join(types)}"
        if not c or not rust:
            continue
        if not alike(call, types, c, rust):
            yield f"{name}: C and Rust differ"
        if rust.leaked:
            yield f"{name}: Rust leaks {' '.join(rust.leaked)}"
        if not (known_leak(call, types, c) if unfixed else not c.leaked):
            yield f"{name}: C leaks {' '.join(c.leaked) or 'nothing'}"


def check_kmemleak(leaks, unfixed):
    """Yields what kmemleak should not have found, and what it should have."""
    for name, functions in leaks.items():
        expected = {"prepare_creds"} if unfixed and name == "C" else set()
        if functions.keys() != expected:
            yield f"kmemleak, on {name}: {functions or 'nothing'}"


def check_cases(impl, text, unfixed):
    """Yields the cases that are missing, skipped or red, and whatever they complain about."""
    name = NAMES[impl]
    cases = VERDICT.findall(text)
    if [case for _, case, _ in cases] != CASES or f"\n1..{len(CASES)}\n" not in text:
        yield f"these are not the cases of fault_test, on {name}: {cases or 'none'}"
    said = defaultdict(list)
    for case, what in SAID.findall(text):
        if what != "Test failed":
            said[case].append(what)
    for verdict, case, directive in cases:
        lines = said.pop(case.partition(".")[2], [])
        if unfixed and impl == "c" and case in LEAKS and verdict == "not ok":
            others = [line for line in lines if not LEAKS[case].fullmatch(line)]
            # Red without a reason is no leak
            verdict, lines = ("ok" if lines else verdict), others
        elif unfixed and impl == "c" and case == LEAKY:
            yield f"{case} is green on {name}, which must leak"
        if verdict != "ok" or directive or lines:
            reasons = [*filter(None, [directive]), *lines] or ["no reason given"]
            more = f" (and {len(reasons) - 1} lines more)" if reasons[1:] else ""
            yield f"{case} on {name}: {reasons[0]}{more}"
    for case, lines in said.items():
        yield f"{case} on {name}, which is no case: {lines[0]}"


def check_served(impl, text, red, refused):
    """Yields what is wrong with the line that scripts/guest/run has left of the suite."""
    name = NAMES[impl]
    (suite, status, c, rust), *others = map(str.split, text.splitlines())
    if suite != SUITE or others:
        raise Unclear(f"these are not the calls of {SUITE} on {name}: {text}")
    if int(status) != red:
        yield f"fault_test ended with status {status} on {name}, and no case says why"
    ours, theirs = (int(c), int(rust))[:: 1 if impl == "c" else -1]
    if theirs or ours < max(refused, 1):
        yield f"the column of {name} was not served by {name}: {c} calls by C, {rust} by Rust"


def check_kunit(text, created, counts):
    """Yields what is wrong with the KUnit tests, and the namespaces that they leave."""
    refused = sum(outcome.failures > 0 for outcome in created.values())
    if refused != SETS[CREATE]:
        yield f"allocations of the KUnit tests failed for {refused} of {SETS[CREATE]} sets"
    if not re.search(r"^\[[^]]*\] *ok \d+ rust_setns_create$", text, re.MULTILINE):
        yield "the KUnit tests of create_new_namespaces() failed"
    for name in CREATABLE:
        before, after = (counts[when].get(name) for when in ("before", "after"))
        if before is None or after is None:
            yield f"create_new_namespaces on Rust: nobody has counted namespaces of type {name}"
        elif before != after:
            yield f"create_new_namespaces on Rust leaks {name}: {after} are left, of {before}"


def check_log(name, text):
    """Yields what the kernel complained about."""
    lines = text.splitlines()
    if not has_beginning(lines):
        yield f"the kernel log has lost its beginning, or is none: {name}"
    index = first_complaint(lines)
    if index is not None:
        yield f"the kernel complained, in {name}: {lines[index].strip()}"


def conclude(folder, counts, problems):
    """Says what is left, and what is wrong. Returns the exit status."""
    left = [name for name, count in counts["after"].items() if count != counts["before"].get(name)]
    print(f"namespaces left of {CREATE}, on Rust: {' '.join(left) or 'none'}")
    for problem in problems:
        print(f"FAILED: {problem}. Log: {folder}")
    return 1 if problems else 0


def judge_kunit(folder):
    """What scripts/kunit has left, if allocations may fail in the kernel."""
    kunit = read(folder / "kunit.log")
    tests = kunit.partition(BEGUN)[2]
    created, counts = read_created(tests), read_counts(kunit)
    failures = sum(outcome.failures for outcome in created.values())
    print(f"{CREATE}: {failures} failures, of {len(created)} sets")
    problems = [
        # Where there is kmemleak
        *check_kmemleak({"Rust": read_leaks(kunit)}, False),
        *check_kunit(tests, created, counts),
    ]
    return conclude(folder, counts, problems)


def judge_all(folder, unfixed):
    """What scripts/fault has left."""
    texts = {impl: read(folder / impl / f"{SUITE}.ktap") for impl in IMPLS}
    kunit = read(folder / "kunit.log")
    tests = kunit.partition(BEGUN)[2]
    c, rust = (read_sweeps(texts[impl]) for impl in IMPLS)
    # unshare(2) is C's on both
    rust = {key: outcome for key, outcome in rust.items() if key[0] != CREATE}
    created = read_created(tests)
    rust |= created
    rows = {key: (c.get(key), rust.get(key)) for key in c | rust}
    leaks = {NAMES[impl]: read_leaks(read(folder / impl / "kmemleak")) for impl in IMPLS}
    leaks["Rust"] |= read_leaks(kunit)
    counts = read_counts(kunit)

    problems = [*check_sets(rows, unfixed), *check_kmemleak(leaks, unfixed)]
    for impl, text in texts.items():
        problems += check_cases(impl, text, unfixed)
        red = any(verdict != "ok" for verdict, _, _ in VERDICT.findall(text))
        refused = sum(
            outcome.failures for key, outcome in read_sweeps(text).items() if key[0] != CREATE
        )
        problems += check_served(impl, read(folder / impl / "served"), red, refused)
    problems += check_kunit(tests, created, counts)
    for name in ("kunit.log", *(f"{part}/dmesg" for part in ("boot", "c", "rust", "both"))):
        problems += check_log(name, read(folder / name))

    print_table(rows)
    write_sets(folder / "sets", rows)
    if unfixed and re.search(rf"^ok \d+ {BY_CHANCE}$", texts["c"], re.MULTILINE):
        print(f"{BY_CHANCE} is green on C: no task has met the limit where C leaks, this time")
    for name, functions in leaks.items():
        found = ", ".join(f"{count} x {function}" for function, count in functions.items())
        print(f"kmemleak, on {name}: {found or 'nothing'}")
    return conclude(folder, counts, problems)


def main():
    options = sys.argv[2:]
    if len(sys.argv) < 2 or options not in ([], ["--unfixed"], ["--kunit"]):
        raise Unclear(__doc__)
    folder = pathlib.Path(sys.argv[1])
    if options == ["--kunit"]:
        return judge_kunit(folder)
    return judge_all(folder, bool(options))


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Unclear as unclear:
        print(unclear, file=sys.stderr)
    except Exception:  # noqa: BLE001 (Python's own status would say that it is not so)
        traceback.print_exc()
    sys.exit(2)
