#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares what C and Rust did in one run, and says whether the run passed.

usage: scripts/py/compare.py RESULTS KERNEL_SOURCE

RESULTS is the folder that scripts/guest/run has filled; docs/results.md describes it. The
file "suites" in it says which suites had to run.
The script prints a table, and writes RESULTS/summary.json and RESULTS/junit.xml.
scripts/run starts it. The kernel's own tools/testing/kunit parses the KTAP and writes the
XML; junitparser reads the XML back, as a CI would. The code is in scripts/py/comparison/.

For each suite, C and Rust must agree on:

- the verdict of each case;
- the answers of setns(2). The trace has the calls of each task in order: flags, result,
  and fd if it is negative. For each task on C there must be a task on Rust that made the
  same calls with the same results. The comparison ignores pids, the numbers of free
  descriptors and the order of tasks, as these differ between two runs. It ignores the
  names of tasks, as ftrace sometimes does not know them;
- the output. It compares the lines in any order, and removes what differs between two
  runs on the same kernel: see normalised() in comparison/suite_checks.py.

If all our suites have run, they must have seen each reason to refuse a call that
scripts/lists/refusals says they reach, on C and on Rust.

Suites marked "once", "racy" or "race" in scripts/lists/suites need no trace, and their
answers and output are not compared. Answers and output are not compared either if a known
failure came in one column only. If verdicts differ, the output differs as well, and the
script does not report that again.

Silence is failure. Each of these fails the run: a missing KTAP, plan, trace or kernel log;
a trace that lacks calls; a kernel log that has lost its beginning; a suite that made no
call; and a skipped case. A case may be skipped if scripts/lists/known-skips allows it for
this kernel, or if it is in a racy suite from upstream. A case of setns:* may also be skipped
for the reason "no X namespaces", if that type is not built in. In any racy suite a case may
also pass in one column and be skipped in the other.

If a trace that must be compared has lost events, the comparison cannot be made.

In a kernel with UBSAN_ALIGNMENT, a misaligned access fails the run if it is in a file of
scripts/lists/setns-files. In other files it is listed and counted.

Exit status: 0 all passed, 1 a test failed, 2 the comparison could not be made.
"""

import json
import pathlib
import sys
import traceback
from collections import Counter, namedtuple

# Without this line, Python leaves compiled files in scripts/
sys.dont_write_bytecode = True
from comparison.files import NAMES, read_config, read_facts
from comparison.junit import write_junit
from comparison.problems import Broken, Problems
from comparison.reasons import check_reasons
from comparison.run_checks import check_dmesg, check_leaks, check_served
from comparison.suite_checks import check_suite
from comparison.suites import read_suites
from comparison.summary import summarise
from comparison.table import print_counts, print_misaligned, print_problems, print_table

# calls: by column and implementation. misaligned: by file, those that are no problem.
Outcome = namedtuple("Outcome", "suites calls misaligned problems")


def compare(folder, parser):
    """Returns the Outcome of a run."""
    problems = Problems()
    config = read_config(folder / "config")
    suites = list(read_suites(folder, config, parser))
    if not suites:
        raise Broken(f"'{folder / 'suites'}' is empty: no suite was asked for.")
    calls = {column: Counter(c=0, rust=0) for column in NAMES}
    for suite in suites:
        check_suite(suite, problems)
        for column, run in suite.runs.items():
            calls[column].update(run.calls)
    elsewhere = check_dmesg(folder, "boot", config, problems)
    for column in NAMES:
        elsewhere += check_dmesg(folder, column, config, problems)
        check_leaks(folder, column, config, problems)
    check_served(suites, calls, problems)
    check_reasons(suites, config, problems)
    return Outcome(suites, calls, elsewhere, problems)


def main():
    if len(sys.argv) != 3:
        raise Broken(__doc__)
    folder, source = map(pathlib.Path, sys.argv[1:])
    sys.path.insert(0, str(source / "tools/testing/kunit"))
    import kunit_junit
    import kunit_parser

    outcome = compare(folder, kunit_parser)
    summary = summarise(outcome, read_facts(folder / "facts"))
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    write_junit(folder / "junit.xml", outcome, kunit_parser, kunit_junit)

    print_table(outcome.suites, outcome.calls)
    print_misaligned(outcome.misaligned)
    print_problems(outcome.problems, folder)
    print_counts(summary["counts"])
    return 1 if outcome.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(broken, file=sys.stderr)
    except Exception:  # noqa: BLE001 (Python's own status would say that a test failed)
        traceback.print_exc()
    sys.exit(2)
