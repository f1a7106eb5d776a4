/* SPDX-License-Identifier: GPL-2.0 */
/* A cgroup of the test's own, on a hierarchy that is mounted nowhere. */
#ifndef SELFTESTS_SETNS_CGROUP_H
#define SELFTESTS_SETNS_CGROUP_H

#include <sys/stat.h>

#include "setns.h"

struct cgroup {
	int root;	/* directory of the hierarchy */
	char name[32];
	int procs;
};

/* The name is @prefix and the pid of the caller. */
static inline int make_cgroup(struct cgroup *cgroup, const char *prefix)
{
	int fs = syscall(SYS_fsopen, "cgroup2", 0);
	char path[64];

	*cgroup = (struct cgroup) { .root = -1, .procs = -1 };
	snprintf(cgroup->name, sizeof(cgroup->name), "%s.%d", prefix, getpid());
	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	cgroup->root = syscall(SYS_fsmount, fs, 0, 0);
	close(fs);
	if (cgroup->root < 0 || mkdirat(cgroup->root, cgroup->name, 0755))
		return -1;
	snprintf(path, sizeof(path), "%s/cgroup.procs", cgroup->name);
	cgroup->procs = openat(cgroup->root, path, O_WRONLY | O_CLOEXEC);
	return cgroup->procs < 0 ? -1 : 0;
}

static inline int enter_cgroup(const struct cgroup *cgroup)
{
	return write(cgroup->procs, "0", 1) == 1 ? 0 : -1;
}

/* Removes as much of it as there is. */
static inline void remove_cgroup(const struct cgroup *cgroup)
{
	close(cgroup->procs);
	/* All its tasks are dead, but some may not have left the cgroup yet. */
	while (unlinkat(cgroup->root, cgroup->name, AT_REMOVEDIR) && errno == EBUSY)
		sched_yield();
	close(cgroup->root);
}

#endif
