/* SPDX-License-Identifier: GPL-2.0 */
/*
 * This header is for all files: how the fuzzer gives up, its random numbers, the types
 * of namespaces, and two system calls. The functions are in base.c.
 */
#ifndef FUZZ_BASE_H
#define FUZZ_BASE_H

#include <fcntl.h>
#include <linux/types.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define ARRAY_SIZE(a)	((int)(sizeof(a) / sizeof((a)[0])))
#define BIT(n)		(1ULL << (n))

/* die() says what is wrong and ends this process with 2: the harness has failed. */
#define die(format, ...)							\
	do {									\
		fprintf(stderr, "setns_fuzz: " format ".\n", ##__VA_ARGS__);	\
		_exit(2);							\
	} while (0)

/* Dies if @ok is false. The message is "cannot", @what and the name of errno. */
void need(bool ok, const char *what);

/*
 * Ends this process with 2 if a child has failed. @status comes from waitpid(2). The
 * child has already said why it failed, unless a signal has ended it.
 */
void expect_success(int status, const char *who);

/* These are the two implementations of setns(2). */
enum { C, RUST, IMPLS };

extern const char *const impl_names[IMPLS];

/*
 * Random numbers. They come from splitmix64, and are the same on every architecture.
 * Each process has a state of its own.
 */

/* Starts the sequence number @index of this seed. */
void seed_random(__u64 seed, __u64 index);

/* Returns 32 random bits. */
__u32 random_bits(void);

/* Returns a number from 0 to @n - 1. */
int below(int n);

/* Returns true with a probability of 1 / @n. */
bool one_in(int n);

/* The links in /proc/PID/ns/ have the order in which setns(2) installs their types. */
enum { USER, MNT, UTS, IPC, PID, PID_CHILDREN, CGROUP, NET, TIME, TIME_CHILDREN, LINKS };

/**
 * struct link - a link in /proc/PID/ns/
 * @name: name of the link
 * @flag: the type of its namespace, a CLONE_NEW* flag
 * @get: the ioctl(2) of a pidfd that opens the same namespace, PIDFD_GET_*_NAMESPACE
 */
struct link {
	const char *name;
	int flag;
	unsigned int get;
};

extern const struct link links[LINKS];

enum { TYPES = 8 };

/* This array has one link for each type of namespace. */
extern const int types[TYPES];

enum {
	ALL_TYPES = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
		    CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME,
};

/*
 * Makes a child with clone3(2), like fork(2) does. @flags are CLONE_NEW* flags and
 * CLONE_PARENT. A @pidfd that is not NULL receives a pidfd of the child. Returns what
 * clone3(2) returns.
 */
pid_t clone_into(int flags, int *pidfd);

/* This file handle has room for its contents. */
union ns_handle {
	struct file_handle handle;
	char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

/* Writes the handle of the namespace that @fd is of to @handle, or dies. */
void get_handle(int fd, union ns_handle *handle);

/* The kernel's reasons to refuse a call, SETNS_* in include/linux/setns.h. */
enum reason {
	WHY_NOT_REFUSED,
	WHY_BAD_FD,
	WHY_NOT_A_NAMESPACE,
	WHY_OTHER_TYPE,
	WHY_BAD_TYPES,
	WHY_NOT_BUILT_IN,
	WHY_NO_MEMORY,
	WHY_REAPED,
	WHY_NOT_INSPECTABLE,
	WHY_ZOMBIE,
	WHY_NO_OWNER_CAP,
	WHY_NO_CAP,
	WHY_NO_CHROOT_CAP,
	WHY_OWN_USER_NS,
	WHY_THREADS,
	WHY_SHARED_FS,
	WHY_NO_CRED,
	WHY_NO_UCOUNTS,
	WHY_ANONYMOUS,
	WHY_NO_ROOT,
	WHY_NOT_BELOW,
	WHY_SHARED_MEMORY,
	WHY_NO_TARGET_CAP,
	REASONS
};

#endif
