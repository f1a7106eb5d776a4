# SPDX-License-Identifier: GPL-2.0
"""The problems of a run, and the error that stops a comparison."""

# How many lines of a log each problem has in summary.json
EXCERPT = 24


class Broken(Exception):
    """The comparison cannot be made."""


class Problems(list):
    """The problems of a run, in the form that summary.json has."""

    def add(self, what, log, suite=None, excerpt=()):
        """Adds a problem. The path of the log is relative to RESULTS.

        The excerpt is for readers who do not have the log.
        """
        lines = [line.rstrip() for line in excerpt][:EXCERPT]
        self.append({"suite": suite, "what": what, "log": str(log), "excerpt": lines})


def tail(text):
    """Returns the last lines of a log. They usually say why the log ends there."""
    return text.rstrip().splitlines()[-EXCERPT:]
