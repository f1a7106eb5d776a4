// SPDX-License-Identifier: GPL-2.0
/*
 * The order in which setns(2) checks the namespaces of a process.
 *
 * The tests errno_* have one case for each place in the kernel that may refuse. The
 * expected errno follows from the order of the checks, which is ABI:
 *
 *	EBADF	not an open descriptor, or O_PATH
 *	EINVAL	neither namespace nor pidfd; nstype does not fit
 *	ENOMEM
 *	ESRCH	pidfd: reaped
 *	EPERM	pidfd: not allowed to look at the process
 *	ESRCH	pidfd: zombie
 *
 * The namespaces are checked next, in the order of types[]:
 *
 *	user	EINVAL own; EINVAL threads; EINVAL shared root directory; EPERM
 *	mnt	EPERM; EINVAL shared root directory
 *	pid	EPERM; EINVAL neither the caller's nor below it
 *	time	EUSERS shared memory; EPERM
 *	others	EPERM
 *
 * These tests cannot reach some of the places:
 *
 * - ENOMEM needs an allocation that fails. So does EINVAL of a user namespace that
 *   cannot account for the caller. Both are left to fault injection.
 * - EINVAL of an anonymous mount namespace needs a descriptor of one. No task has one,
 *   and file handles and ioctls do not lead to one. A descriptor of its mounts is an
 *   O_PATH one: see detached_mount.
 * - The root of a mount namespace is found, unless autofs is mounted over it and
 *   returns an error.
 * - ESRCH for a process that has namespaces but no pid namespace exists for safety
 *   only. So does EINVAL for a caller without prepared credentials.
 */
#define _GNU_SOURCE
#include <sys/wait.h>

#include "calls.h"
#include "setns.h"
#include "tasks.h"

/*
 * The order of the namespaces of a process. The caller is a child of the target and in
 * its user namespace, but in a pid namespace below. It shares the root directory and
 * the memory with the target. So every namespace refuses, in one of three ways. For mnt
 * and pid, the way depends on whether that user namespace owns them.
 */
static const int worlds[] = { 0, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNS | CLONE_NEWPID };

static int err_alone(int flag, int owned)
{
	int err = EPERM;

	if (flag == CLONE_NEWTIME)
		err = EUSERS;
	else if (flag == CLONE_NEWUSER || owned & flag)
		err = EINVAL;
	return err;
}

static void make_calls_where_all_refuse(struct calls *calls, int owned)
{
	int pidfd;
	pid_t pid = clone3_in(CLONE_NEWUSER | owned, &pidfd);

	if (pid == 0) {
		calls->fd = pidfd_open(getpid());
		run_in_child(CLONE_NEWPID | CLONE_FS | CLONE_VM, make_calls, calls);
		_exit(0);
	}
	if (pid > 0) {
		close(pidfd);
		waitpid(pid, NULL, 0);
	}
}

TEST(pid_pidfd_capability_before_descent)
{
	struct calls *calls = new_calls();

	calls->count = 1;
	calls->nstype[0] = CLONE_NEWPID;
	make_calls_where_all_refuse(calls, CLONE_NEWPID);
	ASSERT_EQ(calls->err[0], EINVAL);
	make_calls_where_all_refuse(calls, 0);
	EXPECT_EQ(calls->err[0], EPERM);
}

FIXTURE(order)
{
};

FIXTURE_VARIANT(order)
{
	int first;	/* index in types[] */
	int later;	/* later types that refuse with another errno in some world */
};

FIXTURE_SETUP(order)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
}

FIXTURE_TEARDOWN(order)
{
}

FIXTURE_VARIANT_ADD(order, user)
{
	.first = USER,
	.later = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP |
		 CLONE_NEWNET | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, mnt)
{
	.first = MNT,
	.later = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET |
		 CLONE_NEWTIME,
};

/* uts, ipc, cgroup and net only return EPERM, so their order does not show. */
FIXTURE_VARIANT_ADD(order, uts)
{
	.first = UTS,
	.later = CLONE_NEWPID | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, ipc)
{
	.first = IPC,
	.later = CLONE_NEWPID | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, pid)
{
	.first = PID,
	.later = CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, cgroup)
{
	.first = CGROUP,
	.later = CLONE_NEWTIME,
};

FIXTURE_VARIANT_ADD(order, net)
{
	.first = NET,
	.later = CLONE_NEWTIME,
};

TEST_F(order, before_later_types)
{
	int first = types[variant->first].flag;
	int seen = 0;

	for (int w = 0; w < ARRAY_SIZE(worlds); w++) {
		struct calls *calls = new_calls();
		int err = err_alone(first, worlds[w]);

		for (int i = variant->first + 1; i < ARRAY_SIZE(types); i++) {
			if (err_alone(types[i].flag, worlds[w]) == err)
				continue;
			seen |= types[i].flag;
			calls->nstype[calls->count++] = first | types[i].flag;
		}
		make_calls_where_all_refuse(calls, worlds[w]);
		for (int i = 0; i < calls->count; i++) {
			EXPECT_EQ(calls->err[i], err) {
				TH_LOG("nstype %#x, owned %#x", calls->nstype[i], worlds[w]);
			}
		}
	}
	EXPECT_EQ(seen, variant->later);
}

/* The first type in each of the 255 sets decides, even if it is the only one. */
static void expect_first_to_decide(struct __test_metadata *_metadata, int owned)
{
	struct calls *calls = new_calls();

	for (unsigned int bits = 1; bits <= NR_SETS; bits++)
		calls->nstype[calls->count++] = set_from(bits);
	make_calls_where_all_refuse(calls, owned);
	for (int i = 0; i < NR_SETS; i++) {
		int first = types[__builtin_ctz(i + 1)].flag;

		EXPECT_EQ(calls->err[i], err_alone(first, owned)) {
			TH_LOG("nstype %#x, owned %#x", calls->nstype[i], owned);
		}
	}
}

TEST(order_of_every_set)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	for (int w = 0; w < ARRAY_SIZE(worlds); w++)
		expect_first_to_decide(_metadata, worlds[w]);
}

TEST_HARNESS_MAIN
