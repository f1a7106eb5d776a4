# SPDX-License-Identifier: GPL-2.0
"""Prints a run on the terminal."""

import sys

from rich.console import Console
from rich.table import Table

from comparison.files import IMPLS, ORIGINS, origin_of
from comparison.summary import count


def in_words(counts):
    """Returns the text of one cell of the table."""
    text = f"{counts['passed']} ok"
    for kind, name in (("skipped", "skipped"), ("known", "known to fail"), ("failed", "failed")):
        if counts[kind]:
            text += f", {counts[kind]} {name}"
    return f"[red]{text}" if counts["failed"] or not sum(counts.values()) else text


def count_by_origin(suites):
    """Returns how many cases come from the series, from the samples and from upstream."""
    counts = dict.fromkeys([*ORIGINS.values(), "upstream"], 0)
    for suite in suites:
        counts[origin_of(suite.name)] += len(list(suite.cases()))
    return counts


def print_table(suites, calls):
    """Prints a row for each suite, then the totals."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 100)
    table = Table("suite", "cases", "C", "Rust")
    for suite in suites:
        cells = [in_words(count(suite, [column])) for column in suite.runs]
        if "both" in suite.runs:
            cells.insert(0, "switching")
        table.add_row(suite.name, str(len(list(suite.cases()))), *cells)
    table.add_section()
    for whose, cases in count_by_origin(suites).items():
        table.add_row(f"cases of {whose}", str(cases))
    table.add_row("setns(2)", "", *(f"{calls[impl][impl]} calls served" for impl in IMPLS))
    console.print(table)


def print_misaligned(accepted):
    """Prints the misaligned accesses that are no failure, as scripts/lists/setns-files says."""
    for file, accesses in sorted(accepted.items()):
        print(f"misaligned, but no failure: {file}: {accesses}")
    if accepted:
        print(f"misaligned, but no failure: {accepted.total()} in all")


def print_problems(problems, folder):
    """Prints each problem, and the log that shows it."""
    for problem in problems:
        name = f"{problem['suite']}: " if problem["suite"] else ""
        print(f"FAILED: {name}{problem['what']}. Log: {folder / problem['log']}")


def print_counts(counts):
    """Prints how many cases had each verdict."""
    known = f", {counts['known']} known to fail" if counts["known"] else ""
    print(
        f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped{known}"
    )
