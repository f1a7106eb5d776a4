# SPDX-License-Identifier: GPL-2.0
"""Reads the calls of setns(2) from an ftrace log."""

import errno
import re
from collections import namedtuple

from comparison.files import read_text

EVENT = re.compile(
    r" *.*-(?P<pid>\d+) +\[\d+\] .*: sys_setns"
    r"(?:\(fd: (?P<fd>\w+), flags: (?P<flags>\w+)\)| -> (?P<result>\w+))"
)
FLAGS = {
    0x80: "TIME",
    0x20000: "NS",
    0x2000000: "CGROUP",
    0x4000000: "UTS",
    0x8000000: "IPC",
    0x10000000: "USER",
    0x20000000: "PID",
    0x40000000: "NET",
}


class Call(namedtuple("Call", "fd flags result")):
    """One call of setns(2)."""

    def __str__(self):
        names = [f"CLONE_NEW{name}" for bit, name in FLAGS.items() if self.flags & bit]
        rest = self.flags & ~sum(FLAGS)
        if rest or not names:
            names.append(f"{rest:#x}" if rest else "0")
        return f"setns({self.fd}, {'|'.join(names)}) = {self._answer()}"

    def _answer(self):
        if self.result is None:
            return "nothing"
        return f"-{errno.errorcode.get(-self.result, -self.result)}" if self.result else "0"


def signed(text, bits):
    """Returns the signed number that C reads from a register of this many bits."""
    value = int(text, 0) & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


class Trace:
    """The calls of one suite by task. Tasks are in the order in which they first appear."""

    def __init__(self, file):
        self.tasks = {}
        self.fault = None
        text = read_text(file) if file.exists() else ""
        kept = re.search(r"^# entries-in-buffer/entries-written: (\d+)/(\d+)", text, re.MULTILINE)
        if not text.strip():
            self.fault = "is missing or empty"
        elif not kept:
            self.fault = "does not say whether it has lost events"
        elif kept[1] != kept[2]:
            self.fault = f"has lost events: {kept[1]} of {kept[2]} are left"
        for line in text.splitlines():
            self._read_line(line)

    def count(self):
        """Returns the number of calls."""
        return sum(map(len, self.tasks.values()))

    def _read_line(self, line):
        event = EVENT.fullmatch(line)
        if event:
            self._read_event(event)
        elif line.strip() and not line.startswith("#"):
            self.fault = self.fault or f"has a line that is no call: {line.strip()}"

    def _read_event(self, event):
        calls = self.tasks.setdefault(event["pid"], [])
        if event["fd"]:
            flags = signed(event["flags"], 32) & 0xFFFFFFFF
            fd = signed(event["fd"], 32)
            calls.append(Call(fd if fd < 0 else "fd", flags, None))
        elif calls and calls[-1].result is None:
            calls[-1] = calls[-1]._replace(result=signed(event["result"], 64))
        else:
            self.fault = self.fault or f"has an answer to no call: {event[0].strip()}"
