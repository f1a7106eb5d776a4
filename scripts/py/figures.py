#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Prints the size of the Rust core and of its counterpart in C, and the verdicts of the tests.

usage: scripts/py/figures.py KERNEL_SOURCE BUILD RESULTS SERIES DIFF

KERNEL_SOURCE is a tree with the series, and BUILD a build of it with the Rust core built in.
The script counts lines of code, unsafe blocks, and bytes of machine code. It leaves out the
KUnit tests of the Rust core. From kernel/nsproxy.c it counts only the functions that make up
setns(2). The verdicts are those of the runs in RESULTS. Runs of a series whose hash is not
SERIES are left out. DIFF is what the series changes: from it come the exports, and the costs
for a kernel with Rust and without the core. The instructions of a call are those on record for
make bench. scripts/series starts the script, for the cover letter.
"""

import csv
import json
import pathlib
import re
import subprocess
import sys

CORE = "kernel/rust_setns"
# The functions of kernel/nsproxy.c that the Rust core replaces
C_FUNCTIONS = [
    "create_nsproxy",
    "create_new_namespaces",
    "check_setns_flags",
    "put_nsset",
    "prepare_nsset",
    "validate_ns",
    "validate_nsset",
    "commit_nsset",
    "do_setns",
]


def code(text):
    """Returns the lines of C or Rust that have code."""
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    lines = (line.split("//")[0].strip() for line in text.splitlines())
    return [line for line in lines if line]


def without_tests(text):
    """Returns a Rust file without its KUnit tests, which are at its end."""
    return re.split(r"#\[cfg\(CONFIG_RUST_SETNS_KUNIT_TEST\)\]\n#\[kunit_tests", text)[0]


def c_functions(text):
    """Yields the definitions of C_FUNCTIONS."""
    for name in C_FUNCTIONS:
        definition = rf"^[a-z][^;{{}}()]*\b{name}\([^;{{}}]*\)\n{{\n.*?^}}$"
        found = re.search(definition, text, re.MULTILINE | re.DOTALL)
        if not found:
            sys.exit(f"figures: kernel/nsproxy.c has no {name}(); is the series on this tree?")
        yield found.group()


def nm(*arguments):
    """Returns what llvm-nm prints."""
    command = ["llvm-nm-22", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def machine_code(objects, counts):
    """Returns the size in bytes of the functions for which counts(name) is true."""
    functions = re.findall(
        r"^[0-9a-f]+ ([0-9a-f]+) [tT] (.*)$", nm("-C", "-S", *objects), re.MULTILINE
    )
    return sum(int(size, 16) for size, name in functions if counts(name))


def compiled_helpers(build):
    """Returns the names of all helpers in the build, which has them as bitcode or as an object."""
    file = min(build.glob("rust/helpers/helpers.[bo]*"))
    return set(nm("--defined-only", "--format=just-symbols", file).split())


def costs_without(diff, names):
    """Returns what DIFF adds to every kernel with Rust: the numbers of headers and of helpers.

    The core's own header is included by its path, and does not count. The second number of
    helpers is how many of them are among NAMES.
    """
    bindings = re.search(
        r"^\+\+\+ b/rust/bindings/.*?(?=^diff |\Z)", diff, re.MULTILINE | re.DOTALL
    )
    headers = re.findall(r"^\+#include <", bindings.group(), re.MULTILINE)
    helpers = set(re.findall(r"^\+.*\b(rust_helper_\w+)\(", diff, re.MULTILINE))
    return len(headers), len(helpers), len(helpers & names)


def print_verdicts(results, series):
    """Prints for each run how many cases had each verdict, and who served the calls."""
    for file in sorted(results.glob("*/summary.json")):
        summary = json.loads(file.read_text())
        if summary["build"].get("series_sha256") != series:
            print(f" - selftests, {file.parent.name}: left out, as they ran on another series")
            continue
        counts = ", ".join(f"{count} {verdict}" for verdict, count in summary["counts"].items())
        calls = summary["calls"]
        print(f" - selftests, {file.parent.name}: {counts};")
        print(f"   {calls['c']['c']} calls served by C, {calls['rust']['rust']} by Rust")


def print_instructions(record):
    """Prints the instructions of each call on record, and how they compare with C."""
    with record.open(newline="") as file:
        rows = list(csv.DictReader(file))
    print(" - instructions of a whole system call under QEMU, and the ratio to C:")
    print(f"   {'':18}{'C':>6}{'Rust':>8}{'copy':>8}{'C in place':>12}")
    for row in rows:
        c = int(row["c_alone"])
        rust, copy, in_place = (
            f"{int(row[column]) / c:.2f}" for column in ("rust", "rust_copy", "c_in_place")
        )
        print(f"   {row['row']:18}{c:>6}{rust:>8}{copy:>8}{in_place:>12}")
    print("   (C: in a kernel without the core. Copy: Rust with the algorithm of C. C in place: an")
    print("   experiment that is not in this series)")


def main():
    if len(sys.argv) != 6:
        print(
            "figures: bad arguments; the first lines of the script have its usage.", file=sys.stderr
        )
        sys.exit(2)
    source, build, results = map(pathlib.Path, sys.argv[1:4])
    rust = {file.name: file.read_text() for file in sorted((source / CORE).glob("*.rs"))}
    c = "\n".join(c_functions((source / "kernel/nsproxy.c").read_text()))
    core = {name: code(without_tests(text)) for name, text in rust.items()}
    unsafe = {name: sum("unsafe {" in line for line in lines) for name, lines in core.items()}
    glue = [code(file.read_text()) for file in (source / CORE).glob("*.[ch]")]

    objects = [build / CORE / name for name in ("rust_setns_main.o", "proc_ns_glue.o")]
    rust_bytes = machine_code(objects, lambda name: "::tests::" not in name)
    c_bytes = machine_code([build / "kernel/nsproxy.o"], C_FUNCTIONS.__contains__)

    diff = pathlib.Path(sys.argv[5]).read_text()
    headers, helpers, compiled = costs_without(diff, compiled_helpers(build))

    safe = [name for name, count in unsafe.items() if not count]
    print("Figures, C beside Rust:")
    print(f" - lines of code: {len(code(c))}, {sum(map(len, core.values()))};")
    print(f"   and {sum(map(len, glue))} of C for the dispatcher and the glue")
    print(f" - bytes of machine code, {build.name}: {c_bytes}, {rust_bytes}")
    print(f" - unsafe blocks: {sum(unsafe.values())}, none in {len(safe)} of {len(rust)} files")
    print(f" - exports: {len(re.findall('^[+]EXPORT_SYMBOL', diff, re.MULTILINE))}")
    print(f" - with RUST and without RUST_SETNS: bindgen reads {headers} more headers, and of the")
    print(f"   {helpers} new helpers, {compiled} are compiled in this configuration")
    print_instructions(pathlib.Path(__file__).parent.parent / "lists/bench-x86_64.csv")
    print_verdicts(results, sys.argv[4])


if __name__ == "__main__":
    main()
