# SPDX-License-Identifier: GPL-2.0
"""Checks that the suites have seen each reason to refuse a call."""

from comparison.files import IMPLS, NAMES, TYPES
from kernel_log import LISTS


def expected_reasons(config):
    """Returns the (type, reason) that scripts/lists/refusals says the suites reach.

    The type is empty if no namespace refuses, and "*" if any may.
    """
    expected = set()
    for line in (LISTS / "refusals").read_text().splitlines():
        if not line.startswith("\t"):
            continue
        _, reach, name, *_ = line[1:].split("\t")
        kind, _, reason = name.rpartition(":")
        built_in = kind not in TYPES or config.get(f"CONFIG_{TYPES[kind]}") == "y"
        if reach == "yes" and built_in:
            expected.add((kind, reason))
    return expected


def seen_reasons(suites, impl):
    """Returns the (type, reason) of all refusals that the traces of an implementation have."""
    seen = set()
    for suite in suites:
        if impl in suite.runs:
            seen.update(suite.runs[impl].trace.reasons())
    return seen | {("*", reason) for _, reason in seen}


def all_ran(suites):
    """Returns whether all our suites have run that are traced."""
    lines = (LISTS / "suites").read_text().splitlines()
    ours = {line for line in lines if line.startswith("setns:") and " " not in line}
    return bool(ours) and ours <= {suite.name for suite in suites}


def check_reasons(suites, config, problems):
    """Adds the reasons that no call was refused for."""
    if not all_ran(suites):
        return
    for impl in IMPLS:
        for kind, reason in sorted(expected_reasons(config) - seen_reasons(suites, impl)):
            name = f"{kind}:{reason}" if kind else reason
            problems.add(f"no call was refused for {name} on {NAMES[impl]}", impl)
