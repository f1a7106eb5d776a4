// SPDX-License-Identifier: GPL-2.0
/* This file makes a program that fails smaller. */
#define _GNU_SOURCE
#include <string.h>

#include "driver.h"

/* Removes @n of the operations, from number @at on. */
static void remove_ops(struct op *ops, int *nr, int at, int n)
{
	memmove(ops + at, ops + at + n, (*nr - at - n) * sizeof(*ops));
	*nr -= n;
}

/* These are the results of the shortest program that has failed so far. */
static struct record kept[IMPLS][MAX_OPS];

/* Replaces the program by the candidate if that fails too. Returns whether it does. */
static bool keep(struct program *program, const struct program *candidate,
		 struct failure *failure)
{
	struct failure now;

	if (!fails(candidate, &now))
		return false;
	*program = *candidate;
	*failure = now;
	for (int i = 0; i < IMPLS; i++)
		memcpy(kept[i], results[i], sizeof(kept[i]));
	return true;
}

/* Tries the program without @n of its acts or operations. Returns whether it fails. */
static bool try_without(struct program *program, bool acts, int at, int n,
			struct failure *failure)
{
	struct program candidate = *program;

	if (acts)
		remove_ops(candidate.acts, &candidate.nr_acts, at, n);
	else
		remove_ops(candidate.ops, &candidate.nr_ops, at, n);
	return keep(program, &candidate, failure);
}

/* Leaves out acts or operations: first all, then ever smaller parts. */
static void shorten(struct program *program, bool acts, struct failure *failure)
{
	const int *nr = acts ? &program->nr_acts : &program->nr_ops;

	for (int n = *nr; n > 0; n /= 2) {
		int at = 0;

		while (at + n <= *nr) {
			if (!try_without(program, acts, at, n, failure))
				at += n;
		}
	}
}

/* Clears each bit of @flags, a member of the program, that it can fail without. */
static void clear_bits(struct program *program, int *flags, struct failure *failure)
{
	size_t offset = (char *)flags - (char *)program;

	for (int bit = 0; bit < 32; bit++) {
		struct program candidate = *program;

		if (!((unsigned int)*flags & 1U << bit))
			continue;
		*(int *)((char *)&candidate + offset) &= ~(1U << bit);
		keep(program, &candidate, failure);
	}
}

bool shrink(struct program *program, struct failure *failure)
{
	struct program same = *program;

	if (!keep(program, &same, failure))
		return false;
	shorten(program, false, failure);
	shorten(program, true, failure);
	for (int i = 0; i < program->nr_ops; i++)
		clear_bits(program, &program->ops[i].flags, failure);
	for (int i = 0; i < program->nr_acts; i++)
		clear_bits(program, &program->acts[i].flags, failure);
	clear_bits(program, &program->born, failure);
	for (int i = 0; i < IMPLS; i++)
		memcpy(results[i], kept[i], sizeof(kept[i]));
	return true;
}
