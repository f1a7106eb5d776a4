/* SPDX-License-Identifier: GPL-2.0 */
/*
 * A program is a list of operations, which a seed and an index give. A new process, the
 * caller, runs it. The functions are in program.c.
 */
#ifndef FUZZ_PROGRAM_H
#define FUZZ_PROGRAM_H

#include "base.h"

enum {
	MAX_OPS = 64,
	MAX_RACING_OPS = 24,
	MAX_ACTS = 12,
};

/*
 * The numbers of the targets. Those from 0 to TARGETS - 1 live as long as the driver, and
 * number 0 has the namespaces of the driver. ZOMBIE has exited, and REAPED has been
 * waited for as well: there is only a pidfd of each. RACER comes with a program.
 */
enum { TARGETS = 12, ZOMBIE = TARGETS, REAPED, RACER, ALL_TARGETS };

/**
 * enum op_kind - what an operation does
 * @SETNS: call setns(2)
 * @UNSHARE: call unshare(2)
 * @DROP: drop a capability from the effective set
 * @FORFEIT: drop a capability from the permitted set as well
 * @RESTORE: make all permitted capabilities effective
 * @MATE: start a task that shares something with the caller
 * @PART: end the tasks that share something with the caller, except a thread
 * @FORK: go on as a child
 * @LET_GO: let the racer begin with its acts
 * @EXEC: execute this program again, which is only for a racer
 * @CONFINE: take rights away from the caller for good
 */
enum op_kind { SETNS, UNSHARE, DROP, FORFEIT, RESTORE, MATE, PART, FORK, LET_GO, EXEC, CONFINE };

/**
 * enum fd_kind - the descriptor that setns(2) gets
 * @NSFD: a file of nsfs, of a target
 * @PIDFD: a pidfd of a target
 * @DERIVED: a file of nsfs, opened by an ioctl(2) of a target's pidfd
 * @HANDLE: a file of nsfs, opened by open_by_handle_at(2), of a target
 * @OWN_NSFD: a file of nsfs, of the caller
 * @OWN_PIDFD: a pidfd of the caller
 * @WRONG: a descriptor that setns(2) must refuse; see wrongs
 */
enum fd_kind { NSFD, PIDFD, DERIVED, HANDLE, OWN_NSFD, OWN_PIDFD, WRONG };

/* A mate is a task that shares this with the caller: all, its fs_struct or its memory. */
enum { THREAD, FS, MM, MATES };

/* How CONFINE takes rights away. */
enum confinement { AS_NOBODY, NO_NEW_PRIVS, SECCOMP, LANDLOCK, CONFINEMENTS };

/**
 * struct op - an operation of the caller, or an act of the racer
 * @kind: what it does
 * @fd: for SETNS, the kind of descriptor
 * @target: for SETNS, the target that the descriptor is of
 * @which: for SETNS, a link, or an index of wrongs; for DROP and FORFEIT, a capability;
 *	for MATE, what is shared; for CONFINE, an enum confinement
 * @flags: for SETNS, the second argument; for UNSHARE, the argument
 */
struct op {
	enum op_kind kind;
	enum fd_kind fd;
	int target;
	int which;
	int flags;
};

/**
 * struct program - what a caller runs, and a racer if there is one
 * @nr_ops: number of operations
 * @ops: operations of the caller
 * @races: there is a racer, and the members below count
 * @stays: after its acts, the racer waits until the caller has finished; else it exits
 * @born: types of the new namespaces that the racer starts in
 * @nr_acts: number of acts
 * @acts: acts of the racer
 */
struct program {
	int nr_ops;
	struct op ops[MAX_OPS];
	bool races;
	bool stays;
	int born;
	int nr_acts;
	struct op acts[MAX_ACTS];
};

enum { WRONGS = 15 };

/**
 * struct wrong - a descriptor that setns(2) must refuse
 * @name: what it is
 * @why: the reason that setns(2) must give
 */
struct wrong {
	const char *name;
	enum reason why;
};

/* open_wrong_fds() opens them in the same order. */
extern const struct wrong wrongs[WRONGS];

/* Makes the program number @index of the seed. It starts the random numbers anew. */
struct program make_program(__u64 seed, __u64 index);

/* Returns how many calls of setns(2) the caller makes in this program. */
int calls_in(const struct program *program);

#endif
