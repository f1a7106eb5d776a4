# SPDX-License-Identifier: GPL-2.0
"""Reads the lists in scripts/lists and the small files that a run leaves."""

import re

from comparison.problems import Broken
from kernel_log import read_lines

IMPLS = ("c", "rust")
NAMES = {"c": "C", "rust": "Rust", "both": "both"}
# The characters that XML cannot hold
UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(file):
    """Returns the text of a file. A test may have written any bytes into it."""
    return UNPRINTABLE.sub("\ufffd", file.read_text(errors="replace"))


def read_known():
    """Returns {suite: {case: reason}} of the cases that may fail."""
    known = {}
    for (suite, case), reason in read_lines("known-failures"):
        known.setdefault(suite, {})[case] = reason
    return known


def read_skips(config):
    """Returns {suite: cases} of the cases that this kernel may skip."""
    skips = {}
    for (suite, case, option), _ in read_lines("known-skips"):
        name, _, value = option.partition("=")
        if config.get(f"CONFIG_{name}") != (value or "y"):
            skips.setdefault(suite, set()).add(case)
    return skips


def read_served(file):
    """Returns {suite: (exit status, calls served by each implementation)}."""
    served = {}
    for line in file.read_text().splitlines() if file.exists() else ():
        suite, status, c, rust = line.split()
        served[suite] = int(status), {"c": int(c), "rust": int(rust)}
    return served


def read_of_run(file):
    """Returns the lines of a file that scripts/run writes before the tests start."""
    if not file.exists():
        raise Broken(f"'{file}' is missing: this is no folder of scripts/run.")
    return file.read_text().splitlines()


def read_config(file):
    """Returns {option: value} of the kernel's configuration."""
    lines = (line for line in read_of_run(file) if line.startswith("CONFIG_"))
    return dict(line.split("=", 1) for line in lines)


def read_facts(file):
    """Returns what scripts/run noted about the kernel and the tools."""
    return dict(line.split(" ", 1) for line in read_of_run(file))
