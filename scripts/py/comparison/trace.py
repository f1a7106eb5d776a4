# SPDX-License-Identifier: GPL-2.0
"""Reads the calls of setns(2) from an ftrace log, and what the events of setns(2) say of them."""

import errno
import re
from collections import namedtuple

from comparison.files import read_text

EVENT = re.compile(
    r" *.*-(?P<pid>\d+) +\[\d+\] .*: (?:sys_setns"
    r"(?:\(fd: (?P<fd>\w+), flags: (?P<flags>\w+)\)| -> (?P<result>\w+))"
    r"|setns_(?P<event>refused|joined): (?P<fields>.*))"
)
# The fields that are the same in two runs on one kernel. The others are ids. If a call is
# refused, compare.py looks only at which of them are 0. If it joins, compare.py looks only at whether
# the old and the new id are equal. The selftests in trace/selftests check the ids.
SAME = {
    "refused": ("reason", "type", "error", "fd_kind", "asked", "cap"),
    "joined": ("type", "asked"),
}
# ftrace prints this line where events are missing
GAP = re.compile(r"^CPU:\d+ \[LOST ", re.MULTILINE)
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


class Call(namedtuple("Call", "fd flags result events", defaults=((),))):
    """One call of setns(2). events are texts, without what differs between two runs."""

    def fault(self):
        """Returns what is wrong with the events of the call, or None."""
        kinds = {event.split()[0] for event in self.events}
        if self.result and (len(self.events) != 1 or kinds != {"refused"}):
            return f"has not one reason for {self}"
        if self.result == 0 and kinds != {"joined"}:
            return f"does not say what was joined by {self}"
        # The kernel prints a number that has no name like this
        if any("reason=0x" in event for event in self.events):
            return f"has no reason for {self}"
        return None

    def __str__(self):
        names = [f"CLONE_NEW{name}" for bit, name in FLAGS.items() if self.flags & bit]
        rest = self.flags & ~sum(FLAGS)
        if rest or not names:
            names.append(f"{rest:#x}" if rest else "0")
        return f"setns({self.fd}, {'|'.join(names)}) = {self._answer()}"

    def in_full(self):
        """Returns the call with its events."""
        return f"{self} [{'; '.join(self.events)}]"

    def _answer(self):
        if self.result is None:
            return "nothing"
        return f"-{errno.errorcode.get(-self.result, -self.result)}" if self.result else "0"


def signed(text, bits):
    """Returns the signed number that C reads from a register of this many bits."""
    value = int(text, 0) & (1 << bits) - 1
    return value - (1 << bits) if value >> bits - 1 else value


def normalised(kind, fields):
    """Returns an event as text, without the ids."""
    values = dict(field.split("=", 1) for field in fields.split(" "))
    texts = [f"{name}={values[name]}" for name in SAME[kind]]
    if kind == "refused":
        ids = ("ns_id", "inum", "owner_id", "user_ns_id", "cap_ns_id")
        texts += [f"{name}={'0' if values[name] == '0' else 'some'}" for name in ids]
    else:
        for name in ("id", "inum"):
            old, new = values[f"old_{name}"], values[f"new_{name}"]
            texts.append(f"{name}={'same' if old == new else 'another'}")
    return " ".join([kind, *texts])


class Trace:
    """The calls of one suite by task. Tasks are in the order in which they first appear.

    impls are the implementations that the events name. If events are lost, nothing can be said of
    the calls.
    """

    def __init__(self, file):
        self.tasks = {}
        self.impls = set()
        self.fault = None
        self.lost = False
        text = read_text(file) if file.exists() else ""
        kept = re.search(r"^# entries-in-buffer/entries-written: (\d+)/(\d+)", text, re.MULTILINE)
        if not text.strip():
            self.fault = "is missing or empty"
        elif not kept:
            self.fault = "does not say whether it has lost events"
        else:
            self.lost = kept[1] != kept[2] or GAP.search(text) is not None
        for line in text.splitlines():
            self._read_line(line)
        for calls in self.tasks.values():
            for call in calls:
                self.fault = self.fault or call.fault()

    def reasons(self):
        """Yields (type, reason) of each refusal. The type is empty if no namespace has refused."""
        for calls in self.tasks.values():
            for event in (event for call in calls for event in call.events):
                found = re.match(r"refused reason=(\S+) type=(\S+) ", event)
                if found:
                    yield "" if found[2] == "none" else found[2], found[1]

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
        open_call = bool(calls) and calls[-1].result is None
        if event["event"] and open_call:
            text = normalised(event["event"], event["fields"])
            calls[-1] = calls[-1]._replace(events=(*calls[-1].events, text))
            self.impls.update(re.findall(r" impl=(\w+)", event["fields"]))
        elif event["fd"]:
            flags = signed(event["flags"], 32) & 0xFFFFFFFF
            fd = signed(event["fd"], 32)
            calls.append(Call(fd if fd < 0 else "fd", flags, None))
        elif event["result"] and open_call:
            calls[-1] = calls[-1]._replace(result=signed(event["result"], 64))
        else:
            self.fault = self.fault or f"has an answer to no call: {event[0].strip()}"
