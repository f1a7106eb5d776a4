#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares what C and Rust did in one run, and says whether all is well.

usage: scripts/py/compare.py RESULTS KERNEL_SOURCE

RESULTS is what scripts/guest/run has left; docs/results.md describes it. Prints a
table, and writes RESULTS/summary.json and RESULTS/junit.xml. Started by
scripts/run. The KTAP is parsed, and the XML written, by the kernel's own
tools/testing/kunit; junitparser reads the XML back, as a CI would.

For each suite, C and Rust must agree on:

- the verdict of each case;
- the answers to setns(2). The trace gives for each task its calls in order: flags,
  result, and fd if it is negative. Each task of C must have one of Rust that did exactly
  the same. Pids differ, which descriptors are free, and which of two tasks is first, so
  these do not count; nor do names, which ftrace sometimes does not know;
- the output: its lines, in any order, without what differs between two runs on the
  same kernel: see normalised().

Suites marked "racy" or "race" in scripts/lists/suites are free of the last two and have no
trace; a suite of which a known failure came on one only is free of them, too. If
verdicts differ, so does the output, and it is not said twice. Silence is failure: no
KTAP, plan, trace or kernel log, a trace that is short of calls, and a kernel log that has
lost its beginning; a suite that has made no call, and a case that is skipped,
but for what scripts/lists/known-skips lets a kernel skip, and for upstream's racy suites.

In a kernel with UBSAN_ALIGNMENT a misaligned access is red in the files of
scripts/lists/setns-files. In other files it is listed and counted.

Exit status: 0 all passed, 1 a test failed, 2 the comparison could not be made.
"""

import errno
import itertools
import json
import pathlib
import re
import sys
import traceback
from collections import Counter, namedtuple

from junitparser import JUnitXml
from rich.console import Console
from rich.table import Table

# Or Python leaves what it has compiled in scripts/
sys.dont_write_bytecode = True
from kernel_log import first_complaint, has_beginning, misaligned, read_lines

IMPLS = ("c", "rust")
NAMES = {"c": "C", "rust": "Rust", "both": "both"}
VERDICTS = {"SUCCESS": "passed", "FAILURE": "failed", "SKIPPED": "skipped"}
# What XML cannot hold
UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# How many lines of a log summary.json has with each problem
EXCERPT = 24
EVENT = re.compile(
    r" *.*-(?P<pid>\d+) +\[\d+\] .*: sys_setns"
    r"(?:\(fd: (?P<fd>\w+), flags: (?P<flags>\w+)\)| -> (?P<result>\w+))"
)
VARYING = re.compile(r"(?<!\.c:)(?<!\d)(?:\d+\.\d+|0x[0-9a-f]{3,}|\d{3,})")
FLAGS = {
    0x80: "TIME",
    0x20000: "NS",
    0x2000000: "CGROUP",
    0x4000000: "UTS",
    0x8000000: "IPC",
    0x10000000: "USER",
    0x20000000: "PID",
    0x40000000: "NET",
}

Case = namedtuple("Case", "verdict log reason")
MISSING = Case("missing", [], "")


class Broken(Exception):
    """The comparison cannot be made."""


class Problems(list):
    """What is wrong, as it goes into summary.json."""

    def add(self, what, log, suite=None, excerpt=()):
        """The log is relative to RESULTS; the excerpt is for those who do not have it."""
        lines = [line.rstrip() for line in excerpt][:EXCERPT]
        self.append({"suite": suite, "what": what, "log": str(log), "excerpt": lines})


def read_text(file):
    """The text of a file that a test has written, who knows what into."""
    return UNPRINTABLE.sub("\ufffd", file.read_text(errors="replace"))


# What is to be compared


class Call(namedtuple("Call", "fd flags result")):
    """One call of setns(2)."""

    def __str__(self):
        names = [f"CLONE_NEW{name}" for bit, name in FLAGS.items() if self.flags & bit]
        rest = self.flags & ~sum(FLAGS)
        if rest or not names:
            names.append(f"{rest:#x}" if rest else "0")
        return f"setns({self.fd}, {'|'.join(names)}) = {self._answer()}"

    def _answer(self):
        if self.result is None:
            return "nothing"
        return f"-{errno.errorcode.get(-self.result, -self.result)}" if self.result else "0"


def signed(text, bits):
    """The number that a register holds, as C sees it."""
    value = int(text, 0) & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


class Trace:
    """The calls of one suite: by task, tasks in order of first appearance."""

    def __init__(self, file):
        self.tasks = {}
        self.fault = None
        text = read_text(file) if file.exists() else ""
        kept = re.search(r"^# entries-in-buffer/entries-written: (\d+)/(\d+)", text, re.MULTILINE)
        if not text.strip():
            self.fault = "is missing or empty"
        elif not kept:
            self.fault = "does not say whether it has lost events"
        elif kept[1] != kept[2]:
            self.fault = f"has lost events: {kept[1]} of {kept[2]} are left"
        for line in text.splitlines():
            self._read_line(line)

    def count(self):
        return sum(map(len, self.tasks.values()))

    def _read_line(self, line):
        event = EVENT.fullmatch(line)
        if event:
            self._read_event(event)
        elif line.strip() and not line.startswith("#"):
            self.fault = self.fault or f"has a line that is no call: {line.strip()}"

    def _read_event(self, event):
        calls = self.tasks.setdefault(event["pid"], [])
        if event["fd"]:
            flags = signed(event["flags"], 32) & 0xFFFFFFFF
            fd = signed(event["fd"], 32)
            calls.append(Call(fd if fd < 0 else "fd", flags, None))
        elif calls and calls[-1].result is None:
            calls[-1] = calls[-1]._replace(result=signed(event["result"], 64))
        else:
            self.fault = self.fault or f"has an answer to no call: {event[0].strip()}"


class Run:
    """What one suite did in one column: on C, on Rust, or on both by turns."""

    def __init__(self, folder, column, suite, served, parser):
        stem = f"{column}/{suite.replace('/', '-')}"
        self.ktap, self.trace_log = f"{stem}.ktap", f"{stem}.trace"
        self.status, self.calls = served or (None, {impl: 0 for impl in IMPLS})
        self.ran = served is not None and (folder / self.ktap).exists()
        self.text = read_text(folder / self.ktap) if self.ran else ""
        self.trace = Trace(folder / self.trace_log)
        self.test = parser.parse_run_tests(self.text.split("\n"), Quiet())
        self.cases = dict(self._read_cases())

    def _read_cases(self):
        """Two cases may have the same name, or none: neither may hide the other."""
        seen = Counter()
        for case in self.test.subtests if self.ran else ():
            seen[case.name] += 1
            name = case.name
            if not name or seen[name] > 1:
                name = f"{name} ({seen[name]})".strip()
            yield name, Case(VERDICTS.get(case.status.name, "crashed"), case.log, case.skip_reason)

    def fault(self):
        """What is wrong with the run as a whole, or None."""
        counts = self.test.counts
        if not self.ran:
            return "did not run"
        if not self.cases or not re.search(r"^1\.\.\d+", self.text, re.MULTILINE):
            return "has no test plan"
        if counts.errors:
            return "does not say what it planned to"
        if self.status == 124:
            return "timed out"
        if self.status not in (0, 1, 4):
            return f"ended with status {self.status}"
        if self.status == 1 and not (counts.failed or counts.crashed):
            return "ended with status 1, and no case says why"
        return None


class Suite:
    """A suite of scripts/lists/suites, and its runs by column."""

    def __init__(self, name, marks, known, skippable, runs):
        self.name = name
        self.marks = marks
        self.known = known
        self.skippable = skippable
        self.runs = runs

    def cases(self):
        """(name, case by column) of each case that any column has."""
        for name in dict.fromkeys(name for run in self.runs.values() for name in run.cases):
            yield name, {column: run.cases.get(name, MISSING) for column, run in self.runs.items()}

    def differing(self):
        """The names of the cases whose verdicts are not the same in all columns."""
        verdicts = {name: {case.verdict for case in cases.values()} for name, cases in self.cases()}
        return {name for name, found in verdicts.items() if len(found) > 1}

    def is_known(self, name, verdicts):
        """Whether scripts/lists/known-failures says that this case may fail."""
        return name in self.known and set(verdicts) <= {"passed", "failed"}

    def may_skip(self, name):
        """Whether all columns may skip this case: of racy suites, upstream's."""
        upstream = not self.name.startswith("setns:")
        return name in self.skippable or ("racy" in self.marks and upstream)

    def is_idle(self):
        """Whether it has nothing to do in this kernel, and has said so."""
        return bool(self.skippable) and all(
            name in self.skippable and {case.verdict for case in cases.values()} == {"skipped"}
            for name, cases in self.cases()
        )


class Quiet:
    """Stands in for the printer of kunit_parser, which would print as it parses."""

    def __getattr__(self, name):
        return lambda text="", *_: text


def read_known():
    """By suite and case: why it may fail."""
    known = {}
    for (suite, case), reason in read_lines("known-failures"):
        known.setdefault(suite, {})[case] = reason
    return known


def read_skips(config):
    """By suite: the cases that this kernel may skip."""
    skips = {}
    for (suite, case, option), _ in read_lines("known-skips"):
        if f"CONFIG_{option}" not in config:
            skips.setdefault(suite, set()).add(case)
    return skips


def read_served(file):
    """By suite: exit status, and how many calls each implementation served."""
    served = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        suite, status, c, rust = line.split()
        served[suite] = int(status), {"c": int(c), "rust": int(rust)}
    return served


def read_config(file):
    """The options that are built in."""
    if not file.exists():
        raise Broken(f"'{file}' is missing: this is no folder of scripts/run.")
    return {line[:-2] for line in file.read_text().splitlines() if line.endswith("=y")}


def read_suites(folder, config, parser):
    """The suites that are to run, whether or not they did."""
    known, skips = read_known(), read_skips(config)
    served = {column: read_served(folder / column / "served") for column in NAMES}
    for (name, *marks), _ in read_lines("suites"):
        columns = ["both"] if "once" in marks else IMPLS
        runs = {c: Run(folder, c, name, served[c].get(name), parser) for c in columns}
        yield Suite(name, marks, known.get(name, {}), skips.get(name, set()), runs)


# Where they differ, and what else is wrong


def check_suite(suite, problems):
    """Adds what is wrong with a suite."""
    for column, run in suite.runs.items():
        if fault := run.fault():
            log = run.ktap if run.ran else f"{column}/served"
            problems.add(f"{fault}, on {NAMES[column]}", log, suite.name, tail(run.text))
        elif not sum(run.calls.values()) and not suite.is_idle():
            problems.add(f"made no call, on {NAMES[column]}", f"{column}/served", suite.name)
    check_verdicts(suite, problems)
    if "once" in suite.marks:
        return
    if {"racy", "race"} & set(suite.marks):
        return
    check_traces(suite, problems)
    differ = suite.differing()
    # A case that may fail on one of them also calls and prints something else there
    if differ & suite.known.keys():
        return
    check_calls(suite, problems)
    if not differ:
        check_output(suite, problems)


def check_verdicts(suite, problems):
    """Adds the cases that did not pass, or not on both."""
    for name, cases in suite.cases():
        verdicts = {case.verdict for case in cases.values()}
        if verdicts == {"passed"} or suite.is_known(name, verdicts):
            continue
        if verdicts == {"skipped"} and suite.may_skip(name):
            continue
        if "racy" in suite.marks and verdicts == {"passed", "skipped"}:
            continue
        column = next(column for column, case in cases.items() if case.verdict != "passed")
        what = ", ".join(f"{case.verdict} on {NAMES[column]}" for column, case in cases.items())
        log = suite.runs[column].ktap
        problems.add(f"{name}: {what}", log, suite.name, cases[column].log[-EXCERPT:])


def check_traces(suite, problems):
    """Adds traces that do not have the calls that were served."""
    for column, run in suite.runs.items():
        served, traced = sum(run.calls.values()), run.trace.count()
        fault = run.trace.fault
        if not fault and traced != served:
            fault = f"has {traced} of the {served} calls that were served"
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
        if ours.split(" = ")[0] == theirs.split(" = ")[0]:
            theirs = theirs.split(" = ")[1]
        what = f"call {index + 1} of a task: {ours} on C, {theirs} on Rust"
        excerpt = show_calls(calls, max(0, index - 5))
        problems.add(what, suite.runs["rust"].trace_log, suite.name, excerpt)


def without_match(ours, theirs):
    """The tasks of ours that did what no task of theirs did, in order."""
    left = Counter(map(tuple, theirs.tasks.values()))
    for calls in map(tuple, ours.tasks.values()):
        if left[calls]:
            left[calls] -= 1
        else:
            yield calls


def show_calls(calls, start):
    """The calls of two tasks, in one line as long as they are the same."""
    for number, (ours, theirs) in enumerate(calls[start:], start + 1):
        if ours == theirs:
            yield f"      {number}. {ours}"
        else:
            yield f"C:    {number}. {ours}"
            yield f"Rust: {number}. {theirs}"


def normalised(text):
    """The lines of an output, without what differs between two runs on one kernel.

    Those are times, and numbers of three digits and more: pids, inode numbers, ids of
    namespaces and mounts, addresses. The line numbers of a source file stay, and small
    numbers do: errnos, fds, counts.
    """
    return [VARYING.sub("N", line) for line in text.split("\n")]


def check_output(suite, problems):
    """Adds the lines that only C or only Rust made a test print.

    In whatever order, as two tasks of a test print when they like.
    """
    c, rust = (Counter(normalised(suite.runs[impl].text)) for impl in IMPLS)
    lines = [f"C:    {line}" for line in (c - rust).elements()]
    lines += [f"Rust: {line}" for line in (rust - c).elements()]
    if lines:
        what = f"the output differs: {lines[0]}"
        problems.add(what, suite.runs["rust"].ktap, suite.name, lines)


def tail(text):
    """The end of a log, which says why it is the end."""
    return text.rstrip().splitlines()[-EXCERPT:]


def check_dmesg(folder, column, config, problems):
    """Adds what the kernel complained about. Returns the misaligned accesses elsewhere."""
    log, name = f"{column}/dmesg", NAMES.get(column, column)
    lines = read_text(folder / log).splitlines() if (folder / log).exists() else []
    if not any(lines):
        problems.add(f"no kernel log of {name}", log)
    elif not has_beginning(lines):
        problems.add(f"the kernel log of {name} has lost its beginning", log)
    accepted = misaligned(lines) if "CONFIG_UBSAN_ALIGNMENT" in config else {}
    index = first_complaint(lines, accepted)
    if index is not None:
        what = f"the kernel complained: {lines[index].strip()}"
        problems.add(what, log, excerpt=lines[max(0, index - 2) :])
    return Counter(accepted.values())


def check_leaks(folder, column, config, problems):
    """Adds what kmemleak has found, if the kernel has it."""
    if "CONFIG_DEBUG_KMEMLEAK" not in config:
        return
    log = f"{column}/kmemleak"
    if not (folder / log).exists():
        problems.add(f"kmemleak was not asked, on {NAMES[column]}", log)
    elif (text := read_text(folder / log)).strip():
        what = f"kmemleak: {text.count('unreferenced object')} objects, on {NAMES[column]}"
        problems.add(what, log, excerpt=text.splitlines())


def check_served(calls, problems):
    """Adds where the counters do not prove who was tested."""
    for impl, other in (IMPLS, IMPLS[::-1]):
        by = calls[impl]
        if by[other] or not by[impl]:
            what = f"the column of {NAMES[impl]} was not served by {NAMES[impl]}"
            problems.add(f"{what}: {by['c']} calls by C, {by['rust']} by Rust", f"{impl}/served")


# What is said about it


def count(suite, columns=NAMES):
    """How many verdicts of each kind; what may fail is "known" if it did."""
    counts = Counter(dict.fromkeys(("passed", "failed", "skipped", "known"), 0))
    for name, cases in suite.cases():
        known = suite.is_known(name, {case.verdict for case in cases.values()})
        for column in cases.keys() & set(columns):
            verdict = cases[column].verdict
            if verdict not in ("passed", "skipped"):
                verdict = "known" if known else "failed"
            counts[verdict] += 1
    return counts


def in_words(counts):
    """A cell of the table."""
    text = f"{counts['passed']} ok"
    for kind, name in (("skipped", "skipped"), ("known", "known to fail"), ("failed", "failed")):
        if counts[kind]:
            text += f", {counts[kind]} {name}"
    return f"[red]{text}" if counts["failed"] or not sum(counts.values()) else text


def print_table(suites, calls):
    """Suite, cases, C, Rust."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    table = Table("suite", "cases", "C", "Rust")
    for suite in suites:
        cells = [in_words(count(suite, [column])) for column in suite.runs]
        if "both" in suite.runs:
            cells.insert(0, "switching")
        table.add_row(suite.name, str(len(list(suite.cases()))), *cells)
    table.add_section()
    for whose, ours in (("of this series", True), ("of upstream", False)):
        cases = [
            case
            for suite in suites
            if suite.name.startswith("setns:") == ours
            for case in suite.cases()
        ]
        table.add_row(whose, str(len(cases)))
    table.add_row("setns(2)", "", *(f"{calls[impl][impl]} calls served" for impl in IMPLS))
    console.print(table)


def describe(suite):
    """A suite, as it goes into summary.json."""
    return {
        "name": suite.name,
        "marks": suite.marks,
        "status": {column: run.status for column, run in suite.runs.items()},
        "calls": {column: run.calls for column, run in suite.runs.items()},
        "cases": [
            {
                "name": name,
                **{column: case.verdict for column, case in cases.items()},
                **({"known": suite.known[name]} if name in suite.known else {}),
            }
            for name, cases in suite.cases()
        ],
    }


def read_facts(file):
    """What was tested, and with what, as scripts/run has written it down."""
    if not file.exists():
        raise Broken(f"'{file}' is missing: this is no folder of scripts/run.")
    return dict(line.split(" ", 1) for line in file.read_text().splitlines())


class Junit:
    """junit.xml: the verdicts for a CI, which must not be better than ours."""

    def __init__(self, parser):
        self._parser = parser
        self.top = parser.Test()
        self.top.name = "rust_setns"

    def add_suite(self, name, cases):
        """cases: (name, Case)."""
        suite = self._parser.Test()
        suite.name = name
        for case_name, case in cases:
            test = self._parser.Test()
            test.name, test.log, test.skip_reason = case_name, case.log, case.reason
            names = {verdict: status for status, verdict in VERDICTS.items()}
            test.status = self._parser.TestStatus[names.get(case.verdict, "TEST_CRASHED")]
            suite.subtests.append(test)
            suite.counts.add_status(test.status)
        self.top.subtests.append(suite)
        self.top.counts.add_subtest_counts(suite.counts)

    def add_run(self, suite, column):
        """What may fail is skipped if it did."""
        cases = []
        for name, by_column in suite.cases():
            case = by_column[column]
            if case.verdict == "failed" and suite.is_known(
                name, {c.verdict for c in by_column.values()}
            ):
                case = case._replace(verdict="skipped", reason=f"may fail: {suite.known[name]}")
            cases.append((name, case))
        self.add_suite(f"{column}:{suite.name}", cases)

    def add_problems(self, suites, problems):
        """The comparison itself: a case for each suite, and one for the run."""
        cases = []
        for name in [suite.name for suite in suites] + [None]:
            lines = []
            for problem in problems:
                if problem["suite"] == name:
                    lines += [problem["what"], *problem["excerpt"]]
            cases.append(
                (
                    name or "kernel logs and counters",
                    Case("failed" if lines else "passed", lines, ""),
                )
            )
        self.add_suite("compare", cases)

    def write(self, file, writer, passed):
        """Writes it, and reads it as a CI would."""
        writer.write_junit_result(test=self.top, filename=str(file))
        cases = [case for suite in JUnitXml.fromfile(str(file)) for case in suite]
        if not cases or passed != all(case.is_passed or case.is_skipped for case in cases):
            raise Broken(f"'{file}' does not say what summary.json says.")


def write_junit(file, suites, problems, parser, writer):
    junit = Junit(parser)
    for suite in suites:
        for column in suite.runs:
            junit.add_run(suite, column)
    junit.add_problems(suites, problems)
    junit.write(file, writer, not problems)


def compare(folder, parser):
    """(suites, calls by column and implementation, misaligned accesses, problems)."""
    problems = Problems()
    config = read_config(folder / "config")
    suites = list(read_suites(folder, config, parser))
    calls = {column: Counter(c=0, rust=0) for column in NAMES}
    for suite in suites:
        check_suite(suite, problems)
        for column, run in suite.runs.items():
            calls[column].update(run.calls)
    elsewhere = check_dmesg(folder, "boot", config, problems)
    for column in NAMES:
        elsewhere += check_dmesg(folder, column, config, problems)
        check_leaks(folder, column, config, problems)
    check_served(calls, problems)
    return suites, calls, elsewhere, problems


def main():
    if len(sys.argv) != 3:
        raise Broken(__doc__)
    folder, source = map(pathlib.Path, sys.argv[1:])
    sys.path.insert(0, str(source / "tools/testing/kunit"))
    import kunit_junit
    import kunit_parser

    suites, calls, elsewhere, problems = compare(folder, kunit_parser)
    counts = sum(map(count, suites), Counter())
    summary = {
        "format": 1,
        "passed": not problems,
        "counts": {kind: counts[kind] for kind in ("passed", "failed", "skipped", "known")},
        "problems": problems,
        "build": read_facts(folder / "facts"),
        "calls": calls,
        "misaligned": elsewhere,
        "suites": [describe(suite) for suite in suites],
    }
    (folder / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    write_junit(folder / "junit.xml", suites, problems, kunit_parser, kunit_junit)

    print_table(suites, calls)
    for file, accesses in sorted(elsewhere.items()):
        print(f"misaligned, not on the path of setns(2): {file}: {accesses}")
    if elsewhere:
        print(f"misaligned, not on the path of setns(2): {elsewhere.total()} in all")
    for problem in problems:
        name = f"{problem['suite']}: " if problem["suite"] else ""
        print(f"FAILED: {name}{problem['what']}. Log: {folder / problem['log']}")
    known = f", {counts['known']} known to fail" if counts["known"] else ""
    print(
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped{known}"
    )
    return 1 if problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Broken as broken:
        print(broken, file=sys.stderr)
    except Exception:  # noqa: BLE001 (Python's own status would say that a test failed)
        traceback.print_exc()
    sys.exit(2)
