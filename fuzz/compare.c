// SPDX-License-Identifier: GPL-2.0
/* This file runs one program on C and on Rust, and compares the results. */
#define _GNU_SOURCE
#include <string.h>

#include "driver.h"

struct record *results[IMPLS];

int first_difference(const struct program *program, int offset)
{
	for (int i = 0; i < program->nr_ops; i++) {
		if (memcmp(&results[C][offset + i], &results[RUST][offset + i],
			   sizeof(struct record)))
			return i;
	}
	return -1;
}

/* A program with a racer passes if it passes this many times. */
enum { RACES = 40 };

static bool fails_on(int impl, const struct program *program, struct failure *failure)
{
	int tries = program->races ? RACES : 1;

	switch_to(impl);
	for (int i = 0; i < tries; i++) {
		if (!run_program(program, results[impl])) {
			*failure = (struct failure){ shared->broken, impl };
			return true;
		}
	}
	return false;
}

bool fails(const struct program *program, struct failure *failure)
{
	if (fails_on(C, program, failure) || fails_on(RUST, program, failure))
		return true;
	if (program->races)
		return false;
	*failure = (struct failure){ first_difference(program, 0), IMPLS };
	return failure->op >= 0;
}
