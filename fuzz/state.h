/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The state of a task is what setns(2) can change. Its namespaces and mounts have keys,
 * which identify them as long as the kernel runs. The functions are in state.c.
 */
#ifndef FUZZ_STATE_H
#define FUZZ_STATE_H

#include <assert.h>

#include "base.h"

/**
 * struct state - the state of a task
 * @ns: keys of the namespaces that the links lead to, or 0 where a link leads nowhere
 * @root: key of the mount of the root directory
 * @cwd: key of the mount of the current directory
 * @effective: effective capabilities, one bit each
 * @permitted: permitted capabilities
 * @inheritable: inheritable capabilities
 * @uid: user ID, as the task sees it
 * @gid: group ID, as the task sees it
 *
 * A symbolic state has symbols in place of the keys. Two runs of a program give
 * different keys, but the same symbols.
 */
struct state {
	__u64 ns[LINKS];
	__u64 root;
	__u64 cwd;
	__u64 effective;
	__u64 permitted;
	__u64 inheritable;
	__u64 uid;
	__u64 gid;
};

/* A state has this many items, which all are a __u64. The first ones are keys. */
enum { ITEMS = LINKS + 7, KEYS = LINKS + 2 };

static_assert(sizeof(struct state) == ITEMS * sizeof(__u64), "ITEMS is wrong");

extern const char *const item_names[ITEMS];

static inline const __u64 *items_of(const struct state *state)
{
	return (const __u64 *)state;
}

/**
 * struct seen - what the trace events have said of a call
 * @refusals: number of events setns_refused
 * @reason: the reason of the refusal
 * @type: the type of namespace that has refused, or 0
 * @err: the errno of the refusal
 * @joins: number of events setns_joined
 * @joined: their types
 */
struct seen {
	__u32 refusals;
	__u32 reason;
	__u32 type;
	__u32 err;
	__u32 joins;
	__u32 joined;
};

/**
 * struct record - the result of one operation
 * @err: the errno of the operation, or 0
 * @open_err: the errno of opening the descriptor for setns(2), or 0
 * @seen: what the trace events have said of it, all 0 if it is no call or is not watched
 * @state: the symbolic state of the caller after it
 */
struct record {
	int err;
	int open_err;
	struct seen seen;
	struct state state;
};

/**
 * struct facts - a list of namespaces, and of root mounts
 * @nr: number of entries
 * @of: the entries
 * @of.key: key of the namespace
 * @of.owner: key of the user namespace that owns it, or of the parent of a user namespace
 * @of.target: a target that is in it
 * @of.link: the link of this target that leads to it, or LINKS for a root mount
 */
struct facts {
	int nr;
	struct {
		__u64 key;
		__u64 owner;
		int target;
		int link;
	} of[256];
};

/* Looks the owner of a namespace up. Returns whether the facts have the namespace. */
bool find_owner(const struct facts *facts, __u64 key, __u64 *owner);

/* Looks the owner up in all facts. Returns its key, or 0 if none has the namespace. */
__u64 owner_of(__u64 key);

/* Adds a namespace, unless its key is 0, or it is there or in the world already. */
void add_fact(struct facts *facts, __u64 key, __u64 owner, int target, int link);

/* Adds the namespaces that a task did not have before. */
void add_facts(struct facts *facts, const struct state *before, const struct state *now,
	       int target);

/* This is /proc, opened with O_PATH. It must be open before a function below runs. */
extern int proc_fd;

/* Opens the links of this task, for the functions below, and returns the descriptor. */
int open_own_links(void);

/* Takes an open descriptor for the links of this task. */
void use_own_links(int fd);

/* Opens one of these links. Returns -1 and sets errno if that fails. */
int open_own_link(int link);

/* Opens a link of another process. Returns -1 and sets errno if that fails. */
int open_link_of(pid_t pid, int link);

/* Returns the key of a namespace of this task, or 0. */
__u64 key_of_link(int link);

/* Returns the key of the mount that the path is on, or 0. */
__u64 mount_key(int folder, const char *path);

/* Reads only the capabilities of this task. */
void read_capabilities(struct state *state);

/* Reads the state of this task. */
void look(struct state *state);

/*
 * Makes a state symbolic. Keys of the world become their places there. Others become
 * numbers, in the order in which this process and its parents have met them.
 */
void symbolise(const struct state *state, struct state *symbolic);

/* Returns the text for an item of a symbolic state. The next call overwrites it. */
const char *item_text(int item, __u64 value);

#endif
