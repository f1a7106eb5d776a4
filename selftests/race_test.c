// SPDX-License-Identifier: GPL-2.0
/*
 * setns(2) while other tasks change what it looks at. The process of a pidfd exits,
 * executes a program or changes its namespaces. The descriptor is closed or replaced.
 * The caller is killed.
 *
 * Either side may win, so a race has several outcomes. But judge() accepts only two
 * results of a call. Either the caller has joined all that it asked for, nothing else,
 * and all of it from one state of the target. Or the call has returned an errno, and
 * nothing has changed. Only the types in the nsproxy must come from one state: all
 * types but pid and user.
 *
 * The first rounds produce the outcomes that do not depend on luck: in them, one side
 * waits for the other.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "links.h"
#include "ns_limits.h"
#include "setns.h"
#include "tasks.h"

/* The types in the nsproxy, except pid: that one is only for children. */
enum { NSPROXY_TYPES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP |
		       CLONE_NEWNET | CLONE_NEWTIME };

enum { MAX_STATES = 64, MAX_ERR = 134, JOINERS = 5 };

/* Bits of race->go: the tasks that may go on. */
enum { TARGET = 1, JOINER = 2 };

/* The side that comes first. */
enum order { JOIN_FIRST, JOIN_LAST, AT_ONCE };

/* The tasks of a test share this. */
struct race {
	/* The states that the target may be in, and whether more may come */
	struct ns_links states[MAX_STATES];
	int nr_states;
	int more_states;

	int spawned;
	int go;
	int ready;
	int start;
	int end;
	int stop;
	int gone;
	bool seen_gone;

	enum order order;
	int delay;
	int step;
	bool joined_last_time;

	/* A descriptor of the target, the types to join by it, and a descriptor of home */
	int fd;
	int nstype;
	int home;

	int calls;
	int switches;
	int outcome[JOINERS];
	pid_t pid[2];

	/* How often each outcome was seen, and the first forbidden outcome */
	int joined;
	int refused[MAX_ERR];
	int strangers;
	int unswitched;
	int broken;
	struct ns_links before;
	struct ns_links after;
	int asked_for;
	int err;
};

static struct race *race;

/* /proc/thread-self/ns, which stays open after a mount namespace was joined. */
static __thread int own_links;

/* Returns the types that differ, as flags. */
static int difference(const struct ns_links *a, const struct ns_links *b)
{
	int flags = 0;

	for (int i = 0; i < ARRAY_SIZE(links); i++)
		flags |= a->ino[i] == b->ino[i] ? 0 : links[i].flag;
	return flags;
}

static int value_of(int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/* Sleeps after some tries: if more than a few tasks wait, they should not all run. */
static void wait_for_change(int *word, int value, int tries)
{
	enum { SPINS = 50 };

	if (tries < SPINS)
		sched_yield();
	else
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static void wake_all(int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int count(int *counter)
{
	int before = __atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);

	wake_all(counter);
	return before;
}

static void await(int *counter, int at_least)
{
	int value;

	for (int tries = 0; (value = value_of(counter)) < at_least; tries++)
		wait_for_change(counter, value, tries);
}

static void new_race(void)
{
	race = shared_alloc(sizeof(*race));
	own_links = open_links(0);
}

static void add_state(struct ns_links state)
{
	race->states[race->nr_states] = state;
	count(&race->nr_states);
}

/*
 * Returns the state that @seen belongs to, looking only at @flags. May wait until it is
 * known.
 */
static int find_state(const struct ns_links *seen, int flags)
{
	bool more;

	do {
		more = value_of(&race->more_states);
		for (int i = 0; i < value_of(&race->nr_states); i++) {
			if (!(difference(seen, &race->states[i]) & flags))
				return i;
		}
		sched_yield();
	} while (more);
	return -1;
}

/*
 * Judges a call that asked for the types in @nstype and returned @err. Returns the
 * number of the state that was joined, a negative errno, or INT_MIN for a forbidden
 * result.
 */
static int judge(const struct ns_links *before, int nstype, int err)
{
	struct ns_links after = read_links(own_links);
	int changed = difference(before, &after);
	int state;

	count(&race->calls);
	if (err && err < MAX_ERR && !changed) {
		count(&race->refused[err]);
		return -err;
	}
	state = err || (changed & ~nstype) ? -1 : find_state(&after, nstype);
	if (state >= 0) {
		count(&race->joined);
		return state;
	}
	if (count(&race->broken) == 0) {
		race->before = *before;
		race->after = after;
		race->asked_for = nstype;
		race->err = err;
	}
	return INT_MIN;
}

static int attempt(int fd, int nstype)
{
	struct ns_links before = read_links(own_links);

	return judge(&before, nstype, refusal(fd, nstype));
}

static void log_outcomes(struct __test_metadata *_metadata)
{
	TH_LOG("joined: %d", race->joined);
	for (int i = 1; i < MAX_ERR; i++) {
		if (race->refused[i])
			TH_LOG("%s: %d", strerror(i), race->refused[i]);
	}
	TH_LOG("broken: %d", race->broken);
	if (!race->broken)
		return;
	TH_LOG("the first: nstype %#x, %s", race->asked_for,
	       race->err ? strerror(race->err) : "joined");
	for (int i = 0; i < ARRAY_SIZE(links); i++)
		TH_LOG("%s: %lu, then %lu", links[i].name, race->before.ino[i],
		       race->after.ino[i]);
}

/* None of the judged calls may be broken, or refused with another errno. */
static void expect_only(struct __test_metadata *_metadata, int err, int other_err)
{
	int others = 0;

	for (int i = 1; i < MAX_ERR; i++)
		others += i == err || i == other_err ? 0 : race->refused[i];
	EXPECT_EQ(race->broken, 0);
	EXPECT_EQ(others, 0);
	if (race->broken || others)
		log_outcomes(_metadata);
}

/* These functions handle tasks. All tasks are killed if the test ends early. */

struct task {
	pid_t pid;
	int fd;
};

/* Returns when the new task can no longer outlive this one. */
static struct task spawn(int how, int (*fn)(void *arg), void *arg)
{
	struct task task = { .pid = -1, .fd = -1 };
	int spawned = value_of(&race->spawned);
	int tries = 0;
	bool ready;

	do {
		task.pid = clone3_in(how, &task.fd);
	} while (task.pid < 0 && await_room(&tries));
	if (task.pid == 0) {
		own_links = open_links(0);
		ready = own_links >= 0 && !prctl(PR_SET_PDEATHSIG, SIGKILL);
		count(&race->spawned);
		_exit(ready ? fn(arg) : 100);
	}
	if (task.pid > 0)
		await(&race->spawned, spawned + 1);
	return task;
}

static int reap(struct task *task)
{
	int status = -1;

	waitpid(task->pid, &status, 0);
	close(task->fd);
	return status;
}

static int end(struct task *task)
{
	kill(task->pid, SIGKILL);
	return reap(task);
}

static int park(void *arg)
{
	for (;;)
		pause();
	return 0;
}

/* These functions let tasks start at the same time. */

static void await_go(int who)
{
	int value;

	for (int tries = 0; !((value = value_of(&race->go)) & who); tries++)
		wait_for_change(&race->go, value, tries);
}

static void let_go(int who)
{
	__atomic_fetch_or(&race->go, who, __ATOMIC_ACQ_REL);
	wake_all(&race->go);
}

/* Waits for the other parties. Tasks may meet again and again. */
static void meet(int *counter, int parties)
{
	await(counter, (count(counter) / parties + 1) * parties);
}

static void spin(int n)
{
	for (int i = 0; i < n; i++)
		asm volatile("" : : : "memory");
}

/* The target waits if race->delay is positive, and the joiner if it is negative. */
static int target_delay(void)
{
	return race->delay > 0 ? race->delay : 0;
}

static int joiner_delay(void)
{
	return race->delay < 0 ? -race->delay : 0;
}

/* The side that was too early waits longer next time, so that they meet. */
static void take_aim(bool joined)
{
	enum { MIN_STEP = 64, MAX_STEP = 1 << 16, MAX_DELAY = 1 << 18 };

	if (!race->step || joined != race->joined_last_time)
		race->step = MIN_STEP;
	else if (race->step < MAX_STEP)
		race->step *= 2;
	race->joined_last_time = joined;
	race->delay += joined ? -race->step : race->step;
	if (abs(race->delay) > MAX_DELAY)
		race->delay /= 2;
}

static enum order order_of_round(int round)
{
	return round == 0 ? JOIN_FIRST : round == 1 ? JOIN_LAST : AT_ONCE;
}

/*
 * These functions find leaks. The user namespace of the test may have only a few
 * namespaces of each type.
 */

enum { LIMIT = 16 };

static int unshare_limited(int flags)
{
	return unshare_user(flags) ? -1 : limit_namespaces(all_types, LIMIT);
}

/*
 * Starts as many tasks with namespaces of all types as there should be room for, and
 * one more.
 */
static int count_room(void *arg)
{
	int *expected = arg;
	struct task tasks[LIMIT + 1];
	int room;

	for (room = 0; room < *expected; room++) {
		tasks[room] = spawn(all_types, park, NULL);
		if (tasks[room].pid < 0)
			break;
	}
	/* The one more must fail, or there is no limit */
	if (room == *expected) {
		tasks[room].pid = clone3_in(all_types, &tasks[room].fd);
		if (tasks[room].pid == 0)
			_exit(0);
		room += tasks[room].pid > 0;
	}
	for (int i = 0; i < room; i++)
		end(&tasks[i]);
	return room;
}

/* Expects that all namespaces are gone, apart from @in_use of each type. */
static void expect_no_leak(struct __test_metadata *_metadata, int in_use)
{
	int expected = LIMIT - in_use;
	struct task task = spawn(0, count_room, &expected);
	int status;

	ASSERT_GT(task.pid, 0);
	status = reap(&task);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), expected);
}

/*
 * The target exits, and no other task is in its namespaces. The call finds the target
 * with all of them, or does not find it.
 */

enum { EXITS = 50 };

FIXTURE(exiting)
{
};

FIXTURE_VARIANT(exiting)
{
	int has;
	int nstype;
	bool not_capable;
};

FIXTURE_SETUP(exiting)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	ASSERT_EQ(unshare_limited(0), 0);
}

FIXTURE_TEARDOWN(exiting)
{
}

FIXTURE_VARIANT_ADD(exiting, all)
{
	.has = all_types,
	.nstype = all_types,
};

FIXTURE_VARIANT_ADD(exiting, all_but_user)
{
	.has = all_types & ~CLONE_NEWUSER,
	.nstype = all_types & ~CLONE_NEWUSER,
};

/* The caller puts the last references on the others. */
FIXTURE_VARIANT_ADD(exiting, one_of_all)
{
	.has = all_types,
	.nstype = CLONE_NEWUTS,
};

/* The call is refused after the references were taken. */
FIXTURE_VARIANT_ADD(exiting, not_capable)
{
	.has = CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC,
	.nstype = CLONE_NEWUTS | CLONE_NEWIPC,
	.not_capable = true,
};

static int exit_when_told(void *arg)
{
	count(&race->ready);
	await_go(TARGET);
	spin(target_delay());
	return 0;
}

static int join_when_told(void *arg)
{
	const bool *not_capable = arg;

	if (*not_capable && set_capabilities(0))
		return 1;
	count(&race->ready);
	await_go(JOINER);
	spin(joiner_delay());
	race->outcome[0] = attempt(race->fd, race->nstype);
	return 0;
}

static void race_with_exit(struct __test_metadata *_metadata, int has, bool not_capable,
			   enum order order)
{
	struct task target, joiner;

	race->go = 0;
	race->ready = 0;
	race->nr_states = 0;
	target = spawn(has, exit_when_told, NULL);
	ASSERT_GT(target.pid, 0);
	add_state(links_of(target.pid));
	race->fd = target.fd;
	joiner = spawn(0, join_when_told, &not_capable);
	ASSERT_GT(joiner.pid, 0);
	await(&race->ready, 2);

	if (order == JOIN_FIRST) {
		let_go(JOINER);
		EXPECT_EQ(reap(&joiner), 0);
		let_go(TARGET);
		EXPECT_EQ(reap(&target), 0);
	} else {
		let_go(order == JOIN_LAST ? TARGET : TARGET | JOINER);
		EXPECT_EQ(reap(&target), 0);
		let_go(JOINER);
		EXPECT_EQ(reap(&joiner), 0);
	}
}

TEST_F(exiting, joined_or_gone)
{
	int there = variant->not_capable ? -EPERM : 0;

	race->nstype = variant->nstype;
	for (int round = 0; round < EXITS; round++) {
		enum order order = order_of_round(round);

		race_with_exit(_metadata, variant->has, variant->not_capable, order);
		if (order == AT_ONCE) {
			take_aim(race->outcome[0] != -ESRCH);
			continue;
		}
		ASSERT_EQ(race->outcome[0], order == JOIN_FIRST ? there : -ESRCH);
	}
	expect_only(_metadata, ESRCH, -there);
	EXPECT_EQ(race->calls, EXITS);
	expect_no_leak(_metadata, 0);
}

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
	return execl("/proc/self/exe", "race_test", "exec", left, how, done_fd, NULL);
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
 * The target switches between two sets of namespaces, several types at a time. A task
 * that takes several types from it must get them from one set.
 */

enum { READS = 300, SWITCHES = 150 };

/* A reader gets at one namespace of the target by one of these. */
struct handles {
	int links;
	int pidfd;
};

FIXTURE(switching)
{
	struct task a;
	struct task b;
	struct handles target;
};

FIXTURE_VARIANT(switching)
{
	int nstype;
};

FIXTURE_SETUP(switching)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	self->a = spawn(NSPROXY_TYPES, park, NULL);
	self->b = spawn(NSPROXY_TYPES, park, NULL);
	ASSERT_GT(self->a.pid, 0);
	ASSERT_GT(self->b.pid, 0);
	add_state(links_of(self->a.pid));
	add_state(links_of(self->b.pid));
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

static int switch_until_stopped(void *arg)
{
	const int *fds = arg;

	while (!value_of(&race->stop)) {
		/* A failure counts, too: others wait for the number */
		race->unswitched += refusal(fds[0], NSPROXY_TYPES) != 0;
		race->unswitched += refusal(fds[1], NSPROXY_TYPES) != 0;
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
	struct handles *target = arg;

	for (int i = 0; goes_on(i); i++) {
		if (attempt(target->pidfd, race->nstype) < 0)
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

static ino_t ino_by_file(struct handles *target, int type)
{
	return ino_of_closed(openat(target->links, types[type].name, O_RDONLY | O_CLOEXEC));
}

static ino_t ino_by_ioctl(struct handles *target, int type)
{
	return ino_of_closed(ioctl(target->pidfd, IOC_PIDFD_GET_NS(types[type].get), 0));
}

static ino_t ino_by_link(struct handles *target, int type)
{
	return read_link(target->links, types[type].name);
}

static bool is_in_state(ino_t ino, int type, const struct ns_links *state)
{
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		if (!strcmp(links[i].name, types[type].name))
			return ino == state->ino[i];
	}
	return false;
}

static int read_one_by_one(struct handles *target,
			   ino_t (*ino_by)(struct handles *target, int type))
{
	for (int i = 0; goes_on(i); i++) {
		int type = i % ARRAY_SIZE(types);
		ino_t ino;

		if (!(types[type].flag & NSPROXY_TYPES))
			continue;
		ino = ino_by(target, type);
		if (!is_in_state(ino, type, &race->states[0]) &&
		    !is_in_state(ino, type, &race->states[1]))
			count(&race->strangers);
	}
	return 0;
}

static int read_links_one_by_one(void *arg)
{
	return read_one_by_one(arg, ino_by_link);
}

static int read_files_one_by_one(void *arg)
{
	return read_one_by_one(arg, ino_by_file);
}

static int read_ioctls_one_by_one(void *arg)
{
	return read_one_by_one(arg, ino_by_ioctl);
}

/* The first two readers join the requested types. The others are there to disturb. */
TEST_F(switching, all_from_one_set)
{
	static int (*const readers[])(void *arg) = {
		read_by_joining, read_by_joining, read_links_one_by_one, read_files_one_by_one,
		read_ioctls_one_by_one,
	};
	struct task target, tasks[ARRAY_SIZE(readers)];
	int fds[] = { self->a.fd, self->b.fd };

	target = spawn(0, switch_until_stopped, fds);
	ASSERT_GT(target.pid, 0);
	self->target.links = open_links(target.pid);
	self->target.pidfd = target.fd;
	/* The target must have left its first namespaces */
	await(&race->switches, 1);
	for (int i = 0; i < ARRAY_SIZE(readers); i++) {
		tasks[i] = spawn(0, readers[i], &self->target);
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

/*
 * Many tasks join the same namespaces while the only task in them leaves. It exits, or
 * joins the namespaces from which the others come.
 */

enum { DEPARTURES = 40, LEFT_TYPES = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP };

FIXTURE(leaving)
{
};

FIXTURE_VARIANT(leaving)
{
	bool exits;
	int late;	/* outcome for a task that comes too late */
};

FIXTURE_SETUP(leaving)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	new_race();
	ASSERT_EQ(unshare_limited(LEFT_TYPES), 0);
	/* State 0 will be the namespaces that are left */
	race->states[1] = read_links(own_links);
	race->home = pidfd_open(getpid());
}

FIXTURE_TEARDOWN(leaving)
{
}

FIXTURE_VARIANT_ADD(leaving, exits)
{
	.exits = true,
	.late = -ESRCH,
};

FIXTURE_VARIANT_ADD(leaving, joins)
{
	.late = 1,
};

static int leave_when_told(void *arg)
{
	const bool *exits = arg;

	await_go(TARGET);
	spin(race->delay);
	if (*exits)
		return 0;
	if (refusal(race->home, LEFT_TYPES))
		return 1;
	count(&race->gone);
	await_go(JOINER);
	return 0;
}

static int join_each_time(void *arg)
{
	int *me = arg;

	for (int i = 0; i < DEPARTURES; i++) {
		meet(&race->start, JOINERS + 1);
		race->outcome[*me] = attempt(race->fd, LEFT_TYPES);
		if (refusal(race->home, LEFT_TYPES))
			return 1;
		meet(&race->end, JOINERS + 1);
	}
	return 0;
}

static void await_departure(struct task *target, bool exits)
{
	siginfo_t info;

	if (exits)
		waitid(P_PID, target->pid, &info, WEXITED | WNOWAIT);
	else
		await(&race->gone, 1);
}

static void expect_outcomes(struct __test_metadata *_metadata, enum order order, int late)
{
	for (int i = 0; i < JOINERS; i++) {
		if (order == AT_ONCE && race->outcome[i] == late)
			continue;
		EXPECT_EQ(race->outcome[i], order == JOIN_LAST ? late : 0) {
			TH_LOG("order %d", order);
		}
	}
}

TEST_F(leaving, joined_or_gone)
{
	struct task joiners[JOINERS];
	int numbers[JOINERS];

	for (int i = 0; i < JOINERS; i++) {
		numbers[i] = i;
		/*
		 * The joiners share the descriptors of this task, with the pidfds to
		 * come
		 */
		joiners[i] = spawn(CLONE_FILES, join_each_time, &numbers[i]);
		ASSERT_GT(joiners[i].pid, 0);
	}
	for (int round = 0; round < DEPARTURES; round++) {
		bool exits = variant->exits;
		struct task target;

		race->order = order_of_round(round);
		race->go = 0;
		race->gone = 0;
		race->delay = round % 8 << 9;
		target = spawn(LEFT_TYPES, leave_when_told, &exits);
		ASSERT_GT(target.pid, 0);
		race->fd = target.fd;
		race->states[0] = links_of(target.pid);
		race->nr_states = 2;
		if (race->order != JOIN_FIRST)
			let_go(TARGET);
		if (race->order == JOIN_LAST)
			await_departure(&target, exits);
		meet(&race->start, JOINERS + 1);
		meet(&race->end, JOINERS + 1);
		let_go(TARGET | JOINER);
		EXPECT_EQ(reap(&target), 0);
		expect_outcomes(_metadata, race->order, variant->late);
	}
	for (int i = 0; i < JOINERS; i++)
		EXPECT_EQ(reap(&joiners[i]), 0);
	expect_only(_metadata, variant->exits ? ESRCH : 0, 0);
	EXPECT_EQ(race->calls, JOINERS * DEPARTURES);
	expect_no_leak(_metadata, 1);
}

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

/*
 * The target is gone before the call commits what it has taken from the target. No task
 * is in these namespaces any more, or in the user namespace that owns them. The commit
 * must make all of them active again. Active namespaces can be opened by handle.
 *
 * To be hit, the call must take long between the two steps. It does if many mounts
 * cover the root of the joined mount namespace.
 */

enum { MOUNT_DOUBLINGS = 13, BURIED_TYPES = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC };

/* The number of tries, and the limit if no try has hit. */
enum { BREATHS = 40, MAX_BREATHS = 400 };

static int bury_root(void)
{
	char bottom[64];
	int fd;

	if (unshare(CLONE_NEWNS) || prepare_mount_point())
		return -1;
	fd = open_ns("mnt");
	snprintf(bottom, sizeof(bottom), "/proc/self/fd/%d",
		 open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC));
	for (int i = 0; i < MOUNT_DOUBLINGS; i++) {
		if (mount(bottom, "/tmp", NULL, MS_BIND | MS_REC, NULL))
			return -1;
	}
	if (mount(bottom, "/", NULL, MS_BIND | MS_REC, NULL))
		return -1;
	/* The caller is still at the bottom, where it counts as chrooted */
	if (refusal(fd, CLONE_NEWNS) || mkdir("/proc", 0755))
		return -1;
	return mount("race_test", "/proc", "proc", 0, NULL);
}

union ns_handle {
	struct file_handle handle;
	char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/* A handle keeps nothing alive, unlike a descriptor. */
static int get_handle(pid_t pid, const char *name, union ns_handle *handle)
{
	int mount_id;
	int fd = open_ns_of(pid, name);
	int err;

	handle->handle.handle_bytes = MAX_HANDLE_SZ;
	err = name_to_handle_at(fd, "", &handle->handle, &mount_id, AT_EMPTY_PATH);
	close(fd);
	return err;
}

/* Returns 0 if the namespace exists and is active, or an errno. */
static int try_handle(union ns_handle *handle)
{
	int nsfs = open_ns("uts");
	int fd = open_by_handle_at(nsfs, &handle->handle, O_RDONLY | O_CLOEXEC);
	int err = fd < 0 ? errno : 0;

	close(fd);
	close(nsfs);
	return err;
}

enum { RETRIES = 1000 };

static int try_handle_patiently(union ns_handle *handle)
{
	int err = 0;

	for (int i = 0; i < RETRIES && !err; i++) {
		err = try_handle(handle);
		if (!err)
			await_grace_period();
	}
	return err;
}

static int join_and_stay(void *arg)
{
	struct ns_links before = read_links(own_links);
	int err;

	count(&race->ready);
	await_go(JOINER);
	spin(joiner_delay());
	err = refusal(race->fd, BURIED_TYPES);
	race->seen_gone = value_of(&race->gone);
	race->outcome[0] = judge(&before, BURIED_TYPES, err);
	count(&race->ready);
	return park(NULL);
}

/* Returns whether the call made the namespaces active again. */
static bool race_with_last_breath(struct __test_metadata *_metadata)
{
	union ns_handle user, uts;
	struct task target, joiner;
	bool joined;

	race->go = 0;
	race->ready = 0;
	race->gone = 0;
	race->nr_states = 0;
	target = spawn(CLONE_NEWUSER | CLONE_NEWUTS | CLONE_NEWIPC, exit_when_told, NULL);
	ASSERT_GT(target.pid, 0);
	ASSERT_EQ(get_handle(target.pid, "user", &user), 0);
	ASSERT_EQ(get_handle(target.pid, "uts", &uts), 0);
	add_state(links_of(target.pid));
	race->fd = target.fd;
	joiner = spawn(0, join_and_stay, NULL);
	ASSERT_GT(joiner.pid, 0);
	await(&race->ready, 2);

	let_go(TARGET | JOINER);
	EXPECT_EQ(reap(&target), 0);
	count(&race->gone);
	await(&race->ready, 3);
	joined = race->outcome[0] == 0;
	if (joined) {
		EXPECT_EQ(try_handle(&user), 0);
		EXPECT_EQ(try_handle(&uts), 0);
	}
	end(&joiner);
	EXPECT_EQ(try_handle_patiently(&user), ESTALE);
	EXPECT_EQ(try_handle_patiently(&uts), ESTALE);
	take_aim(joined);
	return joined && race->seen_gone;
}

TEST(gone_before_commit)
{
	union ns_handle own;
	int resurrections = 0;
	int breaths = 0;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	if (get_handle(getpid(), "uts", &own) || try_handle(&own))
		SKIP(return, "no handles of namespaces");
	new_race();
	ASSERT_EQ(bury_root(), 0);
	/* A single CPU may run one side after the other in each try */
	while (breaths < BREATHS || (!resurrections && breaths < MAX_BREATHS)) {
		resurrections += race_with_last_breath(_metadata);
		breaths++;
	}
	expect_only(_metadata, ESRCH, 0);
	EXPECT_EQ(race->calls, breaths);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		EXPECT_GT(resurrections, 0);
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
