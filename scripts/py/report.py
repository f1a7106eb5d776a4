#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Writes build/report.html: all results of the selftests and KUnit, on one page.

The script reads build/results/*/summary.json, which scripts/py/compare.py writes, and the
results of scripts/kunit. The page needs no other file, and no network. A run that ended
before it had a summary is on the page as a failure. What scripts/fault, scripts/fuzz and
scripts/load find is not on it: these scripts print it. The script also reads
the output of scripts/test-full --list from standard input: the verdict of each unit. It draws what
scripts/bench has counted, if that has run.

scripts/report starts the script. Exit status: 0 the page is written, 2 there is nothing to
report.
"""

import datetime
import json
import pathlib
import sys
import traceback
from collections import Counter

from jinja2 import Environment, FileSystemLoader, StrictUndefined

import bench_pictures

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parent.parent
BUILD = TOP / "build"
RESULTS = BUILD / "results"
IMPLS = {"c": "C", "rust": "Rust"}
# All other verdicts are failures
FINE = ("ok", "skipped", "known")
# The format of summary.json that this script can read
FORMAT = 1


class Broken(Exception):
    """The report cannot be written."""


class Run:
    """One folder of results."""

    def __init__(self, folder):
        self.name = folder.name
        self.folder = folder
        summary = folder / "summary.json"
        self.summary = json.loads(summary.read_text()) if summary.exists() else {}
        self.complete = self.summary.get("format") == FORMAT
        self.passed = self.complete and self.summary["passed"]
        facts = folder / "facts"
        lines = facts.read_text().splitlines() if facts.exists() else ()
        self.build = dict(line.split(" ", 1) for line in lines)
        suites = self.summary["suites"] if self.complete else ()
        self.cases = {
            suite["name"]: {case["name"]: case for case in suite["cases"]} for suite in suites
        }

    def problems(self):
        """Returns the problems. If the run did not end, the end of its console log is one."""
        if self.complete:
            return self.summary["problems"]
        log = self.folder / "console.log"
        text = log.read_text(errors="replace") if log.exists() else ""
        what = "the tests did not run to their end"
        if self.summary:
            what = "summary.json has a form that scripts/report does not know"
        excerpt = text.splitlines()[-24:]
        return [{"suite": None, "what": what, "log": log.name, "excerpt": excerpt}]

    def cell(self, suite, impl):
        """Returns (text, whether it is bad) for a suite in the column of an implementation."""
        if suite not in self.cases:
            return "none", False
        counts = Counter(word(case, impl) for case in self.cases[suite].values())
        names = sorted(counts, key=lambda name: (*FINE, name).index(name))
        text = ", ".join(f"{counts[name]}\N{NO-BREAK SPACE}{name}" for name in names)
        bad = not counts or not counts.keys() <= set(FINE)
        if not bad and any(problem["suite"] == suite for problem in self.problems()):
            return f"{text}, and\N{NO-BREAK SPACE}a\N{NO-BREAK SPACE}problem", True
        return text or "no cases", bad

    def verdict(self, suite, case, impl):
        """Returns (word, whether it is bad) for one case."""
        found = self.cases.get(suite, {}).get(case)
        return (word(found, impl), word(found, impl) not in FINE) if found else ("none", False)


def word(case, impl):
    """Returns the verdict of a case. A suite that runs once has it in both columns."""
    verdict = case.get(impl) or case["both"]
    if verdict == "failed" and "known" in case:
        return "known"
    return "ok" if verdict == "passed" else verdict


def find_runs():
    """Returns the runs that scripts/run has begun, in order of their names."""
    names = ("facts", "summary.json")
    folders = sorted(path for path in RESULTS.glob("*/") if any((path / n).exists() for n in names))
    return [Run(folder) for folder in folders]


def find_kunit():
    """Yields (suite, case, verdict) of each KUnit case, and of each missing suite."""
    from junitparser import JUnitXml

    for folder in sorted(RESULTS.glob("*-kunit")):
        seen, kernel = set(), folder.name.removesuffix("-kunit")
        file = folder / "kunit-junit.xml"
        if not file.exists():
            yield kernel, "", "missing"
            continue
        for suite in nested(JUnitXml.fromfile(str(file))):
            for case in suite.iterchildren(suite.testcase):
                seen.add(suite.name)
                bad = "skipped" if case.is_skipped else "failed"
                yield f"{kernel} {suite.name}", case.name, "ok" if case.is_passed else bad
        for name in (folder / "kunit-suites").read_text().split():
            if name not in seen:
                yield f"{kernel} {name}", "", "missing"
        # scripts/kunit also fails for reasons that kunit-junit.xml does not have: the kernel
        # complained, a doc example did not run, or the second run of the tests failed
        if not (folder / "passed").exists():
            yield kernel, "scripts/kunit", "failed"


def nested(suites):
    """Yields the test suites of a JUnit file, also those inside other suites."""
    for suite in suites:
        yield suite
        yield from nested(suite.testsuites())


def suites_of(runs):
    """Returns {suite: its cases, and the names of the runs in which it failed}."""
    suites = {}
    for run in runs:
        for name, cases in run.cases.items():
            suite = suites.setdefault(name, {"cases": {}, "failed": []})
            suite["cases"].update(cases)
            if any(run.cell(name, impl)[1] for impl in IMPLS):
                suite["failed"].append(run.name)
    return suites


def read_units():
    """Returns [(unit, verdict)] of scripts/test-full, if a unit has a verdict."""
    lines = [line.split(None, 1) for line in sys.stdin if line.startswith("    ")]
    units = [(unit, verdict.strip()) for unit, verdict in lines]
    return units if any(verdict != "no verdict" for _, verdict in units) else []


def render(runs, kunit, units, benches):
    """Returns the HTML of the page."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(
        runs=runs,
        complete=[run for run in runs if run.complete],
        kunit=kunit,
        units=units,
        benches=benches,
        impls=IMPLS,
        fine=FINE,
        suites=suites_of(runs),
        facts=list(dict.fromkeys(fact for run in runs for fact in run.build)),
        series={run.build.get("series_sha256") for run in runs},
        now=datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def main():
    runs, kunit, units = find_runs(), list(find_kunit()), read_units()
    benches = bench_pictures.find(BUILD / "bench")
    if not (runs or kunit or units or benches):
        raise Broken(
            "There is nothing to report yet: "
            "run make run, make test, make test-full or make bench first."
        )
    page = BUILD / "report.html"
    page.write_text(render(runs, kunit, units, benches))
    names = [run.name for run in runs] + [f"the counts of {bench.name}" for bench in benches]
    names += ["the results of KUnit"] if kunit else []
    names += ["the verdicts of make test-full"] if units else []
    print(f"==> {page.relative_to(TOP)} has {', '.join(names)}")


if __name__ == "__main__":
    try:
        main()
    except Broken as broken:
        print(broken, file=sys.stderr)
        sys.exit(2)
    except Exception:  # noqa: BLE001 (Python's own status is that of a failed test)
        traceback.print_exc()
        sys.exit(2)
