#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Says which code of setns(2) ran.

usage: scripts/py/coverage_report.py objects SRC
       scripts/py/coverage_report.py ranges OUT WORK
       scripts/py/coverage_report.py report OUT WORK SRC RESULTS

objects: prints the objects that the report looks at.
ranges:  prints the addresses of their functions, in the form of QEMU's -dfilter.
report:  prints the report, and writes RESULTS/coverage.json.

OUT is the build of the kernel and SRC its source. WORK has the same objects, but with line
numbers. RESULTS/trace is the part of QEMU's log that scripts/coverage keeps: the address of
each instruction that QEMU translated, and for each step from one of its blocks to the next
the addresses of both. scripts/coverage starts the script. The code is in scripts/py/coverage/.

QEMU translates code just before it runs it: up to the next instruction that may jump
elsewhere, and at most to the end of a page. So all translated code has run, unless an
instruction before it faulted. In this code only the "ud2" of a warning faults, and that ends
a block.

clone(2), unshare(2) and exit share code with setns(2): the functions that make, switch and
free the set of namespaces. This code may have run for them, or at boot.

Exit status: 0 all code ran, except what scripts/lists/refusals excuses; 1 some did not; 2 the
report could not be made.
"""

import json
import pathlib
import sys

# Without this line, Python leaves compiled files in scripts/
sys.dont_write_bytecode = True
from coverage.groups import GROUPS, OBJECTS
from coverage.kernel import Kernel
from coverage.refusals import read_refusals
from coverage.report import Report, problems
from coverage.tables import print_tables
from coverage.tools import die
from coverage.trace import Trace


def report(kernel, src, results):
    """Prints the tables, writes coverage.json, and returns the exit status."""
    trace = Trace(results / "trace")
    loaded = {name: list(kernel.load(group, trace)) for name, group in GROUPS.items()}
    said = Report(loaded, list(read_refusals(src)), src)
    groups = {name: said.of_group(name) for name in GROUPS}
    (results / "coverage.json").write_text(json.dumps(groups, indent=2) + "\n")
    print_tables(groups)
    failed = list(problems(groups))
    for problem in failed:
        print(f"MISSING: {problem}")
    return 1 if failed else 0


def main():
    match sys.argv[1:]:
        case ["objects", src]:
            # Read the list here, so that a mistake in it shows before the suites run
            list(read_refusals(pathlib.Path(src)))
            print(*OBJECTS, sep="\n")
        case ["ranges", out, work]:
            kernel = Kernel(pathlib.Path(out), pathlib.Path(work))
            ranges = [found for group in GROUPS.values() for found in kernel.ranges(group)]
            print(",".join(f"{start:#x}+{size:#x}" for _, start, size, _ in ranges))
        case ["report", out, work, src, results]:
            src = pathlib.Path(src).resolve()
            kernel = Kernel(pathlib.Path(out), pathlib.Path(work), src)
            sys.exit(report(kernel, src, pathlib.Path(results)))
        case _:
            die("bad arguments; the first lines of the script have its usage.")


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 (Python's own status is that of a failed test)
        die(f"{type(error).__name__}: {error}")
