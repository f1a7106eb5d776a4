/* SPDX-License-Identifier: GPL-2.0 */
/* Fault injection: settings that make allocations fail. */
#ifndef SELFTESTS_SETNS_INJECT_H
#define SELFTESTS_SETNS_INJECT_H

#include "setns.h"

/* Allocations of objects in the slab caches are made to fail, or of the pages for them. */
enum { SLAB, PAGES, NR_INJECTORS };

static const char *const injectors[] = { "failslab", "fail_page_alloc" };

/*
 * The file ignore-gfp-wait of each injector. It spares allocations that may sleep:
 * nearly all.
 */
static int ignore_gfp_wait[NR_INJECTORS];

/* The settings while no allocation is made to fail. */
static const struct {
	const char *injector, *name, *value;
} knobs[] = {
	{ "failslab", "ignore-gfp-wait", "Y" },
	{ "failslab", "verbose", "0" },
	{ "fail_page_alloc", "ignore-gfp-wait", "Y" },
	{ "fail_page_alloc", "verbose", "0" },
	{ "fail_page_alloc", "min-order", "0" },
};

/* The settings before the test, each empty if the test has not changed it. */
static char knobs_before[ARRAY_SIZE(knobs)][16];

static inline int open_knob(const char *injector, const char *name)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/kernel/debug/%s/%s", injector, name);
	return open(path, O_RDWR | O_CLOEXEC);
}

static inline int set_knob(int i)
{
	int fd = open_knob(knobs[i].injector, knobs[i].name);
	int ret = 0;

	if (read(fd, knobs_before[i], sizeof(knobs_before[i]) - 1) <= 0 ||
	    write(fd, knobs[i].value, strlen(knobs[i].value)) < 0)
		ret = -1;
	close(fd);
	return ret;
}

static inline void reset_knobs(void)
{
	for (int i = 0; i < ARRAY_SIZE(knobs) && knobs_before[i][0]; i++) {
		int fd = open_knob(knobs[i].injector, knobs[i].name);

		if (write(fd, knobs_before[i], strlen(knobs_before[i])) < 0)
			perror(knobs[i].name);
		close(fd);
	}
}

/* Returns -1 if there is no fault injection, or if the test may not use it. */
static inline int find_injectors(void)
{
	for (int i = 0; i < ARRAY_SIZE(knobs); i++) {
		if (set_knob(i))
			return -1;
	}
	for (int i = 0; i < NR_INJECTORS; i++) {
		ignore_gfp_wait[i] = open_knob(injectors[i], "ignore-gfp-wait");
		if (ignore_gfp_wait[i] < 0)
			return -1;
	}
	return access("/proc/self/fail-nth", W_OK);
}

static inline int inject_into(int injector)
{
	for (int i = 0; i < NR_INJECTORS; i++) {
		if (pwrite(ignore_gfp_wait[i], i == injector ? "N" : "Y", 1, 0) != 1)
			return -1;
	}
	return 0;
}

#endif
