# SPDX-License-Identifier: GPL-2.0
"""Tests that the source has each text that scripts/lists/refusals quotes."""

import os
import pathlib
import subprocess
import sys
import unittest

REPORT = pathlib.Path(__file__).resolve().parent.parent / "coverage_report.py"


class RefusalsTest(unittest.TestCase):
    """The environment variable KERNEL_SOURCE names the kernel source with the series."""

    def test_source_has_each_quote(self):
        args = [sys.executable, REPORT, "objects", os.environ["KERNEL_SOURCE"]]
        done = subprocess.run(args, capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
