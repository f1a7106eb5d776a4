/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The rows of setns_bench: namespaces to join, and what each row does.
 */
#ifndef SELFTESTS_SETNS_BENCH_ROWS_H
#define SELFTESTS_SETNS_BENCH_ROWS_H

#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include "bench_call.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

enum { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME, TYPES };

static const char *const names[TYPES] = {
	"user", "mnt", "uts", "ipc", "pid", "cgroup", "net", "time",
};

enum {
	THREE = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
	SIX = THREE | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP,
	ALL = SIX | CLONE_NEWUSER | CLONE_NEWTIME,
};

/* The namespaces of a process. */
struct place {
	int pidfd;
	int ns[TYPES];
};

static struct place home, away, container;
static int not_a_namespace, inner_net;

static void open_place(struct place *place, pid_t pid)
{
	char path[64];

	place->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (place->pidfd < 0)
		die("pidfd_open");
	for (int i = 0; i < TYPES; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		place->ns[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (place->ns[i] < 0)
			die(path);
	}
}

/* Starts a process in new namespaces. Only a child is in new pid and time namespaces. */
static void start_place(struct place *place, int flags)
{
	int line[2];
	pid_t pid;

	if (pipe(line))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(flags))
			die("unshare");
		pid = fork();
		if (pid > 0 && write(line[1], &pid, sizeof(pid)) != sizeof(pid))
			die("write");
		if (!pid)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		exit(BROKEN);
	}
	if (read(line[0], &pid, sizeof(pid)) != sizeof(pid))
		die("read");
	close(line[0]);
	close(line[1]);
	open_place(place, pid);
}

/*
 * Goes back to where the program started, or the next row would start elsewhere. The
 * pidfd of the program is of no use here: it refers to where the program is now.
 */
static bool go_home(void)
{
	for (int i = MNT; i < TYPES; i++) {
		if (join(home.ns[i], 0))
			return false;
	}
	return true;
}

/*
 * The work of the rows. Each function returns false if a call does not answer as it
 * should.
 */

static bool nothing(void)
{
	return true;
}

static bool count_getppid(void)
{
	return COUNT(call(SYS_getppid, 0, 0, 0)) > 0;
}

static bool count_bad_fd(void) { return COUNT(join(1000, 0)) == -EBADF; }
static bool count_type(void) { return COUNT(join(away.ns[NET], CLONE_NEWUTS)) == -EINVAL; }
static bool count_file(void) { return COUNT(join(not_a_namespace, 0)) == -EINVAL; }

static bool home_net(void) { return !join(home.ns[NET], 0); }
static bool home_uts(void) { return !join(home.ns[UTS], 0); }
static bool home_ipc(void) { return !join(home.ns[IPC], 0); }
static bool home_pid(void) { return !join(home.ns[PID], 0); }
static bool home_cgroup(void) { return !join(home.ns[CGROUP], 0); }
static bool home_mnt(void) { return !join(home.ns[MNT], 0); }
static bool home_time(void) { return !join(home.ns[TIME], 0); }

static bool count_net(void) { return !COUNT(join(away.ns[NET], 0)); }
static bool count_uts(void) { return !COUNT(join(away.ns[UTS], 0)); }
static bool count_ipc(void) { return !COUNT(join(away.ns[IPC], 0)); }
static bool count_pid(void) { return !COUNT(join(away.ns[PID], 0)); }
static bool count_cgroup(void) { return !COUNT(join(away.ns[CGROUP], 0)); }
static bool count_mnt(void) { return !COUNT(join(away.ns[MNT], 0)); }
static bool count_time(void) { return !COUNT(join(away.ns[TIME], 0)); }
static bool count_user(void) { return !COUNT(join(container.ns[USER], 0)); }

static bool count_pidfd_one(void) { return !COUNT(join(away.pidfd, CLONE_NEWNET)); }
static bool count_pidfd_three(void) { return !COUNT(join(away.pidfd, THREE)); }
static bool count_pidfd_six(void) { return !COUNT(join(away.pidfd, SIX)); }
static bool count_pidfd_all(void) { return !COUNT(join(container.pidfd, ALL)); }

static bool count_six_singles(void)
{
	return !COUNT(join(away.pidfd, CLONE_NEWNS) | join(away.pidfd, CLONE_NEWUTS) |
		      join(away.pidfd, CLONE_NEWIPC) | join(away.pidfd, CLONE_NEWPID) |
		      join(away.pidfd, CLONE_NEWCGROUP) | join(away.pidfd, CLONE_NEWNET));
}

static bool drop_capabilities(void) { return !call(SYS_setresuid, 1000, 1000, 1000); }
static bool own_set_and_drop(void) { return home_net() && drop_capabilities(); }
static bool count_eperm(void) { return COUNT(join(away.ns[NET], 0)) == -EPERM; }

static int sleep_for_ever(void *unused)
{
	for (;;)
		pause();
	return 0;
}

/* A caller with another thread may not join a time namespace, the last type of a set. */
static bool start_thread(void)
{
	static char stack[16384];
	int how = CLONE_VM | CLONE_SIGHAND | CLONE_THREAD;

	if (clone(sleep_for_ever, stack + sizeof(stack), how, NULL) < 0)
		return false;
	/* It must not wake up during a call that is counted */
	for (int i = 0; i < 3; i++)
		sched_yield();
	return true;
}

static bool count_late(void) { return COUNT(join(away.pidfd, SIX | CLONE_NEWTIME)) == -EUSERS; }

/* In a container, with another network namespace of the same user namespace. */
static bool enter_container(void)
{
	if (join(container.pidfd, ALL) || unshare(CLONE_NEWNET))
		return false;
	inner_net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return inner_net >= 0 && !join(container.ns[NET], 0);
}

static bool count_net_inside(void) { return !COUNT(join(inner_net, 0)); }

static bool count_socket(void)
{
	int fd = COUNT(call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	return fd >= 0 && !close(fd);
}

/* What a program does to open a socket in another network namespace. */
static bool count_socket_away(void)
{
	long there, fd, back;

	started = ticks();
	there = join(away.ns[NET], CLONE_NEWNET);
	fd = call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	back = join(home.ns[NET], CLONE_NEWNET);
	ended = ticks();
	return !there && !back && fd >= 0 && !close(fd);
}

/* A message of one byte and a descriptor. */
static char byte;
static union {
	struct cmsghdr header;
	char buffer[CMSG_SPACE(sizeof(int))];
} control = {
	{ .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS },
};

static struct iovec iov = { &byte, 1 };
static struct msghdr message = {
	.msg_iov = &iov,
	.msg_iovlen = 1,
	.msg_control = &control,
	.msg_controllen = sizeof(control),
};

static int daemon_line = -1;

/* For each byte, opens a socket and sends it back. */
static void serve_sockets(int line)
{
	while (call(SYS_read, line, (long)&byte, 1) == 1) {
		int fd = call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

		*(int *)CMSG_DATA(&control.header) = fd;
		if (fd < 0 || call(SYS_sendmsg, line, (long)&message, 0) != 1)
			break;
		close(fd);
	}
	_exit(BROKEN);
}

static void start_daemon(void)
{
	int line[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, line))
		die("socketpair");
	/* What is printed must not come from the daemon once more */
	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(line[0]);
		if (setns(away.ns[NET], CLONE_NEWNET))
			die("setns");
		serve_sockets(line[1]);
	}
	close(line[1]);
	daemon_line = line[0];
}

/*
 * The daemon must sleep when the byte comes, because a byte that lies there already costs
 * less. And the caller must run as soon as it has the socket, not when the scheduler
 * thinks that the daemon has had its time.
 */
static bool wait_for_daemon(void)
{
	struct sched_param first = { .sched_priority = 1 };

	if (daemon_line < 0)
		start_daemon();
	return !sched_setscheduler(0, SCHED_FIFO, &first) && !usleep(1000);
}

/* The same with a daemon in the other network namespace. */
static bool count_socket_daemon(void)
{
	long sent, got;

	message.msg_controllen = sizeof(control);
	started = ticks();
	sent = call(SYS_write, daemon_line, (long)&byte, 1);
	got = call(SYS_recvmsg, daemon_line, (long)&message, MSG_CMSG_CLOEXEC);
	ended = ticks();
	return sent == 1 && got == 1 && message.msg_controllen &&
	       !close(*(int *)CMSG_DATA(&control.header));
}

/*
 * @before is not counted. If @fresh, each sample is from a new child, which shares its
 * nsproxy with its parent until it joins. If @traced, the trace events of setns(2) are on.
 */
static const struct row {
	const char *name;
	bool (*before)(void);
	bool (*counted)(void);
	bool fresh;
	bool traced;
} rows[] = {
	{ "getppid", nothing, count_getppid },
	{ "bad_fd", nothing, count_bad_fd },
	{ "other_type", nothing, count_type },
	{ "not_a_namespace", nothing, count_file },
	{ "refused_private", own_set_and_drop, count_eperm, true },
	{ "refused_shared", drop_capabilities, count_eperm, true },
	{ "refused_late", start_thread, count_late, true },
	{ "refused_traced", own_set_and_drop, count_eperm, true, true },
	{ "net", home_net, count_net },
	{ "uts", home_uts, count_uts },
	{ "ipc", home_ipc, count_ipc },
	{ "pid", home_pid, count_pid },
	{ "cgroup", home_cgroup, count_cgroup },
	{ "mnt", home_mnt, count_mnt },
	{ "time", home_time, count_time },
	{ "net_shared", nothing, count_net, true },
	{ "net_traced", home_net, count_net, false, true },
	{ "user", nothing, count_user, true },
	{ "net_in_container", enter_container, count_net_inside, true },
	{ "pidfd_one", home_net, count_pidfd_one },
	{ "pidfd_three", go_home, count_pidfd_three },
	{ "pidfd_six", go_home, count_pidfd_six },
	{ "pidfd_all", home_net, count_pidfd_all, true },
	{ "six_singles", go_home, count_six_singles },
	{ "socket", nothing, count_socket },
	{ "socket_away", home_net, count_socket_away },
	{ "socket_daemon", wait_for_daemon, count_socket_daemon },
};

#endif /* SELFTESTS_SETNS_BENCH_ROWS_H */
