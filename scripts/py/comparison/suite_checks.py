# SPDX-License-Identifier: GPL-2.0
"""Finds what is wrong with one suite, and where C and Rust differ in it."""

import itertools
import re
from collections import Counter

from comparison.files import IMPLS, NAMES
from comparison.problems import EXCERPT, Broken, tail

# The times and numbers that normalised() removes. The line number in "x.c:123:" stays.
VARYING = re.compile(r"(?<!\.c:)(?<!\d)(?:\d+\.\d+|0x[0-9a-f]{3,}|\d{3,})")


def check_suite(suite, problems):
    """Adds the problems of a suite."""
    for column, run in suite.runs.items():
        if fault := run.fault():
            log = run.ktap if run.ran else f"{column}/served"
            problems.add(f"{fault}, on {NAMES[column]}", log, suite.name, tail(run.text))
        elif not sum(run.calls.values()) and not suite.is_idle():
            problems.add(f"made no call, on {NAMES[column]}", f"{column}/served", suite.name)
    check_verdicts(suite, problems)
    if {"once", "racy", "race"} & set(suite.marks):
        return
    check_traces(suite, problems)
    differ = suite.differing()
    # A case that failed in one column also calls and prints something else there
    if differ & suite.known.keys():
        return
    check_calls(suite, problems)
    if not differ:
        check_output(suite, problems)


def check_verdicts(suite, problems):
    """Adds the cases that did not pass in every column."""
    for name, cases in suite.cases():
        verdicts = {case.verdict for case in cases.values()}
        if verdicts == {"passed"} or suite.is_known(name, verdicts):
            continue
        if verdicts == {"skipped"} and suite.may_skip(name, cases):
            continue
        if "racy" in suite.marks and verdicts == {"passed", "skipped"}:
            continue
        column = next(column for column, case in cases.items() if case.verdict != "passed")
        what = ", ".join(f"{case.verdict} on {NAMES[column]}" for column, case in cases.items())
        log = suite.runs[column].ktap
        problems.add(f"{name}: {what}", log, suite.name, cases[column].log[-EXCERPT:])


def check_traces(suite, problems):
    """Adds the traces that do not have all calls that were served."""
    for column, run in suite.runs.items():
        if run.trace.lost:
            raise Broken(f"'{run.trace_log}' has lost events, so the calls cannot be compared.")
        served, traced = sum(run.calls.values()), run.trace.count()
        fault = run.trace.fault
        if not fault and traced != served:
            fault = f"has {traced} of the {served} calls that were served"
        others = run.trace.impls - {NAMES[column]}
        if not fault and others:
            fault = f"has events of {', '.join(others)}"
        if fault and run.ran:
            problems.add(f"the trace on {NAMES[column]} {fault}", run.trace_log, suite.name)


def check_calls(suite, problems):
    """Adds the first call of setns(2) that C and Rust answered differently."""
    c, rust = (suite.runs[impl].trace for impl in IMPLS)
    if c.fault or rust.fault:
        return
    pairs = itertools.zip_longest(without_match(c, rust), without_match(rust, c), fillvalue=())
    pair = next(pairs, None)
    if pair:
        calls = list(itertools.zip_longest(*pair, fillvalue="no call"))
        index = next(i for i, (ours, theirs) in enumerate(calls) if ours != theirs)
        ours, theirs = map(str, calls[index])
        if ours == theirs:
            ours, theirs = (call.in_full() for call in calls[index])
        if ours.split(" = ")[0] == theirs.split(" = ")[0]:
            theirs = theirs.split(" = ")[1]
        what = f"call {index + 1} of a task: {ours} on C, {theirs} on Rust"
        excerpt = show_calls(calls, max(0, index - 5))
        problems.add(what, suite.runs["rust"].trace_log, suite.name, excerpt)


def without_match(ours, theirs):
    """Yields the calls of each task of ours that no task of theirs made alike, in order."""
    left = Counter(map(tuple, theirs.tasks.values()))
    for calls in map(tuple, ours.tasks.values()):
        if left[calls]:
            left[calls] -= 1
        else:
            yield calls


def show_calls(calls, start):
    """Yields the calls of two tasks: one line if they are the same, two if they differ."""
    for number, (ours, theirs) in enumerate(calls[start:], start + 1):
        if ours == theirs:
            yield f"      {number}. {ours}"
        else:
            yield f"C:    {number}. {ours}"
            yield f"Rust: {number}. {theirs}"


def normalised(text):
    """Returns the lines of an output, without what differs between two runs on one kernel.

    Times differ. Numbers of three digits and more differ too: pids, inode numbers, ids of
    namespaces and mounts, addresses. The line numbers of a source file stay, and so do
    small numbers: errnos, fds, counts.
    """
    return [VARYING.sub("N", line) for line in text.split("\n")]


def check_output(suite, problems):
    """Adds the lines that a test printed only on C or only on Rust.

    The order of the lines does not matter: two tasks of a test may print at any time.
    """
    c, rust = (Counter(normalised(suite.runs[impl].text)) for impl in IMPLS)
    lines = [f"C:    {line}" for line in (c - rust).elements()]
    lines += [f"Rust: {line}" for line in (rust - c).elements()]
    if lines:
        what = f"the output differs: {lines[0]}"
        problems.add(what, suite.runs["rust"].ktap, suite.name, lines)
