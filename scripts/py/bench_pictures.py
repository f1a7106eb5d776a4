# SPDX-License-Identifier: GPL-2.0
"""Computes the places of what the report shows of scripts/bench.

bench.html.j2 draws it: for each row of work a dot for each column, at its ratio to C, and for each
call that was stepped through a bar for each column, with the instructions of each function.
"""

import collections
import json
import math

# The format of the JSON file that this script can read
FORMAT = 1
LABELS = 150
WIDTH = 720
ROW = 22
BAR = 12
# How many functions have a colour of their own
FUNCTIONS = 23


def find(folder):
    """Returns the pictures of each benchmark that has run."""
    found = []
    for path in sorted(folder.glob("*.json")):
        result = json.loads(path.read_text())
        if result.get("format") == FORMAT:
            found.append(Pictures(path.stem, result))
    return found


class Pictures:
    """The pictures of one benchmark."""

    def __init__(self, name, result):
        self.name = name
        self.counts = result["counts"]
        # A result of an older harness has none
        self.series = result.get("series_sha256", "unknown")
        self.bytes = result.get("bytes")
        self.columns = [
            column for column in next(iter(self.counts.values())) if column not in ("c", "spread")
        ]
        self.dots = Dots(self.counts, self.columns)
        self.bars = Bars(result["profile"]) if result["profile"] else None


class Dots:
    """Ratios on a logarithmic scale that reaches as far to the right of 1 as to the left, so that
    half as much is as far from the line as twice as much."""

    def __init__(self, counts, columns):
        self.rows = [
            (row, [(column, count[column], count[column] / count["c"]) for column in columns])
            for row, count in counts.items()
        ]
        ratios = [ratio for _, dots in self.rows for *_, ratio in dots]
        self.reach = 1.05 * max(math.log2(max(ratio, 1 / ratio, 1.1)) for ratio in ratios)
        self.height = ROW * (len(self.rows) + 1)
        marks = (0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4)
        self.marks = [mark for mark in marks if abs(math.log2(mark)) <= self.reach]

    def x(self, ratio):
        half = (WIDTH - LABELS) / 2
        return round(LABELS + half + half * 0.97 * math.log2(ratio) / self.reach, 1)


class Bars:
    """The instructions of calls, by function."""

    def __init__(self, profile):
        self.rows = [
            (row, [(column, kinds["instructions"]) for column, kinds in columns.items()])
            for row, columns in profile.items()
        ]
        total = collections.Counter()
        for _, bars in self.rows:
            for _, functions in bars:
                whole = sum(functions.values())
                # A long call must not take all colours
                total.update({name: count / whole for name, count in functions.items()})
        self.functions = [name for name, _ in total.most_common(FUNCTIONS)]
        self.row_height = BAR * max(len(bars) for _, bars in self.rows) + 10
        self.height = self.row_height * len(self.rows)

    def pieces(self, bars):
        """Yields (column, total, [(function, count, x, width, colour)]) for the bars of a row.

        Each row has a scale of its own, because a call of eight types would make dots of others.
        """
        longest = max(sum(functions.values()) for _, functions in bars)
        scale = (WIDTH - LABELS - 130) / longest
        for column, functions in bars:
            named = [(name, functions[name]) for name in self.functions if name in functions]
            total = sum(functions.values())
            pieces, at = [], 0
            for name, count in [*named, ("others", total - sum(count for _, count in named))]:
                colour = self.functions.index(name) if name in self.functions else FUNCTIONS
                x = round(LABELS + 70 + at * scale, 1)
                pieces.append((name, count, x, round(count * scale, 1), colour))
                at += count
            yield column, total, pieces
