// SPDX-License-Identifier: GPL-2.0
/* This file takes rights away from the caller, in the ways that containers and sandboxes do. */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "caller.h"

enum { NOBODY = 65534 };

/*
 * Becomes a user without rights. The kernel then hides this task's links from the task itself,
 * because it was root before. PR_SET_DUMPABLE undoes that.
 */
static int become_nobody(void)
{
	if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
	    setresuid(NOBODY, NOBODY, NOBODY))
		return errno;
	return prctl(PR_SET_DUMPABLE, 1) ? errno : 0;
}

static int forbid_new_privileges(void)
{
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? errno : 0;
}

/* The filter lets every call pass, so that the kernel counts them all. */
static int filter_calls(void)
{
	struct sock_filter allow = BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	struct sock_fprog filter = { .len = 1, .filter = &allow };

	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) ? errno : 0;
}

/*
 * Enters a Landlock domain. It restricts little of its own: the caller creates no sockets. But a
 * task in a domain may not access a process outside, so it cannot use the pidfds of targets. No
 * audit record is made of that, because the kernel log would overflow.
 */
static int enter_landlock_domain(void)
{
	struct landlock_ruleset_attr rules = { .handled_access_fs = LANDLOCK_ACCESS_FS_MAKE_SOCK };
	int err, fd;

	fd = syscall(SYS_landlock_create_ruleset, &rules, sizeof(rules), 0);
	if (fd < 0)
		return errno;
	err = syscall(SYS_landlock_restrict_self, fd, LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF) ?
		errno : 0;
	close(fd);
	return err;
}

bool has_landlock(void)
{
	return syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION) > 0;
}

int confine(enum confinement way)
{
	switch (way) {
	case AS_NOBODY:
		return become_nobody();
	case NO_NEW_PRIVS:
		return forbid_new_privileges();
	case SECCOMP:
		return filter_calls();
	case LANDLOCK:
		return enter_landlock_domain();
	case CONFINEMENTS:
		break;
	}
	return EINVAL;
}
