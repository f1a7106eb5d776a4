// SPDX-License-Identifier: GPL-2.0
/*
 * A new task shares the namespaces of its parent. A join moves the caller alone, both
 * while the other task is there and after it has ended.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "links.h"
#include "setns.h"
#include "tasks.h"

/* A task that shares the namespaces of the caller, until it is told to end. */
struct sharer {
	char stack[1 << 16];	/* at the start of a page */
	int how;
	int line[2];
	pid_t tid;
};

static int wait_for_end(void *arg)
{
	const struct sharer *sharer = arg;
	char c;

	return read(sharer->line[0], &c, 1) == 1 ? 0 : 1;
}

static void start_sharer(struct __test_metadata *_metadata, struct sharer *sharer, int how)
{
	sharer->how = how;
	ASSERT_EQ(pipe(sharer->line), 0);
	sharer->tid = clone(wait_for_end, sharer->stack + sizeof(sharer->stack), how, sharer);
	ASSERT_GT(sharer->tid, 0);
}

/* A task that has ended shares nothing: it gives its namespaces up before it is reaped. */
static void end_sharer(struct __test_metadata *_metadata, struct sharer *sharer)
{
	ASSERT_EQ(write(sharer->line[1], "e", 1), 1);
	if (sharer->how & CLONE_THREAD) {
		while (!syscall(SYS_tgkill, getpid(), sharer->tid, 0))
			usleep(100);
	} else {
		expect_done(_metadata, sharer->tid);
	}
	close(sharer->line[0]);
	close(sharer->line[1]);
}

/* The link of the pid namespace does not change: a join is for children. */
static void expect_links(struct __test_metadata *_metadata, pid_t tid, const struct ns_links *want,
			 int types, const char *when)
{
	struct ns_links own = links_of(tid);

	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		if (!(links[i].flag & types))
			continue;
		EXPECT_EQ(own.ino[i], want->ino[i]) {
			TH_LOG("%s: %s", when, links[i].name);
		}
	}
}

FIXTURE(sharing)
{
	struct sharer *sharer;
	int target;
	struct ns_links there;
};

FIXTURE_VARIANT(sharing)
{
	int how;
	int types;
};

FIXTURE_SETUP(sharing)
{
	int types = built_in(variant->types);
	pid_t pid = target_in(types, &self->target);

	ASSERT_GT(pid, 0);
	self->there = links_of(pid);
	self->sharer = shared_alloc(sizeof(*self->sharer));
}

FIXTURE_TEARDOWN(sharing)
{
}

/*
 * Neither a thread nor a task that shares memory can join a time namespace. A task whose
 * children will be in another pid namespace cannot create a thread.
 */

FIXTURE_VARIANT_ADD(sharing, fork)
{
	.how = SIGCHLD,
	.types = all_types & ~CLONE_NEWUSER,
};

FIXTURE_VARIANT_ADD(sharing, memory)
{
	.how = CLONE_VM | SIGCHLD,
	.types = all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME),
};

FIXTURE_VARIANT_ADD(sharing, thread)
{
	.how = THREAD,
	.types = all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWPID),
};

/* Joins all types by one call, or by one call each. */
static void join(struct __test_metadata *_metadata, int pidfd, int wanted, bool at_once)
{
	if (at_once) {
		ASSERT_EQ(setns(pidfd, wanted), 0);
		return;
	}
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (wanted & types[i].flag) {
			ASSERT_EQ(setns(pidfd, types[i].flag), 0) {
				TH_LOG("%s", types[i].name);
			}
		}
	}
}

/*
 * A pidfd of the caller leads to where the caller is, so a child that stays keeps the
 * home. It has started in the types that are joined, and shares no nsproxy afterwards.
 */
static void moves_alone(struct __test_metadata *_metadata, struct sharer *sharer, int how,
			int wanted, int target, const struct ns_links *there, bool at_once)
{
	struct ns_links here = links_of_caller();
	int home;

	ASSERT_GT(target_in(CLONE_NEWUTS, &home), 0);

	start_sharer(_metadata, sharer, how);
	join(_metadata, target, wanted, at_once);
	expect_links(_metadata, gettid(), there, wanted, "the caller has joined");
	expect_links(_metadata, sharer->tid, &here, wanted, "the other task has stayed");
	end_sharer(_metadata, sharer);

	join(_metadata, home, wanted & ~CLONE_NEWUTS, at_once);
	expect_links(_metadata, gettid(), &here, wanted & ~CLONE_NEWUTS, "the caller is back");
	join(_metadata, target, wanted, at_once);
	expect_links(_metadata, gettid(), there, wanted, "the caller has joined again");

	start_sharer(_metadata, sharer, how);
	join(_metadata, home, wanted & ~CLONE_NEWUTS, at_once);
	expect_links(_metadata, sharer->tid, there, wanted & ~CLONE_NEWPID,
		     "the next task has what the caller had");
	end_sharer(_metadata, sharer);
}

TEST_F(sharing, one_call)
{
	moves_alone(_metadata, self->sharer, variant->how, built_in(variant->types), self->target,
		    &self->there, true);
}

TEST_F(sharing, a_call_for_each_type)
{
	moves_alone(_metadata, self->sharer, variant->how, built_in(variant->types), self->target,
		    &self->there, false);
}

TEST_HARNESS_MAIN
