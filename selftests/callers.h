/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Helpers that change what the caller may do: its user, its capabilities, and its user
 * namespace. The tests start as root.
 */
#ifndef SELFTESTS_SETNS_CALLERS_H
#define SELFTESTS_SETNS_CALLERS_H

#include <grp.h>
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>
#include <sys/types.h>

#include "setns.h"

static inline int become_user(uid_t id)
{
	if (setresgid(id, id, id) || setresuid(id, id, id))
		return -1;
	/*
	 * Without this, only root could look at the processes of this user, and the
	 * user could not write the id maps in /proc/self/.
	 */
	return prctl(PR_SET_DUMPABLE, 1);
}

static inline int become_owner(void)
{
	return become_user(1000);
}

static inline int become_someone_else(void)
{
	return become_user(2000);
}

static inline int become_root_elsewhere(void)
{
	return unshare(CLONE_NEWUSER);
}

static inline int leave_all_but_user(void)
{
	return unshare(all_types & ~CLONE_NEWUSER);
}

/* The new sets are parts of the permitted one. */
static inline int reduce_capabilities(__u64 effective, __u64 permitted)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	for (int i = 0; i < 2; i++) {
		data[i].permitted &= permitted >> (32 * i);
		data[i].effective = data[i].permitted & (effective >> (32 * i));
	}
	return syscall(SYS_capset, &header, data);
}

/* Makes those of @caps effective that are permitted, and no others. */
static inline int set_capabilities(__u64 caps)
{
	return reduce_capabilities(caps, ~0ULL);
}

static inline int lose_capability(int cap)
{
	return set_capabilities(~(1ULL << cap));
}

/* Maps root in the caller's new user namespace to these ids in the parent. */
static inline int map_root(uid_t uid, gid_t gid)
{
	char uids[32], gids[32];

	snprintf(uids, sizeof(uids), "0 %u 1", uid);
	snprintf(gids, sizeof(gids), "0 %u 1", gid);
	if (write_file("/proc/self/setgroups", "deny") ||
	    write_file("/proc/self/uid_map", uids))
		return -1;
	return write_file("/proc/self/gid_map", gids);
}

/* Moves the caller into a new user namespace, in which it is root. */
static inline int unshare_user(int more_flags)
{
	uid_t uid = getuid();
	gid_t gid = getgid();

	return unshare(CLONE_NEWUSER | more_flags) ? -1 : map_root(uid, gid);
}

/* Maps the ids in the user namespace of another process. */
static inline int map_ids_of(pid_t pid, const char *uids, const char *gids)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/uid_map", pid);
	if (write_file(path, uids))
		return -1;
	snprintf(path, sizeof(path), "/proc/%d/gid_map", pid);
	return write_file(path, gids);
}

/* Becomes a user without groups, but with these capabilities. */
static inline int become_user_with(__u64 caps)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || setgroups(0, NULL) ||
	    setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return -1;
	/* Without this, its files in /proc are root's, and it could write no uid_map */
	return set_capabilities(caps) || prctl(PR_SET_DUMPABLE, 1);
}

static inline int become_root_of_child(void)
{
	return become_user_with(0) || unshare_user(0);
}

#endif
