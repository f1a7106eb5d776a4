# SPDX-License-Identifier: GPL-2.0
#
# The front door: each target starts the script of the same name, which has --help.
# Settings: ARCH=, KDIR=, FLAVOUR= for run, try, fuzz, load, bench and vm, SUITES='...' for try,
# IMPL=, CMD='...' and GDB=1 for vm, WITH_FIX=1 for fault.

.PHONY: help run test test-full try vm check check-bisect check-options coverage mutate fault fuzz load bench series report clean

help:
	@scripts/help

run:
	@scripts/run

test:
	@scripts/test

test-full:
	@scripts/test-full

try:
	@scripts/try

# make must not expand CMD, neither here nor when it exports it
unexport CMD
MAKEOVERRIDES =
export VM_CMD := $(value CMD)

vm:
	@scripts/vm $${VM_CMD:+-- sh -c -- "$$VM_CMD"}

check:
	@scripts/check

check-bisect:
	@scripts/check-bisect

check-options:
	@scripts/check-options

coverage:
	@scripts/coverage

mutate:
	@scripts/mutate

fault:
	@scripts/fault $(if $(filter-out 0,$(WITH_FIX)),--with-fix)

load:
	@scripts/load

fuzz:
	@scripts/fuzz

bench:
	@scripts/bench

series:
	@scripts/series

report:
	@scripts/report

clean:
	@scripts/clean

# Variables of the make command line reach the scripts through the environment
export ARCH KDIR IMPL FLAVOUR SUITES GDB
