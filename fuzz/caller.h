/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The caller is a new process for each program. It runs the operations of the program
 * and asks the model whether the results are right.
 */
#ifndef FUZZ_CALLER_H
#define FUZZ_CALLER_H

#include "shared.h"

/**
 * struct attempt - an operation of the caller, what was there before it, and its result
 * @op: the operation
 * @shares: what the caller shared with mates before it
 * @err: errno of the operation, or 0
 * @open_err: errno of opening the descriptor for setns(2), or 0
 * @seen: what the trace events have said of it
 * @before: state of the caller before it
 * @after: state of the caller after it
 */
struct attempt {
	const struct op *op;
	bool shares[MATES];
	int err;
	int open_err;
	const struct seen *seen;
	struct state before;
	struct state after;
};

/* caller.c: one program */

/*
 * Runs the program in a new process, and writes a record for each operation. Returns
 * whether the model allows all results; else shared->broken is the first one that is
 * wrong.
 */
bool run_program(const struct program *program, struct record *records);

/* model.c: what setns(2) may do */

/*
 * Returns whether setns(2) may give this result, while the racer is in any of
 * shared->states. Without a racer, it only sees an errno that no caller may see.
 */
bool allowed(const struct attempt *attempt);

/*
 * No caller may see an errno from MAX_ERR on. Those from 512 on are only for use inside
 * the kernel.
 */
enum { MAX_ERR = 134, ERESTARTSYS = 512 };

/* calls.c: the calls of setns(2), with their descriptors */

/* Opens the one wrong descriptor that needs a /dev. */
void open_dev_null(void);

/* Opens the other ones, or dies. */
void open_wrong_fds(void);

/* Remembers the file handle of a target's link, which @fd is open on. */
void remember_handle(int target, int link, int fd);

/* Calls setns(2), and counts that in shared->served. Returns the errno, or 0. */
int counted_setns(int fd, int nstype);

/*
 * Calls setns(2) as the operation says. Returns the errno, or 0. If a descriptor has to
 * be opened first, sets @open_err to the errno of that, or to 0; if that fails, calls
 * setns(2) with -1.
 */
int run_setns(const struct op *op, int *open_err);

/* events.c: what the trace events say of the calls */

/* Watches the calls of this task, if shared->watched. A child has to do this again. */
void watch_own_calls(void);

/* Reads what the events have said since the last time. Dies if some were lost. */
void read_events(struct seen *seen);

/* Returns the errno of a refusal for this reason, or 0. */
int errno_for(enum reason reason);

/*
 * Returns whether a call has the events that it must have: one with a reason that fits the errno,
 * or one for each type in @expected, which the call has joined.
 */
bool well_explained(const struct attempt *attempt, int expected);

/* Returns whether the events say that this type has refused the call for this reason. */
bool explained(const struct attempt *attempt, enum reason reason, int type);

/* Dies if perf has lost an event of this task. */
void check_none_lost(void);

/* Returns the types that this call joins if it succeeds. */
int flags_joined(const struct op *op);

/* confine.c: callers without all rights */

/* Takes rights away from this task. Returns the errno, or 0. */
int confine(enum confinement way);

/* Returns whether the kernel has Landlock, and it is on. */
bool has_landlock(void);

/* mates.c: the tasks that share something with the caller, and its children */

/* Copies what the caller shares now. */
void get_shares(bool *now);

/* Remembers that the caller has an fs_struct of its own since it called unshare(2). */
void share_no_fs(void);

/* Starts a mate, unless there is one or it could be killed. Returns the errno, or 0. */
int start_mate(int mate);

/* Ends all mates but a thread. */
void part_from_mates(void);

/*
 * Returns 0 in a child, which takes the caller's place and has no mates. The caller
 * itself waits, and exits like the child. If there is no child, returns the errno.
 */
int go_on_as_child(void);

/* racer.c: the target that acts while the caller calls */

/* Copies this program into memory, to be executed again. */
void copy_self(void);

/*
 * Goes on with the act number @from, in a racer that has executed this program again.
 * Does not return.
 */
void go_on_racing(int fd, int from);

/* Starts the racer of shared->program. Returns when its first state is known. */
void start_racer(void);

/* Lets the racer begin with its acts. Returns the errno, or 0. */
int let_racer_go(void);

/* Lets the racer exit, waits for it, and dies if it has failed. */
void end_racer(void);

int racer_pidfd(void);

/* Returns a file of nsfs, opened before the racer's first act. */
int racer_nsfd(int link);

#endif
