// SPDX-License-Identifier: GPL-2.0
/*
 * Which tasks a join moves, and which links in /proc/PID/ns/ change: those of the caller
 * and of its later children, for the joined types only.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/wait.h>

#include "calls.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* One thread moves. Its process and its parent stay. */
TEST(only_the_caller_moves)
{
	/* A thread cannot join a user or a time namespace */
	int flags = built_in(all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME));
	struct ns_links before = links_of_caller(), after;
	int pidfd;

	ASSERT_GT(target_in(flags, &pidfd), 0);
	ASSERT_EQ(refusal_in_child(THREAD, pidfd, flags), 0);
	after = links_of_caller();
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		EXPECT_EQ(after.ino[i], before.ino[i]) {
			TH_LOG("%s", links[i].name);
		}
	}
}

/*
 * Only what is joined changes. Everything else stays, even the namespaces for children,
 * where they differ from those that the caller is in.
 */
static void expect_one_to_change(struct __test_metadata *_metadata, int type, bool by_pidfd)
{
	struct ns_links before, after, targets;
	int fd, pidfd;
	pid_t target;

	target = target_in(types[type].flag, &pidfd);
	ASSERT_GT(target, 0);
	ASSERT_EQ(unshare(built_in(CLONE_NEWPID | CLONE_NEWTIME)), 0);
	targets = links_of(target);
	before = links_of_caller();
	fd = by_pidfd ? pidfd : open_ns_of(target, types[type].name);
	ASSERT_EQ(setns(fd, types[type].flag), 0);
	after = links_of_caller();
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		bool joined = links[i].flag == types[type].flag;

		EXPECT_EQ(after.ino[i], joined ? targets.ino[i] : before.ino[i]) {
			TH_LOG("%s after joining %s by %s", links[i].name, types[type].name,
			       by_pidfd ? "pidfd" : "nsfd");
		}
	}
	end_target(target);
}

TEST(one_type_changes_no_other)
{
	for (int i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		pid_t pid;

		if (!is_built_in(types[i / 2].name))
			continue;
		pid = fork();
		ASSERT_GE(pid, 0);
		if (pid == 0) {
			expect_one_to_change(_metadata, i / 2, i % 2);
			_exit(0);
		}
		expect_done(_metadata, pid);
	}
}

/* A joined pid namespace is for the children of the caller. */

FIXTURE(pid)
{
	int fd;
	int home;
	pid_t target;
	ino_t there;
};

FIXTURE_VARIANT(pid)
{
	bool by_pidfd;
};

FIXTURE_SETUP(pid)
{
	int nsfd, pidfd;

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	self->target = target_in(CLONE_NEWPID, &pidfd);
	ASSERT_GT(self->target, 0);
	nsfd = open_ns_of(self->target, "pid");
	self->there = ino_of(nsfd);
	ASSERT_NE(self->there, 0);
	self->fd = variant->by_pidfd ? pidfd : nsfd;
	self->home = variant->by_pidfd ? pidfd_open(getpid()) : open_ns("pid");
	ASSERT_GE(self->home, 0);
}

FIXTURE_TEARDOWN(pid)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(pid, nsfd)
{
};

FIXTURE_VARIANT_ADD(pid, pidfd)
{
	.by_pidfd = true,
};

/* The next children stay where the caller is, as before unshare(2). */
TEST(own_pid_namespace_undoes_unshare)
{
	ino_t own = ns_ino("pid");
	pid_t pid;
	int fd;

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	fd = open_ns("pid");
	ASSERT_EQ(unshare(CLONE_NEWPID), 0);
	ASSERT_EQ(setns(fd, CLONE_NEWPID), 0);
	EXPECT_EQ(ns_ino("pid_for_children"), own);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_NE(getpid(), 1);
		EXPECT_EQ(ns_ino("pid"), own);
		_exit(0);
	}
	expect_done(_metadata, pid);
}

TEST_F(pid, only_children_move)
{
	ino_t own = ns_ino("pid");
	pid_t self_pid = getpid(), pid;

	ASSERT_EQ(setns(self->fd, CLONE_NEWPID), 0);
	EXPECT_EQ(getpid(), self_pid);
	EXPECT_EQ(ns_ino("pid"), own);
	EXPECT_EQ(ns_ino("pid_for_children"), self->there);

	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		/* Pid 1 is the target. The parent is not in this namespace. */
		EXPECT_EQ(getpid(), 2);
		EXPECT_EQ(getppid(), 0);
		EXPECT_EQ(ns_ino("pid"), self->there);
		_exit(0);
	}
	EXPECT_GT(pid, 2);
	expect_done(_metadata, pid);
}

TEST_F(pid, there_and_back)
{
	ino_t own = ns_ino("pid");
	pid_t self_pid = getpid(), pid;

	ASSERT_EQ(setns(self->fd, CLONE_NEWPID), 0);
	ASSERT_EQ(setns(self->home, CLONE_NEWPID), 0);
	EXPECT_EQ(ns_ino("pid_for_children"), own);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_EQ(getppid(), self_pid);
		EXPECT_EQ(ns_ino("pid"), own);
		_exit(0);
	}
	expect_done(_metadata, pid);
}

TEST(pid_first_child_is_init)
{
	int fd, go;
	pid_t pid;

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	/* This process has no child, so the namespace is empty */
	pid = child_in(CLONE_NEWPID, &go);
	ASSERT_GT(pid, 0);
	fd = open_ns_of(pid, "pid_for_children");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(setns(fd, CLONE_NEWPID), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_EQ(getpid(), 1);
		_exit(0);
	}
	expect_done(_metadata, pid);
}

/* A pidfd leads to the namespaces that a process is in, not to those for its children. */
TEST(pidfd_is_for_what_the_process_is_in)
{
	int flags = built_in(CLONE_NEWPID | CLONE_NEWTIME);
	struct ns_links own, parents;
	int away, go;
	pid_t pid;

	pid = child_in(flags, &go);
	ASSERT_GT(pid, 0);
	/* Only a caller that comes from elsewhere can see the join */
	ASSERT_GT(target_in(flags, &away), 0);
	ASSERT_EQ(setns(away, flags), 0);
	ASSERT_EQ(setns(pidfd_open(pid), flags), 0);
	own = links_of_caller();
	parents = links_of(getppid());
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		EXPECT_EQ(own.ino[i], parents.ino[i]) {
			TH_LOG("%s", links[i].name);
		}
	}
}

/* A child inherits joined namespaces, and execve(2) keeps them. */

#define EXPECT_LINKS "--expect-links"

/* The test executes this program again. Then main() calls this function. */
static int compare_links(char **expected)
{
	struct ns_links own = links_of_caller();

	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		if (strtoull(expected[i], NULL, 10) != own.ino[i])
			return i + 1;
	}
	return 0;
}

static void execute_compare_links(void)
{
	struct ns_links own = links_of_caller();
	char args[ARRAY_SIZE(links)][24];
	char *argv[ARRAY_SIZE(links) + 3] = { "effects_task_test", EXPECT_LINKS };

	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		snprintf(args[i], sizeof(args[i]), "%llu", (unsigned long long)own.ino[i]);
		argv[i + 2] = args[i];
	}
	execv("/proc/self/exe", argv);
}

TEST(inherited_by_a_child)
{
	int flags = built_in(all_types), pidfd;
	struct ns_links parents, own;
	pid_t pid;

	ASSERT_GT(target_in(flags, &pidfd), 0);
	ASSERT_EQ(setns(pidfd, flags), 0);
	parents = links_of_caller();
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		own = links_of_caller();
		for (int i = 0; i < ARRAY_SIZE(links); i++) {
			bool is_pid = !strcmp(links[i].name, "pid");

			EXPECT_EQ(own.ino[i], parents.ino[i + is_pid]) {
				TH_LOG("%s", links[i].name);
			}
		}
		_exit(0);
	}
	expect_done(_metadata, pid);
}

/* Unlike after unshare(2), no time namespace waits for execve(2). */
TEST(kept_by_a_program)
{
	int flags = built_in(all_types), pidfd, status;
	pid_t pid;

	ASSERT_GT(target_in(flags, &pidfd), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		ASSERT_EQ(setns(pidfd, flags), 0);
		execute_compare_links();
		_exit(127);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0) {
		TH_LOG("link %d", WEXITSTATUS(status) - 1);
	}
}

int main(int argc, char **argv)
{
	if (argc == ARRAY_SIZE(links) + 2 && !strcmp(argv[1], EXPECT_LINKS))
		return compare_links(argv + 2);
	return test_harness_run(argc, argv);
}
