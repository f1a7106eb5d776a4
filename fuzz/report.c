// SPDX-License-Identifier: GPL-2.0
/*
 * This file shows programs and failures. Each function that returns a text overwrites
 * the one that it returned before.
 */
#define _GNU_SOURCE
#include <string.h>

#include "driver.h"

static const char *const mate_names[] = { "a thread", "CLONE_FS", "CLONE_VM" };

static const char *const confinement_names[CONFINEMENTS] = {
	[AS_NOBODY] = "become nobody",
	[NO_NEW_PRIVS] = "forbid new privileges",
	[SECCOMP] = "install a seccomp filter",
	[LANDLOCK] = "enter a Landlock domain",
};

static const char *flags_text(unsigned int flags)
{
	static char text[256];
	char *end = text;

	for (int i = 0; i < TYPES; i++) {
		if (flags & links[types[i]].flag)
			end += sprintf(end, "|%s", links[types[i]].name);
		flags &= ~links[types[i]].flag;
	}
	if (flags || end == text)
		sprintf(end, "|%#x", flags);
	return text + 1;
}

static const char *target_text(int target)
{
	static char text[16];

	if (target == ZOMBIE)
		return "zombie";
	if (target == REAPED)
		return "reaped";
	if (target == RACER)
		return "racer";
	sprintf(text, "T%d", target);
	return text;
}

static const char *fd_text(const struct op *op)
{
	static char text[64];

	switch (op->fd) {
	case NSFD:
		sprintf(text, "%s of %s", links[op->which].name, target_text(op->target));
		break;
	case PIDFD:
		sprintf(text, "pidfd of %s", target_text(op->target));
		break;
	case DERIVED:
		sprintf(text, "%s by the pidfd of %s", links[op->which].name,
			target_text(op->target));
		break;
	case HANDLE:
		sprintf(text, "%s of %s by its handle", links[op->which].name,
			target_text(op->target));
		break;
	case OWN_NSFD:
		sprintf(text, "its own %s", links[op->which].name);
		break;
	case OWN_PIDFD:
		sprintf(text, "its own pidfd");
		break;
	case WRONG:
		return wrongs[op->which].name;
	}
	return text;
}

static const char *op_text(const struct op *op)
{
	static char text[256];

	switch (op->kind) {
	case SETNS:
		sprintf(text, "setns(%s, %s)", fd_text(op), flags_text(op->flags));
		break;
	case UNSHARE:
		sprintf(text, "unshare(%s)", flags_text(op->flags));
		break;
	case DROP:
		sprintf(text, "drop capability %d", op->which);
		break;
	case FORFEIT:
		sprintf(text, "drop capability %d for good", op->which);
		break;
	case RESTORE:
		return "restore the capabilities";
	case MATE:
		sprintf(text, "from now on, share with another task: %s", mate_names[op->which]);
		break;
	case PART:
		return "end the tasks that share something";
	case FORK:
		return "fork, and go on as the child";
	case LET_GO:
		return "let the racer act";
	case CONFINE:
		return confinement_names[op->which];
	case EXEC:
		return "execute this program again";
	}
	return text;
}

static const char *err_text(int impl, int op)
{
	static char numbers[IMPLS][16];
	int err = results[impl][op].err;
	const char *name = err ? strerrorname_np(err) : NULL;

	sprintf(numbers[impl], "%d", err);
	return name ? name : numbers[impl];
}

/* Shows what the trace events have said of a call. */
static void show_seen(const struct record *record, const char *name)
{
	const struct seen *seen = &record->seen;

	if (seen->refusals)
		printf("\t\t%s: refused %u times, reason %u, errno %u, by %s\n", name,
		       seen->refusals, seen->reason, seen->err, flags_text(seen->type));
	if (seen->joins)
		printf("\t\t%s: joined %u types, %s\n", name, seen->joins,
		       flags_text(seen->joined));
}

/* Shows the items in which two records differ. */
static void show_items(const struct record *a, const char *a_name, const struct record *b,
		       const char *b_name)
{
	for (int i = 0; i < ITEMS; i++) {
		__u64 value = items_of(&a->state)[i], other = items_of(&b->state)[i];

		if (value == other)
			continue;
		printf("\t\t%s: %s %s, ", item_names[i], a_name, item_text(i, value));
		printf("%s %s\n", b_name, item_text(i, other));
	}
}

static void show_op(const struct program *program, const struct failure *failure, int i)
{
	const char *mark = i == failure->op ? "-->" : "   ";

	printf("%s %3d  %s: ", mark, i, op_text(&program->ops[i]));
	if (failure->impl != IMPLS) {
		printf("%s\n", err_text(failure->impl, i));
		if (i == failure->op && i > 0)
			show_items(&results[failure->impl][i - 1], "before",
				   &results[failure->impl][i], "after");
		if (i == failure->op)
			show_seen(&results[failure->impl][i], impl_names[failure->impl]);
		return;
	}
	printf("C %s, Rust %s\n", err_text(C, i), err_text(RUST, i));
	if (i == failure->op) {
		show_items(&results[C][i], "C", &results[RUST][i], "Rust");
		show_seen(&results[C][i], "C");
		show_seen(&results[RUST][i], "Rust");
	}
}

static void show_racer(const struct program *program)
{
	printf("The racer is born with its own %s.\n",
	       program->born ? flags_text(program->born) : "nothing");
	for (int i = 0; i < program->nr_acts; i++)
		printf("    %3d  %s\n", i, op_text(&program->acts[i]));
	printf("         %s\n", program->stays ? "stay" : "exit");
}

void show_targets(void)
{
	for (int i = 1; i < TARGETS; i++) {
		printf("T%d is born in the namespaces of T%d, with its own %s.\n", i,
		       shared->parents[i], flags_text(shared->own[i]));
	}
}

void show_program(const struct program *program, const struct failure *failure)
{
	if (program->races)
		show_racer(program);
	if (failure->op < 0)
		printf("The caller, on which C and Rust agree, or at least the model with both:\n");
	else if (failure->impl == IMPLS)
		printf("The caller, on which C and Rust differ:\n");
	else
		printf("The caller, on %s, of which the model expects something else:\n",
		       impl_names[failure->impl]);
	for (int i = 0; i < program->nr_ops; i++)
		show_op(program, failure, i);
}

void report(struct program *program, struct failure *failure,
	    const struct options *options, __u64 index)
{
	printf("\nA program fails: scripts/fuzz --seed %llu --program %llu%s\n",
	       (unsigned long long)options->seed, (unsigned long long)index, options->again);
	show_targets();
	show_program(program, failure);
	if (!shrink(program, failure)) {
		printf("\nIt passes when it is run again.\n");
		return;
	}
	printf("\nIt shrinks to %d operation%s:\n", program->nr_ops,
	       program->nr_ops == 1 ? "" : "s");
	show_program(program, failure);
}
