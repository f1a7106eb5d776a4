// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno with which setns(2) refuses. There is one case for each place in the
 * kernel that may refuse. Other cases show which reason wins if there are several. The
 * expected errno follows from the order of the checks, which is ABI:
 *
 *	EBADF	not an open descriptor, or O_PATH
 *	EINVAL	neither namespace nor pidfd; nstype does not fit
 *	ENOMEM
 *	ESRCH	pidfd: reaped
 *	EPERM	pidfd: not allowed to look at the process
 *	ESRCH	pidfd: zombie
 *
 * The namespaces are checked next, in the order of types[]:
 *
 *	user	EINVAL own; EINVAL threads; EINVAL shared root directory; EPERM
 *	mnt	EPERM; EINVAL shared root directory
 *	pid	EPERM; EINVAL neither the caller's nor below it
 *	time	EUSERS shared memory; EPERM
 *	others	EPERM
 *
 * These tests cannot reach some of the places:
 *
 * - ENOMEM needs an allocation that fails. So does EINVAL of a user namespace that
 *   cannot account for the caller. Both are left to fault injection.
 * - EINVAL of an anonymous mount namespace needs a descriptor of one. No task has one,
 *   and file handles and ioctls do not lead to one. A descriptor of its mounts is an
 *   O_PATH one: see detached_mount.
 * - The root of a mount namespace is found, unless autofs is mounted over it and
 *   returns an error.
 * - ESRCH for a process that has namespaces but no pid namespace exists for safety
 *   only. So does EINVAL for a caller without prepared credentials.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "callers.h"
#include "calls.h"
#include "setns.h"
#include "tasks.h"

/*
 * The caller loses the ownership of the user namespaces that were made before, and its
 * capabilities over them. It may still look at their processes.
 */
static int become_onlooker(void)
{
	if (setresuid(-1, 1000, -1))
		return -1;
	return set_capabilities(1ULL << CAP_SYS_PTRACE);
}

/* The caller may not look at root's processes any more. */
static int become_stranger(void)
{
	return become_user(1000);
}

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

FIXTURE_VARIANT_ADD(no_fd, minus_one)
{
	.fd = -1,
};

FIXTURE_VARIANT_ADD(no_fd, smallest)
{
	.fd = INT_MIN,
};

FIXTURE_VARIANT_ADD(no_fd, largest)
{
	.fd = INT_MAX,
};

FIXTURE_VARIANT_ADD(no_fd, at_fdcwd)
{
	.fd = AT_FDCWD,
};

FIXTURE_VARIANT_ADD(no_fd, pidfd_self)
{
	.fd = -10000,
};

FIXTURE_VARIANT_ADD(no_fd, pidfd_self_process)
{
	.fd = -10001,
};

FIXTURE_VARIANT_ADD(no_fd, fd_nsfs_root)
{
	.fd = -10003,
};

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
	int fd = open_ns("uts");

	ASSERT_GE(fd, 0);
	ASSERT_EQ(close(fd), 0);
	expect_ebadf(_metadata, fd);
}

TEST(o_path_nsfd)
{
	int fd = open("/proc/self/ns/uts", O_PATH | O_CLOEXEC);

	ASSERT_GE(fd, 0);
	expect_ebadf(_metadata, fd);
}

/* This opens the link itself, not the namespace that it leads to. */
TEST(o_path_nsfd_link)
{
	int fd = open("/proc/self/ns/uts", O_PATH | O_NOFOLLOW | O_CLOEXEC);

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

FIXTURE_VARIANT_ADD(other_fd, regular)
{
	.kind = REGULAR,
};

FIXTURE_VARIANT_ADD(other_fd, directory)
{
	.kind = DIRECTORY,
};

FIXTURE_VARIANT_ADD(other_fd, proc_pid)
{
	.kind = PROC_PID,
};

FIXTURE_VARIANT_ADD(other_fd, proc_pid_ns)
{
	.kind = PROC_PID_NS,
};

FIXTURE_VARIANT_ADD(other_fd, device)
{
	.kind = DEVICE,
};

FIXTURE_VARIANT_ADD(other_fd, pipe)
{
	.kind = PIPE,
};

FIXTURE_VARIANT_ADD(other_fd, socket)
{
	.kind = SOCKET,
};

FIXTURE_VARIANT_ADD(other_fd, memfd)
{
	.kind = MEMFD,
};

FIXTURE_VARIANT_ADD(other_fd, eventfd)
{
	.kind = EVENTFD,
};

FIXTURE_VARIANT_ADD(other_fd, epoll)
{
	.kind = EPOLL,
};

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

/* The callbacks of all types but user make the same checks. */

FIXTURE(type)
{
};

FIXTURE_VARIANT(type)
{
	const char *name;
	int flag;
};

FIXTURE_SETUP(type)
{
	if (!is_built_in(variant->name))
		SKIP(return, "no %s namespaces", variant->name);
}

FIXTURE_TEARDOWN(type)
{
}

FIXTURE_VARIANT_ADD(type, mnt)
{
	.name = "mnt",
	.flag = CLONE_NEWNS,
};

FIXTURE_VARIANT_ADD(type, uts)
{
	.name = "uts",
	.flag = CLONE_NEWUTS,
};

FIXTURE_VARIANT_ADD(type, ipc)
{
	.name = "ipc",
	.flag = CLONE_NEWIPC,
};

FIXTURE_VARIANT_ADD(type, pid)
{
	.name = "pid",
	.flag = CLONE_NEWPID,
};

FIXTURE_VARIANT_ADD(type, cgroup)
{
	.name = "cgroup",
	.flag = CLONE_NEWCGROUP,
};

FIXTURE_VARIANT_ADD(type, net)
{
	.name = "net",
	.flag = CLONE_NEWNET,
};

FIXTURE_VARIANT_ADD(type, time)
{
	.name = "time",
	.flag = CLONE_NEWTIME,
};

static void expect_one_nstype(struct __test_metadata *_metadata, const char *name, int flag)
{
	int fd = open_ns(name);

	ASSERT_GE(fd, 0);
	for (int bit = 0; bit < 32; bit++) {
		int nstype = 1U << bit;

		if (nstype == flag)
			continue;
		EXPECT_EQ(refusal(fd, nstype), EINVAL) {
			TH_LOG("bit %d", bit);
		}
		EXPECT_EQ(refusal(fd, nstype | flag), EINVAL) {
			TH_LOG("bit %d and the type", bit);
		}
	}
	EXPECT_EQ(refusal(fd, all_types), EINVAL);
	EXPECT_EQ(refusal(fd, -1), EINVAL);
}

TEST_F(type, nsfd_of_another_type)
{
	expect_one_nstype(_metadata, variant->name, variant->flag);
}

/*
 * The caller is capable at home, in its own user namespace. It is not capable over the
 * namespace that it joins, which belongs to the parent.
 */
TEST_F(type, nsfd_not_capable_over_it)
{
	int fd = open_ns(variant->name);

	ASSERT_EQ(refusal(fd, variant->flag), 0);
	ASSERT_EQ(unshare(CLONE_NEWUSER), 0);
	EXPECT_EQ(refusal(fd, variant->flag), EPERM);
	EXPECT_EQ(refusal(fd, 0), EPERM);
}

/* The same with the caller's own pidfd: it may not look at other processes up there. */
TEST_F(type, pidfd_not_capable_over_it)
{
	int fd = pidfd_open(getpid());

	ASSERT_EQ(refusal(fd, variant->flag), 0);
	ASSERT_EQ(unshare(CLONE_NEWUSER), 0);
	EXPECT_EQ(refusal(fd, variant->flag), EPERM);
}

/* The caller owns the user namespace, so it is capable over it, but not at home. */
TEST_F(type, nsfd_not_capable_at_home)
{
	int fd, pidfd;
	pid_t pid = target_in(CLONE_NEWUSER | variant->flag, &pidfd);

	ASSERT_GT(pid, 0);
	fd = open_ns_of(pid, variant->name);
	ASSERT_EQ(refusal_in_child(0, fd, variant->flag), 0);
	ASSERT_EQ(lose_capability(CAP_SYS_ADMIN), 0);
	EXPECT_EQ(refusal(fd, variant->flag), EPERM);
	EXPECT_EQ(refusal(fd, 0), EPERM);
}

TEST_F(type, pidfd_not_capable_at_home)
{
	int fd;

	ASSERT_GT(target_in(CLONE_NEWUSER | variant->flag, &fd), 0);
	ASSERT_EQ(refusal_in_child(0, fd, variant->flag), 0);
	ASSERT_EQ(lose_capability(CAP_SYS_ADMIN), 0);
	EXPECT_EQ(refusal(fd, variant->flag), EPERM);
}

/*
 * If the call joins a user namespace, this one becomes the home. That helps with the
 * namespaces that it owns, and not with others.
 */
TEST_F(type, pidfd_not_capable_with_new_home)
{
	int own, parents;

	ASSERT_GT(target_in(CLONE_NEWUSER | variant->flag, &own), 0);
	ASSERT_GT(target_in(CLONE_NEWUSER, &parents), 0);
	ASSERT_EQ(lose_capability(CAP_SYS_ADMIN), 0);
	EXPECT_EQ(refusal_in_child(0, own, CLONE_NEWUSER | variant->flag), 0);
	EXPECT_EQ(refusal_in_child(0, parents, CLONE_NEWUSER), 0);
	EXPECT_EQ(refusal_in_child(0, parents, CLONE_NEWUSER | variant->flag), EPERM);
}

TEST_F(type, nsfd_nstype_before_capability)
{
	int fd = open_ns(variant->name);

	ASSERT_EQ(lose_capability(CAP_SYS_ADMIN), 0);
	ASSERT_EQ(refusal(fd, variant->flag), EPERM);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EINVAL);
	EXPECT_EQ(refusal(fd, variant->flag | CLONE_NEWUSER), EINVAL);
}

TEST_F(type, pidfd_flags_before_capability)
{
	int fd = pidfd_open(getpid());

	ASSERT_EQ(lose_capability(CAP_SYS_ADMIN), 0);
	ASSERT_EQ(refusal(fd, variant->flag), EPERM);
	EXPECT_EQ(refusal(fd, variant->flag | CLONE_VM), EINVAL);
}

/* A mount namespace requires a third capability. */

TEST(mnt_nsfd_without_chroot)
{
	int fd = open_ns("mnt");

	ASSERT_EQ(refusal(fd, CLONE_NEWNS), 0);
	ASSERT_EQ(lose_capability(CAP_SYS_CHROOT), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWNS), EPERM);
	EXPECT_EQ(refusal(fd, 0), EPERM);
}

TEST(mnt_pidfd_without_chroot)
{
	int fd = pidfd_open(getpid());

	ASSERT_EQ(refusal(fd, CLONE_NEWNS), 0);
	ASSERT_EQ(lose_capability(CAP_SYS_CHROOT), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWNS), EPERM);
	EXPECT_EQ(refusal(fd, CLONE_NEWNS | CLONE_NEWUTS), EPERM);
}

/* These cases join a user namespace. */

TEST(user_nsfd_of_another_type)
{
	expect_one_nstype(_metadata, "user", CLONE_NEWUSER);
}

TEST(user_nsfd_own)
{
	int fd = open_ns("user");

	ASSERT_GE(fd, 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EINVAL);
	EXPECT_EQ(refusal(fd, 0), EINVAL);
}

TEST(user_pidfd_own)
{
	EXPECT_EQ(refusal(pidfd_open(getpid()), CLONE_NEWUSER), EINVAL);
	EXPECT_EQ(refusal(pidfd_open(getppid()), CLONE_NEWUSER), EINVAL);
}

TEST(user_nsfd_parent)
{
	int fd = open_ns("user");

	ASSERT_EQ(unshare(CLONE_NEWUSER), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EPERM);
	EXPECT_EQ(refusal(fd, 0), EPERM);
}

TEST(user_nsfd_not_capable)
{
	int fd, pidfd;
	pid_t pid = target_in(CLONE_NEWUSER, &pidfd);

	ASSERT_GT(pid, 0);
	fd = open_ns_of(pid, "user");
	ASSERT_EQ(refusal_in_child(0, fd, CLONE_NEWUSER), 0);
	ASSERT_EQ(become_onlooker(), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EPERM);
	EXPECT_EQ(refusal(fd, 0), EPERM);
}

TEST(user_pidfd_not_capable)
{
	int fd;

	ASSERT_GT(target_in(CLONE_NEWUSER, &fd), 0);
	ASSERT_EQ(refusal_in_child(0, fd, CLONE_NEWUSER), 0);
	ASSERT_EQ(become_onlooker(), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EPERM);
	/*
	 * The caller may look at the process: otherwise this call would return EPERM,
	 * too
	 */
	EXPECT_EQ(refusal_in_child(THREAD, fd, CLONE_NEWUSER), EINVAL);
}

TEST(user_nsfd_own_before_capability)
{
	int fd = open_ns("user");

	ASSERT_EQ(set_capabilities(0), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EINVAL);
	EXPECT_EQ(refusal(fd, 0), EINVAL);
}

TEST(user_pidfd_own_before_capability)
{
	int fd = pidfd_open(getpid());

	ASSERT_EQ(set_capabilities(0), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUSER), EINVAL);
}

/* The pid namespace must be the caller's own or below it. */

TEST(pid_nsfd_parent)
{
	int fd = open_ns("pid");

	ASSERT_EQ(refusal_in_child(0, fd, CLONE_NEWPID), 0);
	EXPECT_EQ(refusal_in_child(CLONE_NEWPID, fd, CLONE_NEWPID), EINVAL);
	EXPECT_EQ(refusal_in_child(CLONE_NEWPID, fd, 0), EINVAL);
}

TEST(pid_pidfd_parent)
{
	int fd = pidfd_open(getpid());

	ASSERT_EQ(refusal_in_child(0, fd, CLONE_NEWPID), 0);
	EXPECT_EQ(refusal_in_child(CLONE_NEWPID, fd, CLONE_NEWPID), EINVAL);
}

TEST(pid_nsfd_sibling)
{
	int fd, pidfd;
	pid_t pid = target_in(CLONE_NEWPID, &pidfd);

	ASSERT_GT(pid, 0);
	fd = open_ns_of(pid, "pid");
	ASSERT_EQ(refusal_in_child(0, fd, CLONE_NEWPID), 0);
	EXPECT_EQ(refusal_in_child(CLONE_NEWPID, fd, CLONE_NEWPID), EINVAL);
	EXPECT_EQ(refusal_in_child(CLONE_NEWPID, fd, 0), EINVAL);
}

TEST(pid_pidfd_sibling)
{
	int fd;

	ASSERT_GT(target_in(CLONE_NEWPID, &fd), 0);
	ASSERT_EQ(refusal_in_child(0, fd, CLONE_NEWPID), 0);
	EXPECT_EQ(refusal_in_child(CLONE_NEWPID, fd, CLONE_NEWPID), EINVAL);
}

/* It belongs to the parent's user namespace, and is above the caller's pid namespace. */
TEST(pid_nsfd_capability_before_descent)
{
	int fd = open_ns("pid");

	ASSERT_EQ(refusal_in_child(CLONE_NEWPID, fd, CLONE_NEWPID), EINVAL);
	EXPECT_EQ(refusal_in_child(CLONE_NEWUSER | CLONE_NEWPID, fd, CLONE_NEWPID), EPERM);
}

/*
 * Some namespaces refuse a caller that shares something with a thread of its process or
 * with another process.
 */

FIXTURE(shared)
{
	int nsfd;
	int pidfd;
};

FIXTURE_VARIANT(shared)
{
	const char *name;
	int flag;
	int how;
	int err;
	int err_if_not_capable;
};

FIXTURE_SETUP(shared)
{
	pid_t pid;

	if (!is_built_in(variant->name))
		SKIP(return, "no %s namespaces", variant->name);
	pid = target_in(CLONE_NEWUSER | variant->flag, &self->pidfd);
	ASSERT_GT(pid, 0);
	self->nsfd = open_ns_of(pid, variant->name);
	ASSERT_GE(self->nsfd, 0);
}

FIXTURE_TEARDOWN(shared)
{
	close(self->nsfd);
	close(self->pidfd);
}

FIXTURE_VARIANT_ADD(shared, user_threads)
{
	.name = "user",
	.flag = CLONE_NEWUSER,
	.how = THREAD,
	.err = EINVAL,
	.err_if_not_capable = EINVAL,
};

FIXTURE_VARIANT_ADD(shared, user_fs)
{
	.name = "user",
	.flag = CLONE_NEWUSER,
	.how = CLONE_FS,
	.err = EINVAL,
	.err_if_not_capable = EINVAL,
};

FIXTURE_VARIANT_ADD(shared, mnt_fs)
{
	.name = "mnt",
	.flag = CLONE_NEWNS,
	.how = CLONE_FS,
	.err = EINVAL,
	.err_if_not_capable = EPERM,
};

FIXTURE_VARIANT_ADD(shared, time_threads)
{
	.name = "time",
	.flag = CLONE_NEWTIME,
	.how = THREAD,
	.err = EUSERS,
	.err_if_not_capable = EUSERS,
};

FIXTURE_VARIANT_ADD(shared, time_memory)
{
	.name = "time",
	.flag = CLONE_NEWTIME,
	.how = CLONE_VM,
	.err = EUSERS,
	.err_if_not_capable = EUSERS,
};

TEST_F(shared, nsfd)
{
	ASSERT_EQ(refusal_in_child(0, self->nsfd, variant->flag), 0);
	EXPECT_EQ(refusal_in_child(variant->how, self->nsfd, variant->flag), variant->err);
	EXPECT_EQ(refusal_in_child(variant->how, self->nsfd, 0), variant->err);
}

TEST_F(shared, pidfd)
{
	ASSERT_EQ(refusal_in_child(0, self->pidfd, variant->flag), 0);
	EXPECT_EQ(refusal_in_child(variant->how, self->pidfd, variant->flag), variant->err);
}

TEST_F(shared, nsfd_and_not_capable)
{
	ASSERT_EQ(become_onlooker(), 0);
	ASSERT_EQ(refusal_in_child(0, self->nsfd, variant->flag), EPERM);
	EXPECT_EQ(refusal_in_child(variant->how, self->nsfd, variant->flag),
		  variant->err_if_not_capable);
}

TEST_F(shared, pidfd_and_not_capable)
{
	ASSERT_EQ(become_onlooker(), 0);
	ASSERT_EQ(refusal_in_child(0, self->pidfd, variant->flag), EPERM);
	EXPECT_EQ(refusal_in_child(variant->how, self->pidfd, variant->flag),
		  variant->err_if_not_capable);
}

/* A wrong nstype comes first. Only an errno other than EINVAL can show this. */
TEST(nsfd_nstype_before_shared_memory)
{
	int fd;

	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	fd = open_ns("time");
	ASSERT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME), EUSERS);
	EXPECT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWUTS), EINVAL);
	EXPECT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME | CLONE_NEWUTS), EINVAL);
}

TEST(pidfd_flags_before_shared_memory)
{
	int fd = pidfd_open(getpid());

	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	ASSERT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME), EUSERS);
	EXPECT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME | CLONE_FILES), EINVAL);
}

/* EPERM: the caller may not look at the process. */

TEST(ptrace)
{
	int fd = pidfd_open(getppid());

	ASSERT_EQ(refusal(fd, CLONE_NEWUTS), 0);
	ASSERT_EQ(become_stranger(), 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (!is_built_in(types[i].name))
			continue;
		EXPECT_EQ(refusal(fd, types[i].flag), EPERM) {
			TH_LOG("%s", types[i].name);
		}
	}
}

/* To a caller that may look at the process, the user namespace returns EINVAL. */
TEST(ptrace_before_own_user)
{
	int other = pidfd_open(getppid());

	ASSERT_EQ(refusal(other, CLONE_NEWUSER), EINVAL);
	ASSERT_EQ(become_stranger(), 0);
	ASSERT_EQ(refusal(pidfd_open(getpid()), CLONE_NEWUSER), EINVAL);
	EXPECT_EQ(refusal(other, CLONE_NEWUSER), EPERM);
}

TEST(ptrace_before_shared_memory)
{
	int fd = pidfd_open(getppid());

	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	ASSERT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME), EUSERS);
	ASSERT_EQ(become_stranger(), 0);
	EXPECT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME), EPERM);
}

TEST(flags_before_ptrace)
{
	int fd = pidfd_open(getppid());

	ASSERT_EQ(become_stranger(), 0);
	ASSERT_EQ(refusal(fd, CLONE_NEWUTS), EPERM);
	EXPECT_EQ(refusal(fd, 0), EINVAL);
	EXPECT_EQ(refusal(fd, CLONE_VM), EINVAL);
	EXPECT_EQ(refusal(fd, CLONE_NEWUTS | CLONE_VM), EINVAL);
	EXPECT_EQ(refusal(fd, -1), EINVAL);
}

/* ESRCH: the process is gone, or only its exit status is left. */

FIXTURE(dead)
{
	int fd;
};

FIXTURE_VARIANT(dead)
{
	int options;
	int err_if_stranger;
};

FIXTURE_SETUP(dead)
{
	siginfo_t info;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (pid == 0)
		_exit(0);
	self->fd = pidfd_open(pid);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(waitid(P_PID, pid, &info, WEXITED | variant->options), 0);
}

FIXTURE_TEARDOWN(dead)
{
	close(self->fd);
}

FIXTURE_VARIANT_ADD(dead, reaped)
{
	.err_if_stranger = ESRCH,
};

FIXTURE_VARIANT_ADD(dead, zombie)
{
	.options = WNOWAIT,
	.err_if_stranger = EPERM,
};

TEST_F(dead, esrch)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (!is_built_in(types[i].name))
			continue;
		EXPECT_EQ(refusal(self->fd, types[i].flag), ESRCH) {
			TH_LOG("%s", types[i].name);
		}
	}
}

TEST_F(dead, flags_first)
{
	EXPECT_EQ(refusal(self->fd, 0), EINVAL);
	EXPECT_EQ(refusal(self->fd, CLONE_VM), EINVAL);
	EXPECT_EQ(refusal(self->fd, CLONE_NEWUTS | CLONE_VM), EINVAL);
	EXPECT_EQ(refusal(self->fd, -1), EINVAL);
}

/* A zombie still has an owner, so a stranger may not look at it. */
TEST_F(dead, to_a_stranger)
{
	ASSERT_EQ(become_stranger(), 0);
	EXPECT_EQ(refusal(self->fd, CLONE_NEWUTS), variant->err_if_stranger);
	EXPECT_EQ(refusal(self->fd, CLONE_NEWUSER), variant->err_if_stranger);
	EXPECT_EQ(refusal(self->fd, CLONE_NEWUTS | CLONE_VM), EINVAL);
}

/* The caller has no capabilities, but the uid of the process. */
TEST_F(dead, before_capability)
{
	int own = pidfd_open(getpid());

	ASSERT_EQ(set_capabilities(0), 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].flag == CLONE_NEWUSER || !is_built_in(types[i].name))
			continue;
		ASSERT_EQ(refusal(own, types[i].flag), EPERM);
		EXPECT_EQ(refusal(self->fd, types[i].flag), ESRCH) {
			TH_LOG("%s", types[i].name);
		}
	}
}

TEST_F(dead, before_threads)
{
	EXPECT_EQ(refusal_in_child(THREAD, self->fd, CLONE_NEWUSER), ESRCH);
	if (is_built_in("time"))
		EXPECT_EQ(refusal_in_child(THREAD, self->fd, CLONE_NEWTIME), ESRCH);
}

TEST_F(dead, before_shared_fs)
{
	EXPECT_EQ(refusal_in_child(CLONE_FS, self->fd, CLONE_NEWUSER), ESRCH);
	EXPECT_EQ(refusal_in_child(CLONE_FS, self->fd, CLONE_NEWNS), ESRCH);
}

TEST_F(dead, before_shared_memory)
{
	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	EXPECT_EQ(refusal_in_child(CLONE_VM, self->fd, CLONE_NEWTIME), ESRCH);
}

struct own_pidfd {
	int fd;
	int err;
};

static int join_by_own_pidfd(void *arg)
{
	struct own_pidfd *own = arg;

	/* O_EXCL is PIDFD_THREAD */
	own->fd = syscall(SYS_pidfd_open, syscall(SYS_gettid), O_EXCL);
	own->err = refusal(own->fd, CLONE_NEWUTS);
	return 0;
}

/* A thread that does not lead its process can be gone while the process lives. */
TEST(dead_thread)
{
	struct own_pidfd own = { .fd = -1, .err = -1 };
	struct pollfd gone;

	run_in_child(THREAD | CLONE_FILES, join_by_own_pidfd, &own);
	ASSERT_EQ(own.err, 0);
	gone = (struct pollfd){ .fd = own.fd, .events = POLLIN };
	ASSERT_EQ(poll(&gone, 1, -1), 1);
	EXPECT_EQ(refusal(own.fd, CLONE_NEWUTS), ESRCH);
}

/*
 * The order of the namespaces of a process. The caller is a child of the target and in
 * its user namespace, but in a pid namespace below. It shares the root directory and
 * the memory with the target. So every namespace refuses, in one of three ways. For mnt
 * and pid, the way depends on whether that user namespace owns them.
 */
static const int worlds[] = { 0, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNS | CLONE_NEWPID };

static int err_alone(int flag, int owned)
{
	int err = EPERM;

	if (flag == CLONE_NEWTIME)
		err = EUSERS;
	else if (flag == CLONE_NEWUSER || owned & flag)
		err = EINVAL;
	return err;
}

static void make_calls_where_all_refuse(struct calls *calls, int owned)
{
	int pidfd;
	pid_t pid = clone3_in(CLONE_NEWUSER | owned, &pidfd);

	if (pid == 0) {
		calls->fd = pidfd_open(getpid());
		run_in_child(CLONE_NEWPID | CLONE_FS | CLONE_VM, make_calls, calls);
		_exit(0);
	}
	if (pid > 0) {
		close(pidfd);
		waitpid(pid, NULL, 0);
	}
}

TEST(pid_pidfd_capability_before_descent)
{
	struct calls *calls = new_calls();

	calls->count = 1;
	calls->nstype[0] = CLONE_NEWPID;
	make_calls_where_all_refuse(calls, CLONE_NEWPID);
	ASSERT_EQ(calls->err[0], EINVAL);
	make_calls_where_all_refuse(calls, 0);
	EXPECT_EQ(calls->err[0], EPERM);
}

FIXTURE(order)
{
};

FIXTURE_VARIANT(order)
{
	int first;	/* index in types[] */
	int later;	/* later types that refuse with another errno in some world */
};

FIXTURE_SETUP(order)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
}

FIXTURE_TEARDOWN(order)
{
}

FIXTURE_VARIANT_ADD(order, user)
{
	.first = 0,
	.later = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP |
		 CLONE_NEWNET | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, mnt)
{
	.first = 1,
	.later = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET |
		 CLONE_NEWTIME,
};

/* uts, ipc, cgroup and net only return EPERM, so their order does not show. */
FIXTURE_VARIANT_ADD(order, uts)
{
	.first = 2,
	.later = CLONE_NEWPID | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, ipc)
{
	.first = 3,
	.later = CLONE_NEWPID | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, pid)
{
	.first = 4,
	.later = CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, cgroup)
{
	.first = 5,
	.later = CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, net)
{
	.first = 6,
	.later = CLONE_NEWTIME,
};

TEST_F(order, before_later_types)
{
	int first = types[variant->first].flag;
	int seen = 0;

	for (int w = 0; w < ARRAY_SIZE(worlds); w++) {
		struct calls *calls = new_calls();
		int err = err_alone(first, worlds[w]);

		for (int i = variant->first + 1; i < ARRAY_SIZE(types); i++) {
			if (err_alone(types[i].flag, worlds[w]) == err)
				continue;
			seen |= types[i].flag;
			calls->nstype[calls->count++] = first | types[i].flag;
		}
		make_calls_where_all_refuse(calls, worlds[w]);
		for (int i = 0; i < calls->count; i++) {
			EXPECT_EQ(calls->err[i], err) {
				TH_LOG("nstype %#x, owned %#x", calls->nstype[i], worlds[w]);
			}
		}
	}
	EXPECT_EQ(seen, variant->later);
}

/* The first type in each of the 255 sets decides, even if it is the only one. */
static void expect_first_to_decide(struct __test_metadata *_metadata, int owned)
{
	struct calls *calls = new_calls();

	for (unsigned int bits = 1; bits <= NR_SETS; bits++)
		calls->nstype[calls->count++] = set_from(bits);
	make_calls_where_all_refuse(calls, owned);
	for (int i = 0; i < NR_SETS; i++) {
		int first = types[__builtin_ctz(i + 1)].flag;

		EXPECT_EQ(calls->err[i], err_alone(first, owned)) {
			TH_LOG("nstype %#x, owned %#x", calls->nstype[i], owned);
		}
	}
}

TEST(order_of_every_set)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	for (int w = 0; w < ARRAY_SIZE(worlds); w++)
		expect_first_to_decide(_metadata, worlds[w]);
}

TEST_HARNESS_MAIN
