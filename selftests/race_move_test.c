// SPDX-License-Identifier: GPL-2.0
/*
 * setns(2) while the process of the pidfd executes programs or changes its namespaces.
 * race.h says what each call may do.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "links.h"
#include "listns.h"
#include "race.h"
#include "setns.h"
#include "tasks.h"

/*
 * The target executes programs, and keeps its namespaces. If a thread other than the
 * leader executes one, this thread becomes the leader. For a moment, the leader of the
 * process has exited.
 */

enum { EXECS = 8 };

struct execs {
	int left;
	int how;
	int done_fd;
};

static int exec_self(void *arg)
{
	struct execs *execs = arg;
	char left[16], how[16], done_fd[16];

	snprintf(left, sizeof(left), "%d", execs->left - 1);
	snprintf(how, sizeof(how), "%d", execs->how);
	snprintf(done_fd, sizeof(done_fd), "%d", execs->done_fd);
	return execl("/proc/self/exe", "race_move_test", "exec", left, how, done_fd, NULL);
}

static int go_on_executing(struct execs *execs)
{
	if (!execs->left)
		return write(execs->done_fd, "d", 1) == 1 ? park(NULL) : 1;
	if (execs->how)
		run_in_child(execs->how, exec_self, execs);
	else
		exec_self(execs);
	return 1;
}

static int exec_when_told(void *arg)
{
	await_go(TARGET);
	return go_on_executing(arg);
}

FIXTURE(executing)
{
};

FIXTURE_VARIANT(executing)
{
	int how;
	int err;
};

FIXTURE_SETUP(executing)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
}

FIXTURE_TEARDOWN(executing)
{
}

FIXTURE_VARIANT_ADD(executing, leader)
{
	.how = 0,
};

FIXTURE_VARIANT_ADD(executing, thread)
{
	.how = THREAD,
	.err = ESRCH,
};

/* Joins before, during and after the executions. */
static int join_until_done(void *arg)
{
	int *done_fd = arg;
	int outcome;
	bool done = false;
	char c;

	if (attempt(race->fd, NSPROXY_TYPES) != 0)
		return 1;
	let_go(TARGET);
	for (;;) {
		if (refusal(race->home, NSPROXY_TYPES))
			return 2;
		outcome = attempt(race->fd, NSPROXY_TYPES);
		if (done)
			return outcome ? 3 : 0;
		done = read(*done_fd, &c, 1) == 1;
	}
}

TEST_F(executing, joined)
{
	struct execs execs = { .left = EXECS, .how = variant->how };
	struct task target, joiner;
	int done[2];

	ASSERT_EQ(pipe2(done, O_NONBLOCK), 0);
	execs.done_fd = done[1];
	target = spawn(NSPROXY_TYPES, exec_when_told, &execs);
	ASSERT_GT(target.pid, 0);
	add_state(links_of(target.pid));
	race->fd = target.fd;
	race->home = pidfd_open(getpid());
	joiner = spawn(0, join_until_done, &done[0]);
	ASSERT_GT(joiner.pid, 0);

	EXPECT_EQ(reap(&joiner), 0);
	end(&target);
	expect_only(_metadata, variant->err, 0);
}

/*
 * The target switches between two sets of namespaces, all types or one type at a time. A
 * task that takes a namespace from it must get the one or the other. If the target
 * switches all types at once, a task that takes several must get them from one set.
 */

enum { READS = 300, SWITCHES = 150, SWITCHED_TYPES = NSPROXY_TYPES | CLONE_NEWPID };

/* The namespaces of the target that change, and the ioctls that open them by a pidfd */
static const struct {
	const char *name;
	int get;
} switched[] = {
	{ "mnt", 3 },
	{ "uts", 10 },
	{ "ipc", 2 },
	{ "pid_for_children", 6 },
	{ "cgroup", 1 },
	{ "net", 4 },
	{ "time", 7 },
	{ "time_for_children", 8 },
};

/* A reader gets at the namespaces of a task by one of these. */
struct handles {
	pid_t pid;
	int links;
	int pidfd;
};

enum { TARGET_TASK, TASK_A, TASK_B, TASKS };

FIXTURE(switching)
{
	struct task a;
	struct task b;
	struct handles of[TASKS];
};

FIXTURE_VARIANT(switching)
{
	bool one_by_one;
	int nstype;	/* for those who join the target; 0: each type in turn */
};

static struct handles handles_of(struct task task)
{
	return (struct handles){
		.pid = task.pid,
		.links = open_links(task.pid),
		.pidfd = task.fd,
	};
}

FIXTURE_SETUP(switching)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	self->a = spawn(SWITCHED_TYPES, park, NULL);
	self->b = spawn(SWITCHED_TYPES, park, NULL);
	ASSERT_GT(self->a.pid, 0);
	ASSERT_GT(self->b.pid, 0);
	add_state(links_of(self->a.pid));
	add_state(links_of(self->b.pid));
	self->of[TASK_A] = handles_of(self->a);
	self->of[TASK_B] = handles_of(self->b);
	race->nstype = variant->nstype;
}

FIXTURE_TEARDOWN(switching)
{
	end(&self->a);
	end(&self->b);
}

FIXTURE_VARIANT_ADD(switching, three)
{
	.nstype = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
};

FIXTURE_VARIANT_ADD(switching, six)
{
	.nstype = NSPROXY_TYPES,
};

FIXTURE_VARIANT_ADD(switching, one_by_one)
{
	.one_by_one = true,
};

/* A failure counts, too: others wait for the number of switches. */
static int switch_until_stopped(void *arg)
{
	const int *fds = arg;

	while (!value_of(&race->stop)) {
		race->unswitched += refusal(fds[0], SWITCHED_TYPES) != 0;
		race->unswitched += refusal(fds[1], SWITCHED_TYPES) != 0;
		count(&race->switches);
	}
	return 0;
}

static int switch_one_by_one(void *arg)
{
	const int *fds = arg;

	for (int to = 0; !value_of(&race->stop); to = !to) {
		for (int i = 0; i < ARRAY_SIZE(types); i++) {
			if (types[i].flag & SWITCHED_TYPES)
				race->unswitched += refusal(fds[to], types[i].flag) != 0;
		}
		count(&race->switches);
	}
	return 0;
}

/* Goes on until the target has had enough turns, too. */
static bool goes_on(int reads)
{
	return reads < READS || value_of(&race->switches) < SWITCHES;
}

static int read_by_joining(void *arg)
{
	static const int in_turn[] = {
		CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC, CLONE_NEWCGROUP, CLONE_NEWNET,
		CLONE_NEWTIME,
	};
	const struct handles *of = arg;

	for (int i = 0; goes_on(i); i++) {
		int nstype = race->nstype ?: in_turn[i % ARRAY_SIZE(in_turn)];

		if (attempt(of[TARGET_TASK].pidfd, nstype) < 0)
			return 1;
	}
	return 0;
}

static ino_t ino_of_closed(int fd)
{
	ino_t ino = ino_of(fd);

	close(fd);
	return ino;
}

static ino_t ino_by_file(const struct handles *task, int i)
{
	return ino_of_closed(openat(task->links, switched[i].name, O_RDONLY | O_CLOEXEC));
}

static ino_t ino_by_ioctl(const struct handles *task, int i)
{
	return ino_of_closed(ioctl(task->pidfd, IOC_PIDFD_GET_NS(switched[i].get), 0));
}

static ino_t ino_by_link(const struct handles *task, int i)
{
	return read_link(task->links, switched[i].name);
}

/* Each network namespace has files of its own. */
static ino_t ino_by_net(const struct handles *task, int i)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%d/net/dev", task->pid);
	return stat(path, &st) ? 0 : st.st_ino;
}

/*
 * Returns the number of the first mount, which is of one mount namespace only. There is
 * none below a root directory in another namespace, and a join changes the root first.
 */
static ino_t ino_by_mounts(const struct handles *task, int i)
{
	char path[64];
	long number = -1;

	snprintf(path, sizeof(path), "/proc/%d/mountinfo", task->pid);
	for (int tries = 0; number < 0 && tries < 10000; tries++) {
		/* Let the target go on, which may be between the two */
		sched_yield();
		number = read_number(path);
	}
	return number < 0 ? 0 : number;
}

static int read_one_by_one(const struct handles *of, int nr,
			   ino_t (*ino_by)(const struct handles *task, int i))
{
	ino_t a[ARRAY_SIZE(switched)], b[ARRAY_SIZE(switched)];

	for (int i = 0; i < nr; i++) {
		a[i] = ino_by(&of[TASK_A], i);
		b[i] = ino_by(&of[TASK_B], i);
		if (!a[i] || !b[i] || a[i] == b[i])
			return 1;
	}
	for (int i = 0; goes_on(i); i++) {
		ino_t ino = ino_by(&of[TARGET_TASK], i % nr);

		if (ino != a[i % nr] && ino != b[i % nr])
			count(&race->strangers);
	}
	return 0;
}

static int read_links_one_by_one(void *arg)
{
	return read_one_by_one(arg, ARRAY_SIZE(switched), ino_by_link);
}

static int read_files_one_by_one(void *arg)
{
	return read_one_by_one(arg, ARRAY_SIZE(switched), ino_by_file);
}

static int read_ioctls_one_by_one(void *arg)
{
	return read_one_by_one(arg, ARRAY_SIZE(switched), ino_by_ioctl);
}

static int read_net(void *arg)
{
	return read_one_by_one(arg, 1, ino_by_net);
}

static int read_mounts(void *arg)
{
	return read_one_by_one(arg, 1, ino_by_mounts);
}

/* These namespaces are active whatever the target does, because tasks stay in them. */
static int read_list(void *arg)
{
	const struct handles *of = arg;
	__u64 ids[2][ARRAY_SIZE(types)] = {};

	if (cannot_list())
		return 0;
	for (int i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		int fd = openat(of[TASK_A + i % 2].links, types[i / 2].name, O_RDONLY | O_CLOEXEC);

		ids[i % 2][i / 2] = ns_id(fd);
		close(fd);
	}
	for (int i = 0; goes_on(i); i++) {
		for (int type = 0; type < ARRAY_SIZE(types); type++) {
			if (!is_listed(types[type].flag, ids[i % 2][type]))
				return 1;
		}
	}
	return 0;
}

/* The first two readers join the requested types. The others look at one type at a time. */
TEST_F(switching, one_or_the_other)
{
	static int (*const readers[])(void *arg) = {
		read_by_joining, read_by_joining, read_links_one_by_one, read_files_one_by_one,
		read_ioctls_one_by_one, read_net, read_mounts, read_list,
	};
	struct task target, tasks[ARRAY_SIZE(readers)];
	int fds[] = { self->a.fd, self->b.fd };

	target = spawn(0, variant->one_by_one ? switch_one_by_one : switch_until_stopped, fds);
	ASSERT_GT(target.pid, 0);
	self->of[TARGET_TASK] = handles_of(target);
	/* The target must have left its first namespaces */
	await(&race->switches, 1);
	for (int i = 0; i < ARRAY_SIZE(readers); i++) {
		tasks[i] = spawn(0, readers[i], self->of);
		ASSERT_GT(tasks[i].pid, 0);
	}

	for (int i = 0; i < ARRAY_SIZE(readers); i++) {
		EXPECT_EQ(reap(&tasks[i]), 0) {
			TH_LOG("reader %d", i);
		}
	}
	race->stop = true;
	EXPECT_EQ(reap(&target), 0);
	expect_only(_metadata, 0, 0);
	EXPECT_EQ(race->strangers, 0);
	EXPECT_EQ(race->unswitched, 0);
	EXPECT_GE(race->joined, 2 * READS);
}

/* The same, with a target that switches between old and new namespaces. */

enum { UNSHARES = 60, NEW_TYPES = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP };

static int unshare_to_and_fro(void *arg)
{
	struct task *old = arg;

	for (int i = 0; i < UNSHARES; i++) {
		if (refusal(old->fd, NEW_TYPES) || unshare(NEW_TYPES))
			break;
		add_state(read_links(own_links));
		/* Some calls must come in between, at any moment */
		await(&race->calls, 2 * i);
	}
	__atomic_store_n(&race->more_states, false, __ATOMIC_RELEASE);
	return race->nr_states == UNSHARES + 1 ? park(NULL) : 1;
}

static int join_while_unsharing(void *arg)
{
	struct task *target = arg;

	while (value_of(&race->more_states)) {
		if (attempt(target->fd, NEW_TYPES) < 0)
			return 1;
	}
	return 0;
}

TEST(unsharing)
{
	struct task old, target, joiner;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	race->more_states = true;
	old = spawn(NEW_TYPES, park, NULL);
	ASSERT_GT(old.pid, 0);
	add_state(links_of(old.pid));
	target = spawn(0, unshare_to_and_fro, &old);
	ASSERT_GT(target.pid, 0);
	/* The target must have left its first namespaces */
	await(&race->nr_states, 2);
	joiner = spawn(0, join_while_unsharing, &target);
	ASSERT_GT(joiner.pid, 0);

	EXPECT_EQ(reap(&joiner), 0);
	EXPECT_EQ(WTERMSIG(end(&target)), SIGKILL);
	end(&old);
	expect_only(_metadata, 0, 0);
	EXPECT_GE(race->joined, 2 * (UNSHARES - 1));
}

/*
 * Two tasks join each other. Each may find the other where it was or where it is going.
 * But they cannot both be the second one.
 */

enum { EXCHANGES = 300 };

struct exchange {
	int me;
	int fds[2];	/* the namespaces where the two start */
};

static int exchange(void *arg)
{
	struct exchange *exchange = arg;
	int me = exchange->me;
	int other;

	await_go(TARGET | JOINER);
	other = pidfd_open(race->pid[!me]);
	for (int i = 0; i < EXCHANGES; i++) {
		if (refusal(exchange->fds[me], NSPROXY_TYPES))
			return 1;
		meet(&race->start, 2);
		race->outcome[me] = attempt(other, NSPROXY_TYPES);
		meet(&race->end, 2);
		if (race->outcome[me] < 0)
			return 2;
		if (race->outcome[0] == 0 && race->outcome[1] == 1)
			return 3;
	}
	return 0;
}

TEST(joining_each_other)
{
	struct exchange exchanges[2];
	struct task homes[2], tasks[2];

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	for (int i = 0; i < 2; i++) {
		homes[i] = spawn(NSPROXY_TYPES, park, NULL);
		ASSERT_GT(homes[i].pid, 0);
		add_state(links_of(homes[i].pid));
	}
	for (int i = 0; i < 2; i++) {
		exchanges[i] = (struct exchange){
			.me = i,
			.fds = { homes[0].fd, homes[1].fd },
		};
		tasks[i] = spawn(0, exchange, &exchanges[i]);
		ASSERT_GT(tasks[i].pid, 0);
		race->pid[i] = tasks[i].pid;
	}
	let_go(TARGET | JOINER);

	for (int i = 0; i < 2; i++)
		EXPECT_EQ(reap(&tasks[i]), 0);
	for (int i = 0; i < 2; i++)
		end(&homes[i]);
	expect_only(_metadata, 0, 0);
	EXPECT_EQ(race->joined, 2 * EXCHANGES);
}

int main(int argc, char **argv)
{
	if (argc == 5 && !strcmp(argv[1], "exec")) {
		struct execs execs = {
			.left = atoi(argv[2]),
			.how = atoi(argv[3]),
			.done_fd = atoi(argv[4]),
		};

		return go_on_executing(&execs);
	}
	return test_harness_run(argc, argv);
}
