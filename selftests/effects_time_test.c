// SPDX-License-Identifier: GPL-2.0
/* The clocks and the offsets of a joined time namespace. */
#define _GNU_SOURCE
#include <time.h>

#include "calls.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* The clocks of the vDSO follow, not only those of the system calls. */
TEST(time_join_moves_the_vdso_clocks)
{
	struct timespec before, vdso, kernel;
	int fd;

	ASSERT_EQ(clock_gettime(CLOCK_MONOTONIC, &before), 0);
	if (unshare(CLONE_NEWTIME) && errno == EINVAL)
		SKIP(return, "no time namespaces");
	ASSERT_EQ(write_file("/proc/self/timens_offsets", "monotonic 864000 0"), 0);
	fd = open_ns("time_for_children");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(setns(fd, CLONE_NEWTIME), 0);

	ASSERT_EQ(clock_gettime(CLOCK_MONOTONIC, &vdso), 0);
	ASSERT_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &kernel), 0);
	EXPECT_GE(vdso.tv_sec - before.tv_sec, 864000);
	EXPECT_GE(kernel.tv_sec, vdso.tv_sec);
	EXPECT_LT(kernel.tv_sec - vdso.tv_sec, 3600);
}

/*
 * In a time namespace, a clock is the clock at home plus a known offset. A reading
 * elsewhere, minus the offset, must lie between two readings at home.
 */

enum timens_fd {
	NSFD,
	NSFD_FOR_CHILDREN,
	PIDFD,
};

static const struct {
	clockid_t id;
	bool boottime;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, false, "monotonic" },
	{ CLOCK_MONOTONIC_RAW, false, "monotonic_raw" },
	/* The vDSO reads this one without a system call, with any clock source */
	{ CLOCK_MONOTONIC_COARSE, false, "monotonic_coarse" },
	{ CLOCK_BOOTTIME, true, "boottime" },
};

struct timens {
	int fd;
	pid_t pid;
	ino_t ino;
	int monotonic;	/* offsets in seconds */
	int boottime;
};

static long long nanoseconds(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

/*
 * Reads clock @i in the namespace @there, by the vDSO or by a system call. Returns what
 * the clock would be at home.
 */
static long long read_clock(int i, const struct timens *there, bool vdso)
{
	int offset = clocks[i].boottime ? there->boottime : there->monotonic;
	struct timespec ts = {};

	if (vdso)
		clock_gettime(clocks[i].id, &ts);
	else
		syscall(SYS_clock_gettime, clocks[i].id, &ts);
	ts.tv_sec -= offset;
	return nanoseconds(&ts);
}

static int write_offsets(const struct timens *ns)
{
	char text[64];

	snprintf(text, sizeof(text), "monotonic %d 0\nboottime %d 0", ns->monotonic, ns->boottime);
	return write_file("/proc/self/timens_offsets", text);
}

/* Returns with the caller in its old time namespace. */
static int make_timens(struct timens *ns, enum timens_fd kind)
{
	int home = open_ns("time"), pidfd;

	if (unshare(CLONE_NEWTIME) || write_offsets(ns))
		return -1;
	ns->ino = ns_ino("time_for_children");
	switch (kind) {
	case NSFD:
		ns->pid = target_in(0, &pidfd);
		ns->fd = open_ns_of(ns->pid, "time");
		break;
	case NSFD_FOR_CHILDREN:
		/* No task is in it, and its offsets could still be changed */
		ns->pid = target_in(CLONE_NEWTIME, &pidfd);
		ns->fd = open_ns("time_for_children");
		break;
	case PIDFD:
		ns->pid = target_in(0, &ns->fd);
		break;
	}
	return setns(home, CLONE_NEWTIME);
}

FIXTURE(time)
{
	int home;
	struct timens none;
	struct timens a;
	struct timens b;
};

FIXTURE_VARIANT(time)
{
	enum timens_fd kind;
};

FIXTURE_SETUP(time)
{
	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	self->home = open_ns("time");
	self->a = (struct timens){ .monotonic = 864000, .boottime = 1728000 };
	self->b = (struct timens){ .monotonic = 86400000, .boottime = 8640000 };
	ASSERT_EQ(make_timens(&self->a, variant->kind), 0);
	ASSERT_EQ(make_timens(&self->b, variant->kind), 0);
	ASSERT_GE(self->a.fd, 0);
	ASSERT_GE(self->b.fd, 0);
}

FIXTURE_TEARDOWN(time)
{
	end_target(self->a.pid);
	end_target(self->b.pid);
}

FIXTURE_VARIANT_ADD(time, nsfd)
{
	.kind = NSFD,
};

FIXTURE_VARIANT_ADD(time, nsfd_for_children)
{
	.kind = NSFD_FOR_CHILDREN,
};

FIXTURE_VARIANT_ADD(time, pidfd)
{
	.kind = PIDFD,
};

/* Clocks that are read in one time namespace after the other never go back. */
static void expect_order(struct __test_metadata *_metadata, const struct timens *ns,
			 long long *last)
{
	for (int i = 0; i < ARRAY_SIZE(clocks); i++) {
		for (int vdso = 1; vdso >= 0; vdso--) {
			long long now = read_clock(i, ns, vdso);

			EXPECT_GE(now, last[i]) {
				TH_LOG("%s by %s, offset %d", clocks[i].name,
				       vdso ? "vDSO" : "system call", ns->monotonic);
			}
			last[i] = now;
		}
	}
}

TEST_F(time, clocks)
{
	long long last[ARRAY_SIZE(clocks)] = {};

	expect_order(_metadata, &self->none, last);
	ASSERT_EQ(setns(self->a.fd, CLONE_NEWTIME), 0);
	expect_order(_metadata, &self->a, last);
	ASSERT_EQ(setns(self->home, CLONE_NEWTIME), 0);
	expect_order(_metadata, &self->none, last);
}

/* The vDSO reads another page in each namespace. */
TEST_F(time, clocks_between_two)
{
	long long last[ARRAY_SIZE(clocks)] = {};

	for (int i = 0; i < 20; i++) {
		const struct timens *ns = i % 2 ? &self->b : &self->a;

		ASSERT_EQ(setns(ns->fd, CLONE_NEWTIME), 0);
		expect_order(_metadata, ns, last);
	}
	ASSERT_EQ(setns(self->home, CLONE_NEWTIME), 0);
	expect_order(_metadata, &self->none, last);
}

TEST_F(time, also_for_children)
{
	ASSERT_EQ(setns(self->a.fd, CLONE_NEWTIME), 0);
	EXPECT_EQ(ns_ino("time"), self->a.ino);
	EXPECT_EQ(ns_ino("time_for_children"), self->a.ino);
	ASSERT_EQ(setns(self->home, CLONE_NEWTIME), 0);
	EXPECT_NE(ns_ino("time"), self->a.ino);
	EXPECT_EQ(ns_ino("time_for_children"), ns_ino("time"));
}

TEST_F(time, offsets_are_final)
{
	ASSERT_EQ(setns(self->a.fd, CLONE_NEWTIME), 0);
	EXPECT_EQ(write_offsets(&self->b), -1);
	EXPECT_EQ(errno, EACCES);
}

TEST(time_refused_join_leaves_offsets_open)
{
	struct timens ns = { .monotonic = 1000, .boottime = 1000 };
	int fd;

	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	ASSERT_EQ(unshare(CLONE_NEWTIME), 0);
	fd = open_ns("time_for_children");
	ASSERT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME), EUSERS);
	EXPECT_EQ(write_offsets(&ns), 0);
}

TEST_HARNESS_MAIN
