# SPDX-License-Identifier: GPL-2.0
"""Tests how scripts/py/compare.py judges a run as a whole."""

from comparison.fixture import CompareTest, trace

REFUSALS = """\
kernel/utsname.c
\tEPERM\tyes\tuts:NO_CAP\tthe text\tthe reason
\tEPERM\t{reach}\tuts:NO_OWNER_CAP\tthe text\tthe reason
"""


class RunTest(CompareTest):
    """The run fails if a kernel log is missing, memory leaked, or a counter is wrong."""

    def test_reason_that_no_call_has(self):
        (self.lists / "suites").write_text("setns:racy\n")
        (self.lists / "refusals").write_text(REFUSALS.format(reach="never"))
        self.write("config", "CONFIG_UTS_NS=y\n")
        self.assert_green()
        (self.lists / "refusals").write_text(REFUSALS.format(reach="yes"))
        self.assert_red(
            "no call was refused for uts:NO_OWNER_CAP on C",
            "no call was refused for uts:NO_OWNER_CAP on Rust",
        )
        self.write("config", "")
        self.assert_green()

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

    def test_no_kernel_log(self):
        self.write("both/dmesg", "\n")
        self.assert_red("no kernel log of both")

    def test_kernel_log_has_lost_its_beginning(self):
        self.write("c/dmesg", "[    9.0] what there was room for\n")
        self.assert_red("the kernel log of C has lost its beginning")

    def test_wrong_implementation_served(self):
        self.replace("rust/served", "dir/sub:plain 0 0 2", "dir/sub:plain 0 2 0")
        self.assert_red("the column of Rust was not served by Rust: 2 calls by C, 6 by Rust")

    def test_no_call_was_served(self):
        for suite in ("dir/sub:plain", "setns:racy", "setns:threads", "proc:quiet"):
            self.replace("c/served", f"{suite} 0 2 0", f"{suite} 0 0 0")
            self.write(f"c/{suite.replace('/', '-')}.trace", trace())
        self.assert_red("the column of C was not served by C")

    def test_only_suites_that_switch_were_asked_for(self):
        self.write("suites", "setns:switch once\n")
        self.assert_green()

    def test_no_suite_was_asked_for(self):
        self.write("suites", "")
        self.assert_broken("no suite was asked for")

    def test_no_folder_of_a_run(self):
        (self.results / "facts").unlink()
        self.assert_broken("no folder of scripts/run")

    def test_unreadable_results(self):
        self.add("served", "half a line\n", "c")
        self.assertEqual(self.compare()[0], 2)
