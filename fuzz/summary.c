// SPDX-License-Identifier: GPL-2.0
/* This file counts results, and shows the counts. */
#define _GNU_SOURCE
#include <string.h>

#include "driver.h"

/**
 * struct stats - counts of an implementation
 * @calls: calls of setns(2)
 * @traced: those that were traced
 * @racing: calls with a descriptor of a racer
 * @racing_joined: those that have joined
 * @outcome: calls by their errno, where 0 means that the call has joined
 * @joined_by_type: joins of each entry of types
 * @joined_by_fd: calls that have joined, by the kind of their descriptor
 * @confined: successful operations CONFINE, by their enum confinement
 * @joined_set: a call has joined this set of types, which has one bit for each entry
 */
static struct stats {
	long calls;
	long traced;
	long racing;
	long racing_joined;
	long outcome[MAX_ERR];
	long joined_by_type[TYPES];
	long joined_by_fd[WRONG + 1];
	long confined[CONFINEMENTS];
	bool joined_set[1 << TYPES];
} stats[IMPLS];

int flags_joined(const struct op *op)
{
	bool process = op->fd == PIDFD || op->fd == OWN_PIDFD;

	return process ? op->flags : links[op->which].flag;
}

static void count_joined(struct stats *of, const struct op *op)
{
	int flags = flags_joined(op), set = 0;

	of->joined_by_fd[op->fd]++;
	for (int i = 0; i < TYPES; i++) {
		if (flags & links[types[i]].flag) {
			of->joined_by_type[i]++;
			set |= 1 << i;
		}
	}
	of->joined_set[set] = true;
}

static void count_call(struct stats *of, const struct program *program, const struct op *op,
		       const struct record *record)
{
	bool racing = program->races && op->target == RACER;

	/* allowed() accepts no errno from MAX_ERR on. */
	of->calls++;
	of->traced += shared->watched;
	of->outcome[record->err]++;
	of->racing += racing;
	of->racing_joined += racing && !record->err;
	if (!record->err)
		count_joined(of, op);
}

void count_program(const struct program *program, int offset)
{
	for (int impl = 0; impl < IMPLS; impl++) {
		for (int i = 0; i < program->nr_ops; i++) {
			const struct op *op = &program->ops[i];
			const struct record *record = &results[impl][offset + i];

			if (op->kind == SETNS)
				count_call(&stats[impl], program, op, record);
			else if (op->kind == CONFINE && !record->err)
				stats[impl].confined[op->which]++;
		}
	}
}

static void show_outcomes(void)
{
	printf("%-12s %10s %10s\n", "outcome", impl_names[C], impl_names[RUST]);
	for (int err = 0; err < MAX_ERR; err++) {
		if (stats[C].outcome[err] || stats[RUST].outcome[err])
			printf("%-12s %10ld %10ld\n", err ? strerrorname_np(err) : "joined",
			       stats[C].outcome[err], stats[RUST].outcome[err]);
	}
	printf("%-12s %10ld %10ld\n", "racing", stats[C].racing, stats[RUST].racing);
	printf("%-12s %10ld %10ld\n", "and joined", stats[C].racing_joined,
	       stats[RUST].racing_joined);
}

static void show_joined(void)
{
	static const char *const fd_names[] = {
		"nsfs", "pidfd", "derived", "handle", "own nsfs", "own pidfd",
	};
	int sets = 0;

	printf("joined by type:");
	for (int i = 0; i < TYPES; i++)
		printf(" %s %ld", links[types[i]].name, stats[RUST].joined_by_type[i]);
	printf("\nconfined: nobody %ld, no new privileges %ld, seccomp %ld, Landlock %ld",
	       stats[RUST].confined[AS_NOBODY], stats[RUST].confined[NO_NEW_PRIVS],
	       stats[RUST].confined[SECCOMP], stats[RUST].confined[LANDLOCK]);
	printf("\njoined by descriptor:");
	for (int i = 0; i < WRONG; i++)
		printf(" %s %ld,", fd_names[i], stats[RUST].joined_by_fd[i]);
	for (int i = 0; i < 1 << TYPES; i++)
		sets += stats[RUST].joined_set[i];
	printf(" %d sets of types\n", sets);
}

long calls_counted(int impl)
{
	return stats[impl].calls;
}

long calls_traced(void)
{
	return stats[RUST].traced;
}

void show_summary(void)
{
	show_outcomes();
	show_joined();
}

bool all_joined(void)
{
	for (int impl = 0; impl < IMPLS; impl++) {
		for (int i = 0; i < TYPES; i++) {
			if (!stats[impl].joined_by_type[i])
				return false;
		}
		for (int i = 0; i < WRONG; i++) {
			if (!stats[impl].joined_by_fd[i])
				return false;
		}
		/* Few kernels have Landlock. */
		for (int i = 0; i < CONFINEMENTS; i++) {
			if (!stats[impl].confined[i] && (i != LANDLOCK || has_landlock()))
				return false;
		}
		if (!stats[impl].racing_joined)
			return false;
	}
	return true;
}
