# SPDX-License-Identifier: GPL-2.0
"""Tests how scripts/py/fault_report.py judges the cases of fault_test."""

from faults.fixture import FaultReportTest


class CasesTest(FaultReportTest):
    """A case that failed, was skipped or is missing fails the run."""

    def test_rust_leaks(self):
        self.unfix()
        self.write("rust/setns:fault_test.ktap", self.ktap(leaks=True))
        self.write("rust/served", "setns:fault_test 1 0 4000\n")
        status, output = self.run_report()
        self.assertEqual(status, 1)
        self.assertIn("pidfd user mnt: Rust leaks user", output)
        self.assertIn("fault.each_set_by_pidfd on Rust: Expected sweep->leaked", output)

    def test_rust_is_red(self):
        self.replace("rust/setns:fault_test.ktap", "\nok 6", "\nnot ok 6")
        self.replace("rust/served", " 0 ", " 1 ")
        self.assert_red("memcg.at_its_limit on Rust: no reason given")

    def test_skip(self):
        for impl, name in (("c", "C"), ("rust", "Rust")):
            self.replace(
                f"{impl}/setns:fault_test.ktap",
                "ok 6 memcg.at_its_limit",
                "ok 6 memcg.at_its_limit # SKIP no memory cgroups",
            )
        self.assert_red(
            "memcg.at_its_limit on C: # SKIP no memory cgroups",
            "memcg.at_its_limit on Rust: # SKIP no memory cgroups",
        )

    def test_case_is_missing(self):
        self.replace("rust/setns:fault_test.ktap", "\nok 6 memcg.at_its_limit", "")
        self.assert_red("these are not the cases of fault_test, on Rust")

    def test_no_plan(self):
        self.replace("c/setns:fault_test.ktap", "1..6\n", "")
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
