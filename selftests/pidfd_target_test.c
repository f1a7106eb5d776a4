// SPDX-License-Identifier: GPL-2.0
/*
 * The process that a pidfd stands for: the peer of a socket, the caller itself, a kernel
 * thread, or a process that has no pid where the caller is.
 *
 * fd_way_test has the ways to get a pidfd, and pidfd_change_test has processes that change.
 */
#define _GNU_SOURCE
#include <sys/socket.h>
#include <sys/wait.h>

#include "callers.h"
#include "calls.h"
#include "links.h"
#include "pass_fd.h"
#include "setns.h"
#include "tasks.h"

/* The C library may lack these. */
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif

/* A socket gives pidfds of its creator and of the sender of a message. */

static int offer_socket(int by)
{
	int on = 1, sock[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return 1;
	if (setsockopt(sock[0], SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)))
		return 2;
	if (send_fds(sock[1], 0, NULL, 0) || send_fds(by, 0, sock, 1))
		return 3;
	close(sock[0]);
	return read(by, &c, 1) ? 4 : 0;
}

FIXTURE(peer)
{
	int sock;	/* a message waits in it */
	int by;		/* the process lives until this is closed */
	int pidfd;
	pid_t pid;
	struct ns_links there;
};

FIXTURE_SETUP(peer)
{
	int by[2];

	if (!is_built_in("uts") || !is_built_in("pid"))
		SKIP(return, "no uts or no pid namespaces");
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, by), 0);
	self->pid = clone3_in(CLONE_NEWUTS | CLONE_NEWPID, &self->pidfd);
	ASSERT_GE(self->pid, 0);
	if (self->pid == 0) {
		close(by[0]);
		_exit(offer_socket(by[1]));
	}
	close(by[1]);
	self->by = by[0];
	ASSERT_EQ(receive_fds(self->by, SCM_RIGHTS, &self->sock, 1), 0);
	self->there = links_of(self->pid);
}

FIXTURE_TEARDOWN(peer)
{
	close(self->by);
}

static int peer_of(int sock)
{
	int fd = -1;
	socklen_t size = sizeof(fd);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &fd, &size))
		return -1;
	return fd;
}

static int sender_to(int sock)
{
	int fd;

	return receive_fds(sock, SCM_PIDFD, &fd, 1) ? -1 : fd;
}

static void expect_peer(struct __test_metadata *_metadata, int fd, int pidfd,
			const struct ns_links *there)
{
	ASSERT_GE(fd, 0);
	EXPECT_EQ(ino_of(fd), ino_of(pidfd));
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS | CLONE_NEWPID,
	}, there);
	expect_refusal(_metadata, (struct call){ .fd = fd }, EINVAL);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS, .become = become_someone_else,
	}, EPERM);
}

TEST_F(peer, of_socket)
{
	expect_peer(_metadata, peer_of(self->sock), self->pidfd, &self->there);
}

TEST_F(peer, of_message)
{
	expect_peer(_metadata, sender_to(self->sock), self->pidfd, &self->there);
}

/* The socket gives both pidfds even if the process is dead. */
TEST_F(peer, dead)
{
	int fds[2];

	close(self->by);
	ASSERT_EQ(waitpid(self->pid, NULL, 0), self->pid);
	fds[0] = peer_of(self->sock);
	fds[1] = sender_to(self->sock);
	for (int i = 0; i < 2; i++) {
		ASSERT_GE(fds[i], 0);
		EXPECT_EQ(ino_of(fds[i]), ino_of(self->pidfd));
		expect_refusal(_metadata, (struct call){
			.fd = fds[i], .nstype = CLONE_NEWUTS,
		}, ESRCH);
	}
}

/* These processes are special in other ways. */

TEST(pidfd_of_oneself)
{
	struct ns_links own, now;
	int fd;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	/* The caller is a child, which has left these namespaces */
	ASSERT_EQ(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET), 0);
	own = links_of_caller();
	fd = pidfd_open(getpid());
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = all_types & ~CLONE_NEWUSER, .become = leave_all_but_user,
	}, &own);

	/* The caller is the process itself, and nothing changes */
	ASSERT_EQ(leave_all_but_user(), 0);
	own = links_of_caller();
	EXPECT_EQ(refusal(fd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET), 0);
	now = links_of_caller();
	EXPECT_EQ(memcmp(&now, &own, sizeof(own)), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUTS | CLONE_NEWUSER), EINVAL);
	now = links_of_caller();
	EXPECT_EQ(memcmp(&now, &own, sizeof(own)), 0);
}

/* A kernel thread has the initial namespaces. */
TEST(pidfd_of_kernel_thread)
{
	char name[16] = "";
	struct ns_links there;
	int fd;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	fd = open("/proc/2/comm", O_RDONLY | O_CLOEXEC);
	if (read(fd, name, sizeof(name) - 1) < 0 || strcmp(name, "kthreadd\n"))
		SKIP(return, "not in the initial pid namespace");
	fd = pidfd_open(2);
	ASSERT_GE(fd, 0);
	there = links_of(2);
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = all_types & ~CLONE_NEWUSER, .become = leave_all_but_user,
	}, &there);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = CLONE_NEWUSER }, EINVAL);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = all_types }, EINVAL);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS, .become = become_someone_else,
	}, EPERM);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS, .become = become_root_elsewhere,
	}, EPERM);
	/* The new root directory is that of the namespace, not that of the kernel thread */
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(refusal(fd, CLONE_NEWNS), 0);
	EXPECT_EQ(access("/proc/self/ns", F_OK), 0);
}

/*
 * The process has no pid in the caller's pid namespace: it is in a sibling of it, or
 * above it.
 */
TEST(pidfd_without_a_number)
{
	int pidfds[2];

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	ASSERT_GT(target_in(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET, &pidfds[0]), 0);
	ASSERT_GT(target_in(CLONE_NEWUTS | CLONE_NEWNET, &pidfds[1]), 0);
	for (int i = 0; i < 2; i++) {
		struct call call = {
			.fd = pidfds[i], .nstype = CLONE_NEWUTS, .how = CLONE_NEWPID,
		};
		struct ns_links there = links_to(ioctl(call.fd, IOC_PIDFD_GET_NS(10), 0));

		expect_join(_metadata, call, &there);
		/* Its pid namespace cannot be joined, alone or with others */
		call.nstype = CLONE_NEWPID;
		expect_refusal(_metadata, call, EINVAL);
		call.nstype = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET;
		expect_refusal(_metadata, call, EINVAL);
	}
}

TEST_HARNESS_MAIN
