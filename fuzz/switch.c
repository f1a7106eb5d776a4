// SPDX-License-Identifier: GPL-2.0
/* This file switches between C and Rust, and checks which of them served the calls. */
#define _GNU_SOURCE
#include <stdlib.h>

#include "driver.h"

/* The driver opens these files before it makes a root of its own. */
static int parameter_fd;
static int counter_fds[IMPLS];

static long served_before[IMPLS];

void open_switch(void)
{
	if (disturbed)
		return;
	parameter_fd = open("/sys/module/rust_setns/parameters/enabled", O_WRONLY | O_CLOEXEC);
	counter_fds[C] = open("/sys/kernel/debug/setns/calls_c", O_RDONLY | O_CLOEXEC);
	counter_fds[RUST] = open("/sys/kernel/debug/setns/calls_rust", O_RDONLY | O_CLOEXEC);
	need(parameter_fd >= 0 && counter_fds[C] >= 0 && counter_fds[RUST] >= 0,
	     "find the switch between C and Rust");
}

static long calls_served(int impl)
{
	char text[32] = "";

	need(pread(counter_fds[impl], text, sizeof(text) - 1, 0) > 0, "read a counter");
	return atol(text);
}

void switch_to(int impl)
{
	need(disturbed || pwrite(parameter_fd, impl == RUST ? "1" : "0", 1, 0) == 1, "switch");
	set_impl(impl);
}

void start_counting(void)
{
	for (int i = 0; i < IMPLS && !disturbed; i++)
		served_before[i] = calls_served(i);
}

void check_served(int impl)
{
	for (int i = 0; i < IMPLS && !disturbed; i++) {
		long served = calls_served(i) - served_before[i];
		long expected = i == impl ? calls_made() : 0;

		if (served != expected)
			die("%s served %ld calls instead of %ld", impl_names[i], served, expected);
	}
}
