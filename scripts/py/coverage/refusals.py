# SPDX-License-Identifier: GPL-2.0
"""Reads scripts/lists/refusals, which says what each entry means."""

import dataclasses
import pathlib
import re

from coverage.tools import die, folder_of

LISTS = pathlib.Path(__file__).resolve().parent.parent.parent / "lists"


@dataclasses.dataclass(frozen=True)
class Entry:
    """An entry of scripts/lists/refusals, and the lines of the file that its text is on."""

    file: str
    errno: str
    reach: str
    text: str
    reason: str
    lines: frozenset

    def decides(self, block):
        """Returns whether a block ends with the branch that the entry is about.

        The branch may test what a call has returned. Then the line of the call counts if it
        is the later one: in "a() || b()" the compiler gives each condition the line of the
        operator.
        """
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
        """Returns the innermost (file, line) that is in the folder of the entry's file.

        An instruction may be inlined from a header or from the kernel crate. Then the line
        of the caller counts. Returns None if the compiler gives no line.
        """
        folder = folder_of(self.file)
        own = [frame for frame in insn.frames if folder_of(frame[0]) == folder]
        return own[0] if own and own[0][1] else None

    @property
    def is_code(self):
        """True if the entry excuses blocks for what they do, not for how they are reached."""
        return not self.lines or self.reach == "other"

    def tells(self, function, block):
        """Returns whether the entry excuses this block for what the block does."""
        if self.lines:
            places = filter(None, map(self.own_place, block.insns))
            return self.is_code and any(
                file == self.file and line in self.lines for file, line in places
            )
        here = self.file == "code" or self.file.rpartition(".")[0] == function.source
        return here and block.does(self.text)


def lines_with(text, source):
    """Returns the numbers of the lines that a text is on.

    The source may break the text into lines at any space. "..." stands for any words.
    """
    lines = set()
    words = r"\s+".join(re.escape(word) for word in text.split())
    words = words.replace(re.escape("..."), r"[\s\S]*?")
    for found in re.finditer(words, source):
        first = source.count("\n", 0, found.start()) + 1
        lines.update(range(first, first + found[0].count("\n") + 1))
    return frozenset(lines)


def read_refusals(src):
    """Yields the entries of scripts/lists/refusals."""
    file = None
    for line in (LISTS / "refusals").read_text().splitlines():
        if not line or line.startswith("#"):
            continue
        if not line.startswith("\t"):
            file = line
            source = (src / file).read_text() if file != "code" else ""
            continue
        errno, reach, _, text, reason = line.strip("\t").split("\t")
        entry = Entry(file, errno, reach, text, reason, lines_with(text, source))
        if not entry.lines and file != "code" and not text.startswith("call "):
            die(f"{file} has no '{text}'; put scripts/lists/refusals right.")
        yield entry
