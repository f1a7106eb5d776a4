# SPDX-License-Identifier: GPL-2.0
#
# The front door: each target is one line into scripts/, which see. Settings:
# ARCH=, KDIR=, for run, fuzz, load and vm also FLAVOUR=, for vm IMPL= and CMD='...',
# for fault WITH_FIX=1.

.PHONY: run test test-full vm check check-bisect coverage mutate fault fuzz load series report clean

run:
	@scripts/run

test:
	@scripts/test

test-full:
	@scripts/test-full

vm:
	@scripts/vm $(if $(CMD),-- sh -c '$(subst ','\'',$(CMD))')

check:
	@scripts/check

check-bisect:
	@scripts/check-bisect

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

series:
	@scripts/series

report:
	@scripts/report

clean:
	@scripts/clean

# Variables of the make command line reach the scripts through the environment
export ARCH KDIR IMPL FLAVOUR
