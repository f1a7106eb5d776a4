# SPDX-License-Identifier: GPL-2.0
"""Checks the outcomes of C and Rust, the KUnit tests, kmemleak and the kernel logs."""

import re

from faults.outcomes import CREATE, IMPLS, NAMES, TYPES
from kernel_log import first_complaint, has_beginning

# How many sets of types each call must try
SETS = {"nsfd": 8, "pidfd": 255, "nsfd-alone": 8, "pidfd-alone": 22, CREATE: 30}
CREATABLE = [name for name in TYPES if name != "user"]


def known_leak(call, types, outcome):
    """Returns whether C without the fix leaked what it must, and nothing else."""
    leaks = call.startswith("pidfd") and {"user", "mnt"} <= {*types}
    return outcome.leaked == (["user"] if leaks else [])


def spared(call, types):
    """Returns how many of C's allocations Rust does without: the nsproxy for a user namespace alone
    and for a caller that does not share its own, and the fs_struct for a mount namespace and
    another one."""
    return (types == ("user",) or call.endswith("-alone")) + (len(types) > 1 and "mnt" in types)


def alike(call, types, c, rust):
    """Returns whether C and Rust failed in the same way."""
    if call != CREATE:
        failures = c.failures - spared(call, types)
        return (failures, c.errnos if failures else []) == (rust.failures, rust.errnos)
    # unshare(2) makes allocations of its own, which give ENOMEM, so the number of failures
    # differs. A network namespace takes hundreds of allocations. All of them failed once on
    # Rust, but only some on C, and a single one may give another errno. So Rust may have
    # errnos here that C lacks.
    if "net" in types:
        return {*c.errnos} <= {*rust.errnos}
    return {*c.errnos} == {*rust.errnos}


def check_sets(rows, unfixed):
    """Yields the sets that are missing, that differ between C and Rust, or that leak."""
    for call, count in SETS.items():
        for i, impl in enumerate(IMPLS):
            tried = sum(row == call and bool(outcomes[i]) for (row, _), outcomes in rows.items())
            if tried != count:
                yield f"{tried} of {count} sets were tried by {call} on {NAMES[impl]}"
    for (call, types), (c, rust) in rows.items():
        name = f"{call} {' '.join(types)}"
        if not c or not rust:
            continue
        if not alike(call, types, c, rust):
            yield f"{name}: C and Rust differ"
        if rust.leaked:
            yield f"{name}: Rust leaks {' '.join(rust.leaked)}"
        if not (known_leak(call, types, c) if unfixed else not c.leaked):
            yield f"{name}: C leaks {' '.join(c.leaked) or 'nothing'}"


def check_kmemleak(leaks, unfixed):
    """Yields the leaks that kmemleak should not have found, and those that it missed."""
    for name, functions in leaks.items():
        expected = {"prepare_creds"} if unfixed and name == "C" else set()
        if functions.keys() != expected:
            yield f"kmemleak, on {name}: {functions or 'nothing'}"


def check_kunit(text, created, counts):
    """Yields what is wrong with the KUnit tests, and the namespaces that they leave."""
    refused = sum(outcome.failures > 0 for outcome in created.values())
    if refused != SETS[CREATE]:
        yield f"allocations of the KUnit tests failed for {refused} of {SETS[CREATE]} sets"
    verdicts = re.findall(
        r"^\[[^]]*\] *((?:not )?ok) \d+ rust_setns_create(.*)$", text, re.MULTILINE
    )
    if {*verdicts} != {("ok", "")}:
        yield "the KUnit tests of create_new_namespaces() failed"
    for name in CREATABLE:
        before, after = (counts[when].get(name) for when in ("before", "after"))
        if before is None or after is None:
            yield f"create_new_namespaces on Rust: nobody has counted namespaces of type {name}"
        elif before != after:
            yield f"create_new_namespaces on Rust leaks {name}: {after} are left, of {before}"


def check_log(name, text):
    """Yields the first complaint of the kernel, and whether the log is cut."""
    lines = text.splitlines()
    if not has_beginning(lines):
        yield f"the kernel log has lost its beginning, or is none: {name}"
    index = first_complaint(lines)
    if index is not None:
        yield f"the kernel complained, in {name}: {lines[index].strip()}"
