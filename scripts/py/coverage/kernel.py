# SPDX-License-Identifier: GPL-2.0
"""Disassembles the kernel, and finds the source line of each instruction."""

import collections
import json
import re

from coverage.blocks import Function, Insn
from coverage.tools import die, output_of

PREFIXES = {"lock", "rep", "repne"}


def demangled(symbol):
    """Returns the name of a Rust function, without the hashes of the crates."""
    return re.sub(r"\[\w+\]", "", output_of("llvm-cxxfilt", symbol).strip())


class Kernel:
    """The functions of the kernel that was built."""

    def __init__(self, out, work, src=None):
        self.out, self.work, self.src = out, work, src
        self.symbols = collections.defaultdict(list)
        for line in (out / "System.map").read_text().splitlines():
            address, _, name = line.split()
            self.symbols[name].append(int(address, 16))

    def functions_of(self, name):
        """Returns (offset, size, name) of each function in the .text of an object."""
        file = self.work / f"{name}.o"
        text = output_of("llvm-objdump", "--syms", file)
        found = re.findall(r"^(\w+) .{6}F \.text\t(\w+) (?:\.hidden )?(\S+)$", text, re.MULTILINE)
        return [(int(at, 16), int(size, 16), symbol) for at, size, symbol in sorted(found)]

    def base_of(self, functions):
        """Returns the address of the .text of an object.

        System.map may have several static functions of one name, so this takes a name that
        is there once.
        """
        return next(
            self.symbols[name][0] - at for at, _, name in functions if len(self.symbols[name]) == 1
        )

    def ranges(self, group):
        """Yields (object, address, size, name) of each function of a group."""
        for name, wanted in group.items():
            functions = self.functions_of(name)
            base = self.base_of(functions)
            named = {symbol: (name, base + at, size, symbol) for at, size, symbol in functions}
            yield from self._wanted(named, wanted)

    def _wanted(self, named, wanted):
        if wanted is None:
            # Leave out the KUnit tests of the crate, and the formatting that they alone use
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
        """Yields the address and the text of each instruction.

        llvm-objdump may print a prefix on a line of its own. Its address becomes the start
        of the instruction that follows.
        """
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
        """Yields the names of the functions that a function calls or jumps to."""
        for address, code in self._disassemble(start, size):
            target = Insn(address, address, code, ()).target
            if target[0] and not start <= target[0] < start + size:
                yield target[1]

    def _frames(self, name, offsets):
        """Yields the frames at each offset into the .text of an object, as (file, line)."""
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
        """Yields the functions of a group, with their blocks and lines."""
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
