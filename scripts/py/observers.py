#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Compares the table in docs/observers.md with what kprobes have seen in a run.

usage: scripts/py/observers.py [--write] KTAP PAGE

KTAP is the output of the selftest observer_test. Its lines "# hits CALL FUNCTION C COPY IN_PLACE" say
how often a kprobe on the function fired in the call: on C, on Rust with the algorithm of C, and on
Rust in place. With --write, the script puts the table into PAGE, between two comments.

Exit status: 0 the table is right, 1 it is not, or a kprobe did not fire on C, 2 there is no
table, or a file cannot be opened.
"""

import pathlib
import re
import sys

BEGIN = "<!-- table: scripts/py/observers.py -->\n"
END = "<!-- end of the table -->\n"


def read_hits(ktap):
    """Returns the calls and the functions in their order, and the three numbers of hits of each."""
    calls, functions, hits = {}, {}, {}
    for call, function, *numbers in re.findall(
        r"^# hits (\S+) (\S+) (\d+) (\d+) (\d+)$", ktap, re.MULTILINE
    ):
        calls[call] = functions[function] = True
        hits[function, call] = tuple(numbers)
    # The hooks of security modules come last, the others as they first fire
    functions = sorted(functions, key=lambda name: name.startswith("security_"))
    return list(calls), functions, hits


def cell(hits):
    """Returns the hits as text: one number, or three if they differ."""
    if len(set(hits)) == 1:
        return "" if hits[0] == "0" else hits[0]
    return f"**{', '.join(hits)}**"


def table(calls, functions, hits):
    """Yields the lines of the table."""
    yield "| function | " + " | ".join(f"`{call}`" for call in calls) + " |\n"
    yield "|---" * (len(calls) + 1) + "|\n"
    for function in functions:
        cells = (cell(hits.get((function, call), ("0", "0", "0"))) for call in calls)
        yield f"| `{function}` | " + " | ".join(cells) + " |\n"


def main():
    write = "--write" in sys.argv
    files = [argument for argument in sys.argv[1:] if argument != "--write"]
    if len(files) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    page = pathlib.Path(files[1])
    calls, functions, hits = read_hits(pathlib.Path(files[0]).read_text())
    if not hits:
        print(f"observers: '{files[0]}' has no hits; run the suite on the flavour distro.")
        return 2
    text = page.read_text()
    if (text.count(BEGIN), text.count(END)) != (1, 1):
        print(f"observers: {page} has no place for the table; put two lines into it:")
        print(f"{BEGIN}{END}", end="")
        return 2
    before, _, rest = text.partition(BEGIN)
    old, _, after = rest.partition(END)
    new = "\n" + "".join(table(calls, functions, hits)) + "\n"
    if write:
        page.write_text(before + BEGIN + new + END + after)
    elif old != new:
        print(f"observers: the table in {page} is not what kprobes have seen in this run.")
        print(f"    Write it: scripts/py/observers.py --write {' '.join(files)}")
        return 1
    seen_on_c = {function for (function, _), numbers in hits.items() if numbers[0] != "0"}
    for name in set(functions) - seen_on_c:
        print(f"observers: a kprobe on {name} fires on Rust, but never on C.")
    return 0 if seen_on_c == set(functions) else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except OSError as error:
        print(f"observers: cannot open '{error.filename}': {error.strerror}.", file=sys.stderr)
    sys.exit(2)
