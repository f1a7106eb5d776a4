# SPDX-License-Identifier: GPL-2.0
"""Tests how scripts/py/fault_report.py judges C without the fix of its known leak."""

from faults.fixture import CASES, KMEMLEAK, VICTIM, FaultReportTest


class UnfixedTest(FaultReportTest):
    """C must show the known leak, and no other fault."""

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
