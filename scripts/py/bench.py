#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints the counts of scripts/bench, and compares them with those on record.

usage: scripts/py/bench.py [--record] COUNTS RECORD

Both files are CSV: a row of work, the columns with an implementation each, and the spread of the
samples. With --record, COUNTS becomes RECORD. A JSON file is written beside COUNTS.

Exit status: 0 the counts are those on record, 1 some differ, 2 there is nothing to compare.
"""

import csv
import json
import pathlib
import shutil
import sys


def read_counts(path):
    """Returns the columns and, for each row, the count in each column."""
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        rows = {row["row"]: {k: int(v) for k, v in row.items() if k != "row"} for row in reader}
    columns = [name for name in reader.fieldnames or () if name not in ("row", "spread")]
    return columns, rows


def table(columns, rows):
    """Yields the lines of the table: each count, and its ratio to C."""
    yield f"{'':16}" + "".join(f"{column:>16}" for column in columns)
    for name, counts in rows.items():
        cells = (f"{counts[column]:>9} {counts[column] / counts['c']:6.3f}" for column in columns)
        yield f"{name:16}" + "".join(cells)


def differences(rows, recorded):
    """Yields what differs from the record."""
    for name in recorded.keys() - rows.keys():
        yield f"row {name} is on record, and was not counted"
    for name, counts in rows.items():
        old = recorded.get(name)
        if old is None:
            yield f"row {name} is not on record"
            continue
        for column, count in counts.items():
            if column != "spread" and old.get(column) != count:
                yield f"{name}, {column}: {old.get(column)} on record, {count} now"


def main():
    files = [pathlib.Path(argument) for argument in sys.argv[1:] if argument != "--record"]
    if len(files) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    counts, record = files
    columns, rows = read_counts(counts)
    if not rows or "c" not in columns:
        print(f"bench: '{counts}' has no counts; see the log beside it.")
        return 2
    print("\n".join(table(columns, rows)))
    counts.with_suffix(".json").write_text(json.dumps(rows, indent=1) + "\n")
    if "--record" in sys.argv:
        shutil.copy(counts, record)
        return 0
    if not record.exists():
        print(f"bench: there is no record; make one with --record: {record}")
        return 2
    different = list(differences(rows, read_counts(record)[1]))
    for line in different:
        print(f"bench: {line}")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
