# SPDX-License-Identifier: GPL-2.0
"""The folder of a run that the tests of scripts/py/compare.py start from."""

import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from junitparser import JUnitXml

PY = pathlib.Path(__file__).resolve().parent.parent
SUITES = """\
dir/sub:plain
setns:racy racy
setns:threads race
proc:quiet exit
setns:switch once
"""
KNOWN = """\
setns:racy first  # 2026-11-25, sleeps
proc:quiet second  # 2026-11-25, sleeps too
"""
SKIPS = """\
setns:threads first LACKING  # cannot do it
setns:threads second LACKING  # nor this
"""
FILES = """\
# a comment
kernel/utsname.c  # uts
include/linux/ns*.h  # what is inline
kernel/utsname.c at_boot  # 2026-11-28, no object
"""
KTAP = """\
TAP version 13
1..2
#  RUN           first ...
# plain.c:12:first:Child {pid} in 0x7f{pid}, inode 40265{pid}, after {pid}.5 s, fd 7
#            OK  first
ok 1 first
ok 2 second
# Totals: pass:2 fail:0 xfail:0 xpass:0 skip:0 error:0
"""
TRACE = """\
# tracer: nop
#
# entries-in-buffer/entries-written: {events}/{events}   #P:2
#
#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION
"""
CALL = """\
 a test-{pid}    [001] .....    14.254488: sys_setns(fd: {fd}, flags: {flags})
 a test-{pid}    [001] .....    14.254901: {event}
 a test-{pid}    [001] .....    14.255171: sys_setns -> {result}
"""
REFUSED = (
    "setns_refused: reason=NO_CAP type=uts error=1 fd_kind=namespace asked=none ns_id=12 inum=9 "
    "owner_id=2 user_ns_id=13 cap=21 cap_ns_id=13"
)
JOINED = (
    "setns_joined: type=uts old_id=3 new_id=12 old_inum=4026531838 new_inum=4026532001 asked=uts "
    "call=7"
)
EINVAL, EPERM = "0xffffffffffffffea", "0xffffffffffffffff"


def trace(*calls):
    """Returns the trace of calls. A call is (pid, fd, flags, result)."""
    text = ""
    for pid, fd, flags, result in calls:
        event = JOINED if result == "0x0" else REFUSED
        text += CALL.format(pid=pid, fd=fd, flags=flags, result=result, event=event)
    return TRACE.format(events=3 * len(calls)) + text


class CompareTest(unittest.TestCase):
    """A run of five suites, each with two calls on C and on Rust, which all passed.

    A test breaks one thing, and looks at the exit status and at the output. A copy of
    scripts/py runs beside lists of its own, so that scripts/lists may change. The
    environment variable KERNEL_SOURCE names the kernel source with the KTAP parser.
    """

    @classmethod
    def setUpClass(cls):
        if not os.environ.get("KERNEL_SOURCE"):
            raise RuntimeError("Set KERNEL_SOURCE to the folder of the kernel source.")

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="comparison.")
        self.addCleanup(temporary.cleanup)
        self.scripts = pathlib.Path(temporary.name) / "scripts"
        self.results = pathlib.Path(temporary.name) / "results"
        self.lists = self.scripts / "lists"
        self.lists.mkdir(parents=True)
        shutil.copytree(
            PY, self.scripts / "py", ignore=shutil.ignore_patterns("*_test.py", "__pycache__")
        )
        (self.lists / "known-failures").write_text(KNOWN)
        (self.lists / "known-skips").write_text(SKIPS)
        (self.lists / "setns-files").write_text(FILES)
        (self.lists / "suites").write_text(SUITES)
        for column, pid in (("c", 111), ("rust", 2222), ("both", 3333)):
            (self.results / column).mkdir(parents=True)
            self.write(f"{column}/dmesg", "[    1.0] rust_setns: tests\n")
            self.fill(column, pid)
        (self.results / "boot").mkdir()
        self.write("boot/dmesg", "[    0.0] Linux version 7.3.4\n")
        self.write("suites", SUITES)
        self.write("config", "CONFIG_DEBUG_FS=y\n")
        self.write("facts", "architecture x86_64\nflavour builtin\n")

    def fill(self, column, pid):
        """Writes the files that scripts/guest/run leaves in a column."""
        calls = {"c": "2 0", "rust": "0 2", "both": "1 1"}[column]
        text = trace((pid, 3, 0, "0x0"), (pid + 1, "0xffffffff", "0x40000000", EINVAL))
        for line in SUITES.splitlines():
            suite, *marks = line.split()
            if (column == "both") == ("once" in marks):
                self.add("served", f"{suite} 0 {calls}\n", column)
                self.write(f"{column}/{suite.replace('/', '-')}.ktap", KTAP.format(pid=pid))
                self.write(f"{column}/{suite.replace('/', '-')}.trace", text)

    def write(self, name, text):
        (self.results / name).write_text(text)

    def add(self, name, text, column):
        with (self.results / column / name).open("a") as file:
            file.write(text)

    def replace(self, name, old, new):
        text = (self.results / name).read_text()
        self.assertIn(old, text)
        self.write(name, text.replace(old, new))

    def compare(self):
        """Returns exit status and output of scripts/py/compare.py."""
        source = os.environ["KERNEL_SOURCE"]
        command = [sys.executable, self.scripts / "py/compare.py", self.results, source]
        done = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode, done.stdout

    def summary(self):
        return json.loads((self.results / "summary.json").read_text())

    def assert_red(self, *words):
        """Checks that exit status, output, summary.json and junit.xml all report a failure."""
        status, output = self.compare()
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)
        self.assertFalse(self.summary()["passed"])
        cases = [case for suite in JUnitXml.fromfile(self.results / "junit.xml") for case in suite]
        self.assertTrue(any(case.is_failure or case.is_error for case in cases))

    def assert_broken(self, words):
        """Checks that the comparison could not be made, and that one line says why."""
        status, output = self.compare()
        self.assertEqual(status, 2, output)
        self.assertIn(words, output)
        self.assertEqual(len(output.splitlines()), 1, output)

    def assert_green(self):
        status, output = self.compare()
        self.assertEqual(status, 0, output)
        self.assertEqual(self.summary()["problems"], [])

    def skip(self, suite, case, why="no reason"):
        for column in ("c", "rust"):
            self.replace(f"{column}/{suite}.ktap", f"{case}\n", f"{case} # SKIP {why}\n")
