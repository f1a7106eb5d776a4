# SPDX-License-Identifier: GPL-2.0
"""Reads what came of each set of namespace types when an allocation failed."""

import errno
import re
from collections import defaultdict, namedtuple

IMPLS = ("c", "rust")
NAMES = {"c": "C", "rust": "Rust"}
TYPES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "cgroup": 0x2000000,
    "net": 0x40000000,
    "time": 0x80,
}
# create_new_namespaces() looks at one more flag: an empty mount namespace
FLAGS = TYPES | {"empty": 1 << 37}
# C reaches create_new_namespaces() through unshare(2)
CREATE = "create_new_namespaces"
SWEEP = re.compile(
    r"^# (?P<call>(?:nsfd|pidfd)(?:-alone)?|unshare)(?P<types>(?: \w+)+): (?P<failures>\d+) failures:"
    r"(?P<errnos>[ A-Z]*), leaked:(?P<leaked>[ \w]*)$",
    re.MULTILINE,
)
CREATED = re.compile(
    r"create_new_namespaces (?P<flags>0x[0-9a-f]+): (?P<failures>\d+) failures: \[(?P<errnos>.*)\]"
)
COUNTED = re.compile(r"^namespaces (before|after): (\w+) (\d+)$", re.MULTILINE)
FRAME = re.compile(r"^ +(\w+)\+0x", re.MULTILINE)
ALLOCATOR = re.compile(r"_noprof$|^kmemleak_alloc")

# How many calls failed for one set of types, with which errnos, and what they leaked
Outcome = namedtuple("Outcome", "failures errnos leaked")


class Unclear(Exception):
    """The results cannot be judged."""


def read(file):
    """Returns the text of a file that must be there."""
    if not file.exists():
        raise Unclear(f"'{file}' is missing.")
    return file.read_text(errors="replace")


def read_sweeps(text):
    """Returns {(call, types): Outcome} from the output of fault_test."""
    sweeps = {}
    for line in SWEEP.finditer(text):
        outcome = Outcome(int(line["failures"]), line["errnos"].split(), line["leaked"].split())
        call = line["call"].replace("unshare", CREATE)
        sweeps[call, tuple(line["types"].split())] = outcome
    return sweeps


def read_created(text):
    """Returns {(call, types): Outcome} from the KUnit tests of the Rust core. If they ran more than
    once, a set has the errnos of all runs and the fewest failures of one run."""
    created = {}
    for line in CREATED.finditer(text):
        flags = int(line["flags"], 16)
        types = tuple(name for name, bit in FLAGS.items() if flags & bit)
        errnos = [errno.errorcode[-int(number)] for number in line["errnos"].split(",") if number]
        failures = int(line["failures"])
        if before := created.get((CREATE, types)):
            failures = min(failures, before.failures)
            errnos = sorted({*errnos, *before.errnos})
        created[CREATE, types] = Outcome(failures, errnos, [])
    return created


def read_counts(text):
    """Returns how many namespaces of each type there were before and after the KUnit tests."""
    counts = {"before": {}, "after": {}}
    for when, name, count in COUNTED.findall(text):
        counts[when][name] = int(count)
    return counts


def read_leaks(text):
    """Returns {function: count} of the functions that allocated what kmemleak found."""
    functions = defaultdict(int)
    for report in text.split("unreferenced object")[1:]:
        # The caller of the allocator is of interest, not the allocator
        frames = [name for name in FRAME.findall(report) if not ALLOCATOR.search(name)]
        functions[frames[0] if frames else "unknown"] += 1
    return dict(functions)
