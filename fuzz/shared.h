/* SPDX-License-Identifier: GPL-2.0 */
/*
 * This memory is shared by the processes that make a program run. Programs run in LANES
 * processes at a time, and each lane has its own memory. The functions are in shared.c.
 */
#ifndef FUZZ_SHARED_H
#define FUZZ_SHARED_H

#include "program.h"
#include "state.h"

enum { LANES = 2, MAX_STATES = MAX_ACTS + 2 };

/**
 * struct shared - what more than one process knows
 * @world: namespaces of the targets
 * @world_ns: keys of the namespaces of each target
 * @pidfds: a pidfd of each target except RACER
 * @nsfds: a file of nsfs for each link of each target
 * @pids: PID of each target, as the driver sees it
 * @parents: the target in whose namespaces a target is born
 * @own: types of the new namespaces of each target
 * @all_caps: all capabilities that the kernel has
 * @wrong_shape: see struct options
 * @self_fd: this program, to be executed again
 * @program: the program that runs
 * @impl: the implementation that serves setns(2), C or RUST
 * @watched: callers watch the trace events of their calls
 * @served: number of calls of setns(2) since @impl was set
 * @states: the states of the racer so far; only their member ns is set
 * @nr_states: number of these states
 * @made: namespaces that the caller has made, and those that the racer has made
 * @go: pipe from which the racer reads when to begin, and when to exit
 * @racer_links: the racer's links in /proc
 * @broken: first operation whose result the model does not allow, or -1
 *
 * A descriptor has the same number in every process, because children inherit it.
 */
struct shared {
	struct facts world;
	__u64 world_ns[TARGETS][LINKS];
	int pidfds[ALL_TARGETS];
	int nsfds[TARGETS][LINKS];
	pid_t pids[TARGETS];
	int parents[TARGETS];
	int own[TARGETS];
	__u64 all_caps;
	int wrong_shape;
	int self_fd;
	struct program program;
	int impl;
	bool watched;
	long served;
	struct state states[MAX_STATES];
	int nr_states;
	struct facts made[2];
	int go;
	int racer_links;
	int broken;
};

/* This is the memory of the lane that this process belongs to, and its memfd. */
extern struct shared *shared;
extern int shared_fd;

/* Makes memory that children share, filled with zeroes. Sets @fd to its memfd. */
void *share(int *fd, size_t size);

/* Makes the memory of each lane, and puts this process into lane 0. */
void make_lanes(void);

/* Puts this process into another lane. */
void take_lane(int lane);

/* Puts this process, which has just executed this program again, into the lane of @fd. */
void take_lane_again(int fd);

/* Copies the memory of lane 0 to the other lanes. */
void copy_to_lanes(void);

/* Sets which implementation serves, and the count of calls to 0, in each lane. */
void set_impl(int impl);

/* Sets shared->watched in each lane. */
void set_watched(bool watched);

/* Returns how many calls of setns(2) were made since then, in all lanes. */
long calls_made(void);

#endif
