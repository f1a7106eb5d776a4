# SPDX-License-Identifier: GPL-2.0
"""Reads the KTAP of each suite. The kernel's own kunit_parser does the parsing."""

import re
from collections import Counter, namedtuple

from comparison.files import (
    IMPLS,
    NAMES,
    Skips,
    read_known,
    read_of_run,
    read_served,
    read_text,
)
from comparison.trace import Trace

VERDICTS = {"SUCCESS": "passed", "FAILURE": "failed", "SKIPPED": "skipped"}

Case = namedtuple("Case", "verdict log reason")
MISSING = Case("missing", [], "")


class Quiet:
    """Replaces the printer of kunit_parser, which would print as it parses."""

    def __getattr__(self, name):
        return lambda text="", *_: text


class Run:
    """One suite in one column: c, rust, or both if the suite switches between them."""

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
        """Yields (name, Case).

        Two cases may have the same name, or no name. A number keeps them apart, so that
        neither hides the other.
        """
        seen = Counter()
        for case in self.test.subtests if self.ran else ():
            seen[case.name] += 1
            name = case.name
            if not name or seen[name] > 1:
                name = f"{name} ({seen[name]})".strip()
            yield name, Case(VERDICTS.get(case.status.name, "crashed"), case.log, case.skip_reason)

    def fault(self):
        """Returns what is wrong with the run as a whole, or None."""
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

    def __init__(self, name, marks, known, skips, runs):
        self.name = name
        self.marks = marks
        self.known = known
        self.skips = skips
        self.runs = runs

    def cases(self):
        """Yields (name, {column: Case}) of each case that any column has."""
        for name in dict.fromkeys(name for run in self.runs.values() for name in run.cases):
            yield name, {column: run.cases.get(name, MISSING) for column, run in self.runs.items()}

    def differing(self):
        """Returns the names of the cases that have different verdicts in two columns."""
        verdicts = {name: {case.verdict for case in cases.values()} for name, cases in self.cases()}
        return {name for name, found in verdicts.items() if len(found) > 1}

    def is_known(self, name, verdicts):
        """Returns whether scripts/lists/known-failures lets this case fail."""
        return name in self.known and set(verdicts) <= {"passed", "failed"}

    def is_allowed_to_skip(self, name, cases):
        """Returns whether this kernel may skip the case, for the reasons that the columns give."""
        return self.skips.allow(self.name, name, [case.reason for case in cases.values()])

    def may_skip(self, name, cases):
        """Returns whether all columns may skip this case.

        They may skip any case of an upstream suite that is marked "racy".
        """
        upstream = not self.name.startswith("setns:")
        return self.is_allowed_to_skip(name, cases) or ("racy" in self.marks and upstream)

    def is_idle(self):
        """Returns whether this kernel lets it skip all cases, and it skipped them."""
        cases = list(self.cases())
        return bool(cases) and all(
            {case.verdict for case in of_case.values()} == {"skipped"}
            and self.is_allowed_to_skip(name, of_case)
            for name, of_case in cases
        )


def read_suites(folder, config, parser):
    """Yields each suite that had to run, whether or not it ran."""
    known, skips = read_known(), Skips(config)
    served = {column: read_served(folder / column / "served") for column in NAMES}
    for line in read_of_run(folder / "suites"):
        name, *marks = line.split()
        columns = ["both"] if "once" in marks else IMPLS
        runs = {c: Run(folder, c, name, served[c].get(name), parser) for c in columns}
        yield Suite(name, marks, known.get(name, {}), skips, runs)
