# SPDX-License-Identifier: GPL-2.0
"""Makes coverage.json: for each group, what ran, and what is missing."""

from coverage.excuses import excuse_all
from coverage.tools import folder_of


class Report:
    """The results of all groups. groups is {group: functions}."""

    def __init__(self, groups, entries, src):
        self.groups, self.entries, self.src = groups, entries, src
        self.functions = [function for functions in groups.values() for function in functions]
        self.excused = excuse_all(self.functions, entries)

    def counts(self, functions):
        """Counts blocks and instructions: those that ran, those that should run, and all."""
        counts = {"blocks": [0, 0, 0], "instructions": [0, 0, 0]}
        for function in functions:
            for start, block in function.blocks.items():
                kinds = [block.ran, block.ran or start not in self.excused, True]
                for at, kind in enumerate(kinds):
                    counts["blocks"][at] += kind
                    counts["instructions"][at] += kind * len(block.insns)
        return counts

    def place(self, function, block):
        """Returns the (file, line) that a block comes from.

        A line in the folder of the function is preferred. If the compiler gives no line for
        the block, the line of the code before it counts.
        """
        before = [insn for insn in reversed(function.insns) if insn.start < block.start]
        frames = [frame for insn in block.insns + before for frame in insn.frames if frame[1]]
        folder = folder_of(function.source)
        own = [frame for frame in frames if folder_of(frame[0]) == folder]
        return (own or frames)[0]

    def text_at(self, place):
        """Returns the line of the source at a place."""
        file = self.src / place[0]
        lines = file.read_text().splitlines() if file.is_file() else []
        return lines[place[1] - 1].strip() if 0 < place[1] <= len(lines) else ""

    def missing(self, functions):
        """Yields each block that did not run, with the excuse if there is one."""
        for function in functions:
            for start, block in function.blocks.items():
                if block.ran:
                    continue
                place, entry = self.place(function, block), self.excused.get(start)
                yield {
                    "function": function.name,
                    "place": "{}:{}".format(*place),
                    "text": self.text_at(place),
                    "offset": block.start - function.start,
                    "instructions": len(block.insns),
                    "excuse": f"{entry.reach}: {entry.reason}" if entry else None,
                }

    def wrong(self, functions):
        """Yields each block that ran, although an entry says that it never does."""
        for function in functions:
            for block in function.blocks.values():
                for entry in self.entries:
                    if block.ran and entry.reach == "never" and entry.tells(function, block):
                        yield f"{function.name}: {entry.reason}"

    def of_group(self, group):
        """Returns what coverage.json says of a group."""
        functions = self.groups[group]
        return self.counts(functions) | {
            "wrong": list(self.wrong(functions)),
            "functions": {function.name: self.counts([function]) for function in functions},
            "missing": list(self.missing(functions)),
        }


def total(groups):
    """Adds all groups up to one."""
    groups = groups.values()
    return {
        "functions": [name for group in groups for name in group["functions"]],
        "blocks": [sum(column) for column in zip(*(group["blocks"] for group in groups))],
        "instructions": [
            sum(column) for column in zip(*(group["instructions"] for group in groups))
        ],
    }


def problems(groups):
    """Yields what should have run and did not, and what ran and should not."""
    for name, group in groups.items():
        for what in group["wrong"]:
            yield f"{name}: this ran and never should, says scripts/lists/refusals: {what}"
        for block in group["missing"]:
            if not block["excuse"]:
                at = f"{block['function']}+{block['offset']:#x}"
                yield f"{name}: {block['place']} did not run: {block['text']} ({at})"
