# SPDX-License-Identifier: GPL-2.0
"""Tests that scripts/py/doc_examples.py fails when it must, and only then."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parent
RUST = """\
//! ```
//! one();
//! ```
    /// ```rust
    /// two();
    /// ```
    /// ```text
    /// not Rust
    /// ```
    /// ```ignore
    /// not_run();
    /// ```
"""
KTAP = """\
KTAP version 1
1..1
    # Subtest: rust_doctests_kernel
    1..3
    # rust_doctest_kernel_ours_rs_0.location: rust/kernel/ours.rs:1
    ok 1 rust_doctest_kernel_ours_rs_0
    # rust_doctest_kernel_ours_rs_1.location: rust/kernel/ours.rs:4
    ok 2 rust_doctest_kernel_ours_rs_1
    # rust_doctest_kernel_theirs_rs_0.location: rust/kernel/theirs.rs:1
    not ok 3 rust_doctest_kernel_theirs_rs_0
"""


class DocExamplesTest(unittest.TestCase):
    """A file of ours has two examples that run. A file of theirs has one that fails."""

    def judge(self, ktap, rust=RUST):
        """Returns exit status and output of scripts/py/doc_examples.py."""
        with tempfile.TemporaryDirectory(prefix="doc_examples_test.") as folder:
            file = pathlib.Path(folder) / "rust/kernel/ours.rs"
            file.parent.mkdir(parents=True)
            file.write_text(rust)
            log = pathlib.Path(folder) / "ktap"
            log.write_text(ktap)
            script = SCRIPTS / "doc_examples.py"
            command = [sys.executable, script, log, folder, "rust/kernel/ours.rs"]
            done = subprocess.run(command, text=True, capture_output=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def assert_red(self, ktap, words):
        status, output = self.judge(ktap)
        self.assertEqual(status, 1, output)
        self.assertIn(words, output)

    def test_all_is_well(self):
        self.assertEqual(self.judge(KTAP), (0, "2 doc examples of 1 files passed\n"))

    def test_example_fails(self):
        self.assert_red(KTAP.replace("    ok 1", "    not ok 1"), "ours.rs: not ok 1")

    def test_example_is_skipped(self):
        skipped = KTAP.replace("ours_rs_1\n", "ours_rs_1 # SKIP no reason\n")
        self.assert_red(skipped, "1 of the 2 doc examples of rust/kernel/ours.rs passed")

    def test_example_has_not_run(self):
        ktap = KTAP.replace("    ok 2 rust_doctest_kernel_ours_rs_1\n", "")
        self.assert_red(ktap, "1 of the 2 doc examples")

    def test_no_example_has_run(self):
        self.assert_red("KTAP version 1\n", "0 of the 2 doc examples")

    def test_file_without_examples(self):
        self.assertEqual(self.judge(KTAP, "fn one() {}\n")[0], 2)
