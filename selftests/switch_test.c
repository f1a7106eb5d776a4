// SPDX-License-Identifier: GPL-2.0
/* Switches between the implementations of setns(2) while tasks call it. */
#define _GNU_SOURCE
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "module.h"
#include "setns.h"
#include "tasks.h"

#define TASKS		8
#define LOADS		200	/* and as many unloads */
#define SWITCHES	50	/* each there and back, if rust_setns is built in */
#define DISPUTED	50	/* loads and unloads while a task sets the parameter */

struct shared {
	bool stop;
	long calls[TASKS];
	long failed[TASKS];
	long set[2];		/* how often the parameter was set, to 0 and to 1 */
	long other_errno;
};

/* Sets the parameter if rust_setns is built in. Otherwise, loads or unloads it. */
static int switch_to(bool rust, int module)
{
	if (module < 0)
		return write_file(parameter, rust ? "1" : "0");
	return rust ? refusal_to_load(module) : unload();
}

/* Joins namespaces of two types. One of the joins sleeps. */
static void join_until_stopped(struct shared *shared, int task)
{
	int mnt = open_ns("mnt");
	int uts = open_ns(is_built_in("uts") ? "uts" : "mnt");

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		shared->failed[task] += setns(mnt, CLONE_NEWNS) != 0;
		shared->failed[task] += setns(uts, 0) != 0;
		__atomic_fetch_add(&shared->calls[task], 2, __ATOMIC_RELAXED);
	}
}

/*
 * Returns when the task has made its first call, or -1 if it has ended before. Under
 * emulation, all switches may be over before a new task first runs.
 */
static pid_t start_to_join(struct shared *shared, int task)
{
	pid_t test = getpid(), pid = fork();

	if (pid == 0) {
		/* If the test fails early, it does not tell this task to stop */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != test)
			_exit(1);
		/* Leave time to the task that switches */
		if (nice(10) == -1)
			_exit(1);
		join_until_stopped(shared, task);
		_exit(0);
	}
	while (pid > 0 && !__atomic_load_n(&shared->calls[task], __ATOMIC_RELAXED)) {
		if (waitpid(pid, NULL, WNOHANG))
			return -1;
		sched_yield();
	}
	return pid;
}

static pid_t start_all(struct shared *shared, pid_t *pids)
{
	for (int task = 0; task < TASKS; task++) {
		pids[task] = start_to_join(shared, task);
		if (pids[task] <= 0)
			return -1;
	}
	return 0;
}

static void stop_all(struct __test_metadata *_metadata, struct shared *shared,
		     const pid_t *pids)
{
	long failed = 0;
	int status;

	__atomic_store_n(&shared->stop, true, __ATOMIC_RELAXED);
	for (int task = 0; task < TASKS; task++) {
		ASSERT_EQ(waitpid(pids[task], &status, 0), pids[task]);
		EXPECT_EQ(status, 0);
		failed += shared->failed[task];
	}
	EXPECT_EQ(failed, 0);
}

static long calls_of_all(const struct shared *shared)
{
	long sum = 0;

	for (int task = 0; task < TASKS; task++)
		sum += __atomic_load_n(&shared->calls[task], __ATOMIC_RELAXED);
	return sum;
}

FIXTURE(load)
{
};

FIXTURE_SETUP(load)
{
}

FIXTURE_TEARDOWN(load)
{
}

/* Loading a module 200 times takes long under emulation. */
TEST_F_TIMEOUT(load, switches, 900)
{
	/* The parameter is there if rust_setns is loaded or built in */
	bool rust_in_charge = !access(parameter, F_OK);
	bool is_built_in = rust_in_charge && !is_module();
	int module = is_built_in ? -1 : open_module();
	int switches = 2 * (is_built_in ? SWITCHES : LOADS);
	struct shared *shared;
	pid_t pids[TASKS];
	long c, rust;

	if (!is_built_in && module < 0)
		SKIP(return, "no rust_setns in this kernel");

	c = read_number("/sys/kernel/debug/setns/calls_c");
	rust = read_number("/sys/kernel/debug/setns/calls_rust");
	ASSERT_GE(c, 0);
	ASSERT_GE(rust, 0);

	shared = shared_alloc(sizeof(*shared));
	ASSERT_EQ(start_all(shared, pids), 0);

	for (int i = 0; i < switches; i++) {
		long before = calls_of_all(shared);

		rust_in_charge = !rust_in_charge;
		ASSERT_EQ(switch_to(rust_in_charge, module), 0) {
			TH_LOG("switch %d", i);
		}
		/* Wait until the new implementation is called */
		while (calls_of_all(shared) < before + TASKS)
			sched_yield();
	}

	stop_all(_metadata, shared, pids);
	EXPECT_GT(read_number("/sys/kernel/debug/setns/calls_c"), c);
	EXPECT_GT(read_number("/sys/kernel/debug/setns/calls_rust"), rust);
}

/*
 * Sets the parameter to 0 and 1 at random. Some pauses are long, because the module can
 * be unloaded only in one that is longer than a grace period. The file is not there while
 * the module is not loaded. While it is being unloaded, 0 is accepted, and 1 is EBUSY.
 */
static void dispute(struct shared *shared)
{
	unsigned int seed = 1;

	while (!__atomic_load_n(&shared->stop, __ATOMIC_RELAXED)) {
		int on = rand_r(&seed) % 2;

		if (!write_file(parameter, on ? "1" : "0"))
			shared->set[on]++;
		else if (errno != ENOENT && errno != ENODEV && !(on && errno == EBUSY))
			shared->other_errno = errno;
		usleep(rand_r(&seed) % (1 << (rand_r(&seed) % 20)));
	}
	_exit(0);
}

/* Somebody else switches while the module is loaded and unloaded. */
TEST_F_TIMEOUT(load, disputed, 900)
{
	struct shared *shared = shared_alloc(sizeof(*shared));
	bool was_loaded = is_module();
	int module = open_module();
	pid_t pids[TASKS], other, test = getpid();
	int status;

	if (module < 0 || (!was_loaded && !access(parameter, F_OK)))
		SKIP(return, "no module rust_setns");
	ASSERT_EQ(start_all(shared, pids), 0);
	other = fork();
	ASSERT_GE(other, 0);
	if (other == 0) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != test)
			_exit(1);
		dispute(shared);
	}
	for (int i = 0; i < DISPUTED; i++) {
		int err;

		if (!is_module())
			ASSERT_EQ(refusal_to_load(module), 0);
		/* The other task may switch to Rust again before each try */
		do {
			write_file(parameter, "0");
			usleep(1000);
			err = refusal_to_unload("rust_setns");
		} while (err == EWOULDBLOCK);
		ASSERT_EQ(err, 0) {
			TH_LOG("unload %d", i);
		}
	}
	stop_all(_metadata, shared, pids);
	ASSERT_EQ(waitpid(other, &status, 0), other);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(shared->other_errno, 0);
	EXPECT_GT(shared->set[0], 0);
	EXPECT_GT(shared->set[1], 0);
	if (was_loaded)
		EXPECT_EQ(refusal_to_load(module), 0);
}

TEST_HARNESS_MAIN
