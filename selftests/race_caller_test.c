// SPDX-License-Identifier: GPL-2.0
/*
 * setns(2) while another task closes or replaces the descriptor, while other threads of
 * the caller call it as well, and while the caller is killed. race.h says what each call
 * may do.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "links.h"
#include "ns_limits.h"
#include "race.h"
#include "setns.h"

/*
 * Only a mount and a descriptor keep a namespace. Another task, which shares the
 * descriptors, unmounts the one and closes the other.
 */

enum { CLOSES = 100 };

#define MOUNT_POINT	"/tmp/ns"

static int prepare_mount_point(void)
{
	if (mount_tmp())
		return -1;
	return close(open(MOUNT_POINT, O_CREAT | O_WRONLY, 0600));
}

/* Returns a descriptor of the new namespace, with the caller back in its old one. */
static int mount_new_uts(int home)
{
	if (unshare_within_limit(CLONE_NEWUTS) ||
	    mount("/proc/self/ns/uts", MOUNT_POINT, NULL, MS_BIND, NULL))
		return -1;
	race->states[0] = read_links(own_links);
	race->nr_states = 1;
	if (refusal(home, CLONE_NEWUTS))
		return -1;
	return open(MOUNT_POINT, O_RDONLY | O_CLOEXEC);
}

static int unmount_and_close(void *arg)
{
	for (int i = 0; i < CLOSES; i++) {
		meet(&race->start, 2);
		if (race->order == JOIN_FIRST)
			await_go(TARGET);
		spin(target_delay());
		if (umount2(MOUNT_POINT, MNT_DETACH) || close(race->fd))
			return 1;
		count(&race->gone);
		meet(&race->end, 2);
	}
	return 0;
}

TEST(unmounting_and_closing)
{
	struct task closer;
	int home;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	ASSERT_EQ(unshare_limited(CLONE_NEWUTS | CLONE_NEWNS), 0);
	ASSERT_EQ(prepare_mount_point(), 0);
	home = open_ns("uts");
	closer = spawn(CLONE_FILES, unmount_and_close, NULL);
	ASSERT_GT(closer.pid, 0);

	for (int round = 0; round < CLOSES; round++) {
		int outcome;

		race->order = order_of_round(round);
		race->fd = mount_new_uts(home);
		ASSERT_GE(race->fd, 0);
		meet(&race->start, 2);
		if (race->order == JOIN_LAST)
			await(&race->gone, round + 1);
		spin(joiner_delay());
		outcome = attempt(race->fd, CLONE_NEWUTS);
		let_go(TARGET);
		meet(&race->end, 2);
		ASSERT_EQ(refusal(home, CLONE_NEWUTS), 0);
		if (race->order == AT_ONCE)
			take_aim(outcome == 0);
		else
			ASSERT_EQ(outcome, race->order == JOIN_FIRST ? 0 : -EBADF);
	}
	EXPECT_EQ(reap(&closer), 0);
	expect_only(_metadata, EBADF, 0);
	EXPECT_EQ(race->calls, CLOSES);
	expect_no_leak(_metadata, 1);
}

/*
 * Another task, which shares the descriptors, makes one of them refer to something
 * else. A call joins only types that it asked for.
 */

enum { KINDS = 4, REPLACEMENTS = 800, DUP_TYPES = CLONE_NEWUTS | CLONE_NEWIPC };

FIXTURE(replacing)
{
	struct task target;
	int home;
	int fds[KINDS];
};

FIXTURE_VARIANT(replacing)
{
	int nstype;
	int outcome[KINDS];	/* expected with each descriptor */
};

FIXTURE_SETUP(replacing)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	self->home = pidfd_open(getppid());
	self->target = spawn(DUP_TYPES, park, NULL);
	ASSERT_GT(self->target.pid, 0);
	add_state(links_of(self->target.pid));
	self->fds[0] = open_ns_of(self->target.pid, "uts");
	self->fds[1] = open_ns_of(self->target.pid, "ipc");
	self->fds[2] = self->target.fd;
	self->fds[3] = open("/dev/null", O_RDONLY | O_CLOEXEC);
	for (int i = 0; i < KINDS; i++)
		ASSERT_GE(self->fds[i], 0);
	race->fd = fcntl(self->fds[0], F_DUPFD_CLOEXEC, 0);
	ASSERT_GE(race->fd, 0);
}

FIXTURE_TEARDOWN(replacing)
{
	end(&self->target);
}

FIXTURE_VARIANT_ADD(replacing, uts)
{
	.nstype = CLONE_NEWUTS,
	.outcome = { 0, -EINVAL, 0, -EINVAL },
};

FIXTURE_VARIANT_ADD(replacing, ipc)
{
	.nstype = CLONE_NEWIPC,
	.outcome = { -EINVAL, 0, 0, -EINVAL },
};

FIXTURE_VARIANT_ADD(replacing, both)
{
	.nstype = CLONE_NEWUTS | CLONE_NEWIPC,
	.outcome = { -EINVAL, -EINVAL, 0, -EINVAL },
};

static int replace_until_stopped(void *arg)
{
	const int *fds = arg;

	while (!value_of(&race->stop)) {
		for (int i = 0; i < KINDS; i++) {
			if (dup3(fds[i], race->fd, O_CLOEXEC) < 0)
				return 1;
		}
		count(&race->switches);
	}
	return 0;
}

/* Replacing a descriptor is one step: it is closed at no moment. */
TEST_F(replacing, what_was_asked_for)
{
	struct task other;

	for (int i = 0; i < KINDS; i++) {
		ASSERT_EQ(dup3(self->fds[i], race->fd, O_CLOEXEC), race->fd);
		EXPECT_EQ(attempt(race->fd, variant->nstype), variant->outcome[i]) {
			TH_LOG("descriptor %d", i);
		}
		ASSERT_EQ(refusal(self->home, DUP_TYPES), 0);
	}

	other = spawn(CLONE_FILES, replace_until_stopped, self->fds);
	ASSERT_GT(other.pid, 0);
	for (int i = 0; i < REPLACEMENTS || value_of(&race->switches) < REPLACEMENTS; i++) {
		if (attempt(race->fd, variant->nstype) == 0)
			ASSERT_EQ(refusal(self->home, DUP_TYPES), 0);
	}
	race->stop = true;
	EXPECT_EQ(reap(&other), 0);
	expect_only(_metadata, EINVAL, 0);
}

/*
 * The threads of one process have namespaces of their own. They share memory, so they
 * cannot join a time namespace. A call that is refused for this must change nothing
 * either.
 */

enum { THREADS = 4, THREAD_JOINS = 150, THREAD_TYPES = NSPROXY_TYPES & ~CLONE_NEWTIME };

struct thread {
	pthread_t id;
	int me;
	int fds[2];
	int wrong;
};

static void *join_as_thread(void *arg)
{
	struct thread *thread = arg;

	own_links = open_links(0);
	thread->wrong = own_links < 0 || unshare(CLONE_FS);
	meet(&race->start, THREADS);
	for (int i = 0; i < THREAD_JOINS; i++) {
		int state = (thread->me + i) % 2;

		thread->wrong += attempt(thread->fds[state], THREAD_TYPES) != state;
		thread->wrong += attempt(thread->fds[!state], NSPROXY_TYPES) != -EUSERS;
	}
	close(own_links);
	return NULL;
}

TEST(threads)
{
	struct task homes[2];
	struct thread threads[THREADS];
	struct ns_links before, after;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	before = read_links(own_links);
	for (int i = 0; i < 2; i++) {
		homes[i] = spawn(NSPROXY_TYPES, park, NULL);
		ASSERT_GT(homes[i].pid, 0);
		add_state(links_of(homes[i].pid));
	}
	for (int i = 0; i < THREADS; i++) {
		threads[i] = (struct thread){
			.me = i,
			.fds = { homes[0].fd, homes[1].fd },
		};
		ASSERT_EQ(pthread_create(&threads[i].id, NULL, join_as_thread, &threads[i]), 0);
	}

	for (int i = 0; i < THREADS; i++) {
		ASSERT_EQ(pthread_join(threads[i].id, NULL), 0);
		EXPECT_EQ(threads[i].wrong, 0) {
			TH_LOG("thread %d", i);
		}
	}
	for (int i = 0; i < 2; i++)
		end(&homes[i]);
	after = read_links(own_links);
	EXPECT_EQ(difference(&before, &after), 0);
	expect_only(_metadata, EUSERS, 0);
	EXPECT_EQ(race->joined, THREADS * THREAD_JOINS);
}

/* The caller is killed at any point of its calls. */

enum { KILLS = 60 };

static int join_until_killed(void *arg)
{
	struct task *target = arg;
	int uts = open_ns("uts");
	int ipc = open_ns("ipc");

	while (!refusal(target->fd, NSPROXY_TYPES) && !refusal(uts, 0) && !refusal(ipc, 0))
		count(&race->switches);
	return 1;
}

TEST(killing)
{
	struct task target;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	ASSERT_EQ(unshare_limited(0), 0);
	target = spawn(all_types & ~CLONE_NEWUSER, park, NULL);
	ASSERT_GT(target.pid, 0);
	for (int round = 0; round < KILLS; round++) {
		struct task joiner = spawn(CLONE_NEWUTS | CLONE_NEWIPC, join_until_killed, &target);
		int status;

		ASSERT_GT(joiner.pid, 0);
		await(&race->switches, value_of(&race->switches) + 1);
		spin(round << 8);
		status = end(&joiner);
		ASSERT_TRUE(WIFSIGNALED(status));
		ASSERT_EQ(WTERMSIG(status), SIGKILL);
	}
	expect_no_leak(_metadata, 1);
	end(&target);
}

TEST_HARNESS_MAIN
