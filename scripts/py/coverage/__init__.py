# SPDX-License-Identifier: GPL-2.0
"""The parts of scripts/py/coverage_report.py.

Reading:    groups (what is looked at), trace (QEMU's log), kernel (disassembly), blocks
            (instructions, blocks, functions), refusals (scripts/lists/refusals)
Judging:    excuses (which blocks need not run), report (what coverage.json says)
Writing:    tables (the terminal)
Testing:    refusals_test (run by scripts/check)
"""
