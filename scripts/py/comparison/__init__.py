# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/py/compare.py.

Reading:    files (lists and small files), trace (calls of setns(2)), suites (KTAP)
Comparing:  suite_checks (one suite), run_checks (kernel logs, kmemleak, counters)
Writing:    summary (summary.json), junit (junit.xml), table (the terminal)

problems is the list that the checks add to. fixture is what the tests share.
"""
