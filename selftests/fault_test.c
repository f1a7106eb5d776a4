// SPDX-License-Identifier: GPL-2.0
/*
 * setns(2) when memory runs out. The test makes the first allocation of a call fail,
 * then the second, until the call has no more allocations. A refused call must leave
 * the caller as it was. When all tasks that took part are gone, their namespaces must
 * be gone as well.
 *
 * There are three user namespaces, each nested in the one before. They are new for each
 * set of types:
 *
 *	outer	It counts what is created below it, by the limits in /proc/sys/user/.
 *	home	The callers are in it, with namespaces of all other types.
 *	target	The callers join it, with namespaces of all other types.
 *
 * A leaked reference keeps its namespace, which still counts towards the limit. So the
 * test finds each such leak. Only kmemleak can find a leak of anything else.
 *
 * The test does the same to unshare(2), for which create_new_namespaces() creates
 * namespaces. If such a call makes many allocations, only some of them are made to
 * fail. One case injects no failure: its callers are in a memory cgroup that is full.
 */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/sem.h>
#include <sys/wait.h>

#include "callers.h"
#include "cgroup.h"
#include "inject.h"
#include "ns_limits.h"
#include "setns.h"
#include "tasks.h"
#include "view.h"

#define SEM_OF_CALLER	5	/* added with SEM_UNDO */
#define MAX_CALLS	200	/* at most, for one set, until all allocations have failed */
#define SAMPLES		24	/* about so many failures of a call with many allocations */
#define MAX_ERRNOS	16	/* at most so many different ones, for one set */
#define GRACE_PERIODS	300	/* at most, until an unused namespace is gone */
#define VICTIMS		100	/* tasks that reach the limit of a memory cgroup */
#define ROOM_OF_VICTIM	(256 << 10)
#define NOBODY		65534

/* The call that is tried, and the results. */
struct sweep {
	int (*call)(int fd, int flags);
	bool by_pidfd;
	bool alone;		/* the caller does not share its nsproxy */
	int flags;
	bool sampled;		/* only some allocations are made to fail */

	int allocations;	/* of a call in which none has failed */
	int failures;		/* refused calls */
	int errnos[MAX_ERRNOS];
	const char *changed;	/* the item that a refused call has changed */
	int leaked;		/* types of which a namespace is left */
	int uncounted;		/* the errno that prevented the count */
	bool done;
};

static int unshare_refusal(int fd, int flags)
{
	return unshare(flags) ? errno : 0;
}

static void note_errno(struct sweep *sweep, int err)
{
	int i = 0;

	sweep->failures++;
	while (i < MAX_ERRNOS - 1 && sweep->errnos[i] && sweep->errnos[i] != err)
		i++;
	sweep->errnos[i] = err;
}

/* These functions run in a caller. */

struct world {
	int fd;
	int sem;
	struct view *before;
	struct view *now;
};

/*
 * Makes the call, with its allocation number @nth failing. Returns the errno of the
 * call, 0 if it succeeds, or -1 on another error. *@left is the number of allocations
 * that the call was short of @nth.
 */
static int call_failing_at(const struct sweep *sweep, int fd, int fail_nth, int nth, int *left)
{
	char text[16] = {};
	int err;

	snprintf(text, sizeof(text), "%d", nth);
	if (pwrite(fail_nth, text, strlen(text), 0) < 0)
		return -1;
	err = sweep->call(fd, sweep->flags);
	if (pread(fail_nth, text, sizeof(text) - 1, 0) <= 0 || pwrite(fail_nth, "0", 1, 0) != 1)
		return -1;
	*left = atoi(text);
	return err;
}

static const char *difference(const struct view *before, const struct view *now)
{
	for (int i = 0; i < ARRAY_SIZE(items); i++) {
		if (strcmp(before->text[i], now->text[i]))
			return items[i].name;
	}
	return NULL;
}

/*
 * Returns 0 if allocation @nth exists and its failure did no harm, 1 if it does not
 * exist, or 2 on an error.
 */
static int caller(struct sweep *sweep, const struct world *world, int nth)
{
	struct sembuf add = { .sem_op = SEM_OF_CALLER, .sem_flg = SEM_UNDO };
	int fail_nth = open("/proc/self/fail-nth", O_RDWR | O_CLOEXEC);
	int err, left;

	if (fail_nth < 0 || semop(world->sem, &add, 1) || chdir("/proc"))
		return 2;
	/* This gives the caller another nsproxy */
	if (sweep->alone && unshare(CLONE_NEWUTS))
		return 2;
	look(world->before);
	err = call_failing_at(sweep, world->fd, fail_nth, nth, &left);
	if (err < 0 || (err && left))
		return 2;
	if (left) {
		sweep->allocations = nth - left;
		return 1;
	}
	/* The call may succeed without the allocation that failed */
	if (err) {
		note_errno(sweep, err);
		look(world->now);
		sweep->changed = difference(world->before, world->now);
	}
	return sweep->changed ? 2 : 0;
}

/*
 * Waits until the credentials of all tasks that were in the user namespace are gone.
 * Then a join needs one allocation more.
 */
static void await_no_ucounts(const struct sweep *sweep)
{
	for (int i = 0; i < 4 && sweep->flags == CLONE_NEWUSER && !sweep->by_pidfd; i++)
		await_grace_period();
}

static int run_caller(struct sweep *sweep, const struct world *world, int nth)
{
	int status;
	pid_t pid;

	await_no_ucounts(sweep);
	pid = fork();
	if (pid == 0)
		_exit(caller(sweep, world, nth));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 2;
	return WEXITSTATUS(status);
}

/*
 * Returns the distance between two allocations that are made to fail, or -1 if the call
 * fails by itself.
 */
static int find_step(struct sweep *sweep, const struct world *world)
{
	if (!sweep->sampled)
		return 1;
	if (run_caller(sweep, world, INT_MAX) != 1)
		return -1;
	/*
	 * The step is odd: with kmemleak, every second allocation is its own and does
	 * not matter
	 */
	return (sweep->allocations / SAMPLES) | 1;
}

static int sweep_over(struct sweep *sweep, const struct world *world, int injector)
{
	int step, ret = 0;

	if (inject_into(injector))
		return -1;
	step = find_step(sweep, world);
	if (step < 0)
		return -1;
	for (int call = 0; !ret && call < MAX_CALLS; call++)
		ret = run_caller(sweep, world, 1 + call * step);
	return ret == 1 ? 0 : -1;
}

/*
 * Opens a pidfd, or a namespace of a target that is dead, so that it has no ucounts any
 * more.
 */
static int open_target(struct world *world, const struct sweep *sweep)
{
	int pidfd, fd = -1;
	pid_t pid = target_in(all_types, &pidfd);

	if (pid < 0 || sweep->by_pidfd) {
		world->fd = pidfd;
		return pid < 0 ? -1 : 0;
	}
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].flag == sweep->flags)
			fd = ioctl(pidfd, IOC_PIDFD_GET_NS(types[i].get), 0);
	}
	close(pidfd);
	end_target(pid);
	world->fd = fd;
	return fd < 0 ? -1 : 0;
}

static int home(struct sweep *sweep, struct world *world)
{
	if (map_root(0, 0))
		return 1;
	world->sem = semget(SEM_KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
	if (world->sem < 0 || (sweep->call == refusal && open_target(world, sweep)))
		return 1;
	for (int injector = 0; injector < NR_INJECTORS; injector++) {
		if (sweep_over(sweep, world, injector))
			return 1;
	}
	return 0;
}

/* These functions count what is left, in outer. */

/*
 * Returns 1 if there is room for one namespace of each type, 0 if not, or -1 on an
 * error.
 */
static int is_room_for(int flags)
{
	int pidfd;
	pid_t pid = clone3_in(flags, &pidfd);

	if (pid == 0)
		_exit(0);
	if (pid < 0)
		return errno == ENOSPC ? 0 : -1;
	close(pidfd);
	waitpid(pid, NULL, 0);
	return 1;
}

/* Returns the types of which a namespace is left that no task has, or -1 on an error. */
static int left_over(int flags)
{
	int room, left = 0;

	if (limit_namespaces(all_types, 1))
		return -1;
	for (int i = 0; i < GRACE_PERIODS; i++) {
		room = is_room_for(flags);
		if (room)
			return room < 0 ? -1 : 0;
		await_grace_period();
	}
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		room = flags & types[i].flag ? is_room_for(types[i].flag) : 1;
		if (room < 0)
			return -1;
		if (!room)
			left |= types[i].flag;
	}
	return left;
}

static int outer(struct sweep *sweep, struct world *world)
{
	int pidfd, status, left;
	pid_t pid;

	if (unshare(CLONE_NEWUSER) || map_root(0, 0))
		return 1;
	pid = clone3_in(all_types, &pidfd);
	if (pid == 0)
		_exit(home(sweep, world));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return 1;
	close(pidfd);
	left = left_over(all_types);
	if (left < 0)
		sweep->uncounted = errno;
	else
		sweep->leaked = left;
	sweep->done = true;
	return 0;
}

static void print_sweep(const struct sweep *sweep)
{
	printf("# %s%s", sweep->call != refusal ? "unshare" : sweep->by_pidfd ? "pidfd" : "nsfd",
	       sweep->alone ? "-alone" : "");
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (sweep->flags & types[i].flag)
			printf(" %s", types[i].name);
	}
	if (sweep->flags & UNSHARE_EMPTY_MNTNS)
		printf(" empty");
	printf(": %d failures:", sweep->failures);
	for (int i = 0; i < MAX_ERRNOS && sweep->errnos[i]; i++)
		printf(" %s", strerrorname_np(sweep->errnos[i]));
	printf(", leaked:");
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (sweep->leaked & types[i].flag)
			printf(" %s", types[i].name);
	}
	printf("%s\n", !sweep->done || sweep->uncounted ? " unknown" : "");
	fflush(stdout);
}

/* Does a call that gets no memory return this errno? */
static bool is_right_errno(const struct sweep *sweep, int err)
{
	/* The errno of a failed network namespace is not checked here */
	if (sweep->call == unshare_refusal && sweep->flags & CLONE_NEWNET)
		return true;
	/*
	 * A user namespace returns EINVAL if the caller cannot get its ucounts, for any
	 * reason
	 */
	if (sweep->flags == CLONE_NEWUSER && !sweep->by_pidfd && err == EINVAL)
		return true;
	return err == ENOMEM;
}

static bool is_conclusive(const struct sweep *sweep, int least_failures)
{
	return sweep->changed || (sweep->done && (sweep->failures >= least_failures ||
						  sweep->uncounted || sweep->leaked));
}

static void expect_sweep(struct __test_metadata *_metadata, const struct sweep *what,
			 int least_failures)
{
	struct sweep *sweep = shared_alloc(sizeof(*sweep));
	struct world world = { .before = shared_alloc(2 * sizeof(struct view)) };
	int status;
	pid_t pid;

	world.now = world.before + 1;
	/*
	 * Repeat the sweep if a failure is missing: a debug option that watches
	 * allocations may need memory itself now and then, and then its own allocation
	 * has failed instead.
	 */
	for (int i = 0; i < 3 && !is_conclusive(sweep, least_failures); i++) {
		*sweep = *what;
		pid = fork();
		ASSERT_GE(pid, 0);
		if (pid == 0)
			_exit(outer(sweep, &world));
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
	}
	print_sweep(sweep);
	EXPECT_TRUE(sweep->done) {
		TH_LOG("set %#x, at failure %d", sweep->flags, sweep->failures);
	}
	EXPECT_EQ(sweep->changed, NULL) {
		TH_LOG("set %#x: a refused call has changed: %s", sweep->flags, sweep->changed);
	}
	EXPECT_EQ(sweep->uncounted, 0) {
		TH_LOG("set %#x: what is left cannot be counted: %s", sweep->flags,
		       strerror(sweep->uncounted));
	}
	EXPECT_EQ(sweep->leaked, 0) {
		TH_LOG("set %#x: namespaces are left", sweep->flags);
	}
	for (int i = 0; i < MAX_ERRNOS && sweep->errnos[i]; i++) {
		EXPECT_TRUE(is_right_errno(sweep, sweep->errnos[i])) {
			TH_LOG("set %#x: %s", sweep->flags, strerrorname_np(sweep->errnos[i]));
		}
	}
	EXPECT_GE(sweep->failures, least_failures);
	munmap(sweep, sizeof(*sweep));
	munmap(world.before, 2 * sizeof(struct view));
}

/*
 * Counts the allocations that a call cannot do without: an nsproxy, if the caller shares
 * its own; credentials; the pathname of the root.
 */
static int least_allocations(const struct sweep *sweep)
{
	bool nsproxy = !sweep->alone && sweep->flags != CLONE_NEWUSER;

	return nsproxy + !!(sweep->flags & CLONE_NEWUSER) + !!(sweep->flags & CLONE_NEWNS);
}

FIXTURE(fault)
{
};

FIXTURE_SETUP(fault)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	ASSERT_EQ(start_looking(), 0);
	if (find_injectors()) {
		reset_knobs();
		SKIP(return, "no fault injection");
	}
}

FIXTURE_TEARDOWN(fault)
{
	reset_knobs();
}

static void expect_nsfd(struct __test_metadata *_metadata, int flag, bool alone)
{
	struct sweep sweep = { .call = refusal, .flags = flag, .alone = alone };
	/* The ucounts take one more */
	int more = flag == CLONE_NEWUSER;

	expect_sweep(_metadata, &sweep, least_allocations(&sweep) + more);
}

static void expect_pidfd(struct __test_metadata *_metadata, int flags, bool alone)
{
	struct sweep sweep = {
		.call = refusal,
		.by_pidfd = true,
		.flags = flags,
		.alone = alone,
	};

	expect_sweep(_metadata, &sweep, least_allocations(&sweep));
}

TEST_F_TIMEOUT(fault, each_type_by_nsfd, 3600)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		expect_nsfd(_metadata, types[i].flag, false);
}

TEST_F_TIMEOUT(fault, each_set_by_pidfd, 3600)
{
	for (unsigned int bits = 1; bits <= NR_SETS; bits++)
		expect_pidfd(_metadata, set_from(bits), false);
}

TEST_F_TIMEOUT(fault, each_type_by_nsfd_alone, 3600)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		expect_nsfd(_metadata, types[i].flag, true);
}

/* Each type, each pair with user or mnt, and all. */
TEST_F_TIMEOUT(fault, sets_by_pidfd_alone, 3600)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		expect_pidfd(_metadata, types[i].flag, true);
		if (types[i].flag != CLONE_NEWUSER)
			expect_pidfd(_metadata, types[i].flag | CLONE_NEWUSER, true);
		if (!(types[i].flag & (CLONE_NEWUSER | CLONE_NEWNS)))
			expect_pidfd(_metadata, types[i].flag | CLONE_NEWNS, true);
	}
	expect_pidfd(_metadata, all_types, true);
}

/* At least two allocations fail: the nsproxy and the namespace itself. */
static void expect_unshare(struct __test_metadata *_metadata, int flags)
{
	struct sweep sweep = {
		.call = unshare_refusal,
		.flags = flags,
		.sampled = true,
	};

	expect_sweep(_metadata, &sweep, 2);
}

/*
 * Tries each type that create_new_namespaces() creates, each pair of them, all of them,
 * and an empty mount namespace. The Rust core has that function, too, and its KUnit
 * tests try the same sets.
 */
TEST_F_TIMEOUT(fault, each_set_by_unshare, 3600)
{
	for (int i = 1; i < ARRAY_SIZE(types); i++) {
		for (int j = i; j < ARRAY_SIZE(types); j++)
			expect_unshare(_metadata, types[i].flag | types[j].flag);
	}
	expect_unshare(_metadata, all_types & ~CLONE_NEWUSER);
	expect_unshare(_metadata, CLONE_NEWNS | UNSHARE_EMPTY_MNTNS);
}

/* A memory cgroup, filled with pages that no process has that could be killed for them. */
struct memcg {
	struct cgroup cgroup;
	int filling;
};

static int write_to_cgroup(const struct cgroup *cgroup, const char *file, const char *text)
{
	int fd = openat(cgroup->root, file, O_WRONLY | O_CLOEXEC);
	int ret = write(fd, text, strlen(text)) < 0 ? -1 : 0;

	close(fd);
	return ret;
}

static int make_memcg(struct memcg *memcg)
{
	struct cgroup *cgroup = &memcg->cgroup;
	char limit[64];

	memcg->filling = -1;
	if (make_cgroup(cgroup, "setns_fault"))
		return -1;
	snprintf(limit, sizeof(limit), "%s/memory.max", cgroup->name);
	return write_to_cgroup(cgroup, "cgroup.subtree_control", "+memory") ||
	       write_to_cgroup(cgroup, limit, "4M");
}

/* Removes as much of it as there is. */
static void remove_memcg(const struct memcg *memcg)
{
	close(memcg->filling);
	remove_cgroup(&memcg->cgroup);
}

/*
 * The kernel kills the child that fills the cgroup. The pages of the file stay as long
 * as the file. At last, this function makes room for a victim to start.
 */
static int fill_memcg(struct memcg *memcg)
{
	static char page[4096];
	int status;
	pid_t pid;

	memcg->filling = memfd_create("filling", MFD_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		if (enter_cgroup(&memcg->cgroup))
			_exit(1);
		while (write(memcg->filling, page, sizeof(page)) == sizeof(page))
			;
		_exit(1);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status))
		return -1;
	return ftruncate(memcg->filling, lseek(memcg->filling, 0, SEEK_END) - ROOM_OF_VICTIM);
}

/*
 * Takes a little memory, and makes a call that also takes some. The call is refused
 * then, because the caller is in that user namespace already. The loop goes on until
 * either of the two reaches the limit.
 */
static void be_victim(const struct memcg *memcg)
{
	int pidfd = pidfd_open(getpid());

	if (pidfd < 0 || enter_cgroup(&memcg->cgroup))
		_exit(1);
	while (eventfd(0, 0) >= 0 && setns(pidfd, CLONE_NEWUSER | CLONE_NEWNS))
		;
	_exit(1);
}

/* All victims are user nobody. They need a user namespace, but no privilege. */
static int home_of_victims(const struct memcg *memcg)
{
	int status, killed = 0;

	for (int i = 0; i < VICTIMS; i++) {
		pid_t pid = fork();

		if (pid == 0)
			be_victim(memcg);
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 1;
		killed += WIFSIGNALED(status);
	}
	return killed < VICTIMS / 2;
}

enum { NOTHING_LEFT, NOT_TRIED, NOT_COUNTED, SOMETHING_LEFT };

static int count_after_victims(const struct memcg *memcg)
{
	int pidfd, status, left;
	pid_t pid;

	if (become_user(NOBODY) || unshare_user(0))
		return NOT_TRIED;
	pid = clone3_in(CLONE_NEWUSER, &pidfd);
	if (pid == 0)
		_exit(home_of_victims(memcg));
	if (pid < 0 || waitpid(pid, &status, 0) != pid || status)
		return NOT_TRIED;
	close(pidfd);
	left = left_over(CLONE_NEWUSER);
	if (left < 0)
		return NOT_COUNTED;
	return left ? SOMETHING_LEFT : NOTHING_LEFT;
}

FIXTURE(memcg)
{
	struct memcg memcg;
};

FIXTURE_SETUP(memcg)
{
	bool made, filled;

	if (!is_built_in("user"))
		SKIP(return, "no user namespaces");
	made = !make_memcg(&self->memcg);
	filled = made && !fill_memcg(&self->memcg);
	/* No teardown follows a setup that fails */
	if (!filled)
		remove_memcg(&self->memcg);
	if (!made)
		SKIP(return, "no memory cgroups");
	ASSERT_TRUE(filled);
}

FIXTURE_TEARDOWN(memcg)
{
	remove_memcg(&self->memcg);
}

TEST_F_TIMEOUT(memcg, at_its_limit, 3600)
{
	static const char *const outcomes[] = {
		[NOTHING_LEFT] = "died",
		[NOT_TRIED] = "not tried",
		[NOT_COUNTED] = "what is left cannot be counted",
		[SOMETHING_LEFT] = "a user namespace is left",
	};
	int status;
	pid_t pid = fork();

	ASSERT_GE(pid, 0);
	if (pid == 0)
		_exit(count_after_victims(&self->memcg));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0) {
		TH_LOG("%s", outcomes[WEXITSTATUS(status)]);
	}
}

TEST_HARNESS_MAIN
