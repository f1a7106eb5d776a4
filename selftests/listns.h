/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Finds out which namespaces are active.
 */
#ifndef SELFTESTS_SETNS_LISTNS_H
#define SELFTESTS_SETNS_LISTNS_H

#include "setns.h"

/* Older headers lack these. */
#ifndef NS_GET_ID
#define NS_GET_ID _IOR(0xb7, 13, __u64)
#endif
#ifndef __NR_listns
#define __NR_listns 470
#endif

/*
 * A namespace is active while a task is in it or a file descriptor refers to it, and
 * then listns(2) lists it. So are the user namespaces that it belongs to.
 */

struct list_request {
	__u32 size;
	__u32 spare;
	__u64 after;
	__u32 types;
	__u32 spare2;
	__u64 owner;
};

static inline bool is_listed(int type, __u64 id)
{
	struct list_request request = {
		.size = sizeof(request),
		.after = id - 1,
		.types = type,
	};
	__u64 first = 0;

	return syscall(__NR_listns, &request, &first, (size_t)1, 0) == 1 && first == id;
}

static inline __u64 ns_id(int nsfd)
{
	__u64 id = 0;

	return ioctl(nsfd, NS_GET_ID, &id) ? 0 : id;
}

static inline const char *cannot_list(void)
{
	int nsfd = open_ns("user");
	__u64 id = ns_id(nsfd);

	close(nsfd);
	/* A caller in other namespaces does not see all of them */
	if (ns_ino("pid") != 0xeffffffc || ns_ino("user") != 0xeffffffd)
		return "not in the initial pid and user namespaces";
	return is_listed(CLONE_NEWUSER, id) ? NULL : "no listns(2)";
}

#endif
