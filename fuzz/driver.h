/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The driver runs programs on C and on Rust, compares the results, and shows what
 * differs.
 */
#ifndef FUZZ_DRIVER_H
#define FUZZ_DRIVER_H

#include "caller.h"

/* main.c: options */

/**
 * struct options - the command line
 * @calls: number of calls of setns(2) to make on each of C and Rust
 * @seed: the seed
 * @program: index of the only program to run, or -1
 * @wrong_shape: the way in which Rust is said to answer wrongly, or 0; see falsify()
 * @again: end of the command that runs a program again
 */
struct options {
	long calls;
	__u64 seed;
	long long program;
	int wrong_shape;
	const char *again;
};

/*
 * Other processes disturb the fuzzer: they switch between C and Rust at any time, may
 * unload the switch, and run fault_test at the limit of a memory cgroup. See
 * scripts/guest/load.
 */
extern bool disturbed;

/* targets.c: the targets of the seed, which are the world */

/* Starts all targets but the racer, and writes what they are to "shared", or dies. */
void make_world(__u64 seed);

/* Ends the targets. */
void end_world(void);

/* switch.c: the switch between C and Rust, and how many calls each has served */

/* Opens the files of the switch, or dies. If the fuzzer is disturbed, does nothing. */
void open_switch(void);

/*
 * Switches to this implementation, or dies. If the fuzzer is disturbed, only sets
 * shared->impl.
 */
void switch_to(int impl);

/*
 * Remembers how many calls each implementation has served. If the fuzzer is disturbed,
 * does nothing.
 */
void start_counting(void);

/*
 * Dies unless @impl has served all calls since then, and the other implementation none.
 * If the fuzzer is disturbed, does nothing.
 */
void check_served(int impl);

/* events.c: the trace events of setns(2) */

/* Reads what the kernel says of the events, and lets all tasks use perf, or dies. */
void find_events(void);

/* Switches the events on or off for all later callers, or dies. */
void switch_events(bool on);

/* live.c: the namespaces that are alive in the kernel */

enum { MAX_LIVE = 4096 };

/*
 * Lists the IDs of all live namespaces, or, if the fuzzer is disturbed, of those that
 * root owns. @ids has room for MAX_LIVE. Returns their number, or dies.
 */
int list_namespaces(__u64 *ids);

/* Returns whether the same namespaces are alive as before. Says so if not. */
bool same_namespaces(const __u64 *before, int nr_before);

/* kernel_log.c: the warnings of the kernel */

/* Opens the kernel's log at its end, or dies. */
int open_kernel_log(void);

/* Reads the rest of the log and shows each new warning. Returns whether there is one. */
bool warned(int log);

/* Does the same again and again until the process @driver ends. */
bool warned_until_end(int log, pid_t driver);

/* compare.c: one program on C and on Rust */

/* The records of each implementation are of one program, or of a batch of programs. */
extern struct record *results[IMPLS];

/**
 * struct failure - where a program fails
 * @op: index of the operation, or -1 if the program passes
 * @impl: the implementation that breaks the model, or IMPLS where the two differ
 */
struct failure {
	int op;
	int impl;
};

/*
 * Compares the results of a program, the first of which is at @offset. Returns the first
 * operation with another result on Rust than on C, or -1.
 */
int first_difference(const struct program *program, int offset);

/*
 * Runs the program on C and on Rust, with the results at the start of "results". A program
 * with a racer runs many times. Returns whether it fails, and sets @failure if so.
 */
bool fails(const struct program *program, struct failure *failure);

/* shrink.c: the smallest program that fails */

/*
 * Leaves out of the program what it can fail without. Returns false if the program
 * does not fail again. Else, "results" has the results of the smaller program.
 */
bool shrink(struct program *program, struct failure *failure);

/* report.c: programs and failures as text */

/* Shows in which namespaces each target is born. */
void show_targets(void);

/* Shows the program, with "results". If failure->op is -1, it has passed. */
void show_program(const struct program *program, const struct failure *failure);

/* Shows the program number @index, which has failed, shrinks it, and shows it again. */
void report(struct program *program, struct failure *failure, const struct options *options,
	    __u64 index);

/* batch.c: many programs on C, then on Rust */

/* Makes the memory for the results. */
void make_room_for_results(void);

/*
 * Runs programs from number @first on, until @calls calls are made or there is no room
 * for more results. Counts the results, and reports the first program that fails.
 * Returns the number of programs, or -1 if one has failed.
 */
int run_batch(const struct options *options, __u64 first, long calls);

/* summary.c: the number of results of each kind */

/* Counts the results of a program, the first of which is at @offset. */
void count_program(const struct program *program, int offset);

/* Returns the number of calls of setns(2) that were counted. */
long calls_counted(int impl);

/* Returns the number of those on Rust that were traced. */
long calls_traced(void);

/* Shows the counts. */
void show_summary(void);

/*
 * Returns whether there were joins of each type, by each kind of descriptor, and of
 * racers, and confined callers, on C and on Rust.
 */
bool all_joined(void);

#endif
