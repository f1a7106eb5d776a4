// SPDX-License-Identifier: GPL-2.0
/*
 * Each errno that depends on the caller and on the namespace: capabilities, the place of
 * the namespace, and what the caller shares with other tasks. Other cases show which
 * reason wins if there are several. errno_order_test.c lists all checks in their order.
 */
#define _GNU_SOURCE
#include <linux/capability.h>

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

FIXTURE_VARIANT_ADD(type, mnt) { .name = "mnt", .flag = CLONE_NEWNS };
FIXTURE_VARIANT_ADD(type, uts) { .name = "uts", .flag = CLONE_NEWUTS };
FIXTURE_VARIANT_ADD(type, ipc) { .name = "ipc", .flag = CLONE_NEWIPC };
FIXTURE_VARIANT_ADD(type, pid) { .name = "pid", .flag = CLONE_NEWPID };
FIXTURE_VARIANT_ADD(type, cgroup) { .name = "cgroup", .flag = CLONE_NEWCGROUP };
FIXTURE_VARIANT_ADD(type, net) { .name = "net", .flag = CLONE_NEWNET };
FIXTURE_VARIANT_ADD(type, time) { .name = "time", .flag = CLONE_NEWTIME };

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

TEST_HARNESS_MAIN
