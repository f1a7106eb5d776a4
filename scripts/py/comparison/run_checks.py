# SPDX-License-Identifier: GPL-2.0
"""Finds what is wrong with a run as a whole: kernel logs, kmemleak, counters."""

from collections import Counter

from comparison.files import IMPLS, NAMES, read_text
from kernel_log import first_complaint, has_beginning, misaligned


def check_dmesg(folder, column, config, problems):
    """Adds the first complaint of the kernel.

    Returns {file: count} of the misaligned accesses that are no complaint.
    """
    log, name = f"{column}/dmesg", NAMES.get(column, column)
    lines = read_text(folder / log).splitlines() if (folder / log).exists() else []
    if not any(lines):
        problems.add(f"no kernel log of {name}", log)
    elif not has_beginning(lines):
        problems.add(f"the kernel log of {name} has lost its beginning", log)
    accepted = misaligned(lines) if "CONFIG_UBSAN_ALIGNMENT" in config else {}
    index = first_complaint(lines, accepted)
    if index is not None:
        what = f"the kernel complained: {lines[index].strip()}"
        problems.add(what, log, excerpt=lines[max(0, index - 2) :])
    return Counter(accepted.values())


def check_leaks(folder, column, config, problems):
    """Adds what kmemleak found, if the kernel has it."""
    if "CONFIG_DEBUG_KMEMLEAK" not in config:
        return
    log = f"{column}/kmemleak"
    if not (folder / log).exists():
        problems.add(f"kmemleak was not asked, on {NAMES[column]}", log)
    elif (text := read_text(folder / log)).strip():
        what = f"kmemleak: {text.count('unreferenced object')} objects, on {NAMES[column]}"
        problems.add(what, log, excerpt=text.splitlines())


def check_served(suites, calls, problems):
    """Adds the columns whose calls were not all served by their own implementation.

    A column in which no suite had to make a call is left out.
    """
    for impl, other in (IMPLS, IMPLS[::-1]):
        by = calls[impl]
        if (
            not any(impl in suite.runs and not suite.is_idle() for suite in suites)
            and not by[other]
        ):
            continue
        if by[other] or not by[impl]:
            what = f"the column of {NAMES[impl]} was not served by {NAMES[impl]}"
            problems.add(f"{what}: {by['c']} calls by C, {by['rust']} by Rust", f"{impl}/served")
