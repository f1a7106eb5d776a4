#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Says which code of setns(2) has run, and at which of its places it has refused.

usage: scripts/py/coverage_report.py objects SRC
       scripts/py/coverage_report.py ranges OUT WORK
       scripts/py/coverage_report.py report OUT WORK SRC RESULTS

Prints the objects whose code it looks at, or where their functions are, as QEMU's -dfilter
takes it, or the report. OUT is the build of the kernel and SRC its source. WORK has the same
objects, but with line numbers. RESULTS/trace is what scripts/coverage has kept of QEMU's log:
the address of each instruction that was translated, and of two blocks each of which one was
entered from the other. Writes RESULTS/coverage.json. Started by scripts/coverage.

QEMU translates what it is about to run, up to where control may go elsewhere, and at most to
the border of a page. So what was translated has run, unless an instruction faulted before.
Here none does but the "ud2" of a warning, and that ends a block.

What C shares with clone(2), unshare(2) and exit may have run for these: the set of namespaces
is made, switched and freed by the same functions. So may what runs at boot.

Exit status: 0 if all ran but what scripts/lists/refusals excuses, 1 if not, 2 if nobody can say.
"""

import bisect
import collections
import dataclasses
import json
import pathlib
import re
import subprocess
import sys

from rich.console import Console
from rich.table import Table

LISTS = pathlib.Path(__file__).resolve().parent.parent / "lists"
CRATE = "kernel/rust_setns/rust_setns_main"
# The rows of the table: objects, and the functions of each. After a "+", those that they call
# in the same object are meant, too. None is all.
GROUPS = {
    "C core": {"kernel/nsproxy": ["+__x64_sys_setns", "+do_setns"]},
    "Rust core": {CRATE: None},
    "dispatch, glue": {
        "kernel/rust_setns/dispatch": None,
        "kernel/rust_setns/proc_ns_glue": None,
        "kernel/nsproxy": ["nsproxy_alloc", "nsproxy_dealloc", "deactivate_nsproxy"],
    },
    "user": {"kernel/user_namespace": ["userns_install"]},
    "mnt": {"fs/namespace": ["mntns_install"]},
    "uts": {"kernel/utsname": ["utsns_install"]},
    "ipc": {"ipc/namespace": ["ipcns_install"]},
    "pid": {"kernel/pid_namespace": ["pidns_install"]},
    "cgroup": {"kernel/cgroup/namespace": ["cgroupns_install"]},
    "net": {"net/core/net_namespace": ["netns_install"]},
    "time": {"kernel/time/namespace": ["timens_install"]},
}
OBJECTS = sorted({name for group in GROUPS.values() for name in group})
PREFIXES = {"lock", "rep", "repne"}


def die(message):
    """Ends with the status for what the harness cannot do."""
    print(f"coverage-report: {message}", file=sys.stderr)
    sys.exit(2)


def output_of(*command, stdin=None):
    """What a command prints."""
    run = subprocess.run(command, input=stdin, stdout=subprocess.PIPE, text=True, check=True)
    return run.stdout


def folder_of(file):
    """The folder that a file is in."""
    return file.rpartition("/")[0]


def demangled(symbol):
    """The name of a Rust function without the hashes of the crates."""
    return re.sub(r"\[\w+\]", "", output_of("llvm-cxxfilt", symbol).strip())


@dataclasses.dataclass(frozen=True)
class Insn:
    """An instruction: where, what, and the functions and lines that it comes from, the
    innermost inlined one first."""

    start: int
    end: int
    text: str
    frames: tuple

    @property
    def mnemonic(self):
        return self.text.split()[0]

    @property
    def is_branch(self):
        return self.mnemonic.startswith("j") and not self.mnemonic.startswith("jmp")

    @property
    def leaves(self):
        """Does a block of QEMU's end here?"""
        return bool(re.match(r"j|call|ret|ud2", self.text))

    @property
    def ends_block(self):
        return self.leaves and not self.mnemonic.startswith("call")

    @property
    def target(self):
        """The address and the name of what it jumps to or calls, if it says so."""
        found = re.match(r"(?:j\w+|callq?)\s+0x(\w+) <(.*?)(?:\+0x\w+)?>", self.text)
        return (int(found[1], 16), found[2]) if found else (None, None)


@dataclasses.dataclass
class Block:
    """Instructions that run one after the other, and the blocks that may follow."""

    insns: list
    ran: bool = False
    after: list = dataclasses.field(default_factory=list)

    @property
    def start(self):
        return self.insns[0].start

    def does(self, code):
        """Does it have an instruction, or call a function whose name ends like that?"""
        if code.startswith("call "):
            return any((insn.target[1] or "").endswith(code[5:]) for insn in self.insns)
        return any(insn.mnemonic == code for insn in self.insns)


class Function:
    """A function of the kernel, as blocks."""

    def __init__(self, name, source, insns, trace):
        self.name, self.source, self.insns = name, source, insns
        self.blocks = {block[0].start: Block(block) for block in self._split()}
        starts = list(self.blocks)
        for block, following in zip(self.blocks.values(), [*starts[1:], None]):
            block.ran = trace.ran(block.insns[0])
            block.after = list(self._after(block.insns[-1], following))
        self.leaving = [insn.start for insn in insns if insn.leaves]
        self.taken = self._taken(trace)

    @property
    def start(self):
        return self.insns[0].start

    @property
    def first(self):
        return self.blocks[self.start]

    def _split(self):
        """A block starts where a jump leads, and after one."""
        starts = {insn.target[0] for insn in self.insns if insn.mnemonic.startswith("j")}
        starts |= {insn.end for insn in self.insns if insn.ends_block}
        block = []
        for insn in self.insns:
            if insn.start in starts and block:
                yield block
                block = []
            block.append(insn)
        yield block

    def _after(self, last, following):
        if last.mnemonic.startswith("j") and last.target[0] in self.blocks:
            yield last.target[0]
        if following and not re.match(r"jmp|ret", last.text):
            yield following

    def _taken(self, trace):
        """The ways from block to block that were gone. A step of the trace starts at a block of
        QEMU's, which goes to the next instruction that leaves it. If another task comes between,
        the step is lost; but what has one way in and ran was entered on that way."""
        ways = [(start, to) for start, block in self.blocks.items() for to in block.after]
        entries = collections.Counter(to for _, to in ways)
        steps = set()
        for start, to in trace.steps_in(self.start, self.insns[-1].end):
            at = bisect.bisect_left(self.leaving, start)
            if at < len(self.leaving):
                steps.add((self.leaving[at], to))
        return {
            (start, to)
            for start, to in ways
            if (self.blocks[start].insns[-1].start, to) in steps
            or (self.blocks[to].ran and entries[to] == 1 and to != self.start)
        }


class Trace:
    """What scripts/coverage has kept of QEMU's log."""

    def __init__(self, file):
        self.addresses, self.steps = [], []
        for line in file.read_text().splitlines():
            words = [int(word, 16) for word in line.split()]
            if line.startswith("0x"):
                self.addresses += words
            elif len(words) == 2:
                self.steps.append(tuple(words))
        self.addresses.sort()
        self.steps.sort()

    def ran(self, insn):
        """The kernel patches instructions as it boots, so any address within one will do."""
        at = bisect.bisect_left(self.addresses, insn.start)
        return at < len(self.addresses) and self.addresses[at] < insn.end

    def steps_in(self, start, end):
        at = bisect.bisect_left(self.steps, (start, 0))
        while at < len(self.steps) and self.steps[at][0] < end:
            yield self.steps[at]
            at += 1


class Kernel:
    """The functions of the kernel that was built."""

    def __init__(self, out, work, src=None):
        self.out, self.work, self.src = out, work, src
        self.symbols = collections.defaultdict(list)
        for line in (out / "System.map").read_text().splitlines():
            address, _, name = line.split()
            self.symbols[name].append(int(address, 16))

    def functions_of(self, name):
        """Offset, size and name of each function in the .text of an object."""
        file = self.work / f"{name}.o"
        text = output_of("llvm-objdump", "--syms", file)
        found = re.findall(r"^(\w+) .{6}F \.text\t(\w+) (?:\.hidden )?(\S+)$", text, re.MULTILINE)
        return [(int(at, 16), int(size, 16), symbol) for at, size, symbol in sorted(found)]

    def base_of(self, functions):
        """Where the .text of an object is. Names that are static may be there several times."""
        return next(
            self.symbols[name][0] - at for at, _, name in functions if len(self.symbols[name]) == 1
        )

    def ranges(self, group):
        """Object, address, size and name of each function of a group."""
        for name, wanted in group.items():
            functions = self.functions_of(name)
            base = self.base_of(functions)
            named = {symbol: (name, base + at, size, symbol) for at, size, symbol in functions}
            yield from self._wanted(named, wanted)

    def _wanted(self, named, wanted):
        if wanted is None:
            # The KUnit tests of the crate, and what they alone use of the kernel crate
            wanted = [symbol for symbol in named if not re.search("5tests|6kernel3fmt", symbol)]
        if missing := {symbol.lstrip("+") for symbol in wanted} - named.keys():
            die(f"the kernel has no {', '.join(sorted(missing))}; see GROUPS.")
        todo, done = list(wanted), set()
        while todo:
            symbol = todo.pop(0)
            function = named.get(symbol.lstrip("+"))
            if not function or function in done:
                continue
            done.add(function)
            yield function
            if symbol.startswith("+"):
                todo += [f"+{name}" for name in self._called_by(*function[1:3])]

    def _disassemble(self, start, size):
        """Address and text of each instruction; a prefix is part of what follows it."""
        bounds = f"--start-address={start:#x}", f"--stop-address={start + size:#x}"
        text = output_of("llvm-objdump", "-d", "--no-show-raw-insn", *bounds, self.out / "vmlinux")
        prefixed = None
        for at, code in re.findall(r"^\s*(\w+):\s+(.*)$", text, re.MULTILINE):
            address, prefixed = (int(at, 16) if prefixed is None else prefixed), None
            if code.split()[0] in PREFIXES and len(code.split()) == 1:
                prefixed = address
            else:
                yield address, code

    def _called_by(self, start, size):
        for address, code in self._disassemble(start, size):
            target = Insn(address, address, code, ()).target
            if target[0] and not start <= target[0] < start + size:
                yield target[1]

    def _frames(self, name, offsets):
        """For each offset into the .text of an object, file and line of each frame."""
        lines = output_of(
            "llvm-symbolizer",
            "--output-style=JSON",
            f"--obj={self.work / name}.o",
            stdin="".join(f"{offset:#x}\n" for offset in offsets),
        )
        for line in lines.splitlines():
            frames = json.loads(line)["Symbol"]
            yield tuple((self._in_tree(frame["FileName"]), frame["Line"]) for frame in frames)

    def _in_tree(self, file):
        return file.removeprefix(f"{self.src}/").removeprefix("./")

    def load(self, group, trace):
        """The functions of a group, with their blocks and lines."""
        bases = {name: self.base_of(self.functions_of(name)) for name in group}
        for name, start, size, symbol in self.ranges(group):
            code = list(self._disassemble(start, size))
            frames = self._frames(name, [address - bases[name] for address, _ in code])
            ends = [address for address, _ in code[1:]] + [start + size]
            insns = [
                Insn(address, end, text, lines)
                for (address, text), end, lines in zip(code, ends, frames)
            ]
            yield Function(demangled(symbol), name, insns, trace)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of scripts/lists/refusals, and where its text is."""

    file: str
    errno: str
    reach: str
    text: str
    reason: str
    lines: frozenset

    def decides(self, block):
        """Does a block end with the branch? If that asks what a call has returned, the line of
        the call counts if it is the later one: the compiler notes the place of the operator for
        each condition of an "a() || b()"."""
        if not block.insns[-1].is_branch:
            return False
        places = [self.own_place(insn) for insn in reversed(block.insns)]
        file, line = next(filter(None, places), (None, 0))
        calls = [
            place[1]
            for insn, place in zip(reversed(block.insns), places[:4])
            if insn.mnemonic.startswith("call") and place and place[0] == file
        ]
        return file == self.file and max(line, *calls, 0) in self.lines

    def own_place(self, insn):
        """The innermost file and line in the folder of the file: what is inlined from a header or
        from the kernel crate is a matter of who calls it. None if the compiler does not say."""
        folder = folder_of(self.file)
        own = [frame for frame in insn.frames if folder_of(frame[0]) == folder]
        return own[0] if own and own[0][1] else None

    @property
    def is_code(self):
        """Does it tell blocks by what they do, and not by who leads to them?"""
        return not self.lines or self.reach == "other"

    def tells(self, function, block):
        """Is it by what this block does that it excuses it?"""
        if self.lines:
            places = filter(None, map(self.own_place, block.insns))
            return self.is_code and any(
                file == self.file and line in self.lines for file, line in places
            )
        here = self.file == "code" or self.file.rpartition(".")[0] == function.source
        return here and block.does(self.text)


UNCALLED = Entry(
    "code", "-", "never", "", "not called: inlined, or for a module that is unloaded", frozenset()
)


def lines_with(text, source):
    """The numbers of the lines that a text is on, which may be broken elsewhere. "..." is any
    number of words."""
    lines = set()
    words = r"\s+".join(re.escape(word) for word in text.split())
    words = words.replace(re.escape("..."), r"[\s\S]*?")
    for found in re.finditer(words, source):
        first = source.count("\n", 0, found.start()) + 1
        lines.update(range(first, first + found[0].count("\n") + 1))
    return frozenset(lines)


def read_refusals(src):
    """The entries of scripts/lists/refusals."""
    file = None
    for line in (LISTS / "refusals").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith("\t"):
            file = line
            source = (src / file).read_text() if file != "code" else ""
            continue
        errno, reach, text, reason = line.strip("\t").split("\t")
        entry = Entry(file, errno, reach, text, reason, lines_with(text, source))
        if not entry.lines and file != "code" and not text.startswith("call "):
            die(f"{file} has no '{text}'; put scripts/lists/refusals right.")
        yield entry


def closed_ways(function, places, excused):
    """The ways that a branch has not gone and need not go, each with the entry that says so."""
    return {
        (start, to): entry
        for start, block in function.blocks.items()
        for entry in places
        if entry.decides(block)
        for to in block.after
        if (start, to) not in function.taken and to not in excused
    }


def open_blocks(function, closed, excused):
    """The blocks to which a way leads that is not closed. Where a jump through a table leads, only
    the trace says."""
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
    """Adds the blocks to which closed ways and excused blocks alone lead, and those that did not
    run and lead to excused blocks alone."""
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
    """Adds the blocks of a function that need not run: first for what they do, then for how they
    are reached. What a race leads to need not run even if the race was won this time."""
    for start, block in function.blocks.items():
        for entry in entries:
            by_chance = entry.reach in ("race", "other")
            if entry.tells(function, block) and (by_chance or not block.ran):
                excused.setdefault(start, entry)
    spread(function, {}, excused)
    places = [entry for entry in entries if entry.reach != "yes" and not entry.is_code]
    spread(function, closed_ways(function, places, excused), excused)


def excuse_functions(functions, excused):
    """Adds the functions that only excused blocks call, and those of the crate that nobody calls
    and that did not run. Of others it is not known who has their address."""
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


def excuse_all(functions, entries):
    """The blocks that did not run and need not, each with the entry that says why."""
    excused, before = {}, -1
    while len(excused) > before:
        before = len(excused)
        excuse_functions(functions, excused)
        for function in functions:
            excuse(function, entries, excused)
    return excused


def is_warning(function, start, excused):
    """Did a block not run because of what it does?"""
    return start in excused and excused[start].is_code and not function.blocks[start].ran


def reached(entry, functions, excused):
    """Has setns() refused there? None if no branch decides. What leads to a warning is not the
    branch."""
    ways = [
        (function, block)
        for function in functions
        for block in function.blocks.values()
        if entry.decides(block) and not any(is_warning(function, to, excused) for to in block.after)
    ]
    gone = [(block.start, to) in function.taken for function, block in ways for to in block.after]
    return all(gone) if gone else None


class Report:
    """What is said of the functions of each group."""

    def __init__(self, groups, entries, src):
        self.groups, self.entries, self.src = groups, entries, src
        self.functions = [function for functions in groups.values() for function in functions]
        self.excused = excuse_all(self.functions, entries)
        self.reached = {
            entry: reached(entry, self.functions, self.excused)
            for entry in entries
            if entry.errno != "-"
        }

    def counts(self, functions):
        """Blocks and instructions: those that ran, that may run, and all."""
        counts = {"blocks": [0, 0, 0], "instructions": [0, 0, 0]}
        for function in functions:
            for start, block in function.blocks.items():
                kinds = [block.ran, block.ran or start not in self.excused, True]
                for at, kind in enumerate(kinds):
                    counts["blocks"][at] += kind
                    counts["instructions"][at] += kind * len(block.insns)
        return counts

    def refusals(self, group):
        """The entries of scripts/lists/refusals for the files of a group."""
        for entry in self.reached:
            name = CRATE if entry.file.endswith(".rs") else entry.file.removesuffix(".c")
            if group == next(title for title, names in GROUPS.items() if name in names):
                yield entry

    def place(self, function, block):
        """The line that a block comes from, in the function's folder if it can be. If the compiler
        does not say, that of the code before."""
        before = [insn for insn in reversed(function.insns) if insn.start < block.start]
        frames = [frame for insn in block.insns + before for frame in insn.frames if frame[1]]
        folder = folder_of(function.source)
        own = [frame for frame in frames if folder_of(frame[0]) == folder]
        return (own or frames)[0]

    def text_at(self, place):
        """The line of the source at a place."""
        file = self.src / place[0]
        lines = file.read_text().splitlines() if file.is_file() else []
        return lines[place[1] - 1].strip() if 0 < place[1] <= len(lines) else ""

    def missing(self, functions):
        """Place, function, entry that excuses it, block: of each that did not run."""
        for function in functions:
            for start, block in function.blocks.items():
                if not block.ran:
                    yield self.place(function, block), function, self.excused.get(start), block

    def of_group(self, group):
        """What coverage.json says of a group."""
        refusals = [
            dataclasses.asdict(entry)
            | {"lines": sorted(entry.lines), "reached": self.reached[entry]}
            for entry in self.refusals(group)
        ]
        missing = [
            {
                "function": function.name,
                "place": "{}:{}".format(*place),
                "text": self.text_at(place),
                "offset": block.start - function.start,
                "instructions": len(block.insns),
                "excuse": f"{entry.reach}: {entry.reason}" if entry else None,
            }
            for place, function, entry, block in self.missing(self.groups[group])
        ]
        functions = {function.name: self.counts([function]) for function in self.groups[group]}
        total = self.counts(self.groups[group])
        wrong = [
            f"{function.name}: {entry.reason}"
            for function in self.groups[group]
            for block in function.blocks.values()
            for entry in self.entries
            if block.ran and entry.reach == "never" and entry.tells(function, block)
        ]
        total["wrong"] = wrong
        return total | {"functions": functions, "refusals": refusals, "missing": missing}


def share(ran, may):
    return f"{100 * ran / may:.1f} %" if may else "-"


def print_counts(console, groups):
    """Group, blocks, instructions, refusals."""
    caption = "what ran, or refused; of what may; of all"
    table = Table("", "functions", "blocks", "", "instructions", "", "refusals", caption=caption)
    for name, group in [*groups.items(), ("all", total(groups))]:
        blocks, insns, places = group["blocks"], group["instructions"], group["refusals"]
        may = [place for place in places if place["reach"] == "yes"]
        table.add_row(
            name,
            str(len(group["functions"])),
            "{} of {} of {}".format(*blocks),
            share(*blocks[:2]),
            "{} of {} of {}".format(*insns),
            share(*insns[:2]),
            f"{sum(place['reached'] is True for place in may)} of {len(may)} of {len(places)}",
            end_section=name == list(groups)[-1],
        )
    console.print(table)


def total(groups):
    """A group of all of them."""
    groups = groups.values()
    return {
        "functions": [name for group in groups for name in group["functions"]],
        "blocks": [sum(column) for column in zip(*(group["blocks"] for group in groups))],
        "instructions": [
            sum(column) for column in zip(*(group["instructions"] for group in groups))
        ],
        "refusals": [place for group in groups for place in group["refusals"]],
    }


def print_excused(console, groups):
    """Why what did not run need not, and how much that is."""
    sums = collections.defaultdict(lambda: [0, 0])
    for group in groups.values():
        for block in group["missing"]:
            if block["excuse"]:
                sums[block["excuse"]][0] += 1
                sums[block["excuse"]][1] += block["instructions"]
    table = Table("did not run, and need not", "blocks", "instructions")
    for excuse_text, (blocks, insns) in sorted(sums.items()):
        table.add_row(excuse_text, str(blocks), str(insns))
    console.print(table)


def print_refusals(console, groups):
    """The places where setns() has not refused."""
    table = Table("has not refused", "errno", "place", "why")
    for name, group in groups.items():
        for place in group["refusals"]:
            if place["reached"]:
                continue
            line = f"{place['file']}:{place['lines'][0]}"
            table.add_row(name, place["errno"], line, f"{place['reach']}: {place['reason']}")
    console.print(table)


def problems(groups):
    """Yields what should have run and did not, and what should not have."""
    for name, group in groups.items():
        for what in group["wrong"]:
            yield f"{name}: this ran and never should, says scripts/lists/refusals: {what}"
        for place in group["refusals"]:
            if place["reach"] == "yes" and not place["reached"]:
                yield f"{place['file']}:{place['lines'][0]} has not refused: {place['text']}"
        for block in group["missing"]:
            if not block["excuse"]:
                at = f"{block['function']}+{block['offset']:#x}"
                yield f"{name}: {block['place']} did not run: {block['text']} ({at})"


def report(kernel, src, results):
    """Prints the tables, writes coverage.json, and returns the exit status."""
    trace = Trace(results / "trace")
    loaded = {name: list(kernel.load(group, trace)) for name, group in GROUPS.items()}
    said = Report(loaded, list(read_refusals(src)), src)
    groups = {name: said.of_group(name) for name in GROUPS}
    (results / "coverage.json").write_text(json.dumps(groups, indent=2) + "\n")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    print_counts(console, groups)
    print_excused(console, groups)
    print_refusals(console, groups)
    failed = list(problems(groups))
    for problem in failed:
        print(f"MISSING: {problem}")
    return 1 if failed else 0


def main():
    match sys.argv[1:]:
        case ["objects", src]:
            # What is not in the sources is said before the suites run, not after
            list(read_refusals(pathlib.Path(src)))
            print(*OBJECTS, sep="\n")
        case ["ranges", out, work]:
            kernel = Kernel(pathlib.Path(out), pathlib.Path(work))
            ranges = [found for group in GROUPS.values() for found in kernel.ranges(group)]
            print(",".join(f"{start:#x}+{size:#x}" for _, start, size, _ in ranges))
        case ["report", out, work, src, results]:
            src = pathlib.Path(src).resolve()
            kernel = Kernel(pathlib.Path(out), pathlib.Path(work), src)
            sys.exit(report(kernel, src, pathlib.Path(results)))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    try:
        main()
    except Exception as error:  # noqa: BLE001 (Python's own status is that of a failed test)
        die(f"{type(error).__name__}: {error}")
