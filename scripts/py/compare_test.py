#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests that scripts/py/compare.py goes red when it must, and only then.

usage: scripts/py/compare_test.py KERNEL_SOURCE

Each test makes the results of a run in which all is well, breaks one thing, and
looks at the exit status and at what is said. A copy of scripts/py/compare.py runs beside
lists of its own, so that scripts/lists/suites may change.

Exit status: 0 all passed, 1 a test failed.
"""

import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from junitparser import JUnitXml

SCRIPTS = pathlib.Path(__file__).resolve().parent
SUITES = """\
# a comment
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
MISALIGNED = """\
[    2.0] ------------[ cut here ]------------
[    2.0] UBSAN: misaligned-access in {}:12:3
[    2.0] member access within misaligned address 0000000012345678 for type 'struct x'
[    2.0] which requires 64 byte alignment
[    2.0] CPU: 0 UID: 0 PID: 1 Comm: sh Not tainted
[    2.0] Call Trace:
[    2.0] ---[ end trace ]---
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
 a test-{pid}    [001] .....    14.255171: sys_setns -> {result}
"""
EINVAL, EPERM = "0xffffffffffffffea", "0xffffffffffffffff"


def trace(*calls):
    """The trace of calls that are (pid, fd, flags, result)."""
    keys = ("pid", "fd", "flags", "result")
    text = "".join(CALL.format(**dict(zip(keys, call, strict=True))) for call in calls)
    return TRACE.format(events=2 * len(calls)) + text


class CompareTest(unittest.TestCase):
    """A run of five suites, each with two calls on C and on Rust."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="compare_test.")
        self.addCleanup(temporary.cleanup)
        self.scripts = pathlib.Path(temporary.name) / "scripts"
        self.results = pathlib.Path(temporary.name) / "results"
        self.lists = self.scripts / "lists"
        self.lists.mkdir(parents=True)
        shutil.copytree(
            SCRIPTS, self.scripts / "py", ignore=shutil.ignore_patterns("*_test.py", "__pycache__")
        )
        (self.lists / "suites").write_text(SUITES)
        (self.lists / "known-failures").write_text(KNOWN)
        (self.lists / "known-skips").write_text(SKIPS)
        (self.lists / "setns-files").write_text(FILES)
        for column, pid in (("c", 111), ("rust", 2222), ("both", 3333)):
            (self.results / column).mkdir(parents=True)
            self.write(f"{column}/dmesg", "[    1.0] rust_setns: tests\n")
            self.fill(column, pid)
        (self.results / "boot").mkdir()
        self.write("boot/dmesg", "[    0.0] Linux version 7.3.4\n")
        self.write("config", "CONFIG_DEBUG_FS=y\n")
        self.write("facts", "architecture x86_64\nflavour builtin\n")

    def fill(self, column, pid):
        """What scripts/guest/run leaves in a column."""
        calls = {"c": "2 0", "rust": "0 2", "both": "1 1"}[column]
        text = trace((pid, 3, 0, "0x0"), (pid + 1, "0xffffffff", "0x40000000", EINVAL))
        for line in SUITES.splitlines()[1:]:
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
        """Exit status and output."""
        command = [sys.executable, self.scripts / "py/compare.py", self.results, SOURCE]
        done = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode, done.stdout

    def summary(self):
        return json.loads((self.results / "summary.json").read_text())

    def assert_red(self, *words):
        """Exit status, output, summary.json and junit.xml: all must say so."""
        status, output = self.compare()
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)
        self.assertFalse(self.summary()["passed"])
        cases = [case for suite in JUnitXml.fromfile(self.results / "junit.xml") for case in suite]
        self.assertTrue(any(case.is_failure or case.is_error for case in cases))

    def assert_green(self):
        status, output = self.compare()
        self.assertEqual(status, 0, output)
        self.assertEqual(self.summary()["problems"], [])

    def test_all_is_well(self):
        self.assert_green()
        summary = self.summary()
        self.assertEqual(summary["counts"], {"passed": 18, "failed": 0, "skipped": 0, "known": 0})
        self.assertEqual(summary["calls"]["rust"], {"c": 0, "rust": 8})
        self.assertEqual(summary["build"]["architecture"], "x86_64")
        case = {"name": "first", "c": "passed", "rust": "passed"}
        self.assertEqual(summary["suites"][0]["cases"][0], case)

    def test_verdict_differs(self):
        self.replace("rust/dir-sub:plain.ktap", "ok 2 second", "not ok 2 second")
        self.assert_red("dir/sub:plain: second: passed on C, failed on Rust")

    def test_both_fail(self):
        for column in ("c", "rust"):
            self.replace(f"{column}/dir-sub:plain.ktap", "ok 2 second", "not ok 2 second")
        self.assert_red("second: failed on C, failed on Rust")

    def test_one_skips(self):
        self.replace("c/dir-sub:plain.ktap", "ok 2 second", "ok 2 second # SKIP no reason")
        self.assert_red("second: skipped on C, passed on Rust")

    def skip(self, suite, case):
        for column in ("c", "rust"):
            self.replace(f"{column}/{suite}.ktap", f"{case}\n", f"{case} # SKIP no reason\n")

    def test_both_skip(self):
        for suite in ("dir/sub:plain", "setns:racy"):
            self.skip(suite.replace("/", "-"), "ok 2 second")
        self.assert_red(
            "dir/sub:plain: second: skipped on C, skipped on Rust",
            "setns:racy: second: skipped on C, skipped on Rust",
        )

    def test_both_skip_in_a_racy_suite(self):
        """Of upstream's, they may."""
        (self.lists / "suites").write_text(SUITES.replace("sub:plain", "sub:plain racy"))
        self.skip("dir-sub:plain", "ok 2 second")
        self.assert_green()

    def test_skip_for_lack_of_an_option(self):
        self.skip("setns:threads", "ok 2 second")
        self.assert_green()
        self.write("config", "CONFIG_LACKING=y\n")
        self.assert_red("setns:threads: second: skipped on C, skipped on Rust")

    def test_suite_makes_no_call(self):
        for suite in ("dir/sub:plain", "setns:threads"):
            self.replace("c/served", f"{suite} 0 2 0", f"{suite} 0 0 0")
            self.replace("rust/served", f"{suite} 0 0 2", f"{suite} 0 0 0")
        self.skip("setns:threads", "ok 1 first")
        for column in ("c", "rust"):
            self.write(f"{column}/dir-sub:plain.trace", trace())
        self.assert_red(
            "dir/sub:plain: made no call, on C",
            "dir/sub:plain: made no call, on Rust",
            "setns:threads: made no call, on C",
        )

    def test_suite_has_nothing_to_do(self):
        for case in ("ok 1 first", "ok 2 second"):
            self.skip("setns:threads", case)
        self.replace("c/served", "setns:threads 0 2 0", "setns:threads 4 0 0")
        self.replace("rust/served", "setns:threads 0 0 2", "setns:threads 4 0 0")
        self.assert_green()

    def test_known_failure(self):
        self.replace("rust/setns:racy.ktap", "ok 1 first", "not ok 1 first")
        self.assert_green()
        self.assertEqual(self.summary()["counts"]["known"], 1)

    def test_known_failure_makes_other_calls(self):
        self.replace("rust/proc:quiet.trace", "flags: 0)", "flags: 0x80)")
        self.assert_red("setns(fd, CLONE_NEWTIME)")
        self.replace("rust/proc:quiet.ktap", "ok 2 second", "not ok 2 second")
        self.assert_green()

    def test_known_failure_is_missing(self):
        self.write("rust/setns:racy.ktap", "TAP version 13\n1..1\nok 1 second\n")
        self.assert_red("first: passed on C, missing on Rust")

    def test_cases_of_one_name(self):
        for column in ("c", "rust"):
            self.replace(f"{column}/dir-sub:plain.ktap", "ok 1 first", "not ok 1 second")
        self.assert_red("dir/sub:plain: second: failed on C")

    def test_case_without_name(self):
        self.replace("c/proc:quiet.ktap", "ok 1 first", "not ok 1")
        self.assert_red("proc:quiet: (1): failed on C, missing on Rust")

    def test_errno_differs(self):
        self.replace("rust/dir-sub:plain.trace", EINVAL, EPERM)
        self.assert_red(
            "call 1 of a task", "setns(-1, CLONE_NEWNET) = -EINVAL on C, -EPERM on Rust"
        )

    def test_another_descriptor_is_free(self):
        self.replace("rust/proc:quiet.trace", "fd: 3", "fd: 4")
        self.assert_green()

    def test_ftrace_knows_no_name(self):
        self.replace("rust/proc:quiet.trace", "a test-", "<...>-")
        self.assert_green()

    def test_no_descriptor(self):
        self.replace("rust/proc:quiet.trace", "fd: 3", "fd: 0xffffff9c")
        self.assert_red("setns(fd, 0) = 0 on C, setns(-100, 0) = 0 on Rust")

    def test_calls_in_another_order(self):
        for column, order in (("c", 1), ("rust", -1)):
            calls = [(7, 3, 0, "0x0"), (7, 3, "0x80", "0x0")][::order]
            self.write(f"{column}/dir-sub:plain.trace", trace(*calls))
        self.assert_red("call 1 of a task")

    def test_tasks_in_another_order(self):
        calls = [(2223, 3, 0, "0x0"), (2222, "0xffffffff", "0x40000000", EINVAL)]
        self.write("rust/dir-sub:plain.trace", trace(*calls[::-1]))
        self.assert_green()

    def test_racy_calls(self):
        for suite in ("setns:racy", "setns:threads"):
            (self.results / f"rust/{suite}.trace").unlink()
            self.replace(f"rust/{suite}.ktap", "fd 7", "fd 8")
        self.assert_green()

    def test_racy_attempts(self):
        self.replace("rust/served", "setns:racy 0 0 2", "setns:racy 0 0 6")
        self.assert_green()

    def test_trace_is_missing(self):
        (self.results / "rust/dir-sub:plain.trace").unlink()
        self.assert_red("the trace on Rust is missing or empty")

    def test_trace_is_empty(self):
        self.write("c/dir-sub:plain.trace", "\n")
        self.assert_red("the trace on C is missing or empty")

    def test_trace_has_no_calls(self):
        self.write("rust/dir-sub:plain.trace", trace())
        self.assert_red("the trace on Rust has 0 of the 2 calls that were served")

    def test_trace_lacks_a_call(self):
        self.write("rust/dir-sub:plain.trace", trace((2222, 3, 0, "0x0")))
        self.assert_red("the trace on Rust has 1 of the 2 calls that were served")

    def test_trace_has_lost_events(self):
        self.replace("c/dir-sub:plain.trace", "written: 4/4", "written: 4/9")
        self.assert_red("the trace on C has lost events: 4 of 9 are left")

    def test_trace_has_no_header(self):
        self.replace("c/dir-sub:plain.trace", "entries-in-buffer", "entries")
        self.assert_red("the trace on C does not say whether it has lost events")

    def test_trace_has_lines_that_are_no_calls(self):
        self.replace("c/dir-sub:plain.trace", "-> 0x0", "CPU:1 [LOST 7 EVENTS]")
        self.assert_red("the trace on C has a line that is no call")

    def test_output_differs(self):
        self.replace("rust/dir-sub:plain.ktap", "fd 7", "fd 8")
        self.assert_red(
            "the output differs: C:    # plain.c:12:first:Child N in N, inode N, after N s, fd 7"
        )

    def test_output_has_a_line_more(self):
        self.replace("c/dir-sub:plain.ktap", "ok 2", "# plain.c:13:second:Invalid argument\nok 2")
        self.assert_red("the output differs: C:    # plain.c:13:second:Invalid argument")

    def test_line_number_differs(self):
        for column, line in (("c", 112), ("rust", 113)):
            self.replace(f"{column}/dir-sub:plain.ktap", "plain.c:12:", f"plain.c:{line}:")
        self.assert_red("the output differs: C:    # plain.c:112:")

    def test_suite_is_missing(self):
        self.replace("rust/served", "dir/sub:plain 0 0 2\n", "")
        self.assert_red("dir/sub:plain: did not run, on Rust")

    def test_ktap_is_missing(self):
        (self.results / "rust/dir-sub:plain.ktap").unlink()
        self.assert_red("dir/sub:plain: did not run, on Rust")

    def test_no_plan(self):
        self.replace("rust/dir-sub:plain.ktap", "1..2\n", "")
        self.assert_red("has no test plan, on Rust")

    def test_silence(self):
        for column in ("c", "rust"):
            self.write(f"{column}/dir-sub:plain.ktap", "")
        self.assert_red("has no test plan, on C", "has no test plan, on Rust")

    def test_fewer_cases_than_planned(self):
        for column in ("c", "rust"):
            self.replace(f"{column}/dir-sub:plain.ktap", "ok 2 second\n", "")
        self.assert_red("does not say what it planned to, on C")

    def test_timeout(self):
        self.replace("rust/served", "dir/sub:plain 0 ", "dir/sub:plain 124 ")
        self.assert_red("timed out, on Rust")

    def test_status_that_no_case_explains(self):
        self.replace("rust/served", "dir/sub:plain 0 ", "dir/sub:plain 1 ")
        self.assert_red("ended with status 1, and no case says why, on Rust")

    def test_splat(self):
        for line in ("WARNING: kernel/nsproxy.c:1 at x", "BUG: KASAN: x", "Call trace:"):
            with self.subTest(line):
                self.write("rust/dmesg", f"[    1.0] rust_setns: tests\n[    2.0] {line}\n")
                self.assert_red(f"the kernel complained: [    2.0] {line}")

    def test_splat_that_is_only_printed(self):
        """At which no panic_on_warn stops."""
        for line in (
            "WARNING: possible circular locking dependency detected",
            "BUG: sleeping function called from invalid context at x",
            "WARNING: suspicious RCU usage",
        ):
            with self.subTest(line):
                self.write("c/dmesg", f"[    1.0] rust_setns: tests\n[    2.0] {line}\n")
                self.assert_red(f"the kernel complained: [    2.0] {line}")

    def test_splat_that_a_test_provokes(self):
        oom = (
            "[    2.0] fault_test invoked oom-killer: x\n[    2.0] CPU: 0\n[    2.0] Call Trace:\n"
        )
        self.write("rust/dmesg", f"[    1.0] rust_setns: tests\n{oom}")
        self.assert_green()
        for between in ("[    3.0] Call Trace:\n", "[    3.0] x\n" * 20):
            text = oom.replace("[    2.0] CPU: 0\n", between)
            self.write("rust/dmesg", f"{text}[    3.0] Call Trace:\n")
            self.assert_red("Call Trace:")
        self.write("rust/dmesg", f"{oom}[    3.0] Call Trace:\n")
        self.assert_red("the kernel complained: [    3.0] Call Trace:")
        self.write("rust/dmesg", oom.replace("fault_test", "other_test"))
        self.assert_red("the kernel complained: [    2.0] Call Trace:")

    def test_splat_that_a_failing_allocation_provokes(self):
        stack = "[    2.0] CPU: 0 PID: 9 Comm: {} Not tainted\n[    2.0] Call Trace:\n"
        failed = "[    2.0] percpu: allocation failed, size=8 align=8\n" + stack
        for task in ("fault_test", "kunit_try_catch"):
            self.write("rust/dmesg", "[    1.0] rust_setns: tests\n" + failed.format(task))
            self.assert_green()
        self.write("rust/dmesg", failed.format("other_test"))
        self.assert_red("the kernel complained: [    2.0] Call Trace:")
        self.write("rust/dmesg", stack.format("fault_test"))
        self.assert_red("the kernel complained: [    2.0] Call Trace:")

    def misalign(self, column, *files):
        """A kernel log with a misaligned access in each of the files."""
        reports = "".join(map(MISALIGNED.format, files))
        self.write(f"{column}/dmesg", f"[    1.0] rust_setns: tests\n{reports}")

    def test_misaligned_access_elsewhere(self):
        """In a kernel that was built to report it: listed, and counted over all logs."""
        self.misalign("c", "/h/.cache/rust-setns/linux-7.3.4-1/src/drivers/x.c", "net/core/y.c")
        self.misalign("rust", "/h/kdir-0123456789ab/src/drivers/x.c")
        self.assert_red("the kernel complained: [    2.0] UBSAN: misaligned-access in")
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        self.assert_green()
        self.assertEqual(self.summary()["misaligned"], {"drivers/x.c": 2, "net/core/y.c": 1})
        self.assertIn("setns(2): drivers/x.c: 2\n", self.compare()[1])
        self.assertIn("setns(2): 3 in all\n", self.compare()[1])

    def test_misaligned_access_on_the_path(self):
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        for file in (
            "/h/.cache/rust-setns/linux-7.3.4-1/src/kernel/utsname.c",
            "/h/src/kdir-0123456789ab/src/include/linux/ns_common.h",
            "kernel/utsname.c",
        ):
            with self.subTest(file):
                self.misalign("rust", "drivers/x.c", file)
                self.assert_red(
                    f"the kernel complained: [    2.0] UBSAN: misaligned-access in {file}"
                )

    def test_misaligned_access_in_a_function_that_is_accepted(self):
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        for function, is_accepted in (("at_boot", True), ("at_boot_too", False), ("x", False)):
            with self.subTest(function):
                self.misalign("rust", "kernel/utsname.c")
                log = self.results / "rust/dmesg"
                frames = "".join(
                    f"[    2.0]  {name}+0x1/0x2\n"
                    for name in ("__ubsan_handle_type_mismatch_v1", function, "at_boot")
                )
                log.write_text(log.read_text().replace("[    2.0] ---[", frames + "[    2.0] ---["))
                if is_accepted:
                    self.assert_green()
                else:
                    self.assert_red("the kernel complained: [    2.0] UBSAN: misaligned-access in")

    def test_other_complaints_beside_misaligned_accesses(self):
        self.write("config", "CONFIG_UBSAN_ALIGNMENT=y\n")
        for line in (
            "UBSAN: array-index-out-of-bounds in drivers/x.c:12:3",
            "UBSAN: alignment-assumption in drivers/x.c:12:3",
            "BUG: x",
            "Call Trace:",
        ):
            with self.subTest(line):
                self.misalign("rust", "drivers/x.c")
                self.add("dmesg", f"[    3.0] {line}\n", "rust")
                self.assert_red(f"the kernel complained: [    3.0] {line}")

    def test_kernel_log_alone(self):
        """As scripts/kunit asks."""
        log = self.results / "rust/dmesg"
        command = [sys.executable, self.scripts / "py/kernel_log.py", log]
        for text, status in (
            ("[    0.0] Linux version 7.3\n", 0),
            ("[    0.0] Linux version 7.3\n[    1.0] BUG: x\n", 1),
            ("[    1.0] no beginning\n", 2),
            ("", 2),
        ):
            log.write_text(text)
            done = subprocess.run(command, text=True, capture_output=True, check=False)
            self.assertEqual(done.returncode, status, text)
            self.assertEqual("BUG: x" in done.stdout, status == 1)

    def test_misaligned_access_in_a_kernel_log_alone(self):
        log = self.results / "rust/dmesg"
        command = [sys.executable, self.scripts / "py/kernel_log.py", log]
        for file, options, status in (
            ("drivers/x.c", [], 1),
            ("drivers/x.c", ["--alignment"], 0),
            ("kernel/utsname.c", ["--alignment"], 1),
            # Named in another way than the build names it
            ("./drivers/x.c", ["--alignment"], 1),
            ("../drivers/x.c", ["--alignment"], 1),
            ("/elsewhere/drivers/x.c", ["--alignment"], 1),
        ):
            self.misalign("rust", file)
            done = subprocess.run([*command, *options], capture_output=True, check=False)
            self.assertEqual(done.returncode, status, (file, options))

    def test_leak(self):
        self.write("config", "CONFIG_DEBUG_KMEMLEAK=y\n")
        self.assert_red(*(f"kmemleak was not asked, on {name}" for name in ("C", "Rust", "both")))
        for column in ("c", "rust", "both"):
            self.write(f"{column}/kmemleak", "")
        self.assert_green()
        self.write("rust/kmemleak", "unreferenced object 0xffff (size 192):\n")
        self.assert_red("kmemleak: 1 objects, on Rust")

    def test_kernel_complains_before_the_tests(self):
        self.write("boot/dmesg", "[    0.0] Linux version 7.3.4\n[    0.1] BUG: x\n")
        self.assert_red("the kernel complained: [    0.1] BUG: x")
        (self.results / "boot/dmesg").unlink()
        self.assert_red("no kernel log of boot")

    def test_first_task_complains(self):
        """On a machine without systemd-tmpfiles, of that: its words are not the kernel's."""
        log = "[    0.0] Linux version 7.3.4\n[    4.1] {} WARNING: failed to run x\n"
        self.write("boot/dmesg", log.format("virtme-ng-init:"))
        self.assert_green()
        self.write("boot/dmesg", log.format("Comm: virtme-ng-init"))
        self.assert_red("the kernel complained: [    4.1] Comm: virtme-ng-init WARNING:")

    def test_no_kernel_log(self):
        self.write("both/dmesg", "\n")
        self.assert_red("no kernel log of both")

    def test_kernel_log_has_lost_its_beginning(self):
        self.write("c/dmesg", "[    9.0] what there was room for\n")
        self.assert_red("the kernel log of C has lost its beginning")

    def test_wrong_implementation_served(self):
        self.replace("rust/served", "dir/sub:plain 0 0 2", "dir/sub:plain 0 2 0")
        self.assert_red("the column of Rust was not served by Rust: 2 calls by C, 6 by Rust")

    def test_nobody_served(self):
        for suite in ("dir/sub:plain", "setns:racy", "setns:threads", "proc:quiet"):
            self.replace("c/served", f"{suite} 0 2 0", f"{suite} 0 0 0")
            self.write(f"c/{suite.replace('/', '-')}.trace", trace())
        self.assert_red("the column of C was not served by C")

    def test_switching_fails(self):
        self.replace("both/setns:switch.ktap", "ok 2 second", "ok 2 second # SKIP no module")
        self.assert_red("second: skipped on both")

    def test_output_that_is_no_text(self):
        for column in ("c", "rust"):
            self.replace(f"{column}/dir-sub:plain.ktap", "Child", "\x1b[1m\x00Child")
        self.assert_green()

    def test_no_folder_of_a_run(self):
        (self.results / "facts").unlink()
        status, output = self.compare()
        self.assertEqual(status, 2, output)
        self.assertIn("no folder of scripts/run", output)

    def test_unreadable_results(self):
        self.add("served", "half a line\n", "c")
        self.assertEqual(self.compare()[0], 2)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    SOURCE = sys.argv.pop(1)
    unittest.main()
