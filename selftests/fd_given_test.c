// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that another process has sent. setns(2) checks who the caller is and what
 * nstype says. It does not check who opened the descriptor, what the opener was allowed
 * to do, or what became of the opener.
 *
 * fd_way_test shows that the way of a descriptor does not matter either.
 */
#define _GNU_SOURCE
#include <linux/sockios.h>
#include <sys/socket.h>

#include "callers.h"
#include "calls.h"
#include "gift.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* <linux/nsfs.h> may lack these. */
#define IOC_NS_GET_USERNS	_IO(0xb7, 1)
#define IOC_NS_GET_PARENT	_IO(0xb7, 2)
#define IOC_NS_MNT_GET_NEXT	_IOR(0xb7, 11, struct mnt_info)
#define IOC_NS_MNT_GET_PREV	_IOR(0xb7, 12, struct mnt_info)

struct mnt_info {
	__u32 size;
	__u32 nr_mounts;
	__u64 id;
};

FIXTURE(given)
{
	struct gift gift;
};

FIXTURE_SETUP(given)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	ASSERT_EQ(receive_gift(&self->gift), 0);
}

FIXTURE_TEARDOWN(given)
{
	end_giver(&self->gift);
}

/* The caller must be capable. The opener of the descriptor does not matter. */

static const struct {
	int (*become)(void);
	int user;	/* the errno for the user namespace alone */
	int others;	/* the errno for another type alone */
	int all;	/* the errno for all types at once */
} receivers[] = {
	{ NULL, 0, 0, 0 },
	{ become_owner, 0, EPERM, 0 },
	{ become_someone_else, EPERM, EPERM, EPERM },
	{ become_root_elsewhere, EPERM, EPERM, EPERM },
};

static void expect_receivers_checked(struct __test_metadata *_metadata, int fd, int nstype,
				     const struct ns_links *there)
{
	for (int i = 0; i < ARRAY_SIZE(receivers); i++) {
		struct call call = { .fd = fd, .nstype = nstype, .become = receivers[i].become };
		int err = nstype == all_types ? receivers[i].all :
			  nstype == CLONE_NEWUSER ? receivers[i].user : receivers[i].others;

		expect_call(_metadata, call, err, err ? 0 : nstype, there);
	}
}

TEST_F(given, nsfd_to_several)
{
	struct gift *gift = &self->gift;

	for (int i = 0; i < TYPES; i++) {
		int by_root = opened_by_root(gift, i);

		expect_receivers_checked(_metadata, by_root, types[i].flag, &gift->there);
		expect_receivers_checked(_metadata, gift->fds[i], types[i].flag, &gift->there);
	}
}

TEST_F(given, pidfd_to_several)
{
	const int nstypes[] = { CLONE_NEWUSER, CLONE_NEWUTS, all_types };
	struct gift *gift = &self->gift;
	int by_root = opened_by_root(gift, PIDFD);

	for (int i = 0; i < ARRAY_SIZE(nstypes); i++) {
		expect_receivers_checked(_metadata, by_root, nstypes[i], &gift->there);
		expect_receivers_checked(_metadata, gift->fds[PIDFD], nstypes[i], &gift->there);
	}
}

/* nstype protects the caller: the giver may have sent a namespace of another type. */
TEST_F(given, every_pair_of_types)
{
	const struct ns_links *there = &self->gift.there;

	for (int i = 0; i < TYPES; i++) {
		struct call call = { .fd = self->gift.fds[i] };

		for (int j = 0; j < TYPES; j++) {
			call.nstype = types[j].flag;
			if (i == j)
				expect_join(_metadata, call, there);
			else
				expect_refusal(_metadata, call, EINVAL);
		}
		/* A caller that accepts any type passes 0 */
		call.nstype = 0;
		expect_call(_metadata, call, 0, types[i].flag, there);
	}
}

/* One child makes these calls. Its capabilities change in between. */
struct attempts {
	struct gift *gift;
	int err[3];
};

static struct attempts *new_attempts(struct gift *gift)
{
	struct attempts *attempts = shared_alloc(sizeof(*attempts));

	*attempts = (struct attempts){ gift, { -1, -1, -1 } };
	return attempts;
}

static int gain_capabilities(void *arg)
{
	struct attempts *attempts = arg;
	int fd;

	if (become_owner())
		return 1;
	fd = opened_by_root(attempts->gift, UTS);
	attempts->err[0] = refusal(fd, CLONE_NEWUTS);
	attempts->err[1] = refusal(attempts->gift->fds[USER], CLONE_NEWUSER);
	attempts->err[2] = refusal(fd, CLONE_NEWUTS);
	return 0;
}

static int lose_capabilities(void *arg)
{
	struct attempts *attempts = arg;
	int fd = opened_by_root(attempts->gift, UTS);

	attempts->err[0] = refusal(fd, CLONE_NEWUTS);
	if (setresuid(-1, 2000, -1))
		return 1;
	attempts->err[1] = refusal(fd, CLONE_NEWUTS);
	if (setresuid(-1, 0, -1))
		return 1;
	attempts->err[2] = refusal(fd, CLONE_NEWUTS);
	return 0;
}

/* The capabilities of the caller count at the call, not when the descriptor was opened. */
TEST_F(given, opened_with_fewer_capabilities)
{
	struct attempts *attempts = new_attempts(&self->gift);

	run_in_child(0, gain_capabilities, attempts);
	EXPECT_EQ(attempts->err[0], EPERM);
	EXPECT_EQ(attempts->err[1], 0);
	EXPECT_EQ(attempts->err[2], 0);
}

TEST_F(given, opened_with_more_capabilities)
{
	struct attempts *attempts = new_attempts(&self->gift);

	run_in_child(0, lose_capabilities, attempts);
	EXPECT_EQ(attempts->err[0], 0);
	EXPECT_EQ(attempts->err[1], EPERM);
	EXPECT_EQ(attempts->err[2], 0);
}

static int refusal_to_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int fork_in_dead_pid_namespace(void *arg)
{
	struct attempts *attempts = arg;

	attempts->err[0] = refusal(attempts->gift->fds[PID], CLONE_NEWPID);
	attempts->err[1] = refusal_to_fork();
	/* The caller is still in its own pid namespace, and may return to it */
	if (!refusal(open_ns("pid"), CLONE_NEWPID))
		attempts->err[2] = refusal_to_fork();
	return 0;
}

/* A pid namespace whose init is gone can be joined, but no child can be created in it. */
TEST_F(given, pid_namespace_without_init)
{
	struct attempts *attempts = new_attempts(&self->gift);

	end_giver(&self->gift);
	run_in_child(0, fork_in_dead_pid_namespace, attempts);
	EXPECT_EQ(attempts->err[0], 0);
	EXPECT_EQ(attempts->err[1], ENOMEM);
	EXPECT_EQ(attempts->err[2], 0);
}

/* These cases use descriptors that lead from one namespace to another. */

TEST_F(given, owner)
{
	struct gift *gift = &self->gift;
	struct ns_links owner = links_of(gift->pid), owners_owner = links_of(gift->giver);

	for (int i = 0; i < TYPES; i++) {
		int fd = ioctl(gift->fds[i], IOC_NS_GET_USERNS);
		struct call call = { .fd = fd, .nstype = CLONE_NEWUSER };

		ASSERT_GE(fd, 0);
		expect_join(_metadata, call, i == USER ? &owners_owner : &owner);
		call.nstype = i == USER ? CLONE_NEWNS : types[i].flag;
		expect_refusal(_metadata, call, EINVAL);
		call.nstype = CLONE_NEWUSER;
		call.become = become_someone_else;
		expect_refusal(_metadata, call, EPERM);
	}
}

TEST_F(given, parent)
{
	struct gift *gift = &self->gift;
	struct ns_links parent = links_of(gift->giver);

	expect_join(_metadata, (struct call){
		.fd = ioctl(gift->fds[USER], IOC_NS_GET_PARENT), .nstype = CLONE_NEWUSER,
	}, &parent);
	expect_join(_metadata, (struct call){
		.fd = ioctl(gift->fds[PID], IOC_NS_GET_PARENT), .nstype = CLONE_NEWPID,
		.become = leave_all_but_user,
	}, &parent);
	expect_refusal(_metadata, (struct call){
		.fd = ioctl(gift->fds[PID], IOC_NS_GET_PARENT), .nstype = CLONE_NEWUSER,
	}, EINVAL);
}

/* Walks from the older of two mount namespaces to the younger one, and back. */
TEST_F(given, next_mount_namespace)
{
	struct gift *gift = &self->gift;
	int fd = open_ns("mnt"), last = -1;
	ino_t home = ino_of(fd);
	struct mnt_info info;

	while (fd >= 0 && ino_of(fd) != ino_of(gift->fds[MNT])) {
		last = fd;
		fd = ioctl(last, IOC_NS_MNT_GET_NEXT, &info);
		close(last);
	}
	ASSERT_GE(fd, 0);
	expect_checked_nsfd(_metadata, fd, CLONE_NEWNS);

	while (fd >= 0 && ino_of(fd) != home) {
		last = fd;
		fd = ioctl(last, IOC_NS_MNT_GET_PREV, &info);
		close(last);
	}
	ASSERT_GE(fd, 0);
	expect_nsfd(_metadata, fd, CLONE_NEWNS);
}

/* A socket stays in the network namespace in which it was made. */
TEST_F(given, namespace_of_a_socket)
{
	struct gift *gift = &self->gift;
	int home = open_ns("net"), sock, fd;

	ASSERT_EQ(setns(gift->fds[NET], CLONE_NEWNET), 0);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	ASSERT_EQ(setns(home, CLONE_NEWNET), 0);

	fd = ioctl(sock, SIOCGSKNS);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(ino_of(fd), ino_of(gift->fds[NET]));
	expect_checked_nsfd(_metadata, fd, CLONE_NEWNET);
	/* The socket itself does not stand for that namespace */
	expect_refusal(_metadata, (struct call){ .fd = sock, .nstype = CLONE_NEWNET }, EINVAL);
}

/* The holder of a pidfd may use it, but not open it again. */
TEST_F(given, pidfd_not_opened_again_by_others)
{
	int fd = self->gift.fds[PIDFD];

	ASSERT_EQ(become_owner(), 0);
	EXPECT_EQ(open_fd_of("self", fd, O_RDONLY), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(open_fd_of("self", fd, O_RDWR), -1);
	EXPECT_EQ(errno, EACCES);
	expect_join(_metadata, (struct call){ .fd = fd, .nstype = all_types }, &self->gift.there);
}

/* Files of nsfs are immutable, even for root. */
TEST_F(given, nsfd_only_for_reading)
{
	for (int i = 0; i < TYPES; i++) {
		EXPECT_EQ(open_fd_of("self", self->gift.fds[i], O_RDWR), -1);
		EXPECT_EQ(errno, EPERM);
		EXPECT_EQ(open_fd_of("self", self->gift.fds[i], O_WRONLY), -1);
		EXPECT_EQ(errno, EPERM);
	}
}

TEST_HARNESS_MAIN
