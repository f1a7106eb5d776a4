/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The gift: descriptors of a process and of all its namespaces, which the test receives
 * from another process.
 */
#ifndef SELFTESTS_SETNS_GIFT_H
#define SELFTESTS_SETNS_GIFT_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "links.h"
#include "pass_fd.h"
#include "setns.h"
#include "tasks.h"

/*
 * The giver is the parent of the process and an ordinary user. It is root in its own
 * user namespace, with a mount namespace in which the namespaces of the process are
 * mounted as well.
 */
struct gift {
	int sock;			/* giver and process live until it is closed */
	pid_t giver;
	pid_t pid;
	int fds[TYPES + 1];
	int numbers[TYPES + 1];		/* of the same descriptors in the giver */
	struct ns_links there;
};

enum { PIDFD = TYPES };

static inline int bind_fd(int fd, const char *path)
{
	char source[64];

	if (mknod(path, S_IFREG | 0600, 0) && errno != EEXIST)
		return -1;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	return mount(source, path, NULL, MS_BIND, NULL);
}

static inline int give(int sock)
{
	int fds[TYPES + 1];
	char path[64], c;
	pid_t pid;

	if (become_owner() || unshare_user(CLONE_NEWNS) || mount_tmp())
		return 1;
	pid = target_in(all_types, &fds[PIDFD]);
	for (int i = 0; i < TYPES; i++) {
		fds[i] = open_ns_of(pid, types[i].name);
		snprintf(path, sizeof(path), "/tmp/%s", types[i].name);
		if (fds[i] < 0 || bind_fd(fds[i], path))
			return 2;
	}
	if (send_fds(sock, pid, fds, TYPES + 1))
		return 3;
	if (send(sock, fds, sizeof(fds), 0) != sizeof(fds))
		return 4;
	return read(sock, &c, 1) ? 5 : 0;
}

static inline int receive_gift(struct gift *gift)
{
	int sock[2];

	/* Only younger mount namespaces can be mounted in a mount namespace */
	if (unshare(CLONE_NEWNS) || mount_tmp())
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -1;
	gift->giver = fork();
	if (gift->giver == 0) {
		close(sock[0]);
		_exit(give(sock[1]));
	}
	close(sock[1]);
	gift->sock = sock[0];
	gift->pid = receive_fds(gift->sock, SCM_RIGHTS, gift->fds, TYPES + 1);
	if (gift->pid <= 0)
		return -1;
	if (recv(gift->sock, gift->numbers, sizeof(gift->numbers), 0) != sizeof(gift->numbers))
		return -1;
	gift->there = links_of(gift->pid);
	return 0;
}

static inline int wait_until_dead(int pidfd)
{
	struct pollfd dead = { .fd = pidfd, .events = POLLIN };

	return poll(&dead, 1, -1) == 1 ? 0 : -1;
}

static inline int pidfd_send_signal(int pidfd)
{
	return syscall(SYS_pidfd_send_signal, pidfd, 0, NULL, 0);
}

static inline void end_giver(struct gift *gift)
{
	if (gift->sock < 0)
		return;
	close(gift->sock);
	gift->sock = -1;
	waitpid(gift->giver, NULL, 0);
	wait_until_dead(gift->fds[PIDFD]);
	/* Another process reaps it. Until then, a refusal has another reason */
	for (int i = 0; i < 1000 && !pidfd_send_signal(gift->fds[PIDFD]); i++)
		usleep(1000);
}

static inline int open_fd_of(const char *task, int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/fd/%d", task, fd);
	return open(path, flags | O_CLOEXEC);
}

/* Opens what gift->fds[@which] stands for. */
static inline int opened_by_root(struct gift *gift, int which)
{
	if (which == PIDFD)
		return pidfd_open(gift->pid);
	return open_ns_of(gift->pid, types[which].name);
}

#endif
