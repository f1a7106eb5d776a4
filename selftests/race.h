/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Races between setns(2) and other tasks.
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
#ifndef SELFTESTS_SETNS_RACE_H
#define SELFTESTS_SETNS_RACE_H

#include <limits.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
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
static inline int difference(const struct ns_links *a, const struct ns_links *b)
{
	int flags = 0;

	for (int i = 0; i < ARRAY_SIZE(links); i++)
		flags |= a->ino[i] == b->ino[i] ? 0 : links[i].flag;
	return flags;
}

static inline int value_of(int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_ACQUIRE);
}

/* Sleeps after some tries: if more than a few tasks wait, they should not all run. */
static inline void wait_for_change(int *word, int value, int tries)
{
	enum { SPINS = 50 };

	if (tries < SPINS)
		sched_yield();
	else
		syscall(SYS_futex, word, FUTEX_WAIT, value, NULL, NULL, 0);
}

static inline void wake_all(int *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static inline int count(int *counter)
{
	int before = __atomic_fetch_add(counter, 1, __ATOMIC_ACQ_REL);

	wake_all(counter);
	return before;
}

static inline void await(int *counter, int at_least)
{
	int value;

	for (int tries = 0; (value = value_of(counter)) < at_least; tries++)
		wait_for_change(counter, value, tries);
}

static inline void new_race(void)
{
	race = shared_alloc(sizeof(*race));
	own_links = open_links(0);
}

static inline void add_state(struct ns_links state)
{
	race->states[race->nr_states] = state;
	count(&race->nr_states);
}

/*
 * Returns the state that @seen belongs to, looking only at @flags. May wait until it is
 * known.
 */
static inline int find_state(const struct ns_links *seen, int flags)
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
static inline int judge(const struct ns_links *before, int nstype, int err)
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

static inline int attempt(int fd, int nstype)
{
	struct ns_links before = read_links(own_links);

	return judge(&before, nstype, refusal(fd, nstype));
}

static inline void log_outcomes(struct __test_metadata *_metadata)
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
static inline void expect_only(struct __test_metadata *_metadata, int err, int other_err)
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
static inline struct task spawn(int how, int (*fn)(void *arg), void *arg)
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

static inline int reap(struct task *task)
{
	int status = -1;

	waitpid(task->pid, &status, 0);
	close(task->fd);
	return status;
}

static inline int end(struct task *task)
{
	kill(task->pid, SIGKILL);
	return reap(task);
}

static inline int park(void *arg)
{
	for (;;)
		pause();
	return 0;
}

/* These functions let tasks start at the same time. */

static inline void await_go(int who)
{
	int value;

	for (int tries = 0; !((value = value_of(&race->go)) & who); tries++)
		wait_for_change(&race->go, value, tries);
}

static inline void let_go(int who)
{
	__atomic_fetch_or(&race->go, who, __ATOMIC_ACQ_REL);
	wake_all(&race->go);
}

/* Waits for the other parties. Tasks may meet again and again. */
static inline void meet(int *counter, int parties)
{
	await(counter, (count(counter) / parties + 1) * parties);
}

static inline void spin(int n)
{
	for (int i = 0; i < n; i++)
		asm volatile("" : : : "memory");
}

/* The target waits if race->delay is positive, and the joiner if it is negative. */
static inline int target_delay(void)
{
	return race->delay > 0 ? race->delay : 0;
}

static inline int joiner_delay(void)
{
	return race->delay < 0 ? -race->delay : 0;
}

/* The side that was too early waits longer next time, so that they meet. */
static inline void take_aim(bool joined)
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

static inline enum order order_of_round(int round)
{
	return round == 0 ? JOIN_FIRST : round == 1 ? JOIN_LAST : AT_ONCE;
}

/*
 * These functions find leaks. The user namespace of the test may have only a few
 * namespaces of each type.
 */

enum { LIMIT = 16 };

static inline int unshare_limited(int flags)
{
	return unshare_user(flags) ? -1 : limit_namespaces(all_types, LIMIT);
}

/*
 * Starts as many tasks with namespaces of all types as there should be room for, and
 * one more.
 */
static inline int count_room(void *arg)
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
static inline void expect_no_leak(struct __test_metadata *_metadata, int in_use)
{
	int expected = LIMIT - in_use;
	struct task task = spawn(0, count_room, &expected);
	int status;

	ASSERT_GT(task.pid, 0);
	status = reap(&task);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), expected);
}

#endif
