# SPDX-License-Identifier: GPL-2.0
"""Compares the reasons of the calls that failed because an allocation did."""

import re

from comparison.trace import GAP
from faults.outcomes import IMPLS, NAMES, Unclear

EVENT = re.compile(
    r": setns_refused: reason=(?P<reason>\S+) type=(?P<type>\S+) error=(?P<error>\d+) "
    r"fd_kind=(?P<fd_kind>\S+) asked=(?P<asked>\S+) "
)
# What scripts/lists/refusals says of allocations: the type and the reason
EXPECTED = {
    "rust": {
        ("none", "NO_MEMORY"),
        ("user", "NO_MEMORY"),
        ("user", "NO_UCOUNTS"),
        ("mnt", "NO_ROOT"),
    }
}
# Rust does not allocate a fs_struct
EXPECTED["c"] = EXPECTED["rust"] | {("mnt", "NO_MEMORY")}


def read_refusals(text):
    """Returns the refusals in a trace, each once: how often one occurs is a matter of chance."""
    return {tuple(event.groupdict().values()) for event in EVENT.finditer(text)}


def only_c_has(refusal):
    """Returns whether Rust makes no such refusal: checks.spared() names the allocations."""
    reason, type_, _, _, asked = refusal
    return reason == "NO_MEMORY" and (type_ == "mnt" or type_ == "none" and asked == "user")


def check_reasons(traces):
    """Yields the refusals that only one implementation has, and those that are missing."""
    refusals = {impl: read_refusals(traces[impl]) for impl in IMPLS}
    for impl, other in zip(IMPLS, reversed(IMPLS), strict=True):
        kept = re.search(r"entries-written: (\d+)/(\d+)", traces[impl])
        if not kept or kept[1] != kept[2] or GAP.search(traces[impl]):
            raise Unclear(f"The trace on {NAMES[impl]} has lost events, or is none.")
        alone = sorted(refusals[impl] - refusals[other])
        if impl == "c":
            alone = [refusal for refusal in alone if not only_c_has(refusal)]
        if alone:
            first = " ".join(alone[0])
            yield f"{len(alone)} refusals of {NAMES[impl]} alone, the first one: {first}"
        seen = {(type_, reason) for reason, type_, *_ in refusals[impl]}
        for type_, reason in sorted(EXPECTED[impl] - seen):
            yield f"no call on {NAMES[impl]} was refused for {type_}:{reason}"
