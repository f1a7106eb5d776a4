#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Says whether the kernel complained in a log.

usage: scripts/py/kernel_log.py LOG [--alignment]

LOG begins with the boot, or where scripts/guest/run or scripts/guest/kunit began a new log.
The script prints the first complaint and the lines around it. scripts/py/compare.py and
scripts/py/fault_report.py import its functions. With --alignment, a misaligned access is a
complaint only in the files of scripts/lists/setns-files.

Exit status: 0 no complaint, 1 there is one, 2 the log cannot be judged.
"""

import fnmatch
import pathlib
import re
import sys

LISTS = pathlib.Path(__file__).resolve().parent.parent / "lists"
SPLAT = re.compile(
    r"WARNING:|BUG:|UBSAN:|Oops|Call [Tt]race|general protection|Unable to handle|rcu:.*stall|"
    r"INFO: task .* blocked|possible recursive locking|suspicious RCU|refcount_t:|Rust panic|"
    r"panicked at|turning off the locking correctness|lockdep is turned off"
)
# The tests provoke these messages, and the call trace that follows
PROVOKED = re.compile(
    r"fault_test(?: invoked oom-killer|: page allocation failure)|"
    r"FAULT_INJECTION: forcing a failure"
)
# Two allocators print this and a call trace when they get no memory. That is no complaint if
# the trace is of one of the tasks below, as these make allocations fail.
FAILED = re.compile(r"percpu: allocation failed|kmem_cache_create_args\(.*\) failed with error -12")
FAULTY = re.compile(r"Comm: (?:fault_test|kunit_try_catch) ")
# UBSAN_ALIGNMENT prints this. The path before the file is the tree of scripts/source.
MISALIGNED = re.compile(
    r"UBSAN: misaligned-access in (?:\S*/(?:linux-[^/\s]*|kdir-[0-9a-f]+)/src/)?(\S+):\d+:\d+$"
)
# A function in a call trace
FRAME = re.compile(r"\] +(?:\? )?([\w.]+)\+0x")
BEGINNING = re.compile(r"Linux version|rust_setns: tests")
# The first task writes to the kernel log. Its messages are not the kernel's.
FIRST_TASK = re.compile(r"\] virtme-ng-init: ")
# How many lines are printed
EXCERPT = 24
# How many lines below a provoked message its call trace may be: other CPUs print in between
NEAR = 20


def has_beginning(lines):
    """Returns whether the log is complete: the kernel had room for all of it."""
    return any(BEGINNING.search(line) for line in lines)


def read_lines(name):
    """Yields (words, comment) for each line of a list in scripts/lists that has words."""
    for line in (LISTS / name).read_text().splitlines():
        words, _, comment = line.partition("#")
        if words.strip():
            yield words.split(), comment.strip()


def reporter(lines, index):
    """Returns the function that called UBSAN, from the trace below a report, or None."""
    trace = iter(lines[index + 1 : index + EXCERPT])
    for line in trace:
        if "__ubsan_handle_" in line:
            found = FRAME.search(next(trace, ""))
            return found and found[1]
    return None


def misaligned(lines):
    """Returns {number of the line: file} of the misaligned accesses that are no complaint.

    scripts/lists/setns-files has the files of setns(2), and functions that are accepted there.
    """
    path, known = [], []
    for words, _ in read_lines("setns-files"):
        (path if len(words) == 1 else known).append(words)
    accepted = {}
    for i, line in enumerate(lines):
        # A path that does not begin in the tree could be any file, so it is not accepted
        if not (found := MISALIGNED.search(line.rstrip())) or found[1][0] in "./":
            continue
        file = found[1]
        if [file, reporter(lines, i)] in known or not any(
            fnmatch.fnmatch(file, p) for (p,) in path
        ):
            accepted[i] = file
    return accepted


def first_complaint(lines, accepted=()):
    """Returns the number of the first line that is a complaint, or None.

    accepted: the numbers of the lines with a misaligned access that is no complaint.
    """
    provoked, failed = -NEAR, False
    for i, line in enumerate(lines):
        if i in accepted or PROVOKED.search(line) or (failed and FAULTY.search(line)):
            provoked = i
        elif SPLAT.search(line) and not FIRST_TASK.search(line):
            if not (i - provoked < NEAR and re.search("Call [Tt]race", line)):
                return i
            provoked = -NEAR
        failed = FAILED.search(line)
    return None


def main():
    if len(sys.argv) != 2 and sys.argv[2:] != ["--alignment"]:
        print(__doc__, file=sys.stderr)
        return 2
    lines = pathlib.Path(sys.argv[1]).read_text(errors="replace").splitlines()
    index = first_complaint(lines, misaligned(lines) if sys.argv[2:] else ())
    if index is not None:
        print("the kernel complained:", *lines[max(0, index - 2) :][:EXCERPT], sep="\n")
        return 1
    if not has_beginning(lines):
        print(f"'{sys.argv[1]}' has lost its beginning; boot with log_buf_len=.", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        print(error, file=sys.stderr)
    sys.exit(2)
