// SPDX-License-Identifier: GPL-2.0
/* This file runs the operations of a program in a caller. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "caller.h"

/*
 * The option --wrong makes an answer of Rust wrong, to show that the fuzzer finds it.
 * docs/fuzzing.md lists the ways. Returns the errno that Rust is said to have given.
 */
static int falsify(const struct op *op, int err)
{
	if (shared->impl != RUST || op->kind != SETNS)
		return err;
	switch (shared->wrong_shape) {
	case 1:
		return op->fd == PIDFD && op->flags & CLONE_NEWPID && err == ESRCH ? EPERM : err;
	case 2:
		return err == EUSERS && op->flags & CLONE_NEWUTS ? EINVAL : err;
	case 3:
		return op->target == RACER && err == ESRCH ? EAGAIN : err;
	case 5:
		return err == EBADF ? ERESTARTSYS : err;
	case 6:
		return shared->program.races && op->target != RACER && err == EPERM ? EINVAL : err;
	}
	return err;
}

/* With --wrong 4, Rust is said to have left out uts among several types. */
static void falsify_state(struct attempt *attempt)
{
	if (shared->wrong_shape != 4 || shared->impl != RUST || attempt->op->kind != SETNS)
		return;
	if (!attempt->err && attempt->op->flags & ~CLONE_NEWUTS)
		attempt->after.ns[UTS] = attempt->before.ns[UTS];
}

/* Returns the errno, or 0. */
static int set_capabilities(__u64 effective, __u64 permitted, __u64 inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[] = {
		{ effective, permitted, inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	return syscall(SYS_capset, &header, data) ? errno : 0;
}

/* Returns the errno, or 0. */
static int change_capabilities(const struct op *op)
{
	struct state now;

	read_capabilities(&now);
	if (op->kind == RESTORE)
		now.effective = now.permitted;
	else
		now.effective &= ~BIT(op->which);
	if (op->kind == FORFEIT)
		now.permitted &= ~BIT(op->which);
	return set_capabilities(now.effective, now.permitted, now.inheritable);
}

/* Returns the errno, or 0. */
static int run_unshare(int flags)
{
	if (unshare(flags))
		return errno;
	/* These flags imply CLONE_FS. */
	if (flags & (CLONE_NEWNS | CLONE_NEWUSER))
		share_no_fs();
	return 0;
}

/* Returns the errno, or 0. */
static int run_fork(void)
{
	int err = go_on_as_child();

	if (!err)
		watch_own_calls();
	return err;
}

/* Returns the errno, or 0. */
static int run_op(const struct op *op, int *open_err)
{
	switch (op->kind) {
	case SETNS:
		return falsify(op, run_setns(op, open_err));
	case UNSHARE:
		return run_unshare(op->flags);
	case DROP:
	case FORFEIT:
	case RESTORE:
		return change_capabilities(op);
	case MATE:
		return start_mate(op->which);
	case PART:
		part_from_mates();
		break;
	case FORK:
		return run_fork();
	case LET_GO:
		return let_racer_go();
	case CONFINE:
		return confine(op->which);
	case EXEC:
		break;
	}
	return 0;
}

/* Runs one operation, and writes down its result. */
static void run_op_and_look(struct attempt *attempt, struct record *record)
{
	get_shares(attempt->shares);
	attempt->open_err = 0;
	attempt->err = run_op(attempt->op, &attempt->open_err);
	read_events(&record->seen);
	attempt->seen = &record->seen;
	look(&attempt->after);
	falsify_state(attempt);
	record->err = attempt->err;
	record->open_err = attempt->open_err;
	symbolise(&attempt->after, &record->state);
}

static void run_ops(struct record *records, struct attempt *attempts)
{
	const struct program *program = &shared->program;

	look(&attempts[0].before);
	for (int i = 0; i < program->nr_ops; i++) {
		struct attempt *attempt = &attempts[i];

		attempt->op = &program->ops[i];
		if (i > 0)
			attempt->before = attempts[i - 1].after;
		run_op_and_look(attempt, &records[i]);
		if (program->races && attempt->op->kind == UNSHARE)
			add_facts(&shared->made[0], &attempt->before, &attempt->after, RACER);
	}
}

/*
 * Sets shared->broken to the first call whose result the model does not allow, or whose events do
 * not explain it.
 */
static void judge(const struct attempt *attempts)
{
	for (int i = 0; i < shared->program.nr_ops; i++) {
		const struct op *op = attempts[i].op;

		if (op->kind != SETNS)
			continue;
		if (!allowed(&attempts[i]) || !well_explained(&attempts[i], flags_joined(op))) {
			shared->broken = i;
			return;
		}
	}
}

static void caller_main(struct record *records)
{
	static struct attempt attempts[MAX_OPS];

	open_own_links();
	if (shared->program.races)
		start_racer();
	watch_own_calls();
	run_ops(records, attempts);
	part_from_mates();
	if (shared->program.races)
		end_racer();
	check_none_lost();
	judge(attempts);
	_exit(0);
}

bool run_program(const struct program *program, struct record *records)
{
	int status = -1;
	pid_t pid;

	shared->program = *program;
	shared->broken = -1;
	memset(records, 0, program->nr_ops * sizeof(*records));
	pid = fork();
	if (pid == 0)
		caller_main(records);
	need(pid > 0 && waitpid(pid, &status, 0) == pid, "start a caller");
	expect_success(status, "a caller");
	return shared->broken < 0;
}
