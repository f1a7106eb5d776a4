/* SPDX-License-Identifier: GPL-2.0 */
/* Loads and unloads rust_setns. */
#ifndef SELFTESTS_SETNS_MODULE_H
#define SELFTESTS_SETNS_MODULE_H

#include <limits.h>

#include "setns.h"

static const char parameter[] = "/sys/module/rust_setns/parameters/enabled";

/* Returns false if rust_setns is built in, or not there. */
static inline bool is_module(void)
{
	return !access("/sys/module/rust_setns/refcnt", F_OK);
}

/* Returns a descriptor of the module, or -1. */
static inline int open_module(void)
{
	char path[PATH_MAX] = "";
	FILE *modinfo = popen("modinfo -F filename rust_setns 2>/dev/null", "re");

	if (!modinfo)
		return -1;
	if (fscanf(modinfo, "%4095s", path) != 1)
		path[0] = '\0';
	pclose(modinfo);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int refusal_to_load(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
}

static inline int refusal_to_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
}

/*
 * Switches to C and unloads rust_setns, which is in use until the last call in it has
 * returned. Returns the errno of the last try.
 */
static inline int unload(void)
{
	enum { MAX_TRIES = 5000 };
	int err = EWOULDBLOCK;

	if (write_file(parameter, "0"))
		return errno;
	for (int i = 0; err == EWOULDBLOCK && i < MAX_TRIES; i++) {
		err = refusal_to_unload("rust_setns");
		if (err)
			usleep(1000);
	}
	return err;
}

#endif
