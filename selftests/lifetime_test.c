// SPDX-License-Identifier: GPL-2.0
/*
 * How long a namespace lives that was joined, left, or could not be joined. This
 * depends on the tasks that count as being in it, and on the references to it.
 */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <sys/socket.h>

#include "callers.h"
#include "calls.h"
#include "links.h"
#include "listns.h"
#include "ns_limits.h"
#include "setns.h"
#include "tasks.h"

/* Older versions of <linux/nsfs.h> and <linux/sockios.h> lack these. */
#ifndef NS_GET_USERNS
#define NS_GET_USERNS _IO(0xb7, 0x1)
#endif
#ifndef SIOCGSKNS
#define SIOCGSKNS 0x894C
#endif

static __u64 ns_owner_id(int nsfd)
{
	int owner = ioctl(nsfd, NS_GET_USERNS);
	__u64 id = ns_id(owner);

	close(owner);
	return id;
}

FIXTURE(active)
{
};

FIXTURE_VARIANT(active)
{
	int flag;
};

FIXTURE_SETUP(active)
{
	const char *reason = cannot_list();

	if (reason)
		SKIP(return, "%s", reason);
	if (!is_built_in(name_of(variant->flag)) || !is_built_in("time"))
		SKIP(return, "no %s or no time namespaces", name_of(variant->flag));
}

FIXTURE_TEARDOWN(active)
{
}

FIXTURE_VARIANT_ADD(active, mnt) { .flag = CLONE_NEWNS };
FIXTURE_VARIANT_ADD(active, uts) { .flag = CLONE_NEWUTS };
FIXTURE_VARIANT_ADD(active, ipc) { .flag = CLONE_NEWIPC };
FIXTURE_VARIANT_ADD(active, pid) { .flag = CLONE_NEWPID };
FIXTURE_VARIANT_ADD(active, cgroup) { .flag = CLONE_NEWCGROUP };
FIXTURE_VARIANT_ADD(active, net) { .flag = CLONE_NEWNET };
FIXTURE_VARIANT_ADD(active, time) { .flag = CLONE_NEWTIME };

/*
 * Only the joining task is left: the creator of the namespace and all descriptors are
 * gone.
 */
static void expect_active_while_joined(struct __test_metadata *_metadata, int flag, bool by_pidfd)
{
	int home = open_ns(name_of(flag));
	int line, nsfd, pidfd;
	pid_t pid, target;
	__u64 id, owner;

	target = target_in(CLONE_NEWUSER | flag, &pidfd);
	ASSERT_GT(target, 0);
	nsfd = open_ns_of(target, name_of(flag));
	id = ns_id(nsfd);
	owner = ns_owner_id(nsfd);
	ASSERT_TRUE(is_listed(flag, id));
	ASSERT_TRUE(is_listed(CLONE_NEWUSER, owner));

	pid = fork_with_line(&line);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		/*
		 * A refused call must not count, or the namespace stays active
		 * permanently
		 */
		EXPECT_EQ(late_refusal(pidfd, flag), EUSERS);
		EXPECT_EQ(setns(by_pidfd ? pidfd : nsfd, flag), 0);
		close(nsfd);
		EXPECT_TRUE(pass_turn(line));
		EXPECT_TRUE(await_turn(line));
		EXPECT_EQ(setns(home, flag), 0);
		EXPECT_TRUE(pass_turn(line));
		await_turn(line);
		_exit(0);
	}
	ASSERT_TRUE(await_turn(line));
	close(nsfd);
	end_target(target);
	EXPECT_TRUE(is_listed(flag, id));
	EXPECT_TRUE(is_listed(CLONE_NEWUSER, owner));
	ASSERT_TRUE(pass_turn(line));
	ASSERT_TRUE(await_turn(line));
	EXPECT_FALSE(is_listed(flag, id));
	EXPECT_FALSE(is_listed(CLONE_NEWUSER, owner));
	close(line);
	expect_done(_metadata, pid);
}

TEST_F(active, while_a_task_has_joined_it)
{
	expect_active_while_joined(_metadata, variant->flag, false);
	expect_active_while_joined(_metadata, variant->flag, true);
}

/*
 * A task can be in a user namespace while none is in the one above. A task cannot leave
 * a user namespace; it ends.
 */
TEST(active_user_namespaces)
{
	int outer, inner, go, line_in, line;
	__u64 outer_id, inner_id;
	pid_t outer_pid, inner_pid, pid;

	if (cannot_list())
		SKIP(return, "%s", cannot_list());
	outer_pid = child_in(CLONE_NEWUSER, &go);
	ASSERT_GT(outer_pid, 0);
	outer = open_ns_of(outer_pid, "user");
	inner_pid = fork_with_line(&line_in);
	ASSERT_GE(inner_pid, 0);
	if (inner_pid == 0) {
		EXPECT_EQ(setns(outer, CLONE_NEWUSER), 0);
		close(outer);
		EXPECT_EQ(unshare(CLONE_NEWUSER), 0);
		EXPECT_TRUE(pass_turn(line_in));
		await_turn(line_in);
		_exit(0);
	}
	ASSERT_TRUE(await_turn(line_in));
	inner = open_ns_of(inner_pid, "user");
	outer_id = ns_id(outer);
	inner_id = ns_id(inner);
	close(outer);
	ASSERT_NE(outer_id, inner_id);

	pid = fork_with_line(&line);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		close(line_in);
		EXPECT_EQ(setns(inner, CLONE_NEWUSER), 0);
		close(inner);
		EXPECT_TRUE(pass_turn(line));
		await_turn(line);
		_exit(0);
	}
	ASSERT_TRUE(await_turn(line));
	close(inner);
	end_target(outer_pid);
	end_target(inner_pid);
	EXPECT_TRUE(is_listed(CLONE_NEWUSER, outer_id));
	EXPECT_TRUE(is_listed(CLONE_NEWUSER, inner_id));
	close(line);
	expect_done(_metadata, pid);
	EXPECT_FALSE(is_listed(CLONE_NEWUSER, outer_id));
	EXPECT_FALSE(is_listed(CLONE_NEWUSER, inner_id));
}

static int make_socket(void *arg)
{
	*(int *)arg = socket(AF_UNIX, SOCK_STREAM, 0);
	return 0;
}

/* Only a socket is left of this namespace. It can be joined, and is active again. */
TEST(active_again)
{
	int home = open_ns("net");
	int nsfd, sock = -1;
	__u64 id, owner;

	if (cannot_list())
		SKIP(return, "%s", cannot_list());
	run_in_child(CLONE_NEWUSER | CLONE_NEWNET | CLONE_FILES | CLONE_VM, make_socket, &sock);
	ASSERT_GE(sock, 0);
	for (int i = 0; i < 3; i++) {
		nsfd = ioctl(sock, SIOCGSKNS);
		ASSERT_GE(nsfd, 0);
		id = ns_id(nsfd);
		owner = ns_owner_id(nsfd);
		ASSERT_EQ(setns(nsfd, CLONE_NEWNET), 0);
		close(nsfd);
		EXPECT_TRUE(is_listed(CLONE_NEWNET, id));
		EXPECT_TRUE(is_listed(CLONE_NEWUSER, owner));
		ASSERT_EQ(setns(home, CLONE_NEWNET), 0);
		EXPECT_FALSE(is_listed(CLONE_NEWNET, id));
		EXPECT_FALSE(is_listed(CLONE_NEWUSER, owner));
	}
}

/*
 * A namespace ends with its last reference. The user namespace here may have only a
 * few, so a case that leaks one in each round ends too early.
 */

enum { ROUNDS = 16, LIMIT = 8 };

static pid_t target_within_limit(int flags, int *pidfd)
{
	int tries = 0;
	pid_t pid;

	while ((pid = target_in(flags, pidfd)) < 0) {
		if (!await_room(&tries))
			return -1;
	}
	return pid;
}

/*
 * Returns the pid that the process has in /proc, which may show a pid namespace further
 * up.
 */
static pid_t pid_in_proc(int pidfd)
{
	char path[64], line[128];
	pid_t pid = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
	file = fopen(path, "re");
	if (!file)
		return -1;
	while (pid < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "Pid: %d", &pid);
	fclose(file);
	return pid;
}

FIXTURE(last_reference)
{
	int foreign;
};

FIXTURE_VARIANT(last_reference)
{
	int flags;
};

FIXTURE_SETUP(last_reference)
{
	if (!built_in(variant->flags))
		SKIP(return, "no such namespaces");
	if (!is_built_in("time") || !is_built_in("user"))
		SKIP(return, "no time or no user namespaces");
	self->foreign = open_ns("time");
	ASSERT_EQ(unshare_user(built_in(all_types & ~CLONE_NEWUSER)), 0);
}

FIXTURE_TEARDOWN(last_reference)
{
	close(self->foreign);
}

FIXTURE_VARIANT_ADD(last_reference, mnt) { .flags = CLONE_NEWNS };
FIXTURE_VARIANT_ADD(last_reference, uts) { .flags = CLONE_NEWUTS };
FIXTURE_VARIANT_ADD(last_reference, ipc) { .flags = CLONE_NEWIPC };
FIXTURE_VARIANT_ADD(last_reference, pid) { .flags = CLONE_NEWPID };
FIXTURE_VARIANT_ADD(last_reference, cgroup) { .flags = CLONE_NEWCGROUP };
FIXTURE_VARIANT_ADD(last_reference, net) { .flags = CLONE_NEWNET };
FIXTURE_VARIANT_ADD(last_reference, time) { .flags = CLONE_NEWTIME };
FIXTURE_VARIANT_ADD(last_reference, all_but_user) { .flags = all_types & ~CLONE_NEWUSER };

/* Opens the namespace files of the types in @flags, in the order of types[]. */
static void open_all_of(pid_t pid, int flags, int *nsfds)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		nsfds[i] = types[i].flag & flags ? open_ns_of(pid, types[i].name) : -1;
}

static void close_all(const int *nsfds)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		close(nsfds[i]);
}

static int join_one_by_one(const int *nsfds)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (nsfds[i] >= 0 && setns(nsfds[i], types[i].flag))
			return -1;
	}
	return 0;
}

/* The caller leaves its own namespaces for those of the target, and these for home. */
static void join_and_leave(struct __test_metadata *_metadata, int flags, const int *home,
			   bool by_pidfd)
{
	int nsfds[ARRAY_SIZE(types)], pidfd;
	pid_t target;

	target = target_within_limit(flags, &pidfd);
	ASSERT_GT(target, 0);
	ASSERT_EQ(unshare_within_limit(flags), 0);
	open_all_of(pid_in_proc(pidfd), flags, nsfds);
	/* The second join is made from inside */
	for (int i = 0; i < 2; i++)
		ASSERT_EQ(by_pidfd ? setns(pidfd, flags) : join_one_by_one(nsfds), 0);
	close_all(nsfds);
	close(pidfd);
	end_target(target);
	ASSERT_EQ(join_one_by_one(home), 0);
}

static void be_refused(struct __test_metadata *_metadata, int flags, const int *home, int foreign)
{
	/*
	 * With CLONE_NEWPID, the call comes from a pid namespace beside that of the
	 * target
	 */
	int err = flags & CLONE_NEWPID ? EINVAL : EUSERS;
	pid_t target;
	int pidfd;

	target = target_within_limit(flags, &pidfd);
	ASSERT_GT(target, 0);
	ASSERT_EQ(late_refusal(pidfd, flags), EUSERS);
	ASSERT_EQ(unshare_within_limit(flags), 0);
	ASSERT_EQ(late_refusal(pidfd, flags), err);
	ASSERT_EQ(refusal(foreign, CLONE_NEWTIME), EPERM);
	close(pidfd);
	end_target(target);
	ASSERT_EQ(join_one_by_one(home), 0);
}

/* A child does this, because the new pid and time namespaces are for children only. */
static void in_rounds(struct __test_metadata *_metadata, int flags, int foreign)
{
	int home[ARRAY_SIZE(types)];
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (pid == 0) {
		open_all_of(pid_in_proc(pidfd_open(getpid())), flags, home);
		ASSERT_EQ(limit_namespaces(flags, LIMIT), 0);
		for (int i = 0; i < ROUNDS; i++) {
			if (foreign < 0)
				join_and_leave(_metadata, flags, home, i % 2);
			else
				be_refused(_metadata, flags, home, foreign);
		}
		_exit(0);
	}
	expect_done(_metadata, pid);
}

TEST_F(last_reference, is_put_by_a_join)
{
	in_rounds(_metadata, built_in(variant->flags), -1);
}

/* A refused join keeps no reference, on the caller's namespaces or on the target's. */
TEST_F(last_reference, is_not_taken_by_a_refused_join)
{
	in_rounds(_metadata, built_in(variant->flags), self->foreign);
}

/* The caller leaves a time namespace that its children would not be in. */
static void leave_time_behind(struct __test_metadata *_metadata, int home)
{
	int nsfd, pidfd;
	pid_t target = target_within_limit(CLONE_NEWTIME, &pidfd);

	ASSERT_GT(target, 0);
	nsfd = open_ns_of(target, "time");
	ASSERT_EQ(setns(nsfd, CLONE_NEWTIME), 0);
	close(nsfd);
	close(pidfd);
	end_target(target);
	ASSERT_EQ(unshare_within_limit(CLONE_NEWTIME), 0);
	ASSERT_EQ(setns(home, CLONE_NEWTIME), 0);
}

TEST(last_reference_to_time_namespace_without_children)
{
	pid_t pid;

	if (!is_built_in("time") || !is_built_in("user"))
		SKIP(return, "no time or no user namespaces");
	ASSERT_EQ(unshare_user(CLONE_NEWTIME), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		int home = open_ns("time");

		ASSERT_EQ(limit_namespaces(CLONE_NEWTIME, LIMIT), 0);
		for (int i = 0; i < ROUNDS; i++)
			leave_time_behind(_metadata, home);
		_exit(0);
	}
	expect_done(_metadata, pid);
}

/* A task leaves a user namespace by ending. Until then, its credentials hold it. */
TEST(last_reference_to_user_namespace)
{
	if (!is_built_in("time") || !is_built_in("user"))
		SKIP(return, "no time or no user namespaces");
	ASSERT_EQ(unshare_user(0), 0);
	ASSERT_EQ(limit_namespaces(CLONE_NEWUSER, LIMIT), 0);
	for (int i = 0; i < 3 * ROUNDS; i++) {
		int nsfd, pidfd;
		pid_t target = target_within_limit(CLONE_NEWUSER, &pidfd);
		pid_t pid;

		ASSERT_GT(target, 0) {
			TH_LOG("round %d: %s", i, strerror(errno));
		}
		nsfd = open_ns_of(target, "user");
		pid = fork();
		ASSERT_GE(pid, 0);
		if (pid == 0) {
			if (i % 3 == 0)
				EXPECT_EQ(late_refusal(pidfd, CLONE_NEWUSER), EUSERS);
			EXPECT_EQ(setns(i % 3 == 1 ? nsfd : pidfd, CLONE_NEWUSER), 0);
			_exit(0);
		}
		expect_done(_metadata, pid);
		close(nsfd);
		close(pidfd);
		end_target(target);
	}
}

TEST_HARNESS_MAIN
