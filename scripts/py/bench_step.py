# SPDX-License-Identifier: GPL-2.0
"""Follows calls of setns(2) instruction by instruction, and counts what they do.

gdb runs this script, with the vmlinux of a guest of x86_64 that QEMU has started stopped. In the
guest, setns_bench --mark names the calls. gdb stops at the start and at the end of each. Between,
QEMU writes the registers before each instruction to its log. scripts/bench starts both. These
variables are read:

BENCH_SOCKET: where QEMU waits for gdb.
BENCH_LOG: where QEMU may write its log.
BENCH_PROFILE: the file to write, with lines of row, column, what, function, count. Beside the
instructions of each function, "what" is: locked, the locked instructions; slab, the calls that
allocate or free; lines, the cache lines that locked instructions write, in one number.

The sample of a call that has the fewest instructions counts, as in setns_bench.
"""

import collections
import contextlib
import csv
import os
import pathlib
import re

import gdb

MARK = "setns_bench "
PR_SET_NAME = 15
# Places of arguments of a system call in struct pt_regs
FIRST, SECOND = 112, 104
ENABLED = 1 << 9
# What QEMU calls one instruction at a time, since 8.1 and before
STEPS = ("one-insn-per-tb", "singlestep")
LINE = 64
# An interrupt begins in one of these
STUBS = "irq_entries_start"
INTERRUPT = re.compile(rf"{STUBS}|asm_sysvec_")
SLAB = re.compile(r"(__)?k(mem_cache_|v?m|vz|z)(alloc|free)|kv?free")
# An exchange with memory locks without the prefix
LOCKED = re.compile(r"lock |xchg .*(\(|0x|:)")
REGISTER = re.compile(r"\b(R[A-Z0-9]{1,2}) ?=([0-9a-f]{16})")
SEGMENT = re.compile(r"\b([FG]S) =[0-9a-f]{4} ([0-9a-f]{16})")
OPERAND = re.compile(
    r"(?:%(?P<segment>[fg]s):)?(?P<offset>-?0x[0-9a-f]+)?"
    r"(?:\((?P<base>%\w+)?(?:,(?P<index>%\w+),(?P<scale>\d))?\))?$"
)


class Code:
    """What stands at addresses of the kernel. Each is looked up once."""

    def __init__(self):
        self.known = {}

    def at(self, pc):
        """Returns the function, whether this is its start, the instruction, and the next place."""
        if pc not in self.known:
            symbol = gdb.execute(f"info symbol {pc:#x}", to_string=True)
            # A crate has a hash in its name, which changes with the compiler
            function = re.sub(r"( \+ \d+)? in section .*|\[[0-9a-f]{16}\]", "", symbol.strip())
            found = gdb.selected_frame().architecture().disassemble(pc)[0]
            instruction = re.sub(r"\s+", " ", found["asm"].split("#")[0]).strip()
            self.known[pc] = function, " + " not in symbol, instruction, pc + found["length"]
        return self.known[pc]


def register(name):
    return int(gdb.selected_frame().read_register(name)) & (1 << 64) - 1


def memory(address, size=8):
    return bytes(gdb.selected_inferior().read_memory(address, size))


def word(address):
    return int.from_bytes(memory(address), "little")


def address_of(instruction, registers):
    """Returns the address that a locked instruction writes to."""
    for operand in re.split(r" |,(?![^(]*\))", instruction):
        found = OPERAND.match(operand)
        if not found or not (found["base"] or found["index"] or found["segment"]):
            continue
        address = int(found["offset"] or "0", 16)
        if found["segment"]:
            address += registers[found["segment"]]
        if found["base"]:
            address += registers[found["base"][1:]]
        if found["index"]:
            address += registers[found["index"][1:]] * int(found["scale"])
        return address & (1 << 64) - 1
    raise gdb.GdbError(f"bench_step: '{instruction}' has no address that the script knows")


def states(log):
    """Yields the address of each instruction, and the text with the registers before it."""
    before = None
    for text in log.split("Trace ")[1:]:
        # QEMU logs an instruction twice if it looks for an interrupt in between
        state = text[text.index("RAX=") :].split("Stopped")[0]
        if state != before:
            at = state.index("RIP=") + 4
            yield int(state[at : at + 16], 16), state
        before = state


def registers(state, after):
    """Returns the registers and the bases of segments. AFTER is the next instruction."""
    found = {name.lower(): int(value, 16) for name, value in REGISTER.findall(state)}
    found |= {name.lower(): int(base, 16) for name, base in SEGMENT.findall(state)}
    return found | {"rip": after}


def profile(log, code):
    """Returns {what: {function: count}} of the call in the log, without interrupts."""
    counts = collections.defaultdict(collections.Counter)
    lines, before, depth = set(), "", 0
    for pc, state in states(log):
        function, start, instruction, after = code.at(pc)
        enters = (start or function == STUBS) and INTERRUPT.match(function)
        depth += bool(enters and before != STUBS)
        if not depth:
            counts["instructions"][function] += 1
            if start and function != before and SLAB.match(function):
                counts["slab"][function] += 1
            if LOCKED.match(instruction):
                counts["locked"][function] += 1
                lines.add(address_of(instruction, registers(state, after)) // LINE)
        before = function
        depth -= instruction.startswith("iret")
        if depth < 0:
            raise gdb.GdbError(f"bench_step: {function} returns from what is no interrupt")
    counts["lines"][""] = len(lines)
    return counts


def go_to(place):
    """Runs the guest to a place. Returns false if the guest ended before."""
    gdb.Breakpoint(f"*{place}", type=gdb.BP_HARDWARE_BREAKPOINT, temporary=True)
    try:
        gdb.execute("continue", to_string=True)
    except gdb.error:
        return False
    return gdb.selected_inferior().pid != 0


def marks():
    """Runs the guest from mark to mark. Yields the row and the column of each."""
    while go_to("__x64_sys_prctl"):
        registers = register("rdi")
        if word(registers + FIRST) != PR_SET_NAME:
            continue
        try:
            name = memory(word(registers + SECOND), 64).split(b"\0")[0].decode(errors="replace")
        except gdb.MemoryError:
            # The name of another program ends where its memory does
            continue
        if name.startswith(MARK):
            yield tuple(name.removeprefix(MARK).split())


def stepping():
    """Returns QEMU's command for one instruction at a time. QEMU only prints that it does not know
    a command, without an error."""
    for name in STEPS:
        if gdb.execute(f"monitor help {name}", to_string=True).startswith(name):
            return name
    raise gdb.GdbError(f"bench_step: this QEMU has none of the commands {', '.join(STEPS)}")


def log_of_call(path, step):
    """Runs the guest to the end of the next call of setns(2). Returns what QEMU logged."""
    if not go_to("__x64_sys_setns"):
        raise gdb.GdbError("bench_step: the guest ended before the call")
    gdb.execute(f"monitor logfile {path}")
    gdb.execute(f"monitor {step} on")
    gdb.execute("monitor log exec,cpu,nochain")
    # gdb causes interrupts. They wait, unless the call enables them.
    flags = register("eflags")
    gdb.execute(f"set $eflags = {flags & ~ENABLED}")
    if not go_to(word(register("rsp"))):
        raise gdb.GdbError("bench_step: the guest ended during the call")
    gdb.execute(f"set $eflags = {register('eflags') | flags & ENABLED}")
    gdb.execute("monitor log none")
    gdb.execute(f"monitor {step} off")
    gdb.execute("monitor logfile /dev/null")
    log = path.read_text()
    path.unlink()
    return log


def follow():
    """Runs the guest to its end. Returns {(row, column): what the shortest call has counted}."""
    code, step, found = Code(), stepping(), {}
    for mark in marks():
        new = profile(log_of_call(pathlib.Path(os.environ["BENCH_LOG"]), step), code)
        old = found.setdefault(mark, new)
        if new["instructions"].total() < old["instructions"].total():
            found[mark] = new
    if not found:
        raise gdb.GdbError("bench_step: the guest has marked no call")
    return found


def main():
    for setting in ("pagination off", "confirm off", "language c", "print asm-demangle on"):
        gdb.execute(f"set {setting}")
    gdb.execute(f"target remote {os.environ['BENCH_SOCKET']}", to_string=True)
    try:
        found = follow()
    except BaseException:
        # Without gdb, the guest would go on, and so would its log
        for command in ("log none", "quit"):
            with contextlib.suppress(gdb.error):
                gdb.execute(f"monitor {command}")
        raise
    with open(os.environ["BENCH_PROFILE"], "w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("row", "column", "what", "function", "count"))
        for mark, counts in found.items():
            for what, functions in counts.items():
                for function, count in functions.most_common():
                    writer.writerow((*mark, what, function, count))


main()
