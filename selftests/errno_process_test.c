// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno that depends on the process of a pidfd: the caller may not look at it, or
 * it is dead. Other cases show which reason wins if there are several.
 * errno_order_test.c lists all checks in their order.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "callers.h"
#include "calls.h"
#include "setns.h"
#include "tasks.h"

/* The caller may not look at root's processes any more. */
static int become_stranger(void)
{
	return become_user(1000);
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
	/* POLLIN comes when the thread exits. POLLHUP comes when it is reaped, a moment later. */
	gone = (struct pollfd){ .fd = own.fd };
	ASSERT_EQ(poll(&gone, 1, -1), 1);
	ASSERT_EQ(gone.revents & POLLHUP, POLLHUP);
	EXPECT_EQ(refusal(own.fd, CLONE_NEWUTS), ESRCH);
}

TEST_HARNESS_MAIN
