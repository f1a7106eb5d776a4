#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Says what setns(2) does when an allocation fails, on C and on Rust.

usage: scripts/py/fault_report.py RESULTS [--unfixed|--kunit]

RESULTS is the folder that scripts/fault has filled; docs/results.md describes it. The
script reads the KTAP of setns:fault_test on C and on Rust, the trace events of its refused
calls, and the log of the KUnit tests with the number of namespaces before and after them. It also reads the kernel logs and the
findings of kmemleak. It prints a table with one row for all sets of types that have the
same outcomes, and writes each set to RESULTS/sets. scripts/fault starts it. The code is in
scripts/py/faults/.

--unfixed: C does not have the fix of its known leak. It must show that leak, and no other.
--kunit: RESULTS has the KUnit tests only. scripts/kunit starts the script like this.

Silence is failure. The run fails if a case, a set, a count or a log is missing, or if the
other implementation served a column. If a trace has lost events, the results cannot be judged.

Exit status: 0 all is as expected, 1 something is not, 2 the results cannot be judged.
"""

import pathlib
import sys
import traceback

# Without this line, Python leaves compiled files in scripts/
sys.dont_write_bytecode = True
from faults.cases import BY_CHANCE, SUITE, check_cases, check_served, passed_by_chance
from faults.checks import check_kmemleak, check_kunit, check_log, check_sets
from faults.outcomes import (
    CREATE,
    IMPLS,
    NAMES,
    Unclear,
    read,
    read_counts,
    read_created,
    read_leaks,
    read_sweeps,
)
from faults.reasons import check_reasons
from faults.table import print_leaks, print_table, write_sets

# scripts/guest/kunit prints this line before its tests. The log of the boot is above it.
BEGUN = "rust_setns: tests of create_new_namespaces()"
LOGS = ("kunit.log", *(f"{part}/dmesg" for part in ("boot", "c", "rust", "both")))


def conclude(folder, counts, problems):
    """Prints what is left and what is wrong. Returns the exit status."""
    left = [name for name, count in counts["after"].items() if count != counts["before"].get(name)]
    print(f"namespaces left of {CREATE}, on Rust: {' '.join(left) or 'none'}")
    for problem in problems:
        print(f"FAILED: {problem}. Log: {folder}")
    return 1 if problems else 0


def judge_kunit(folder):
    """Judges the results of scripts/kunit, from a kernel in which allocations may fail."""
    kunit = read(folder / "kunit.log")
    tests = kunit.partition(BEGUN)[2]
    created, counts = read_created(tests), read_counts(kunit)
    failures = sum(outcome.failures for outcome in created.values())
    print(f"{CREATE}: {failures} failures, of {len(created)} sets")
    problems = [
        # A kernel without kmemleak has no findings in its log
        *check_kmemleak({"Rust": read_leaks(kunit)}, False),
        *check_kunit(tests, created, counts),
    ]
    return conclude(folder, counts, problems)


def read_rows(texts, created):
    """Returns {(call, types): (outcome on C, outcome on Rust)}."""
    c, rust = (read_sweeps(texts[impl]) for impl in IMPLS)
    # unshare(2) runs C's code in both columns, so the KUnit tests stand in for Rust
    rust = {key: outcome for key, outcome in rust.items() if key[0] != CREATE}
    rust |= created
    return {key: (c.get(key), rust.get(key)) for key in c | rust}


def check_suite(folder, impl, text, unfixed):
    """Yields what is wrong with fault_test on one implementation."""
    yield from check_cases(impl, text, unfixed)
    refused = sum(
        outcome.failures for key, outcome in read_sweeps(text).items() if key[0] != CREATE
    )
    yield from check_served(impl, text, refused, read(folder / impl / "served"))


def judge_all(folder, unfixed):
    """Judges the results of scripts/fault."""
    texts = {impl: read(folder / impl / f"{SUITE}.ktap") for impl in IMPLS}
    kunit = read(folder / "kunit.log")
    tests = kunit.partition(BEGUN)[2]
    created, counts = read_created(tests), read_counts(kunit)
    rows = read_rows(texts, created)
    leaks = {NAMES[impl]: read_leaks(read(folder / impl / "kmemleak")) for impl in IMPLS}
    leaks["Rust"] |= read_leaks(kunit)

    problems = [*check_sets(rows, unfixed), *check_kmemleak(leaks, unfixed)]
    for impl, text in texts.items():
        problems += check_suite(folder, impl, text, unfixed)
    problems += check_kunit(tests, created, counts)
    problems += check_reasons({impl: read(folder / impl / f"{SUITE}.trace") for impl in IMPLS})
    for name in LOGS:
        problems += check_log(name, read(folder / name))

    print_table(rows)
    write_sets(folder / "sets", rows)
    if unfixed and passed_by_chance(texts["c"]):
        print(f"{BY_CHANCE} is green on C: no task has met the limit where C leaks, this time")
    print_leaks(leaks)
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
    except Exception:  # noqa: BLE001 (Python's own status would say that a check failed)
        traceback.print_exc()
    sys.exit(2)
