# SPDX-License-Identifier: GPL-2.0
"""Prints the outcomes as a table, and writes them as a file."""

import sys
from collections import defaultdict

from rich.console import Console
from rich.table import Table

from faults.outcomes import FLAGS


def in_words(sets):
    """Returns what the sets of one row have in common."""
    if len(sets) == 1:
        return " ".join(sets[0])
    every = set(sets[0]).intersection(*sets)
    some = set().union(*sets) - every
    ordered = [name for name in FLAGS if name in every]
    return " ".join([*ordered, "with any of", *(name for name in FLAGS if name in some)])


def cell(outcome):
    """Returns the text of one cell."""
    if outcome is None:
        return ""
    text = f"{outcome.failures} x {', '.join(outcome.errnos)}" if outcome.failures else "none"
    return f"{text}\n[red]leaks: {' '.join(outcome.leaked)}" if outcome.leaked else text


def print_table(rows):
    """Prints one row for all sets of a call that have the same outcomes."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    table = Table("call", "types", "sets", "C", "Rust")
    groups = defaultdict(list)
    for (call, types), outcomes in rows.items():
        # Only these two types make a difference
        special = "user" in types, "mnt" in types
        groups[call, special, tuple(map(str, outcomes))].append((types, outcomes))
    for (call, _, _), members in groups.items():
        sets = [types for types, _ in members]
        outcomes = members[0][1]
        table.add_row(call, in_words(sets), str(len(sets)), *map(cell, outcomes))
    console.print(table)


def write_sets(file, rows):
    """Writes all rows for programs; docs/results.md describes the file."""
    with file.open("w") as out:
        for (call, types), outcomes in rows.items():
            cells = [call, "+".join(types)]
            for outcome in outcomes:
                if outcome:
                    cells += [str(outcome.failures), "+".join(outcome.errnos)]
                    cells += ["+".join(outcome.leaked) or "-"]
            print(*cells, sep="\t", file=out)


def print_leaks(leaks):
    """Prints what kmemleak found on each implementation."""
    for name, functions in leaks.items():
        found = ", ".join(f"{count} x {function}" for function, count in functions.items())
        print(f"kmemleak, on {name}: {found or 'nothing'}")
