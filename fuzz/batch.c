// SPDX-License-Identifier: GPL-2.0
/*
 * This file runs many programs on C, then the same ones on Rust, as switching takes time.
 * Two programs run at a time.
 */
#define _GNU_SOURCE
#include <string.h>
#include <sys/wait.h>

#include "driver.h"

enum { BATCH_RECORDS = 16384, BATCH_PROGRAMS = 2048 };

/**
 * struct batch - the programs that run on C, then on Rust
 * @first: index of the first program
 * @nr: number of programs
 * @offset: index of the first record of each program in results
 */
static struct batch {
	__u64 first;
	int nr;
	int offset[BATCH_PROGRAMS + 1];
} batch;

/* This is shared->broken of each program. */
static int *broken[IMPLS];

void make_room_for_results(void)
{
	int fd;

	for (int i = 0; i < IMPLS; i++) {
		results[i] = share(&fd, BATCH_RECORDS * sizeof(struct record));
		close(fd);
		broken[i] = share(&fd, BATCH_PROGRAMS * sizeof(int));
		close(fd);
	}
}

/* Chooses the programs of a batch. */
static void plan_batch(__u64 seed, __u64 first, long calls)
{
	batch.first = first;
	for (batch.nr = 0; batch.nr < BATCH_PROGRAMS && calls > 0; batch.nr++) {
		struct program program = make_program(seed, first + batch.nr);
		int end = batch.offset[batch.nr] + program.nr_ops;

		if (end > BATCH_RECORDS)
			break;
		batch.offset[batch.nr + 1] = end;
		calls -= calls_in(&program);
	}
}

/* Lane number L runs the programs L, L + LANES, L + 2 * LANES and so on. */
static void run_lane(__u64 seed, int impl, int lane)
{
	take_lane(lane);
	for (int i = lane; i < batch.nr; i += LANES) {
		struct program program = make_program(seed, batch.first + i);

		run_program(&program, results[impl] + batch.offset[i]);
		broken[impl][i] = shared->broken;
	}
	_exit(0);
}

static void run_lanes(__u64 seed, int impl)
{
	pid_t pids[LANES];
	int status = -1;

	for (int i = 0; i < LANES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			run_lane(seed, impl, i);
	}
	for (int i = 0; i < LANES; i++) {
		need(pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i], "run a batch");
		expect_success(status, "a batch");
	}
}

static void run_on(int impl, __u64 seed)
{
	switch_to(impl);
	start_counting();
	run_lanes(seed, impl);
	check_served(impl);
}

/* Returns whether program number @i of the batch has failed, and sets @failure if so. */
static bool batch_failed(int i, const struct program *program, struct failure *failure)
{
	for (int impl = 0; impl < IMPLS; impl++) {
		if (broken[impl][i] >= 0) {
			*failure = (struct failure){ broken[impl][i], impl };
			return true;
		}
	}
	if (program->races)
		return false;
	*failure = (struct failure){ first_difference(program, batch.offset[i]), IMPLS };
	return failure->op >= 0;
}

/* Returns whether all programs have passed. */
static bool check_batch(const struct options *options)
{
	for (int i = 0; i < batch.nr; i++) {
		struct program program = make_program(options->seed, batch.first + i);
		struct failure failure;

		if (batch_failed(i, &program, &failure)) {
			for (int impl = 0; impl < IMPLS; impl++)
				memmove(results[impl], results[impl] + batch.offset[i],
					program.nr_ops * sizeof(struct record));
			report(&program, &failure, options, batch.first + i);
			return false;
		}
		count_program(&program, batch.offset[i]);
	}
	return true;
}

int run_batch(const struct options *options, __u64 first, long calls)
{
	plan_batch(options->seed, first, calls);
	run_on(C, options->seed);
	run_on(RUST, options->seed);
	return check_batch(options) ? batch.nr : -1;
}
