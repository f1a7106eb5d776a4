#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Draws a run of make run as an SVG, for the top of README.md.

usage: scripts/py/picture.py RESULTS PICTURE [--check]

RESULTS is a folder that scripts/run has filled. The picture shows its table: the suites of the
series, the first ones of upstream, and all totals. With --check, the script draws nothing, and
says whether PICTURE shows these suites and totals, with the numbers of cases of the run, and no
failure.

Exit status: 0 drawn, or the numbers are the same; 1 they are not, or there is no run to compare;
2 there is no run to draw.
"""

import io
import json
import pathlib
import re
import sys

from rich.console import Console
from rich.table import Table

from comparison.files import ORIGINS, origin_of

# How many suites of upstream the picture shows
UPSTREAM = 4


def verdicts(suite, column):
    """Returns the text of a cell."""
    found = [case[column] for case in suite["cases"] if column in case]
    skipped = found.count("skipped")
    return f"{found.count('passed')} ok" + (f", {skipped} skipped" if skipped else "")


def cells(suite):
    if "both" in suite["status"]:
        return "switching", verdicts(suite, "both")
    return verdicts(suite, "c"), verdicts(suite, "rust")


def totals(summary):
    """Returns the number of cases from the series, from the samples and from upstream."""
    cases = dict.fromkeys([*ORIGINS.values(), "upstream"], 0)
    for suite in summary["suites"]:
        cases[origin_of(suite["name"])] += len(suite["cases"])
    return {f"cases of {origin}": count for origin, count in cases.items()}


def shown(summary):
    """Returns the suites that the picture shows: some of upstream, and all of this repository."""
    upstream = [s for s in summary["suites"] if origin_of(s["name"]) == "upstream"]
    return upstream[:UPSTREAM], [s for s in summary["suites"] if s not in upstream]


def table(summary):
    upstream, ours = shown(summary)
    result = Table("suite", "cases", "C", "Rust")
    for suite in upstream:
        result.add_row(suite["name"], str(len(suite["cases"])), *cells(suite))
    result.add_row("…", "", "", "")
    for suite in ours:
        result.add_row(suite["name"], str(len(suite["cases"])), *cells(suite))
    result.add_section()
    for name, count in totals(summary).items():
        result.add_row(name, str(count), "", "")
    calls = [f"{summary['calls'][impl][impl]} calls served" for impl in ("c", "rust")]
    result.add_row("setns(2)", "", *calls)
    return result


def draw(summary, picture):
    console = Console(record=True, width=92, file=io.StringIO(), highlight=False)
    console.print("[bold]$ make run")
    console.print("==> installing packages, getting the kernel source, building  [dim]…")
    build = summary["build"]
    where = f"{build['architecture']}-{build['flavour']} with {build['acceleration']}"
    console.print(f"==> booting Linux {where}")
    console.print(table(summary))
    counts = summary["counts"]
    console.print(", ".join(f"{counts[kind]} {kind}" for kind in ("passed", "failed", "skipped")))
    svg = console.export_svg(title=f"Linux {build['kernel']}", unique_id="run")
    # A picture loads nothing from the network, and so names no font that it does not have
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    picture.write_text("".join(f"{line.rstrip()}\n" for line in svg.splitlines()))


def text_of(picture):
    """Returns the words of an SVG."""
    return re.sub(r"<[^>]*>", " ", picture.read_text()).replace("&#160;", " ")


def check(summary, picture):
    """Returns what the picture does not show, but should."""
    text = text_of(picture) if picture.exists() else ""
    rows = {s["name"]: len(s["cases"]) for suites in shown(summary) for s in suites}
    missing = [
        f"{name}: {count}"
        for name, count in (rows | totals(summary)).items()
        if not re.search(rf"{re.escape(name)}\s*│\s*{count}\s*│", text)
    ]
    one_word = text.count("failed") == 1 and re.search(r"\d passed, 0 failed,", text)
    return missing if one_word else [*missing, "0 failed"]


def main():
    if len(sys.argv) not in (3, 4) or sys.argv[3:] not in ([], ["--check"]):
        print(
            "picture: bad arguments; the first lines of the script have its usage.", file=sys.stderr
        )
        return 2
    summary_file, picture = pathlib.Path(sys.argv[1]) / "summary.json", pathlib.Path(sys.argv[2])
    if not summary_file.exists():
        print(f"picture: '{summary_file}' is missing; run make run first.", file=sys.stderr)
        return 1 if sys.argv[3:] else 2
    summary = json.loads(summary_file.read_text())
    if sys.argv[3:]:
        missing = check(summary, picture)
        for row in missing:
            print(f"FAILED: {picture} does not show '{row}'; draw it again with {sys.argv[0]}")
        return 1 if missing else 0
    draw(summary, picture)
    return 0


if __name__ == "__main__":
    sys.exit(main())
