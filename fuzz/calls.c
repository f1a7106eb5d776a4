// SPDX-License-Identifier: GPL-2.0
/* This file opens descriptors of all kinds and calls setns(2) with them. */
#define _GNU_SOURCE
#include <errno.h>
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include "caller.h"

static union ns_handle handles[TARGETS][LINKS];
static int wrong_fds[WRONGS];

void open_dev_null(void)
{
	wrong_fds[0] = open("/dev/null", O_RDWR);
}

void open_wrong_fds(void)
{
	int ends[2], n = 1;

	need(!pipe(ends), "make a pipe");
	wrong_fds[n++] = -1;
	wrong_fds[n++] = INT_MIN;
	wrong_fds[n++] = 9999;
	wrong_fds[n++] = AT_FDCWD;
	wrong_fds[n++] = -10000;
	wrong_fds[n++] = -10001;
	wrong_fds[n++] = -10003;
	wrong_fds[n++] = ends[0];
	wrong_fds[n++] = ends[1];
	wrong_fds[n++] = shared_fd;
	wrong_fds[n++] = socket(AF_UNIX, SOCK_STREAM, 0);
	wrong_fds[n++] = openat(proc_fd, "self/ns/uts", O_PATH);
	wrong_fds[n++] = openat(proc_fd, "1", O_RDONLY | O_DIRECTORY);
	wrong_fds[n++] = openat(proc_fd, "1/ns", O_RDONLY | O_DIRECTORY);
	need(n == WRONGS && wrong_fds[n - 1] >= 0, "open wrong descriptors");
}

void remember_handle(int target, int link, int fd)
{
	get_handle(fd, &handles[target][link]);
}

int counted_setns(int fd, int nstype)
{
	__atomic_fetch_add(&shared->served, 1, __ATOMIC_RELAXED);
	return setns(fd, nstype) ? errno : 0;
}

static int pidfd_of(int target)
{
	return target == RACER ? racer_pidfd() : shared->pidfds[target];
}

static int nsfd_of(int target, int link)
{
	return target == RACER ? racer_nsfd(link) : shared->nsfds[target][link];
}

/* Opens a descriptor. Returns it, or the negative errno. */
static int open_for(const struct op *op)
{
	int fd = -1;

	errno = EBADF;
	switch (op->fd) {
	case DERIVED:
		fd = ioctl(pidfd_of(op->target), links[op->which].get, 0);
		break;
	case HANDLE:
		fd = open_by_handle_at(shared->nsfds[0][UTS],
				       &handles[op->target][op->which].handle, O_RDONLY);
		break;
	case OWN_NSFD:
		fd = open_own_link(op->which);
		break;
	case OWN_PIDFD:
		fd = syscall(SYS_pidfd_open, getpid(), 0);
		break;
	default:
		break;
	}
	return fd < 0 ? -errno : fd;
}

int run_setns(const struct op *op, int *open_err)
{
	int fd, err;

	switch (op->fd) {
	case NSFD:
		return counted_setns(nsfd_of(op->target, op->which), op->flags);
	case PIDFD:
		return counted_setns(pidfd_of(op->target), op->flags);
	case WRONG:
		return counted_setns(wrong_fds[op->which], op->flags);
	default:
		break;
	}
	fd = open_for(op);
	*open_err = fd < 0 ? -fd : 0;
	err = counted_setns(fd < 0 ? -1 : fd, op->flags);
	if (fd >= 0)
		close(fd);
	return err;
}
