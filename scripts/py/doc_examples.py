#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Says whether the doc examples of some files of the kernel crate ran as KUnit tests.

usage: scripts/py/doc_examples.py KTAP KERNEL_SOURCE FILE...

FILE is a path in KERNEL_SOURCE, like rust/kernel/pid.rs. The kernel prints the file of each
example before it runs the example. An example that failed, was skipped or did not run fails
the check. kunit.py judges the examples of other files. scripts/kunit starts the script.

Exit status: 0 all passed, 1 an example did not pass, 2 the examples cannot be judged.
"""

import pathlib
import re
import sys
from collections import Counter

LOCATION = re.compile(r"# (rust_doctest_kernel_\w+)\.location: (\S+):\d+")
RESULT = re.compile(r"\s*(?:\[[^]]*\] )?\s*(ok|not ok) \d+ (rust_doctest_kernel_\w+)(.*)")
FENCE = re.compile(r"\s*//[/!]\s*```(.*)")
# rustdoc runs an example if the first fence has no other words than these
RUNS = {"", "rust", "should_panic"}


def count_examples(text):
    """Counts the examples in a Rust file that rustdoc runs."""
    count, inside = 0, False
    for line in text.splitlines():
        if fence := FENCE.match(line):
            words = set(re.split(r"[,\s]+", fence[1].strip()))
            count += not inside and words <= RUNS
            inside = not inside
    return count


def read_verdicts(text):
    """Returns {file: number} of examples that passed, and {file: lines} of the others."""
    files, passed, others = {}, Counter(), {}
    for line in text.splitlines():
        if location := LOCATION.search(line):
            files[location[1]] = location[2]
        elif result := RESULT.fullmatch(line):
            verdict, name, rest = result.groups()
            file = files.get(name)
            if verdict == "ok" and not rest.strip():
                passed[file] += 1
            else:
                others.setdefault(file, []).append(line.strip())
    return passed, others


def main():
    if len(sys.argv) < 4:
        print(__doc__, file=sys.stderr)
        return 2
    ktap, source = map(pathlib.Path, sys.argv[1:3])
    passed, others = read_verdicts(ktap.read_text(errors="replace"))
    red, total = False, 0
    for file in sys.argv[3:]:
        examples = count_examples((source / file).read_text())
        total += examples
        for line in others.get(file, []):
            print(f"FAILED: doc example of {file}: {line}")
            red = True
        if passed[file] < examples:
            print(f"FAILED: {passed[file]} of the {examples} doc examples of {file} passed")
            red = True
    if not total:
        print("none of these files has a doc example", file=sys.stderr)
        return 2
    if not red:
        print(f"{total} doc examples of {len(sys.argv[3:])} files passed")
    return int(red)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        print(error, file=sys.stderr)
    sys.exit(2)
