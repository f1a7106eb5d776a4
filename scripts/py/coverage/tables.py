# SPDX-License-Identifier: GPL-2.0
"""Prints the report on the terminal."""

import collections
import sys

from rich.console import Console
from rich.table import Table

from coverage.report import total


def share(ran, may):
    return f"{100 * ran / may:.1f} %" if may else "-"


def print_counts(console, groups):
    """Prints a row for each group: its blocks and instructions."""
    caption = "what ran; of what may; of all"
    table = Table("", "functions", "blocks", "", "instructions", "", caption=caption)
    for name, group in [*groups.items(), ("all", total(groups))]:
        blocks, insns = group["blocks"], group["instructions"]
        table.add_row(
            name,
            str(len(group["functions"])),
            "{} of {} of {}".format(*blocks),
            share(*blocks[:2]),
            "{} of {} of {}".format(*insns),
            share(*insns[:2]),
            end_section=name == list(groups)[-1],
        )
    console.print(table)


def print_excused(console, groups):
    """Prints a row for each excuse: how much code it excuses."""
    sums = collections.defaultdict(lambda: [0, 0])
    for group in groups.values():
        for block in group["missing"]:
            if block["excuse"]:
                sums[block["excuse"]][0] += 1
                sums[block["excuse"]][1] += block["instructions"]
    table = Table("did not run, and need not", "blocks", "instructions")
    for excuse_text, (blocks, insns) in sorted(sums.items()):
        table.add_row(excuse_text, str(blocks), str(insns))
    console.print(table)


def print_tables(groups):
    """Prints all tables."""
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    print_counts(console, groups)
    print_excused(console, groups)
