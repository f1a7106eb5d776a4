# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/py/fault_report.py.

outcomes reads what the tests printed. cases checks the test program fault_test, and
checks everything else. table prints the outcomes. fixture is what the tests share.
"""
