// SPDX-License-Identifier: GPL-2.0
/*
 * This is a differential fuzzer of setns(2). It makes small programs of random calls, runs each
 * one on the core in C and on the core in Rust, and compares the results of every call.
 * A program may have a target that acts during the calls. Two runs of it may differ, so a
 * model of setns(2) says which results are right. See docs/fuzzing.md.
 *
 * These are the processes:
 *
 *	main	reads the kernel's log, and compares the live namespaces in the end.
 *	driver	is a child of main. It switches between C and Rust, compares, shrinks.
 *	targets	live as long as the driver, and do nothing.
 *	lane	is a child of the driver, and runs every second program of a batch.
 *	caller	runs one program. It is a child of a lane or of the driver, and may have
 *		mates, with which it shares something.
 *	racer	is the target of one program, and acts while the caller calls.
 *
 * Every loop has a bound, and nothing waits for time to pass.
 */
#define _GNU_SOURCE
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "driver.h"

bool disturbed;

static long seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* A run of this many calls of setns(2) should have tried everything. */
enum { ENOUGH = 100000 };

static const char not_all_tried[] =
	"FAILED: a long run did not try everything: on C or on Rust, no call has joined one of the "
	"types, no call with one of the kinds of descriptors has joined, no call has joined a "
	"namespace of a racer, or no caller was confined in one of the ways above.";

/* Returns whether nothing has failed. */
static bool fuzz_all(const struct options *options, long start, __u64 *programs)
{
	long told = 0, calls = options->calls;
	int batches = 0;

	while (calls_traced() < calls) {
		int nr;

		/* Calls that are not traced take another way in the kernel */
		switch_events(batches++ % 4 != 0);
		nr = run_batch(options, *programs, calls - calls_traced());

		if (nr < 0)
			return false;
		*programs += nr;
		if (calls_traced() - told >= calls / 20) {
			told = calls_traced();
			printf("%ld of %ld traced calls on each, %llu programs, %ld s\n", told, calls,
			       (unsigned long long)*programs, seconds() - start);
		}
	}
	return true;
}

/* Returns the exit status. */
static int fuzz(const struct options *options)
{
	long start = seconds();
	__u64 programs = 0;

	if (!fuzz_all(options, start, &programs))
		return 1;
	show_summary();
	/* C and Rust also agree if both refuse every call. */
	if (options->calls >= ENOUGH && !all_joined()) {
		puts(not_all_tried);
		return 1;
	}
	printf("%ld calls on C, %ld on Rust, %ld of them traced, in %llu programs: no difference, in %ld s\n",
	       calls_counted(C), calls_counted(RUST), calls_traced(),
	       (unsigned long long)programs, seconds() - start);
	return 0;
}

/* Runs one program. Returns the exit status. */
static int replay(const struct options *options)
{
	struct program program = make_program(options->seed, options->program);
	struct failure failure = { -1, IMPLS };

	if (fails(&program, &failure)) {
		report(&program, &failure, options, options->program);
		return 1;
	}
	show_targets();
	show_program(&program, &failure);
	return 0;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write to %s", path);
	close(fd);
}

/* The kernel frees namespaces some time after their end. They must not run out. */
static void raise_limits(void)
{
	static const char *const names[] = {
		"user", "mnt", "uts", "ipc", "pid", "cgroup", "net", "time",
	};
	char path[64];

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		sprintf(path, "/proc/sys/user/max_%s_namespaces", names[i]);
		write_text(path, "1000000");
	}
}

/*
 * A mount namespace with few mounts is quick to copy, and a root in memory is quick to
 * look at. The current directory is on another mount than the root, so that a call that
 * joins a mount namespace changes it, too.
 */
static void make_root(void)
{
	need(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL),
	     "make a mount namespace");
	need(!mount("setns_fuzz", "/tmp", "tmpfs", 0, NULL) && !chdir("/tmp") &&
	     !mkdir("proc", 0755) && !mount("setns_fuzz", "proc", "proc", 0, NULL),
	     "make a root directory");
	need(!syscall(SYS_pivot_root, ".", ".") && !umount2(".", MNT_DETACH) && !chdir("/proc"),
	     "change the root directory");
	proc_fd = open("/proc", O_PATH | O_DIRECTORY);
	need(proc_fd >= 0, "open /proc");
}

/* Some files are only in the root that make_root() leaves, so they are opened before. */
static void prepare(__u64 seed, int wrong_shape)
{
	open_switch();
	find_events();
	make_lanes();
	shared->wrong_shape = wrong_shape;
	copy_self();
	open_dev_null();
	make_root();
	make_room_for_results();
	raise_limits();
	make_world(seed);
	copy_to_lanes();
	switch_events(true);
}

static struct options parse(int argc, char **argv)
{
	struct options options = { .calls = 1000000, .seed = 1, .program = -1, .again = "" };

	for (int i = 1; i + 1 < argc; i += 2) {
		long long value = strtoll(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--calls"))
			options.calls = value;
		else if (!strcmp(argv[i], "--seed"))
			options.seed = value;
		else if (!strcmp(argv[i], "--program"))
			options.program = value;
		else if (!strcmp(argv[i], "--wrong"))
			options.wrong_shape = value;
		else if (!strcmp(argv[i], "--disturbed"))
			disturbed = value;
		else if (!strcmp(argv[i], "--again"))
			options.again = argv[i + 1];
		else
			die("unknown option %s", argv[i]);
	}
	return options;
}

/* Runs in the driver, and ends what it has started. Returns the exit status. */
static int drive(const struct options *options)
{
	int rc;

	prepare(options->seed, options->wrong_shape);
	if (options->program >= 0)
		rc = replay(options);
	else
		rc = fuzz(options);
	end_world();
	return rc;
}

int main(int argc, char **argv)
{
	static __u64 live[MAX_LIVE];
	struct options options;
	int nr_live, log, status = -1;
	pid_t driver;
	bool noisy;

	if (argc == 4 && !strcmp(argv[1], "--racer"))
		go_on_racing(atoi(argv[2]), atoi(argv[3]));
	setvbuf(stdout, NULL, _IOLBF, 0);
	options = parse(argc, argv);
	log = open_kernel_log();
	nr_live = list_namespaces(live);
	driver = fork();
	if (driver == 0)
		exit(drive(&options));
	need(driver > 0, "start the driver");
	noisy = warned_until_end(log, driver);
	need(waitpid(driver, &status, 0) == driver, "wait for the driver");
	if (WIFSIGNALED(status))
		die("signal %d has ended the driver", WTERMSIG(status));
	if (WEXITSTATUS(status) > 1)
		return 2;
	if (!same_namespaces(live, nr_live) || warned(log) || noisy)
		return 1;
	return WEXITSTATUS(status);
}
