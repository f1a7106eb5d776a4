/* SPDX-License-Identifier: GPL-2.0 */
/* Calls of setns(2) that a child makes, so that the test itself stays where it is. */
#ifndef SELFTESTS_SETNS_CALLS_H
#define SELFTESTS_SETNS_CALLS_H

#include "callers.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* Calls with one descriptor, and the errno of each. */
struct calls {
	int fd;
	int count;
	int nstype[NR_SETS];
	int err[NR_SETS];
};

static inline struct calls *new_calls(void)
{
	struct calls *calls = shared_alloc(sizeof(*calls));

	/* -1 is no errno: it marks a call that was not made */
	for (int i = 0; i < ARRAY_SIZE(calls->err); i++)
		calls->err[i] = -1;
	return calls;
}

static inline int make_calls(void *arg)
{
	struct calls *calls = arg;

	for (int i = 0; i < calls->count; i++)
		calls->err[i] = refusal(calls->fd, calls->nstype[i]);
	return 0;
}

/* Returns the errno of one call. @how is as in run_in_child(). */
static inline int refusal_in_child(int how, int fd, int nstype)
{
	struct calls *calls = new_calls();
	int err;

	calls->fd = fd;
	calls->count = 1;
	calls->nstype[0] = nstype;
	run_in_child(how, make_calls, calls);
	err = calls->err[0];
	munmap(calls, sizeof(*calls));
	return err;
}

/*
 * The last type refuses, after all others are installed: a task that shares memory
 * cannot join a time namespace.
 */
static inline int late_refusal(int pidfd, int flags)
{
	return refusal_in_child(CLONE_VM, pidfd, flags | CLONE_NEWTIME);
}

/* One call. All that it changes is checked: see expect_call(). */
struct call {
	int fd;
	int nstype;
	int how;		/* flags of clone(2) with which the caller starts */
	int (*become)(void);	/* makes the caller another one, unless this is NULL */
	int err;
	struct ns_links before, after;
};

static inline int make_call(void *arg)
{
	struct call *call = arg;
	int dir;

	if (call->become && call->become())
		return 1;
	/* Open this before the call: the new mount namespace may have no /proc */
	dir = open_links(0);
	call->before = read_links(dir);
	call->err = refusal(call->fd, call->nstype);
	call->after = read_links(dir);
	close(dir);
	return 0;
}

/*
 * If @err is 0, the links of the types in @joined must lead to the namespaces in
 * @there. All other links must lead to where they led before.
 */
static inline void expect_call(struct __test_metadata *_metadata, struct call call, int err,
			       int joined, const struct ns_links *there)
{
	struct call *made = shared_alloc(sizeof(*made));

	*made = call;
	made->err = -1;
	run_in_child(call.how, make_call, made);

	EXPECT_EQ(made->err, err) {
		TH_LOG("setns(%d, %#x)", call.fd, call.nstype);
	}
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		ino_t ino = links[i].flag & joined ? there->ino[i] : made->before.ino[i];

		EXPECT_EQ(made->after.ino[i], ino) {
			TH_LOG("%s after setns(%d, %#x)", links[i].name, call.fd, call.nstype);
		}
	}
	munmap(made, sizeof(*made));
}

static inline void expect_refusal(struct __test_metadata *_metadata, struct call call, int err)
{
	expect_call(_metadata, call, err, 0, NULL);
}

static inline void expect_join(struct __test_metadata *_metadata, struct call call,
			       const struct ns_links *there)
{
	expect_call(_metadata, call, 0, call.nstype, there);
}

/*
 * Returns links that all lead to this namespace. Only the links of its type are used.
 */
static inline struct ns_links links_to(int nsfd)
{
	struct ns_links there;

	for (int i = 0; i < ARRAY_SIZE(links); i++)
		there.ino[i] = ino_of(nsfd);
	return there;
}

/* The descriptor must lead to the intended namespace, however the caller got it. */
static inline void expect_nsfd(struct __test_metadata *_metadata, int fd, int flag)
{
	struct ns_links there = links_to(fd);

	ASSERT_GE(fd, 0);
	expect_join(_metadata, (struct call){ .fd = fd, .nstype = flag }, &there);
}

/* The descriptor must stand for nothing else, and not every caller may use it. */
static inline void expect_checked_nsfd(struct __test_metadata *_metadata, int fd, int flag)
{
	int another = flag == CLONE_NEWUTS ? CLONE_NEWIPC : CLONE_NEWUTS;
	struct call by_another = { .fd = fd, .nstype = flag, .become = become_someone_else };

	expect_nsfd(_metadata, fd, flag);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = another }, EINVAL);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = all_types }, EINVAL);
	expect_refusal(_metadata, by_another, EPERM);
}

#endif
