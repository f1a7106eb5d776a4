// SPDX-License-Identifier: GPL-2.0
/*
 * setns(2) while the process of the pidfd exits, or is the last one to leave its
 * namespaces. race.h says what each call may do.
 */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "links.h"
#include "ns_limits.h"
#include "race.h"
#include "setns.h"

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
	bool alone;	/* the caller has its set of namespaces for itself */
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

FIXTURE_VARIANT_ADD(exiting, all_alone)
{
	.has = all_types,
	.nstype = all_types,
	.alone = true,
};

FIXTURE_VARIANT_ADD(exiting, one_of_all_alone)
{
	.has = all_types,
	.nstype = CLONE_NEWUTS,
	.alone = true,
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

/* A child with a new namespace has no set of namespaces in common with its parent. */
static int how_to_start(bool alone)
{
	return alone ? CLONE_NEWCGROUP : 0;
}

static void race_with_exit(struct __test_metadata *_metadata, int has, bool not_capable, int how,
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
	joiner = spawn(how, join_when_told, &not_capable);
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
	int how = how_to_start(variant->alone);

	race->nstype = variant->nstype;
	for (int round = 0; round < EXITS; round++) {
		enum order order = order_of_round(round);

		race_with_exit(_metadata, variant->has, variant->not_capable, how, order);
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
 * The target is gone before the call commits what it has taken from the target. No task
 * is in these namespaces any more, or in the user namespace that owns them. The commit
 * must make all of them active again. Active namespaces can be opened by handle.
 *
 * To be hit, the call must take long between the two steps. It does if many mounts
 * cover the root of the joined mount namespace.
 */

enum {
	MOUNT_DOUBLINGS = 13,
	LAST_TYPES = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | CLONE_NEWTIME,
	BURIED_TYPES = CLONE_NEWNS | LAST_TYPES,
};

/* The namespaces that end with the target */
static const char *const last[] = { "user", "uts", "ipc", "cgroup", "time" };

/* The number of tries, and the limit if no try has hit. */
enum { BREATHS = 40, MAX_BREATHS = 400 };

static int bury_root(void)
{
	char bottom[64];
	int fd;

	if (unshare(CLONE_NEWNS) || mount_tmp())
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
	return mount("setns", "/proc", "proc", 0, NULL);
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

/* A child that has the set of namespaces of the caller, until it exits with the target. */
static int start_sharer(void)
{
	pid_t pid = fork();

	if (pid == 0) {
		await_go(TARGET);
		spin(target_delay());
		_exit(0);
	}
	return pid < 0;
}

static int join_and_stay(void *arg)
{
	struct ns_links before = read_links(own_links);
	const bool *with_sharer = arg;
	int err;

	if (*with_sharer && start_sharer())
		return 1;
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
static bool race_with_last_breath(struct __test_metadata *_metadata, int how, bool with_sharer)
{
	union ns_handle handles[ARRAY_SIZE(last)];
	struct task target, joiner;
	bool joined;

	race->go = 0;
	race->ready = 0;
	race->gone = 0;
	race->nr_states = 0;
	target = spawn(CLONE_NEWUSER | LAST_TYPES, exit_when_told, NULL);
	ASSERT_GT(target.pid, 0);
	for (int i = 0; i < ARRAY_SIZE(last); i++)
		ASSERT_EQ(get_handle(target.pid, last[i], &handles[i]), 0);
	add_state(links_of(target.pid));
	race->fd = target.fd;
	joiner = spawn(how, join_and_stay, &with_sharer);
	ASSERT_GT(joiner.pid, 0);
	await(&race->ready, 2);

	let_go(TARGET | JOINER);
	EXPECT_EQ(reap(&target), 0);
	count(&race->gone);
	await(&race->ready, 3);
	joined = race->outcome[0] == 0;
	for (int i = 0; joined && i < ARRAY_SIZE(last); i++) {
		EXPECT_EQ(try_handle(&handles[i]), 0) {
			TH_LOG("%s", last[i]);
		}
	}
	end(&joiner);
	for (int i = 0; i < ARRAY_SIZE(last); i++) {
		EXPECT_EQ(try_handle_patiently(&handles[i]), ESTALE) {
			TH_LOG("%s", last[i]);
		}
	}
	take_aim(joined);
	return joined && race->seen_gone;
}

FIXTURE(last_breath)
{
};

FIXTURE_VARIANT(last_breath)
{
	bool alone;	/* the caller has its set of namespaces for itself */
	bool sharer;	/* but for a child, which exits during the call */
};

FIXTURE_SETUP(last_breath)
{
	union ns_handle own;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	if (get_handle(getpid(), "uts", &own) || try_handle(&own))
		SKIP(return, "no handles of namespaces");
	new_race();
	ASSERT_EQ(bury_root(), 0);
}

FIXTURE_TEARDOWN(last_breath)
{
}

FIXTURE_VARIANT_ADD(last_breath, shared)
{
};

FIXTURE_VARIANT_ADD(last_breath, alone)
{
	.alone = true,
};

FIXTURE_VARIANT_ADD(last_breath, alone_at_last)
{
	.alone = true,
	.sharer = true,
};

TEST_F(last_breath, gone_before_commit)
{
	int how = how_to_start(variant->alone);
	int resurrections = 0;
	int breaths = 0;

	/* A single CPU may run one side after the other in each try */
	while (breaths < BREATHS || (!resurrections && breaths < MAX_BREATHS)) {
		resurrections += race_with_last_breath(_metadata, how, variant->sharer);
		breaths++;
	}
	expect_only(_metadata, ESRCH, 0);
	EXPECT_EQ(race->calls, breaths);
	if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
		EXPECT_GT(resurrections, 0);
}

TEST_HARNESS_MAIN
