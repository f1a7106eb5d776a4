# SPDX-License-Identifier: GPL-2.0
"""Finds the blocks that need not run, by the entries of scripts/lists/refusals and by copies.

"excused" is {address of a block: the entry that says why it need not run}. Each function
adds to it.
"""

import collections

from coverage.groups import CRATE
from coverage.refusals import Entry
from coverage.tools import folder_of

UNCALLED = Entry(
    "code", "-", "never", "", "not called: inlined, or for a module that is unloaded", frozenset()
)
COPIED = Entry("code", "-", "copied", "", "other instructions of these lines ran", frozenset())


def closed_ways(function, places, excused):
    """Returns {way: entry} of the ways that a branch has not taken and need not take."""
    return {
        (start, to): entry
        for start, block in function.blocks.items()
        for entry in places
        if entry.decides(block)
        for to in block.after
        if (start, to) not in function.taken and to not in excused
    }


def open_blocks(function, closed, excused):
    """Returns the blocks that can be reached without a closed way.

    The targets of a jump through a table are known from the trace only.
    """
    entered = {to for block in function.blocks.values() for to in block.after}
    tables = [at for at, block in function.blocks.items() if block.ran and at not in entered]
    todo = [function.start, *tables]
    seen = set()
    while todo:
        start = todo.pop()
        if start not in seen and start not in excused:
            seen.add(start)
            todo += [to for to in function.blocks[start].after if (start, to) not in closed]
    return seen


def spread(function, closed, excused):
    """Excuses the neighbours of excused blocks.

    These are the blocks that only closed ways and excused blocks lead to, and the blocks
    that did not run and lead to excused blocks only.
    """
    found = True
    while found:
        found = {}
        now_open = open_blocks(function, closed, excused)
        for start, block in function.blocks.items():
            if start in excused or (start in now_open and block.ran):
                continue
            if start in now_open:
                why = [closed.get((start, to)) or excused.get(to) for to in block.after]
                why = why if all(why) else []
            else:
                before = [at for at, other in function.blocks.items() if start in other.after]
                why = [closed.get((at, start)) or excused.get(at) for at in before]
            why = [entry for entry in why if entry]
            if why:
                found[start] = why[0]
        excused.update(found)


def excuse(function, entries, excused):
    """Excuses blocks of a function: first for what they do, then for how they are reached.

    Code behind a race is excused even if this run won the race and reached it.
    """
    for start, block in function.blocks.items():
        for entry in entries:
            by_chance = entry.reach in ("race", "other")
            if entry.tells(function, block) and (by_chance or not block.ran):
                excused.setdefault(start, entry)
    spread(function, {}, excused)
    places = [entry for entry in entries if entry.reach != "yes" and not entry.is_code]
    spread(function, closed_ways(function, places, excused), excused)


def excuse_functions(functions, excused):
    """Excuses the functions that only excused blocks call.

    Functions of the crate are also excused if they did not run and no function calls them.
    A function of C may be called through a pointer, so it is not.
    """
    sites = collections.defaultdict(list)
    for function in functions:
        for block in function.blocks.values():
            for insn in block.insns:
                sites[insn.target[0]].append(block.start)
    for function in functions:
        callers = sites[function.start]
        if callers and all(at in excused for at in callers):
            excused.setdefault(function.start, excused[callers[0]])
        elif not callers and function.source == CRATE and not function.first.ran:
            excused.setdefault(function.start, UNCALLED)


def lines_of(function, block):
    """Returns the lines of a block that are in the folder of the function.

    The innermost inlined function counts. The compiler gives no line for some instructions.
    """
    folder = folder_of(function.source)
    own = ([at for at in insn.frames if folder_of(at[0]) == folder] for insn in block.insns)
    return {frames[0] for frames in own if frames and frames[0][1]}


def excuse_copies(functions, excused):
    """Excuses blocks of lines that ran elsewhere.

    The compiler inlines a function at several places, and makes a copy of code for each case. Some
    copies cannot run. A block without a line only sets a constant that several cases share.
    """
    blocks = [(function, block) for function in functions for block in function.blocks.values()]
    ran = set().union(*(lines_of(*each) for each in blocks if each[1].ran))
    for function, block in blocks:
        if not block.ran and lines_of(function, block) <= ran:
            excused.setdefault(block.start, COPIED)


def excuse_all(functions, entries):
    """Returns all excused blocks. One excuse may lead to others, so this repeats."""
    excused, before = {}, -1
    while len(excused) > before:
        before = len(excused)
        excuse_functions(functions, excused)
        for function in functions:
            excuse(function, entries, excused)
    excuse_copies(functions, excused)
    for function in functions:
        spread(function, {}, excused)
    return excused
