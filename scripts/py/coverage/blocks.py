# SPDX-License-Identifier: GPL-2.0
"""Divides the functions of the kernel into blocks."""

import bisect
import collections
import dataclasses
import re


@dataclasses.dataclass(frozen=True)
class Insn:
    """An instruction.

    frames has a file and a line for each function that the instruction comes from, the
    innermost inlined function first.
    """

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
        """True if QEMU ends a block of its own here."""
        return bool(re.match(r"j|call|ret|ud2", self.text))

    @property
    def ends_block(self):
        """True if a block ends here. QEMU also ends one at a call."""
        return self.leaves and not self.mnemonic.startswith("call")

    @property
    def target(self):
        """The address and the name of what it jumps to or calls, or (None, None)."""
        found = re.match(r"(?:j\w+|callq?)\s+0x(\w+) <(.*?)(?:\+0x\w+)?>", self.text)
        return (int(found[1], 16), found[2]) if found else (None, None)


@dataclasses.dataclass
class Block:
    """Instructions that run one after the other, and the starts of blocks that may follow."""

    insns: list
    ran: bool = False
    after: list = dataclasses.field(default_factory=list)

    @property
    def start(self):
        return self.insns[0].start

    def does(self, code):
        """Returns whether the block has an instruction, like "ud2".

        If code is "call NAME", returns whether it calls a function whose name ends with NAME.
        """
        if code.startswith("call "):
            return any((insn.target[1] or "").endswith(code[5:]) for insn in self.insns)
        return any(insn.mnemonic == code for insn in self.insns)


class Function:
    """A function of the kernel, as blocks by their addresses.

    taken has the ways from block to block that the kernel took.
    """

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
        """Yields the blocks. A block starts at the target of a jump, and after a jump."""
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
        """Yields the starts of the blocks that may run after this last instruction."""
        if last.mnemonic.startswith("j") and last.target[0] in self.blocks:
            yield last.target[0]
        if following and not re.match(r"jmp|ret", last.text):
            yield following

    def _taken(self, trace):
        """Returns the ways from block to block that the kernel took.

        A step of the trace starts at a block of QEMU's. That block ends at the next
        instruction that leaves it. If another task runs in between, the trace does not
        have the step. But a block that ran and has only one way in was entered that way.
        """
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
