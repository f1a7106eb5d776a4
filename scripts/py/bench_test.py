# SPDX-License-Identifier: GPL-2.0
"""Tests that scripts/py/bench.py fails when it must, and only then."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

SCRIPTS = pathlib.Path(__file__).resolve().parent
COUNTS = """\
row,c,rust,spread
net,900,700,0
socket,1881,1881,1
socket_daemon,9000,9100,300
"""
PROFILE = """\
row,column,what,function,count
net,c,instructions,do_setns,800
net,c,locked,do_setns,3
net,c,locked,kfree,2
net,c,slab,kfree,1
net,c,lines,,4
net,rust,instructions,rust_setns,600
net,rust,locked,rust_setns,2
net,rust,lines,,2
socket_daemon,c,instructions,schedule,8900
socket_daemon,c,locked,schedule,7
socket_daemon,c,slab,kfree,3
socket_daemon,rust,instructions,schedule,9000
"""
SUMS = """\
row,column,locked,lines,slab
net,c,5,4,1
net,rust,2,2,0
socket_daemon,c,7,0,3
socket_daemon,rust,0,0,0
"""


class BenchTest(unittest.TestCase):
    """Three rows of work are counted, and the calls of two are followed."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="bench_test.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.raw = self.folder / "x86_64"
        self.raw.mkdir()
        self.write("x86_64/counts-1.csv", COUNTS)
        self.write("x86_64/profile.csv", PROFILE)
        self.write("record.csv", COUNTS)
        self.write("record-profile.csv", SUMS)

    def write(self, name, text):
        (self.folder / name).write_text(text)

    def read(self, name):
        return (self.folder / name).read_text()

    def judge(self, *options):
        """Returns exit status and output of scripts/py/bench.py."""
        command = [sys.executable, SCRIPTS / "bench.py", *options]
        command += [self.raw, self.folder / "record", "0123abcd", self.folder / "build"]
        done = subprocess.run(command, text=True, capture_output=True, check=False)
        return done.returncode, done.stdout + done.stderr

    def assert_green(self):
        status, output = self.judge()
        self.assertEqual(status, 0, output)
        self.assertNotIn("bench: ", output)

    def assert_red(self, *lines):
        status, output = self.judge()
        self.assertEqual(status, 1, output)
        found = [line for line in output.splitlines() if line.startswith("bench: ")]
        self.assertEqual(found, [f"bench: {line}" for line in lines])

    def assert_broken(self, words):
        status, output = self.judge()
        self.assertEqual(status, 2, output)
        self.assertIn(words, output)

    def test_equal(self):
        self.assert_green()
        self.assertEqual(self.read("x86_64.csv"), COUNTS)
        self.assertEqual(self.read("x86_64-profile.csv"), SUMS)
        result = json.loads(self.read("x86_64.json"))
        self.assertEqual(result["series_sha256"], "0123abcd")
        self.assertEqual(result["profile"]["net"]["c"]["locked"], {"do_setns": 3, "kfree": 2})

    def test_count_differs(self):
        self.write("x86_64/counts-1.csv", COUNTS.replace("700", "701"))
        self.assert_red("net, rust: 700 on record, 701 now")

    def test_second_boot_counts_more(self):
        self.write("x86_64/counts-2.csv", COUNTS.replace("900,700", "906,700"))
        self.assert_green()
        self.assertIn("boots differ: counts-2, net, c: 906, before 900", self.judge()[1])
        self.assertEqual(self.read("x86_64.csv"), COUNTS)

    def test_second_boot_counts_less(self):
        self.write("x86_64/counts-2.csv", COUNTS.replace("900,700", "900,699"))
        self.assert_red("net, rust: 700 on record, 699 now")

    def test_column_is_missing(self):
        self.write("x86_64/counts-1.csv", COUNTS.replace(",rust,", ",rust_copy,"))
        self.write("x86_64/profile.csv", PROFILE.replace(",rust,", ",rust_copy,"))
        self.assert_red(
            "net, rust, locked: 2 on record, None now",
            "net, rust, slab: 0 on record, None now",
            "net, rust: 700 on record, None now",
            "net, rust_copy, locked: None on record, 2 now",
            "net, rust_copy, slab: None on record, 0 now",
            "net, rust_copy: None on record, 700 now",
        )

    def test_row_is_missing(self):
        self.write("record.csv", COUNTS + "uts,800,600,0\n")
        self.assert_red(
            "uts, c: 800 on record, None now",
            "uts, rust: 600 on record, None now",
        )

    def test_inexact_row_differs(self):
        self.write("x86_64/counts-1.csv", COUNTS.replace("1881,1881", "1882,1881"))
        self.assert_green()
        self.assertIn("1882", self.judge()[1])

    def test_scheduler_differs(self):
        self.write("x86_64/counts-1.csv", COUNTS.replace("9000,9100", "9500,8700"))
        now = PROFILE.replace("schedule,7", "schedule,8").replace("slab,kfree,3", "slab,kfree,4")
        self.write("x86_64/profile.csv", now)
        self.assert_green()
        self.assertIn("socket_daemon,c,8,0,4", self.read("x86_64-profile.csv"))

    def test_inexact_row_is_not_on_record(self):
        self.write("record.csv", COUNTS.replace("socket_daemon,9000,9100,300\n", ""))
        self.write("record-profile.csv", SUMS[: SUMS.index("socket_daemon")])
        self.assert_green()

    def test_locked_or_slab_differs(self):
        for now, line in (
            (PROFILE.replace("kfree,2", "kfree,3"), "net, c, locked: 5 on record, 6 now"),
            (PROFILE.replace("kfree,1", "kfree,2"), "net, c, slab: 1 on record, 2 now"),
        ):
            with self.subTest(line):
                self.write("x86_64/profile.csv", now)
                self.assert_red(line)

    def test_lines_differ(self):
        self.write("x86_64/profile.csv", PROFILE.replace("lines,,4", "lines,,5"))
        self.assert_green()

    def test_record(self):
        self.write("record.csv", "")
        self.write("record-profile.csv", "")
        self.assertEqual(self.judge("--record")[0], 0)
        self.assertEqual(self.read("record.csv"), COUNTS)
        self.assertEqual(self.read("record-profile.csv"), SUMS)

    def test_nothing_to_compare(self):
        (self.folder / "record.csv").unlink()
        self.assert_broken("there is no record")
        (self.raw / "counts-1.csv").unlink()
        self.assert_broken("has no counts")

    def test_exception(self):
        self.write("x86_64/counts-1.csv", COUNTS.replace("700", "x"))
        self.assert_broken("ValueError")
