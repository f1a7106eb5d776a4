// SPDX-License-Identifier: GPL-2.0
/* This file makes random programs. */
#define _GNU_SOURCE
#include <linux/capability.h>

#include "program.h"

const struct wrong wrongs[WRONGS] = {
	{ "/dev/null", WHY_NOT_A_NAMESPACE }, { "-1", WHY_BAD_FD }, { "INT_MIN", WHY_BAD_FD },
	{ "9999", WHY_BAD_FD }, { "AT_FDCWD", WHY_BAD_FD }, { "PIDFD_SELF_THREAD", WHY_BAD_FD },
	{ "PIDFD_SELF_THREAD_GROUP", WHY_BAD_FD }, { "FD_NSFS_ROOT", WHY_BAD_FD },
	{ "pipe to read", WHY_NOT_A_NAMESPACE }, { "pipe to write", WHY_NOT_A_NAMESPACE },
	{ "memfd", WHY_NOT_A_NAMESPACE }, { "socket", WHY_NOT_A_NAMESPACE },
	{ "O_PATH of its uts", WHY_BAD_FD }, { "/proc/1", WHY_NOT_A_NAMESPACE },
	{ "/proc/1/ns", WHY_NOT_A_NAMESPACE },
};

static int random_type(void)
{
	return links[types[below(TYPES)]].flag;
}

/* User namespaces are rare, because a caller cannot go back from one. */
static int random_set(void)
{
	int flags = random_bits() & ALL_TYPES & ~CLONE_NEWUSER;

	return one_in(8) ? flags | CLONE_NEWUSER : flags;
}

/* Network namespaces are rare, because each takes a hundred times longer to make. */
static int random_set_to_make(void)
{
	return random_set() & ~(one_in(64) ? 0 : CLONE_NEWNET);
}

static int random_nstype_of_process(void)
{
	switch (below(16)) {
	case 0:
		return one_in(2) ? 0 : random_bits();
	case 1:
		return random_set() | 1U << below(32);
	case 2 ... 6:
		return random_type();
	default:
		return random_set();
	}
}

static int random_nstype_of_link(int link)
{
	switch (below(16)) {
	case 0:
		return random_type();
	case 1:
		return links[link].flag | (one_in(2) ? random_type() : 1U << below(32));
	case 2 ... 8:
		return links[link].flag;
	default:
		return 0;
	}
}

static int random_target(int favourite)
{
	if (one_in(2))
		return favourite;
	return below(one_in(8) ? RACER : TARGETS);
}

static enum fd_kind random_fd_kind(void)
{
	static const enum fd_kind kinds[] = {
		NSFD, NSFD, NSFD, NSFD, NSFD, PIDFD, PIDFD, PIDFD, PIDFD, PIDFD, PIDFD,
		DERIVED, DERIVED, HANDLE, HANDLE, OWN_NSFD, OWN_PIDFD, WRONG,
	};

	return kinds[below(ARRAY_SIZE(kinds))];
}

static struct op random_setns(int favourite)
{
	struct op op = {
		.kind = SETNS,
		.fd = random_fd_kind(),
		.target = random_target(favourite),
		.which = below(LINKS),
	};

	/* There is only a pidfd of a target that has exited. */
	if (op.target >= TARGETS && (op.fd == NSFD || op.fd == HANDLE))
		op.fd = PIDFD;
	if (op.which == USER && !one_in(4))
		op.which = 1 + below(LINKS - 1);
	if (op.fd == PIDFD || op.fd == OWN_PIDFD)
		op.flags = random_nstype_of_process();
	else
		op.flags = random_nstype_of_link(op.which);
	if (op.fd == WRONG)
		op.which = below(WRONGS);
	return op;
}

static struct op random_drop(void)
{
	static const int checked[] = { CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE };

	return (struct op){
		.kind = one_in(8) ? FORFEIT : DROP,
		.which = one_in(2) ? checked[below(ARRAY_SIZE(checked))] : below(CAP_LAST_CAP + 1),
	};
}

/* Makes an operation that changes the state of the caller, but is not setns(2). */
static struct op random_change(void)
{
	switch (below(16)) {
	case 0 ... 1:
		return (struct op){ .kind = UNSHARE, .flags = random_set_to_make() };
	case 2 ... 5:
		return random_drop();
	case 6:
		return (struct op){ .kind = MATE, .which = below(MATES) };
	case 7 ... 8:
		return (struct op){ .kind = PART };
	case 9:
		return (struct op){ .kind = FORK };
	default:
		return (struct op){ .kind = RESTORE };
	}
}

static struct op random_act(void)
{
	switch (below(8)) {
	case 0 ... 3:
		return (struct op){ .kind = UNSHARE, .flags = random_set_to_make() };
	case 4:
		return (struct op){ .kind = EXEC };
	default:
		return (struct op){
			.kind = SETNS,
			.fd = PIDFD,
			.target = below(TARGETS),
			.flags = random_set(),
		};
	}
}

/* Makes a call whose target is the racer most of the time. */
static struct op random_racing_setns(int favourite)
{
	struct op op = random_setns(favourite);

	if (op.fd != PIDFD && op.fd != DERIVED && op.fd != NSFD)
		return op;
	op.target = one_in(8) ? op.target : RACER;
	if (op.fd == NSFD && one_in(2)) {
		op.fd = PIDFD;
		op.flags = random_set();
	}
	/* The model does not know which namespaces the racer's children would be in. */
	if (op.which == PID_CHILDREN || op.which == TIME_CHILDREN)
		op.which--;
	return op;
}

static void make_racing(struct program *program, int favourite)
{
	program->races = true;
	program->stays = one_in(2);
	program->born = random_set_to_make() & ~(one_in(2) ? 0 : CLONE_NEWNS);
	program->born |= one_in(3) ? CLONE_NEWUSER : 0;
	program->nr_acts = 1 + below(MAX_ACTS);
	for (int i = 0; i < program->nr_acts; i++)
		program->acts[i] = random_act();
	program->nr_ops = 4 + below(MAX_RACING_OPS - 3);
	for (int i = 0; i < program->nr_ops; i++) {
		struct op *op = &program->ops[i];

		*op = one_in(8) ? random_change() : random_racing_setns(favourite);
		if (op->kind == FORK || op->kind == FORFEIT)
			op->kind = RESTORE;
	}
	program->ops[below(program->nr_ops / 2)] = (struct op){ .kind = LET_GO };
}

/*
 * Some callers start without the rights of root, or confined. Programs that race are left out,
 * because the model does not know these rules.
 */
static void confine_some(struct program *program)
{
	for (int i = 0; i < program->nr_ops && one_in(i ? 2 : 4); i++)
		program->ops[i] = (struct op){ .kind = CONFINE, .which = below(CONFINEMENTS) };
}

struct program make_program(__u64 seed, __u64 index)
{
	struct program program = {};
	int favourite;

	seed_random(seed, index);
	favourite = below(TARGETS);
	if (one_in(3)) {
		make_racing(&program, favourite);
		return program;
	}
	program.nr_ops = one_in(4) ? 1 + below(MAX_OPS) : MAX_OPS;
	for (int i = 0; i < program.nr_ops; i++)
		program.ops[i] = one_in(6) ? random_change() : random_setns(favourite);
	confine_some(&program);
	return program;
}

int calls_in(const struct program *program)
{
	int calls = 0;

	for (int i = 0; i < program->nr_ops; i++)
		calls += program->ops[i].kind == SETNS;
	return calls;
}
