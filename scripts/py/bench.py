#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints the counts of scripts/bench, and compares them with those on record.

usage: scripts/py/bench.py [--record] RAW RECORD SERIES BUILD [BUILD_C]

RAW is a folder with the output of setns_bench: counts-BOOT.csv, and perhaps alone-BOOT.csv,
profile.csv and threads-N.csv. The least count of all boots is taken. The results come beside it, in
RAW.csv, RAW-profile.csv and RAW.json. Only RAW.json has the functions of the profile, RAW-profile.csv
has the sums. The counts on record are in RECORD.csv and RECORD-profile.csv. With --record, the
results go there. SERIES is the hash of the series. BUILD is the kernel with the Rust core. BUILD_C, if
given, is the one without, and the sizes of the code are printed.

Exit status: 0 the counts are those on record, 1 some differ, 2 there is nothing to compare, or the
script failed.
"""

import csv
import json
import pathlib
import shutil
import sys
import traceback

import figures

# The format of the JSON file
FORMAT = 1
KINDS = ("locked", "lines", "slab")
# The others depend on the addresses of objects in the few samples of a profile
COMPARED = ("locked", "slab")
# They make no call of setns(2) while they are counted. "socket" differs by an instruction from boot
# to boot. In "socket_daemon" two processes take turns.
INEXACT = {"socket", "socket_daemon"}


def read(path):
    """Returns the lines of a CSV file as dictionaries, or nothing."""
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def read_counts(path):
    """Returns {row: {column: count}}."""
    return {
        line["row"]: {name: int(count) for name, count in line.items() if name != "row"}
        for line in read(path)
    }


def least(paths):
    """Returns {row: {column: count}} of boots: the least count, and the largest spread.

    Prints which counts are not those of another boot.
    """
    result = {}
    for path in sorted(paths):
        for row, columns in read_counts(path).items():
            known = result.setdefault(row, dict(columns))
            for name, count in columns.items():
                before = known.get(name, count)
                if name != "spread" and count != before:
                    print(f"boots differ: {path.stem}, {row}, {name}: {count}, before {before}")
                known[name] = (max if name == "spread" else min)(before, count)
    return result


def merged(counts, alone):
    """Returns the counts with another column: what C costs in a kernel of its own."""
    for row, columns in counts.items():
        if row in alone:
            spread = columns.pop("spread")
            columns["c_alone"] = alone[row]["c"]
            columns["spread"] = spread
    return counts


def write_counts(counts, path):
    with path.open("w", newline="") as file:
        names = ["row", *next(iter(counts.values()))]
        writer = csv.DictWriter(file, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows({"row": row, **columns} for row, columns in counts.items())


def read_profile(path):
    """Returns {row: {column: {kind: {function: count}}}}."""
    profile = {}
    for line in read(path):
        column = profile.setdefault(line["row"], {}).setdefault(line["column"], {})
        column.setdefault(line["what"], {})[line["function"]] = int(line["count"])
    return profile


def summed(profile):
    """Returns {row: {column: {kind: count}}}, where the count is that of all functions."""
    return {
        row: {
            column: {kind: sum(kinds.get(kind, {}).values()) for kind in KINDS}
            for column, kinds in columns.items()
        }
        for row, columns in profile.items()
    }


def read_sums(path):
    """Returns what summed() does, from a file that write_sums() has written."""
    sums = {}
    for line in read(path):
        counts = {kind: int(line[kind]) for kind in KINDS}
        sums.setdefault(line["row"], {})[line["column"]] = counts
    return sums


def write_sums(sums, path):
    with path.open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "column", *KINDS))
        for row, columns in sums.items():
            writer.writerows((row, column, *counts.values()) for column, counts in columns.items())


def sizes(build, build_c):
    """Returns the bytes of machine code of both cores."""
    core = [build / figures.CORE / f"{name}.o" for name in ("rust_setns_main", "proc_ns_glue")]
    c = [build_c / "kernel/nsproxy.o"]
    return {
        "c": figures.machine_code(c, figures.C_FUNCTIONS.__contains__),
        "rust": figures.machine_code(core, lambda name: "::tests::" not in name),
    }


def table_of_counts(counts):
    """Yields lines: each count, and its ratio to C."""
    columns = [name for name in next(iter(counts.values())) if name != "spread"]
    yield "instructions, and the ratio to C"
    yield f"{'':16}" + "".join(f"{column:>16}" for column in columns)
    for name, row in counts.items():
        cells = (f"{row[column]:>9} {row[column] / row['c']:6.3f}" for column in columns)
        yield f"{name:16}" + "".join(cells)


def table_of_sums(sums):
    """Yields lines: what a call does beside running instructions."""
    columns = next(iter(sums.values()))
    yield "locked instructions, cache lines that they write, slab calls"
    yield f"{'':16}" + "".join(f"{column:>16}" for column in columns)
    for name, row in sums.items():
        cells = (row[column].values() for column in columns)
        yield f"{name:16}" + "".join("{:>8}{:>4}{:>4}".format(*cell) for cell in cells)


def outside(counts, profile):
    """Yields lines: what the counts have beside the profile, the entry into the kernel and the
    way back. It must not depend on the column."""
    found = set()
    for row, columns in profile.items():
        rest = {
            counts[row][column] - sum(kinds["instructions"].values())
            for column, kinds in columns.items()
        }
        found |= rest
        if len(rest) > 1:
            yield f"{row}: the columns have {sorted(rest)} instructions outside the call"
    yield f"instructions outside the call: {min(found)} to {max(found)}"


def table_of_threads(threads):
    """Yields lines: the ticks of threads. No number is expected."""
    yield "ticks for each call of threads, on an emulator: not exact, and not compared"
    for line in threads:
        each = int(line["ticks"]) / int(line["calls"])
        yield f"{line['threads']:>3} threads {line['column']:16}{each:>9.0f}"


def differences(now, recorded):
    """Yields what differs from the record."""
    for key in recorded.keys() | now.keys():
        if recorded.get(key) != now.get(key):
            yield f"{', '.join(key)}: {recorded.get(key)} on record, {now.get(key)} now"


def flat(counts, sums):
    """Returns {(row, column, ...): count} of all that is compared: nothing of an inexact row."""
    result = {
        (row, column): count
        for row, columns in counts.items()
        for column, count in columns.items()
        if row not in INEXACT and column != "spread"
    }
    for row, columns in sums.items():
        if row in INEXACT:
            continue
        for column, kinds in columns.items():
            for kind in COMPARED:
                result[row, column, kind] = kinds[kind]
    return result


def files(path):
    """Returns the paths of the counts and of the sums of the profile."""
    return path.with_name(f"{path.name}.csv"), path.with_name(f"{path.name}-profile.csv")


def main():
    arguments = [word for word in sys.argv[1:] if word != "--record"]
    if len(arguments) not in (4, 5):
        print(__doc__, file=sys.stderr)
        return 2
    series = arguments.pop(2)
    raw, record, *builds = map(pathlib.Path, arguments)
    counts = merged(least(raw.glob("counts-*.csv")), least(raw.glob("alone-*.csv")))
    profile = read_profile(raw / "profile.csv")
    sums = summed(profile)
    threads = [line for path in sorted(raw.glob("threads-*.csv")) for line in read(path)]
    if not counts:
        print(f"bench: '{raw}' has no counts; see the logs in it.")
        return 2
    result = {
        "format": FORMAT,
        "series_sha256": series,
        "counts": counts,
        "profile": profile,
        "threads": threads,
    }
    print("\n".join(table_of_counts(counts)))
    if profile:
        print("\n".join([*table_of_sums(sums), *outside(counts, profile)]))
    if len(builds) == 2:
        result["bytes"] = sizes(*builds)
        print("bytes of machine code: {c} in C, {rust} in Rust".format(**result["bytes"]))
    if threads:
        print("\n".join(table_of_threads(threads)))
    published = files(raw)
    write_counts(counts, published[0])
    if profile:
        write_sums(sums, published[1])
    raw.with_name(f"{raw.name}.json").write_text(json.dumps(result, indent=1) + "\n")
    if "--record" in sys.argv:
        for new, old in zip(published, files(record), strict=True):
            if new.exists():
                shutil.copy(new, old)
        return 0
    recorded, recorded_sums = files(record)
    if not recorded.exists():
        print(f"bench: there is no record; make one with --record: {recorded}")
        return 2
    before = flat(read_counts(recorded), read_sums(recorded_sums))
    different = sorted(differences(flat(counts, sums), before))
    for line in different:
        print(f"bench: {line}")
    return 1 if different else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Exception:  # noqa: BLE001 (Python's own status is that of counts that differ)
        traceback.print_exc()
        sys.exit(2)
