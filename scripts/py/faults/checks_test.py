# SPDX-License-Identifier: GPL-2.0
"""Tests how scripts/py/fault_report.py judges outcomes, KUnit tests and logs."""

from faults.fixture import KMEMLEAK, FaultReportTest, sweep

BEGINNINGS = {"boot/dmesg": "Linux version", "c/dmesg": "rust_setns: tests on c"}


class ChecksTest(FaultReportTest):
    """A difference, a leak, a complaint or a missing file fails the run."""

    def test_all_is_well(self):
        self.assertIn(
            "namespaces left of create_new_namespaces, on Rust: none", self.assert_green()
        )
        rows = (self.results / "sets").read_text().splitlines()
        self.assertEqual(len(rows), 8 + 255 + 8 + 22 + 30)
        self.assertTrue(all(len(row.split("\t")) == 8 for row in rows))

    def test_results_cannot_be_judged(self):
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
            "# nsfd uts: 2 failures: ENOMEM",
            "# nsfd uts: 2 failures: EINVAL",
        )
        self.assert_red("nsfd uts: C and Rust differ")

    def test_reason_differs(self):
        self.replace("rust/setns:fault_test.trace", "NO_MEMORY type=user", "NO_MEMORY type=uts")
        self.assert_red(
            "1 refusals of C alone, the first one: NO_MEMORY user",
            "1 refusals of Rust alone, the first one: NO_MEMORY uts",
            "no call on Rust was refused for user:NO_MEMORY",
        )

    def test_trace_has_lost_events(self):
        trace = "c/setns:fault_test.trace"
        before = (self.results / trace).read_text()
        for text in (before.replace("5/5", "5/9"), f"{before}CPU:1 [LOST 7 EVENTS]\n", ""):
            self.write(trace, text)
            status, output = self.run_report()
            self.assertEqual(status, 2, output)
            self.assertEqual(output, "The trace on C has lost events, or is none.\n")

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

    def test_kunit_runs_twice(self):
        end = "[    9.2] ok 1 rust_setns_create\n"
        again = "[    9.3] rust_setns: create_new_namespaces 0x40000000: 39 failures: [-12]\n"
        self.replace("kunit.log", end, end + again + end)
        self.assertIn("39 x EEXIST, ENOMEM", self.assert_green())
        self.replace("kunit.log", again + end, again + end.replace("ok", "not ok"))
        self.assert_red("the KUnit tests of create_new_namespaces() failed")

    def test_kunit_leaves_namespaces(self):
        self.replace("kunit.log", "after: net 1", "after: net 3")
        self.replace("kunit.log", "after: time 1", "after: time 0")
        self.assert_red(
            "create_new_namespaces on Rust leaks net: 3 are left, of 1",
            "create_new_namespaces on Rust leaks time: 0 are left, of 1",
        )

    def test_count_is_missing(self):
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
