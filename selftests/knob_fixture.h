/* SPDX-License-Identifier: GPL-2.0 */
#ifndef SELFTESTS_SETNS_KNOB_FIXTURE_H
#define SELFTESTS_SETNS_KNOB_FIXTURE_H

#include "knob.h"

/* For the cases that use the files as root. */
FIXTURE(knob)
{
	struct knob knob;
};

FIXTURE_SETUP(knob)
{
	if (!open_knob(&self->knob))
		SKIP(return, "no rust_setns in this kernel, or no debugfs");
	if (self->knob.parameter < 0)
		SKIP(return, "not loaded");
}

FIXTURE_TEARDOWN(knob)
{
	close_knob(&self->knob);
}

#endif
