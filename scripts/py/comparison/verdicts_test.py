# SPDX-License-Identifier: GPL-2.0
"""Tests how scripts/py/compare.py judges the verdicts of the cases."""

from comparison.fixture import SUITES, CompareTest, trace


class VerdictsTest(CompareTest):
    """The run fails if a verdict differs, a case did not pass, or a suite is silent."""

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

    def test_both_skip(self):
        for suite in ("dir/sub:plain", "setns:racy"):
            self.skip(suite.replace("/", "-"), "ok 2 second")
        self.assert_red(
            "dir/sub:plain: second: skipped on C, skipped on Rust",
            "setns:racy: second: skipped on C, skipped on Rust",
        )

    def test_both_skip_in_a_racy_suite(self):
        """Upstream suites may skip."""
        self.write("suites", SUITES.replace("sub:plain", "sub:plain racy"))
        self.skip("dir-sub:plain", "ok 2 second")
        self.assert_green()

    def test_skip_for_lack_of_an_option(self):
        self.skip("setns:threads", "ok 2 second")
        self.assert_green()
        self.write("config", "CONFIG_LACKING=y\n")
        self.assert_red("setns:threads: second: skipped on C, skipped on Rust")

    def test_skip_for_another_value(self):
        lacking = "setns:threads second LACKING=m  # reason\n"
        (self.lists / "known-skips").write_text(lacking)
        self.skip("setns:threads", "ok 2 second")
        self.write("config", "CONFIG_LACKING=y\n")
        self.assert_green()
        self.write("config", "CONFIG_LACKING=m\n")
        self.assert_red("setns:threads: second: skipped on C, skipped on Rust")

    def test_skip_unless_an_option_is_off(self):
        (self.lists / "known-skips").write_text("setns:threads second LACKING=n  # reason\n")
        self.skip("setns:threads", "ok 2 second")
        self.write("config", "CONFIG_LACKING=y\n")
        self.assert_green()
        self.write("config", "# CONFIG_LACKING is not set\n")
        self.assert_red("setns:threads: second: skipped on C, skipped on Rust")

    def test_skip_for_lack_of_a_type(self):
        (self.lists / "known-skips").write_text("")
        self.skip("setns:threads", "ok 2 second", "no time or no user namespaces")
        self.write("config", "CONFIG_USER_NS=y\n")
        self.assert_green()
        self.write("config", "CONFIG_USER_NS=y\nCONFIG_TIME_NS=y\n")
        self.assert_red("setns:threads: second: skipped on C, skipped on Rust")

    def test_upstream_skips_for_lack_of_a_type(self):
        self.skip("dir-sub:plain", "ok 2 second", "no time namespaces")
        self.assert_red("dir/sub:plain: second: skipped on C, skipped on Rust")

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

    def test_switching_fails(self):
        self.replace("both/setns:switch.ktap", "ok 2 second", "ok 2 second # SKIP no module")
        self.assert_red("second: skipped on both")
