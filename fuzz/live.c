// SPDX-License-Identifier: GPL-2.0
/* This file finds namespaces that live on after the fuzzer. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/nsfs.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#include "driver.h"

/* Returns a descriptor, or -1. The ID of a namespace is all that its handle needs. */
static int open_namespace(__u64 id)
{
	static int nsfs = -1;
	static union ns_handle handle;
	struct nsfs_file_handle file = { .ns_id = id };

	if (nsfs < 0) {
		nsfs = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
		get_handle(nsfs, &handle);
		handle.handle.handle_bytes = sizeof(file);
	}
	memcpy(handle.handle.f_handle, &file, sizeof(file));
	return open_by_handle_at(nsfs, &handle.handle, O_RDONLY | O_CLOEXEC);
}

/*
 * Tells the namespaces of the fuzzer from those of fault_test, which makes them as
 * nobody. Most tasks of the fuzzer are root, seen from outside. So root owns the user
 * namespaces that they make, and these own their other namespaces. But a caller may
 * become nobody, and then make a user namespace. This is not counted, nor what is in it.
 */
static bool made_by_root(__u64 id)
{
	int fd = open_namespace(id), user;
	uid_t owner;

	need(fd >= 0 || errno == ESTALE, "open a namespace");
	if (fd < 0)
		return false;	/* The namespace has just gone. */
	if (ioctl(fd, NS_GET_OWNER_UID, &owner)) {
		user = ioctl(fd, NS_GET_USERNS);
		need(user >= 0 && !ioctl(user, NS_GET_OWNER_UID, &owner), "find an owner");
		close(user);
	}
	close(fd);
	return owner == 0;
}

int list_namespaces(__u64 *ids)
{
	struct ns_id_req request = { .size = sizeof(request) };
	long nr = syscall(__NR_listns, &request, ids, MAX_LIVE, 0);
	int listed = 0;

	need(nr > 0 && nr < MAX_LIVE, "list the live namespaces");
	for (int i = 0; i < nr; i++) {
		if (!disturbed || made_by_root(ids[i]))
			ids[listed++] = ids[i];
	}
	need(listed > 0, "find the namespaces of root");
	return listed;
}

/* The last reference to a namespace may go a moment after the task that used it. */
bool same_namespaces(const __u64 *before, int nr_before)
{
	static __u64 now[MAX_LIVE];
	enum { TRIES = 1000, MEMBARRIER_CMD_GLOBAL = 1 };

	for (int i = 0; i < TRIES; i++) {
		int nr = list_namespaces(now);

		if (nr == nr_before && !memcmp(now, before, nr * sizeof(*now)))
			return true;
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	}
	printf("%d namespaces were alive before, and %d are now.\n", nr_before,
	       list_namespaces(now));
	return false;
}
