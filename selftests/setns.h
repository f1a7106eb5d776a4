/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The types of namespaces, and helpers for all tests of setns(2):
 *
 * - tasks.h starts other tasks.
 * - links.h reads which namespaces a task is in.
 * - listns.h finds out which namespaces are active.
 * - callers.h changes what the caller may do.
 * - calls.h lets a child make calls, and checks what they have changed.
 * - ns_limits.h finds leaked namespaces.
 */
#ifndef SELFTESTS_SETNS_H
#define SELFTESTS_SETNS_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kselftest_harness.h"

/*
 * A case that runs for this many seconds counts as hung. The default of half a minute
 * is too short for a debug kernel in an emulated machine.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* The types, in the order in which the kernel installs them: indexes of types[]. */
enum { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME, TYPES };

static const struct {
	int flag;
	const char *name;
	int get;	/* number of the ioctl that opens it by a pidfd */
} types[TYPES] = {
	[USER] = { CLONE_NEWUSER, "user", 9 },
	[MNT] = { CLONE_NEWNS, "mnt", 3 },
	[UTS] = { CLONE_NEWUTS, "uts", 10 },
	[IPC] = { CLONE_NEWIPC, "ipc", 2 },
	[PID] = { CLONE_NEWPID, "pid", 5 },
	[CGROUP] = { CLONE_NEWCGROUP, "cgroup", 1 },
	[NET] = { CLONE_NEWNET, "net", 4 },
	[TIME] = { CLONE_NEWTIME, "time", 7 },
};

/* <linux/pidfd.h> conflicts with the C library's headers. */
#define IOC_PIDFD_GET_NS(nr)	_IO(0xff, nr)

static const int all_types = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
			     CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME;

#define NR_SETS		255	/* the non-empty sets of eight types */

static inline int set_from(unsigned int bits)
{
	int set = 0;

	for (int i = 0; i < ARRAY_SIZE(types); i++)
		set |= bits & 1U << i ? types[i].flag : 0;
	return set;
}

static inline const char *name_of(int flag)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].flag == flag)
			return types[i].name;
	}
	return NULL;
}

static inline bool is_built_in(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return !access(path, F_OK);
}

/* Returns the name of a type that is not built in, or NULL. */
static inline const char *missing_type(void)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (!is_built_in(types[i].name))
			return types[i].name;
	}
	return NULL;
}

/* Returns those of @flags whose types this kernel has. */
static inline int built_in(int flags)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		flags &= is_built_in(types[i].name) ? ~0 : ~types[i].flag;
	return flags;
}

static inline int open_ns(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int open_ns_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int pidfd_open(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written == (ssize_t)strlen(text) ? 0 : -1;
}

/* Returns the first number in the file, or -1. */
static inline long read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long number = -1;

	if (file) {
		if (fscanf(file, "%ld", &number) != 1)
			number = -1;
		fclose(file);
	}
	return number;
}

/*
 * Mounts an empty /tmp, which only root may write to. The caller must be in a mount
 * namespace of its own.
 */
static inline int mount_tmp(void)
{
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -1;
	return mount("setns", "/tmp", "tmpfs", 0, "mode=755");
}

/* Returns the errno of a refused call, or 0. */
static inline int refusal(int fd, int nstype)
{
	return setns(fd, nstype) ? errno : 0;
}

#endif
