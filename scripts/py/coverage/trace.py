# SPDX-License-Identifier: GPL-2.0
"""Reads the part of QEMU's log that scripts/coverage keeps."""

import bisect


class Trace:
    """The instructions that QEMU translated, and the steps from one of its blocks to the next.

    A line of the file is the address of an instruction, or the addresses of two blocks.
    """

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
        """Returns whether an instruction ran.

        The kernel patches instructions as it boots, so any address within one counts.
        """
        at = bisect.bisect_left(self.addresses, insn.start)
        return at < len(self.addresses) and self.addresses[at] < insn.end

    def steps_in(self, start, end):
        """Yields the steps that begin in a range of addresses."""
        at = bisect.bisect_left(self.steps, (start, 0))
        while at < len(self.steps) and self.steps[at][0] < end:
            yield self.steps[at]
            at += 1
