// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno for a descriptor that is neither a namespace nor a pidfd, and for a pidfd
 * with a wrong nstype. errno_order_test.c lists all checks in their order.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include "setns.h"

/* EBADF: there is no such descriptor. Other calls give a meaning to values below -1. */

FIXTURE(no_fd)
{
};

FIXTURE_VARIANT(no_fd)
{
	int fd;
};

FIXTURE_SETUP(no_fd)
{
}

FIXTURE_TEARDOWN(no_fd)
{
}

FIXTURE_VARIANT_ADD(no_fd, minus_one) { .fd = -1 };
FIXTURE_VARIANT_ADD(no_fd, smallest) { .fd = INT_MIN };
FIXTURE_VARIANT_ADD(no_fd, largest) { .fd = INT_MAX };
FIXTURE_VARIANT_ADD(no_fd, at_fdcwd) { .fd = AT_FDCWD };
FIXTURE_VARIANT_ADD(no_fd, pidfd_self) { .fd = -10000 };
FIXTURE_VARIANT_ADD(no_fd, pidfd_self_process) { .fd = -10001 };
FIXTURE_VARIANT_ADD(no_fd, fd_nsfs_root) { .fd = -10003 };

/* Tries an nstype that fits a namespace, a pidfd, both, or neither. */
static void expect_ebadf(struct __test_metadata *_metadata, int fd)
{
	EXPECT_EQ(refusal(fd, 0), EBADF);
	EXPECT_EQ(refusal(fd, CLONE_NEWUTS), EBADF);
	EXPECT_EQ(refusal(fd, all_types), EBADF);
	EXPECT_EQ(refusal(fd, CLONE_VM), EBADF);
	EXPECT_EQ(refusal(fd, -1), EBADF);
}

TEST_F(no_fd, ebadf)
{
	expect_ebadf(_metadata, variant->fd);
}

TEST(closed_fd)
{
	int fd = open_ns("mnt");

	ASSERT_GE(fd, 0);
	ASSERT_EQ(close(fd), 0);
	expect_ebadf(_metadata, fd);
}

TEST(o_path_nsfd)
{
	int fd = open("/proc/self/ns/mnt", O_PATH | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	expect_ebadf(_metadata, fd);
}

/* This opens the link itself, not the namespace that it leads to. */
TEST(o_path_nsfd_link)
{
	int fd = open("/proc/self/ns/mnt", O_PATH | O_NOFOLLOW | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	expect_ebadf(_metadata, fd);
}

TEST(o_path_pidfd)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", pidfd_open(getpid()));
	fd = open(path, O_PATH | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	expect_ebadf(_metadata, fd);
}

/* User space can hold nothing else of an anonymous mount namespace. */
TEST(detached_mount)
{
	int fd = syscall(SYS_open_tree, AT_FDCWD, "/", OPEN_TREE_CLONE | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	expect_ebadf(_metadata, fd);
	EXPECT_EQ(refusal(fd, CLONE_NEWNS), EBADF);
}

/* EINVAL: the file is neither a namespace nor a pidfd. */

enum kind {
	REGULAR,
	DIRECTORY,
	PROC_PID,
	PROC_PID_NS,
	DEVICE,
	PIPE,
	SOCKET,
	MEMFD,
	EVENTFD,
	EPOLL,
};

static int open_kind(enum kind kind)
{
	int fds[2];

	switch (kind) {
	case REGULAR:
		return open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	case DIRECTORY:
		return open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case PROC_PID:
		return open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case PROC_PID_NS:
		return open("/proc/self/ns", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	case DEVICE:
		return open("/dev/null", O_RDONLY | O_CLOEXEC);
	case PIPE:
		return pipe(fds) ? -1 : fds[0];
	case SOCKET:
		return socket(AF_UNIX, SOCK_STREAM, 0);
	case MEMFD:
		return syscall(SYS_memfd_create, "setns", 0);
	case EVENTFD:
		return eventfd(0, 0);
	case EPOLL:
		return epoll_create1(0);
	}
	return -1;
}

FIXTURE(other_fd)
{
	int fd;
};

FIXTURE_VARIANT(other_fd)
{
	enum kind kind;
};

FIXTURE_SETUP(other_fd)
{
	self->fd = open_kind(variant->kind);
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(other_fd)
{
	close(self->fd);
}

FIXTURE_VARIANT_ADD(other_fd, regular) { .kind = REGULAR };
FIXTURE_VARIANT_ADD(other_fd, directory) { .kind = DIRECTORY };
FIXTURE_VARIANT_ADD(other_fd, proc_pid) { .kind = PROC_PID };
FIXTURE_VARIANT_ADD(other_fd, proc_pid_ns) { .kind = PROC_PID_NS };
FIXTURE_VARIANT_ADD(other_fd, device) { .kind = DEVICE };
FIXTURE_VARIANT_ADD(other_fd, pipe) { .kind = PIPE };
FIXTURE_VARIANT_ADD(other_fd, socket) { .kind = SOCKET };
FIXTURE_VARIANT_ADD(other_fd, memfd) { .kind = MEMFD };
FIXTURE_VARIANT_ADD(other_fd, eventfd) { .kind = EVENTFD };
FIXTURE_VARIANT_ADD(other_fd, epoll) { .kind = EPOLL };

TEST_F(other_fd, einval)
{
	EXPECT_EQ(refusal(self->fd, 0), EINVAL);
	EXPECT_EQ(refusal(self->fd, all_types), EINVAL);
	EXPECT_EQ(refusal(self->fd, -1), EINVAL);
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		EXPECT_EQ(refusal(self->fd, types[i].flag), EINVAL);
}

/* EINVAL: nstype does not fit a pidfd. */

TEST(pidfd_no_type)
{
	EXPECT_EQ(refusal(pidfd_open(getpid()), 0), EINVAL);
}

TEST(pidfd_unknown_bit)
{
	int fd = pidfd_open(getpid());

	for (int bit = 0; bit < 32; bit++) {
		int nstype = 1U << bit;

		if (nstype & all_types)
			continue;
		EXPECT_EQ(refusal(fd, nstype), EINVAL) {
			TH_LOG("bit %d", bit);
		}
	}
}

TEST(pidfd_unknown_bit_and_a_type)
{
	int fd = pidfd_open(getpid());

	for (int bit = 0; bit < 32; bit++) {
		int nstype = 1U << bit;

		if (nstype & all_types)
			continue;
		EXPECT_EQ(refusal(fd, nstype | CLONE_NEWUTS), EINVAL) {
			TH_LOG("bit %d", bit);
		}
	}
}

TEST(pidfd_all_bits)
{
	EXPECT_EQ(refusal(pidfd_open(getpid()), -1), EINVAL);
}

/* nstype is an int: a bit above its 32 bits is no type. */
TEST(pidfd_bits_beyond_int)
{
	int fd = pidfd_open(getpid());

	ASSERT_GE(fd, 0);
	EXPECT_EQ(syscall(SYS_setns, fd, (long)(1ULL << 32)), -1);
	EXPECT_EQ(errno, EINVAL);
}

TEST(pidfd_type_not_built_in)
{
	int fd = pidfd_open(getpid());
	int missing = 0;

	ASSERT_GE(fd, 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (is_built_in(types[i].name))
			continue;
		missing++;
		EXPECT_EQ(refusal(fd, types[i].flag), EINVAL) {
			TH_LOG("%s", types[i].name);
		}
	}
	if (!missing)
		SKIP(return, "all types are built in");
}

TEST_HARNESS_MAIN
