# SPDX-License-Identifier: GPL-2.0
"""Checks the cases of the test program fault_test, and which implementation served it."""

import re
from collections import defaultdict

from faults.outcomes import NAMES, Unclear

SUITE = "setns:fault_test"
CASES = [
    "fault.each_type_by_nsfd",
    "fault.each_set_by_pidfd",
    "fault.each_type_by_nsfd_alone",
    "fault.sets_by_pidfd_alone",
    "fault.each_set_by_unshare",
    "memcg.at_its_limit",
]
# C without the fix fails these cases, with these messages. The last one may also pass: its
# tasks hit the memory limit at random places, and C leaks only at some of them.
LEAKY, BY_CHANCE = (CASES[1], CASES[3]), CASES[5]
LEFT = re.compile(r"Expected sweep->leaked \(\d+\) == 0 \(0\)|set 0x[0-9a-f]+: namespaces are left")
LEAKS = dict.fromkeys(LEAKY, LEFT) | {
    BY_CHANCE: re.compile(r"Expected status \(768\) == 0 \(0\)|a user namespace is left"),
}
VERDICT = re.compile(r"^(ok|not ok) \d+ (\S+) ?(.*)$", re.MULTILINE)
SAID = re.compile(r"^# (?:fault_test\.c:\d+:)?([a-z_]+): ?(.*)$", re.MULTILINE)


def passed_by_chance(text):
    """Returns whether the case passed that C without the fix fails only sometimes."""
    return re.search(rf"^ok \d+ {BY_CHANCE}$", text, re.MULTILINE) is not None


def read_said(text):
    """Returns {case: lines} of the messages of the cases."""
    said = defaultdict(list)
    for case, what in SAID.findall(text):
        if what != "Test failed":
            said[case].append(what)
    return said


def check_cases(impl, text, unfixed):
    """Yields the cases that are missing, were skipped, failed, or printed a message."""
    name = NAMES[impl]
    cases = VERDICT.findall(text)
    if [case for _, case, _ in cases] != CASES or f"\n1..{len(CASES)}\n" not in text:
        yield f"these are not the cases of fault_test, on {name}: {cases or 'none'}"
    said = read_said(text)
    for verdict, case, directive in cases:
        lines = said.pop(case.partition(".")[2], [])
        if unfixed and impl == "c" and case in LEAKS and verdict == "not ok":
            others = [line for line in lines if not LEAKS[case].fullmatch(line)]
            # A failure without a message does not prove the leak
            verdict, lines = ("ok" if lines else verdict), others
        elif unfixed and impl == "c" and case in LEAKY:
            yield f"{case} is green on {name}, which must leak"
        if verdict != "ok" or directive or lines:
            reasons = [*filter(None, [directive]), *lines] or ["no reason given"]
            more = f" (and {len(reasons) - 1} lines more)" if reasons[1:] else ""
            yield f"{case} on {name}: {reasons[0]}{more}"
    for case, lines in said.items():
        yield f"{case} on {name}, which is no case: {lines[0]}"


def check_served(impl, text, refused, served):
    """Yields what is wrong with the exit status and the counters of the suite.

    text: the output of the suite. refused: how many of its calls of setns(2) failed.
    served: the line that scripts/guest/run wrote about the suite.
    """
    name = NAMES[impl]
    (suite, status, c, rust), *others = map(str.split, served.splitlines())
    if suite != SUITE or others:
        raise Unclear(f"these are not the calls of {SUITE} on {name}: {served}")
    if int(status) != any(verdict != "ok" for verdict, _, _ in VERDICT.findall(text)):
        yield f"fault_test ended with status {status} on {name}, and no case says why"
    ours, theirs = (int(c), int(rust))[:: 1 if impl == "c" else -1]
    if theirs or ours < max(refused, 1):
        yield f"the column of {name} was not served by {name}: {c} calls by C, {rust} by Rust"
