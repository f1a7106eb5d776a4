// SPDX-License-Identifier: GPL-2.0
/* This file has what all files need. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base.h"

const char *const impl_names[IMPLS] = { "C", "Rust" };

/* These numbers are in linux/pidfd.h, but fcntl.h and that header exclude each other. */
#define PIDFD_GET(n)	_IO(0xFF, n)

const struct link links[LINKS] = {
	[USER] = { "user", CLONE_NEWUSER, PIDFD_GET(9) },
	[MNT] = { "mnt", CLONE_NEWNS, PIDFD_GET(3) },
	[UTS] = { "uts", CLONE_NEWUTS, PIDFD_GET(10) },
	[IPC] = { "ipc", CLONE_NEWIPC, PIDFD_GET(2) },
	[PID] = { "pid", CLONE_NEWPID, PIDFD_GET(5) },
	[PID_CHILDREN] = { "pid_for_children", CLONE_NEWPID, PIDFD_GET(6) },
	[CGROUP] = { "cgroup", CLONE_NEWCGROUP, PIDFD_GET(1) },
	[NET] = { "net", CLONE_NEWNET, PIDFD_GET(4) },
	[TIME] = { "time", CLONE_NEWTIME, PIDFD_GET(7) },
	[TIME_CHILDREN] = { "time_for_children", CLONE_NEWTIME, PIDFD_GET(8) },
};

const int types[TYPES] = { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME };

void need(bool ok, const char *what)
{
	if (!ok)
		die("cannot %s (errno is %s)", what, strerrorname_np(errno));
}

void expect_success(int status, const char *who)
{
	if (WIFSIGNALED(status))
		die("signal %d has ended %s", WTERMSIG(status), who);
	if (WEXITSTATUS(status))
		_exit(2);
}

static __u64 random_state;

__u32 random_bits(void)
{
	__u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) >> 32;
}

int below(int n)
{
	return random_bits() % n;
}

bool one_in(int n)
{
	return below(n) == 0;
}

void seed_random(__u64 seed, __u64 index)
{
	random_state = seed * 0x2545f4914f6cdd1d + index;
	random_bits();
}

pid_t clone_into(int flags, int *pidfd)
{
	struct clone_args args = {
		.flags = (unsigned int)flags | (pidfd ? CLONE_PIDFD : 0),
		.pidfd = (__u64)(unsigned long)pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

void get_handle(int fd, union ns_handle *handle)
{
	int mount_id;

	handle->handle.handle_bytes = MAX_HANDLE_SZ;
	need(!name_to_handle_at(fd, "", &handle->handle, &mount_id, AT_EMPTY_PATH),
	     "get the handle of a namespace");
}
