/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Limits on the number of namespaces. A leaked reference keeps its namespace, which
 * still counts towards the limit. So a test that reaches the limit too early has found
 * a leak.
 */
#ifndef SELFTESTS_SETNS_NS_LIMITS_H
#define SELFTESTS_SETNS_NS_LIMITS_H

#include <linux/membarrier.h>

#include "setns.h"
#include "tasks.h"

/* Limits each type in @flags, in the caller's user namespace and below. */
static inline int limit_namespaces(int flags, int limit)
{
	char path[64], text[16];

	snprintf(text, sizeof(text), "%d", limit);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		snprintf(path, sizeof(path), "/proc/sys/user/max_%s_namespaces", types[i].name);
		if (flags & types[i].flag && write_file(path, text))
			return -1;
	}
	return 0;
}

/* Much of a namespace is freed only when all RCU readers are done. */
static inline void await_grace_period(void)
{
	if (syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0))
		usleep(1000);
	sched_yield();
}

/*
 * Waits after a call has failed at the limit: a worker frees an unused namespace a
 * little later. Returns whether the call is worth another try.
 */
static inline bool await_room(int *tries)
{
	enum { MAX_TRIES = 1000 };

	if (errno != ENOSPC || ++*tries > MAX_TRIES)
		return false;
	await_grace_period();
	usleep(5000);
	return true;
}

static inline int unshare_within_limit(int flags)
{
	int tries = 0;

	while (unshare(flags)) {
		if (!await_room(&tries))
			return -1;
	}
	return 0;
}

#endif
