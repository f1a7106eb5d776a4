# SPDX-License-Identifier: GPL-2.0
"""Makes summary.json, which docs/results.md describes."""

from collections import Counter

from comparison.files import NAMES

KINDS = ("passed", "failed", "skipped", "known")


def count(suite, columns=NAMES):
    """Counts the verdicts of each kind. A failure that is allowed counts as "known"."""
    counts = Counter(dict.fromkeys(KINDS, 0))
    for name, cases in suite.cases():
        known = suite.is_known(name, {case.verdict for case in cases.values()})
        for column in cases.keys() & set(columns):
            verdict = cases[column].verdict
            if verdict not in ("passed", "skipped"):
                verdict = "known" if known else "failed"
            counts[verdict] += 1
    return counts


def describe(suite):
    """Returns a suite in the form that summary.json has."""
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


def summarise(outcome, facts):
    """Returns what goes into summary.json."""
    counts = sum(map(count, outcome.suites), Counter())
    return {
        "format": 1,
        "passed": not outcome.problems,
        "counts": {kind: counts[kind] for kind in KINDS},
        "problems": outcome.problems,
        "build": facts,
        "calls": outcome.calls,
        "misaligned": outcome.misaligned,
        "suites": [describe(suite) for suite in outcome.suites],
    }
