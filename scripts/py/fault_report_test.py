#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""Tests that scripts/py/fault_report.py goes red when it must, and only then.

usage: scripts/py/fault_report_test.py

Each test makes the results of scripts/fault in which all is well, breaks one thing, and
looks at the exit status and at what is said.

Exit status: 0 all passed, 1 a test failed.
"""

import itertools
import pathlib
import subprocess
import sys
import tempfile
import unittest

REPORT = pathlib.Path(__file__).resolve().parent / "fault_report.py"
TYPES = {
    "user": 0x10000000,
    "mnt": 0x20000,
    "uts": 0x4000000,
    "ipc": 0x8000000,
    "pid": 0x20000000,
    "cgroup": 0x2000000,
    "net": 0x40000000,
    "time": 0x80,
}
CREATABLE = list(TYPES)[1:]
CREATED = [
    *itertools.combinations_with_replacement(CREATABLE, 2),
    tuple(CREATABLE),
    ("mnt", "empty"),
]
FLAGS = TYPES | {"empty": 1 << 37}
CASES = ("each_type_by_nsfd", "each_set_by_pidfd", "each_set_by_unshare", "at_its_limit")
KMEMLEAK = """\
unreferenced object 0xffff888005b3c0c0 (size 192):
  comm "fault_test", pid 1234, jiffies 4294900000
  backtrace (crc 0):
    kmem_cache_alloc_noprof+0x1/0x2
    prepare_creds+0x1/0x2
"""
LEAK = """\
# fault_test.c:456:each_set_by_pidfd:Expected sweep->leaked (268435456) == 0 (0)
# fault_test.c:457:each_set_by_pidfd:set {flags:#x}: namespaces are left
"""
VICTIM = """\
# fault_test.c:717:at_its_limit:Expected status (768) == 0 (0)
# fault_test.c:718:at_its_limit:a user namespace is left
"""
BEGINNINGS = {"boot/dmesg": "Linux version", "c/dmesg": "rust_setns: tests on c"}
OOM = """\
[  499.2] fault_test invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0
[  499.2] CPU: 0 UID: 65534 PID: 14276 Comm: fault_test Not tainted 7.3.4 #2
[  499.2] Call Trace:
"""


def sweep(call, types, failures, errnos, leaked=""):
    leaked = f" {leaked}" if leaked else ""
    return f"# {call} {' '.join(types)}: {failures} failures: {errnos}, leaked:{leaked}\n"


def all_sets():
    for bits in range(1, 256):
        yield tuple(name for i, name in enumerate(TYPES) if bits & 1 << i)


class FaultReportTest(unittest.TestCase):
    """Results of scripts/fault, with the fix unless a test says otherwise."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory(prefix="fault_report_test.")
        self.addCleanup(temporary.cleanup)
        self.results = pathlib.Path(temporary.name)
        self.options = []
        for impl, served in (("c", "4000 0"), ("rust", "0 4000"), ("both", None)):
            (self.results / impl).mkdir()
            self.write(f"{impl}/dmesg", f"[    1.0] rust_setns: tests on {impl}\n{OOM}")
            self.write(f"{impl}/kmemleak", "")
            if served:
                self.write(f"{impl}/served", f"setns:fault_test 0 {served}\n")
                self.write(f"{impl}/setns:fault_test.ktap", self.ktap())
        (self.results / "boot").mkdir()
        self.write("boot/dmesg", "[    0.0] Linux version 7.3.4\n")
        self.write("kunit.log", self.kunit())

    def ktap(self, leaks=False, victim=False):
        text = "TAP version 13\n1..4\n# Starting 4 tests from 2 test cases.\n"
        red = {"each_set_by_pidfd": leaks, "at_its_limit": victim}
        for number, case in enumerate(CASES, 1):
            name = f"{'fault' if number < 4 else 'memcg'}.{case}"
            text += f"#  RUN           {name} ...\n{getattr(self, case)(red.get(case))}"
            text += f"# {case}: Test failed\n" if red.get(case) else ""
            text += f"#          {'FAIL' if red.get(case) else '  OK'}  {name}\n"
            text += f"{'not ok' if red.get(case) else 'ok'} {number} {name}\n"
        text += f"# {'FAILED' if leaks else 'PASSED'}: 4 / 4 tests passed.\n"
        return text + "# Totals: pass:4 fail:0 xfail:0 xpass:0 skip:0 error:0\n"

    def each_type_by_nsfd(self, _):
        return "".join(sweep("nsfd", (name,), 1, "ENOMEM") for name in TYPES)

    def each_set_by_pidfd(self, leaks):
        text = ""
        for types in all_sets():
            leaked = leaks and {"user", "mnt"} <= {*types}
            text += sweep("pidfd", types, 2, "ENOMEM", "user" if leaked else "")
            flags = sum(TYPES[name] for name in types)
            text += LEAK.format(flags=flags) if leaked else ""
        return text

    def each_set_by_unshare(self, _):
        return "".join(
            sweep("unshare", sorted({*types}, key=list(FLAGS).index), 14, "ENOMEM")
            for types in CREATED
        )

    def at_its_limit(self, victim):
        return VICTIM if victim else ""

    def kunit(self):
        # The tests have run once before, at boot, when nothing was made to fail
        text = "".join(f"namespaces before: {name} 1\n" for name in CREATABLE)
        text += "[    0.0] Linux version 7.3.4\n"
        text += "[    1.0] rust_setns: create_new_namespaces 0x80: 0 failures: []\n"
        text += "[    1.1] ok 1 rust_setns_create\n"
        text += "[    9.0] rust_setns: tests of create_new_namespaces()\n"
        for types in CREATED:
            flags = sum(FLAGS[name] for name in {*types})
            errnos = "-12, -17" if "net" in types else "-12"
            text += f"[    9.1] rust_setns: create_new_namespaces {flags:#x}: 40 failures: "
            text += f"[{errnos}]\n"
        text += "[    9.2] ok 1 rust_setns_create\n"
        return text + "".join(f"namespaces after: {name} 1\n" for name in CREATABLE)

    def unfix(self, victim=True):
        """C as it is without its fix."""
        self.options = ["--unfixed"]
        self.write("c/setns:fault_test.ktap", self.ktap(leaks=True, victim=victim))
        self.write("c/served", "setns:fault_test 1 4000 0\n")
        self.write("c/kmemleak", KMEMLEAK)

    def write(self, name, text):
        (self.results / name).write_text(text)

    def replace(self, name, old, new):
        text = (self.results / name).read_text()
        self.assertIn(old, text)
        self.write(name, text.replace(old, new, 1))

    def run_report(self):
        command = [sys.executable, REPORT, self.results, *self.options]
        done = subprocess.run(
            command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
        )
        return done.returncode, done.stdout

    def assert_green(self):
        status, output = self.run_report()
        self.assertEqual(status, 0, output)
        return output

    def assert_red(self, *words):
        status, output = self.run_report()
        self.assertEqual(status, 1, output)
        for word in words:
            self.assertIn(word, output)
        failed = [line for line in output.splitlines() if line.startswith("FAILED: ")]
        self.assertEqual(len(failed), len(words), output)

    def test_all_is_well(self):
        self.assertIn(
            "namespaces left of create_new_namespaces, on Rust: none", self.assert_green()
        )
        rows = (self.results / "sets").read_text().splitlines()
        self.assertEqual(len(rows), 8 + 255 + 30)
        self.assertTrue(all(len(row.split("\t")) == 8 for row in rows))

    def test_unfixed(self):
        self.unfix()
        self.assertNotIn("this time", self.assert_green())

    def test_unfixed_and_no_victim(self):
        self.unfix(victim=False)
        self.assertIn("memcg.at_its_limit is green on C", self.assert_green())

    def test_unfixed_but_none_leaks(self):
        self.unfix()
        self.write("c/setns:fault_test.ktap", self.ktap(victim=True))
        status, output = self.run_report()
        self.assertEqual(status, 1)
        self.assertIn("fault.each_set_by_pidfd is green on C, which must leak", output)
        self.assertIn("pidfd user mnt: C leaks nothing", output)

    def test_unfixed_and_kmemleak_is_blind(self):
        self.unfix()
        self.write("c/kmemleak", "")
        self.assert_red("kmemleak, on C: nothing")

    def test_unfixed_and_kmemleak_finds_more(self):
        self.unfix()
        self.write("c/kmemleak", KMEMLEAK + KMEMLEAK.replace("prepare_creds", "copy_fs_struct"))
        self.assert_red("kmemleak, on C: ")

    def test_unfixed_and_another_case_is_red(self):
        for case in ("fault.each_type_by_nsfd", "fault.each_set_by_unshare"):
            self.unfix()
            number = 1 + CASES.index(case.partition(".")[2])
            self.replace(
                "c/setns:fault_test.ktap", f"\nok {number} {case}", f"\nnot ok {number} {case}"
            )
            self.assert_red(f"{case} on C: no reason given")

    def test_unfixed_and_something_else_is_wrong(self):
        for line in (
            "fault_test.c:450:{}:set 0x10020000: a refused call has changed: self/root",
            "fault_test.c:460:{}:set 0x10020000: EFAULT",
            "fault_test.c:449:{}:Expected 1 (1) == sweep->done (0)",
            "fault_test.c:453:{}:set 0x1: what is left cannot be counted: Cannot allocate memory",
            "{}: Test terminated by timeout",
        ):
            with self.subTest(line):
                self.unfix()
                line = line.format("each_set_by_pidfd")
                self.replace(
                    "c/setns:fault_test.ktap",
                    "# each_set_by_pidfd: Test failed",
                    f"# {line}\n# each_set_by_pidfd: Test failed",
                )
                self.assert_red(f"fault.each_set_by_pidfd on C: {line.split('d:', 1)[1].strip()}")

    def test_unfixed_and_the_victims_are_not_tried(self):
        self.unfix()
        self.replace("c/setns:fault_test.ktap", "status (768)", "status (256)")
        self.replace("c/setns:fault_test.ktap", "a user namespace is left", "not tried")
        self.assert_red(
            "memcg.at_its_limit on C: Expected status (256) == 0 (0) (and 1 lines more)"
        )

    def test_unfixed_and_red_without_reason(self):
        self.unfix()
        self.replace("c/setns:fault_test.ktap", VICTIM, "")
        self.assert_red("memcg.at_its_limit on C: no reason given")

    def test_fixed_and_c_leaks(self):
        self.unfix()
        self.options = []
        status, output = self.run_report()
        self.assertEqual(status, 1)
        self.assertIn("pidfd user mnt: C leaks user", output)
        self.assertIn("kmemleak, on C: {'prepare_creds': 1}", output)
        self.assertIn("fault.each_set_by_pidfd on C: Expected sweep->leaked", output)

    def test_rust_leaks(self):
        self.unfix()
        self.write("rust/setns:fault_test.ktap", self.ktap(leaks=True))
        self.write("rust/served", "setns:fault_test 1 0 4000\n")
        status, output = self.run_report()
        self.assertEqual(status, 1)
        self.assertIn("pidfd user mnt: Rust leaks user", output)
        self.assertIn("fault.each_set_by_pidfd on Rust: Expected sweep->leaked", output)

    def test_rust_is_red(self):
        self.replace("rust/setns:fault_test.ktap", "\nok 4", "\nnot ok 4")
        self.replace("rust/served", " 0 ", " 1 ")
        self.assert_red("memcg.at_its_limit on Rust: no reason given")

    def test_skip(self):
        for impl, name in (("c", "C"), ("rust", "Rust")):
            self.replace(
                f"{impl}/setns:fault_test.ktap",
                "ok 4 memcg.at_its_limit",
                "ok 4 memcg.at_its_limit # SKIP no memory cgroups",
            )
        self.assert_red(
            "memcg.at_its_limit on C: # SKIP no memory cgroups",
            "memcg.at_its_limit on Rust: # SKIP no memory cgroups",
        )

    def test_case_is_missing(self):
        self.replace("rust/setns:fault_test.ktap", "\nok 4 memcg.at_its_limit", "")
        self.assert_red("these are not the cases of fault_test, on Rust")

    def test_no_plan(self):
        self.replace("c/setns:fault_test.ktap", "1..4\n", "")
        self.assert_red("these are not the cases of fault_test, on C")

    def test_silence(self):
        self.write("rust/setns:fault_test.ktap", "")
        status, output = self.run_report()
        self.assertEqual(status, 1)
        self.assertIn("these are not the cases of fault_test, on Rust: none", output)
        self.assertIn("0 of 255 sets were tried by pidfd on Rust", output)

    def test_status_that_no_case_explains(self):
        self.replace("rust/served", " 0 ", " 124 ")
        self.assert_red("fault_test ended with status 124 on Rust")

    def test_status_hides_a_failure(self):
        self.unfix()
        self.replace("c/served", " 1 ", " 0 ")
        self.assert_red("fault_test ended with status 0 on C")

    def test_wrong_implementation_served(self):
        for served in ("0 4000 0", "0 1 4000", "0 0 0", "0 0 300"):
            with self.subTest(served):
                self.write("rust/served", f"setns:fault_test {served}\n")
                self.assert_red("the column of Rust was not served by Rust")
        self.write("rust/served", "setns:fault_test 0 0 4000\n")
        self.write("c/served", "setns:fault_test 0 0 4000\n")
        self.assert_red("the column of C was not served by C: 0 calls by C, 4000 by Rust")

    def test_nobody_can_say(self):
        for name, text in (
            ("rust/served", ""),
            ("rust/served", "setns:other_test 0 0 4000\n"),
            ("c/served", "half a line\n"),
        ):
            with self.subTest(name + text):
                before = (self.results / name).read_text()
                self.write(name, text)
                self.assertEqual(self.run_report()[0], 2)
                self.write(name, before)
        for name in ("both/dmesg", "kunit.log", "c/kmemleak", "rust/setns:fault_test.ktap"):
            with self.subTest(name):
                text = (self.results / name).read_text()
                (self.results / name).unlink()
                status, output = self.run_report()
                self.assertEqual(status, 2)
                self.assertIn("is missing", output)
                self.write(name, text)

    def test_failures_differ(self):
        self.replace("rust/setns:fault_test.ktap", "# pidfd uts: 2 ", "# pidfd uts: 3 ")
        self.assert_red("pidfd uts: C and Rust differ")

    def test_errno_differs(self):
        self.replace(
            "rust/setns:fault_test.ktap",
            "# nsfd uts: 1 failures: ENOMEM",
            "# nsfd uts: 1 failures: EINVAL",
        )
        self.assert_red("nsfd uts: C and Rust differ")

    def test_set_is_missing(self):
        self.replace("c/setns:fault_test.ktap", sweep("unshare", ("uts", "ipc"), 14, "ENOMEM"), "")
        self.assert_red("29 of 30 sets were tried by create_new_namespaces on C")

    def test_created_set_is_missing(self):
        self.replace(
            "kunit.log", "create_new_namespaces 0x20080", "create_other_namespaces 0x20080"
        )
        self.assert_red(
            "29 of 30 sets were tried by create_new_namespaces on Rust",
            "allocations of the KUnit tests failed for 29 of 30 sets",
        )

    def test_c_gives_another_errno_for_unshare(self):
        self.replace(
            "c/setns:fault_test.ktap",
            sweep("unshare", ("net",), 14, "ENOMEM"),
            sweep("unshare", ("net",), 14, "ENOMEM ENODEV"),
        )
        self.assert_red("create_new_namespaces net: C and Rust differ")

    def test_rust_gives_another_errno_for_create(self):
        self.replace(
            "kunit.log", "0x4000000: 40 failures: [-12]", "0x4000000: 40 failures: [-12, -22]"
        )
        self.assert_red("create_new_namespaces uts: C and Rust differ")

    def test_nothing_fails(self):
        self.replace(
            "kunit.log", "0x40000000: 40 failures: [-12, -17]", "0x40000000: 0 failures: []"
        )
        self.assert_red(
            "create_new_namespaces net: C and Rust differ",
            "allocations of the KUnit tests failed for 29 of 30 sets",
        )

    def test_kunit_fails(self):
        self.replace("kunit.log", "9.2] ok 1", "9.2] not ok 1")
        self.assert_red("the KUnit tests of create_new_namespaces() failed")

    def test_kunit_skips(self):
        self.replace(
            "kunit.log", "9.2] ok 1 rust_setns_create", "9.2] ok 1 rust_setns_create # SKIP"
        )
        self.assert_red("the KUnit tests of create_new_namespaces() failed")

    def test_kunit_leaves_namespaces(self):
        self.replace("kunit.log", "after: net 1", "after: net 3")
        self.replace("kunit.log", "after: time 1", "after: time 0")
        self.assert_red(
            "create_new_namespaces on Rust leaks net: 3 are left, of 1",
            "create_new_namespaces on Rust leaks time: 0 are left, of 1",
        )

    def test_nobody_has_counted(self):
        self.replace("kunit.log", "namespaces after: ipc 1\n", "")
        self.assert_red("nobody has counted namespaces of type ipc")

    def test_kunit_leaks(self):
        self.replace("kunit.log", "namespaces after: mnt", KMEMLEAK + "namespaces after: mnt")
        self.assert_red("kmemleak, on Rust: {'prepare_creds': 1}")

    def test_kernel_complains(self):
        for name in ("kunit.log", "boot/dmesg", "c/dmesg", "rust/dmesg", "both/dmesg"):
            for line in (
                "WARNING: possible circular locking dependency detected",
                "BUG: sleeping function called from invalid context at x",
                "WARNING: suspicious RCU usage",
                "Call Trace:",
            ):
                with self.subTest(name + line):
                    before = (self.results / name).read_text()
                    self.write(name, f"{before}[  600.0] {line}\n")
                    self.assert_red(f"the kernel complained, in {name}: [  600.0] {line}")
                    self.write(name, before)

    def test_kernel_log_has_lost_its_beginning(self):
        for name, beginning in BEGINNINGS.items():
            before = (self.results / name).read_text()
            self.write(name, before.replace(beginning, "…"))
            self.assert_red(f"the kernel log has lost its beginning, or is none: {name}")
            self.write(name, before)

    def test_kunit_alone(self):
        self.options = ["--kunit"]
        for impl in ("c", "rust", "both", "boot"):
            (self.results / impl / "dmesg").unlink()
        self.assertIn("1200 failures, of 30 sets", self.assert_green())
        self.replace("kunit.log", "0x80: 40 failures: [-12]", "0x80: 0 failures: []")
        self.replace("kunit.log", "after: net 1", "after: net 3")
        self.replace("kunit.log", "namespaces after: mnt", KMEMLEAK + "namespaces after: mnt")
        self.replace("kunit.log", "9.2] ok 1", "9.2] not ok 1")
        self.assert_red(
            "kmemleak, on Rust: {'prepare_creds': 1}",
            "allocations of the KUnit tests failed for 29 of 30 sets",
            "the KUnit tests of create_new_namespaces() failed",
            "create_new_namespaces on Rust leaks net: 3 are left, of 1",
        )


if __name__ == "__main__":
    unittest.main()
