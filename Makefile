# SPDX-License-Identifier: GPL-2.0
#
# The front door: each target is one line into scripts/, which see. Settings:
# ARCH=, KDIR=, and for vm also IMPL=, FLAVOUR= and CMD='...'.

.PHONY: run test vm check check-bisect coverage series report clean

run:
	@scripts/run

test:
	@scripts/test

vm:
	@scripts/vm $(if $(CMD),-- sh -c '$(subst ','\'',$(CMD))')

check:
	@scripts/check

check-bisect:
	@scripts/check-bisect

coverage:
	@scripts/coverage

series:
	@scripts/series

report:
	@scripts/report

clean:
	@scripts/clean

# Variables of the make command line reach the scripts through the environment
export ARCH KDIR IMPL FLAVOUR
