# SPDX-License-Identifier: GPL-2.0
"""Reads the lists in scripts/lists and the small files that a run leaves."""

import re

from comparison.problems import Broken
from kernel_log import read_lines

IMPLS = ("c", "rust")
NAMES = {"c": "C", "rust": "Rust", "both": "both"}
# The option of each type of namespaces that can be left out
TYPES = {
    "user": "USER_NS",
    "uts": "UTS_NS",
    "ipc": "IPC_NS",
    "pid": "PID_NS",
    "cgroup": "CGROUPS",
    "net": "NET_NS",
    "time": "TIME_NS",
}
# Whose cases the collections of scripts/lists/suites are
ORIGINS = {"setns": "this series", "trace_setns": "this series", "samples": "the samples"}
# The characters that XML cannot hold
UNPRINTABLE = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def read_text(file):
    """Returns the text of a file. A test may have written any bytes into it."""
    return UNPRINTABLE.sub("\ufffd", file.read_text(errors="replace"))


def origin_of(suite):
    """Returns whose cases a suite has, by its name."""
    return ORIGINS.get(suite.partition(":")[0], "upstream")


def read_known():
    """Returns {suite: {case: reason}} of the cases that may fail."""
    known = {}
    for (suite, case), reason in read_lines("known-failures"):
        known.setdefault(suite, {})[case] = reason
    return known


class Skips:
    """The cases that a kernel with this configuration may skip."""

    def __init__(self, config):
        self.listed = {}
        for (suite, case, option), _ in read_lines("known-skips"):
            name, _, value = option.partition("=")
            if config.get(f"CONFIG_{name}", "n") != (value or "y"):
                self.listed.setdefault(suite, set()).add(case)
        self.absent_types = {
            name for name, option in TYPES.items() if config.get(f"CONFIG_{option}") != "y"
        }

    def allow(self, suite, case, reasons):
        """Returns whether scripts/lists/known-skips has the case, or a type is not built in.

        Our suites say which types they miss: "no time namespaces", "no uts or no pid namespaces".
        """
        if case in self.listed.get(suite, ()):
            return True
        found = [re.fullmatch(r"no (\w+)(?: or no (\w+))? namespaces", text) for text in reasons]
        return suite.startswith("setns:") and all(
            match and self.absent_types & set(match.groups()) for match in found
        )


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
