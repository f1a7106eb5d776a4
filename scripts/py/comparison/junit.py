# SPDX-License-Identifier: GPL-2.0
"""Writes junit.xml with the kernel's kunit_junit, and reads it back with junitparser."""

from junitparser import JUnitXml

from comparison.problems import Broken
from comparison.suites import VERDICTS, Case


class Junit:
    """The verdicts for a CI. They must not be better than those in summary.json."""

    def __init__(self, parser):
        self._parser = parser
        self.top = parser.Test()
        self.top.name = "rust_setns"

    def add_suite(self, name, cases):
        """Adds a test suite. cases is a list of (name, Case)."""
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
        """Adds one column of a suite. A failure that is allowed is written as skipped."""
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
        """Adds the comparison: a case for each suite, and one for the run as a whole."""
        cases = []
        for name in [suite.name for suite in suites] + [None]:
            lines = []
            for problem in problems:
                if problem["suite"] == name:
                    lines += [problem["what"], *problem["excerpt"]]
            verdict = "failed" if lines else "passed"
            cases.append((name or "kernel logs and counters", Case(verdict, lines, "")))
        self.add_suite("compare", cases)

    def write(self, file, writer, passed):
        """Writes the file, and reads it as a CI would."""
        writer.write_junit_result(test=self.top, filename=str(file))
        cases = [case for suite in JUnitXml.fromfile(str(file)) for case in suite]
        if not cases or passed != all(case.is_passed or case.is_skipped for case in cases):
            raise Broken(f"'{file}' does not say what summary.json says.")


def write_junit(file, outcome, parser, writer):
    """Writes junit.xml."""
    junit = Junit(parser)
    for suite in outcome.suites:
        for column in suite.runs:
            junit.add_run(suite, column)
    junit.add_problems(outcome.suites, outcome.problems)
    junit.write(file, writer, not outcome.problems)
