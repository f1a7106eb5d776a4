/* SPDX-License-Identifier: GPL-2.0 */
/*
 * One call of each kind, for tests that compare what others see of a call on C and on
 * Rust. Each call is made by a new task.
 */
#ifndef SELFTESTS_SETNS_EACH_CALL_H
#define SELFTESTS_SETNS_EACH_CALL_H

#include <signal.h>
#include <sys/wait.h>

#include "callers.h"
#include "setns.h"
#include "tasks.h"

/* The caller's set of namespaces is then its own, and ends when the caller leaves it. */
static inline int have_own_nsproxy(void)
{
	return unshare(CLONE_NEWUTS);
}

/* The kinds of descriptor */
enum { NSFD, PIDFD, CLOSED, NO_NSFD };

static inline int share_memory_for_ever(void *arg)
{
	pid_t *caller = arg;

	/* The caller may have ended before */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != *caller)
		return 1;
	while (pause())
		;
	return 0;
}

/* A task that shares its memory may not join a time namespace. */
static inline int share_memory(void)
{
	static alignas(16) char stack[1 << 14];
	static pid_t caller;

	caller = getpid();
	return clone(share_memory_for_ever, stack + sizeof(stack), CLONE_VM | SIGCHLD, &caller) < 0;
}

/* Each call is made by a new task. */
static const struct call {
	const char *name;
	int fd;
	int type;		/* of the nsfd */
	int nstype;
	int (*become)(void);
	int err;
} all_calls[] = {
	{ "user", NSFD, USER, CLONE_NEWUSER },
	{ "mnt", NSFD, MNT, CLONE_NEWNS },
	{ "uts", NSFD, UTS, CLONE_NEWUTS },
	{ "ipc", NSFD, IPC, CLONE_NEWIPC },
	{ "pid", NSFD, PID, CLONE_NEWPID },
	{ "cgroup", NSFD, CGROUP, CLONE_NEWCGROUP },
	{ "net", NSFD, NET, CLONE_NEWNET },
	{ "time", NSFD, TIME, CLONE_NEWTIME },
	{ "uts:unshared", NSFD, UTS, CLONE_NEWUTS, have_own_nsproxy },
	{ "pidfd:uts", PIDFD, 0, CLONE_NEWUTS },
	{ "pidfd:mnt+time", PIDFD, 0, CLONE_NEWNS | CLONE_NEWTIME },
	{ "pidfd:all", PIDFD, 0, all_types },
	{ "EBADF", CLOSED, 0, 0, NULL, EBADF },
	{ "EINVAL", NO_NSFD, 0, 0, NULL, EINVAL },
	{ "EINVAL:type", NSFD, UTS, CLONE_NEWIPC, NULL, EINVAL },
	{ "EUSERS:time", PIDFD, 0, CLONE_NEWNS | CLONE_NEWTIME, share_memory, EUSERS },
	{ "EPERM:uts", NSFD, UTS, CLONE_NEWUTS, become_someone_else, EPERM },
	{ "EPERM:user", NSFD, USER, CLONE_NEWUSER, become_someone_else, EPERM },
	{ "EPERM:pidfd", PIDFD, 0, CLONE_NEWUTS, become_someone_else, EPERM },
};

static inline int open_for(const struct call *call, pid_t target, int pidfd)
{
	switch (call->fd) {
	case NSFD:
		return open_ns_of(target, types[call->type].name);
	case PIDFD:
		return dup(pidfd);
	case NO_NSFD:
		return open("/dev/null", O_RDWR | O_CLOEXEC);
	}
	return -1;
}

/* The task that calls. It waits until it is observed. */
static inline void be_caller(int line, const struct call *call, int fd)
{
	if (call->become && call->become())
		_exit(1);
	if (!await_turn(line))
		_exit(1);
	_exit(refusal(fd, call->nstype) == call->err ? 0 : 2);
}

/*
 * Starts the task that makes the call. It waits for its turn on @line. It exits with 0 if
 * the call gives the errno of the list.
 */
static inline pid_t start_caller(const struct call *call, pid_t target, int pidfd, int *line)
{
	int fd = open_for(call, target, pidfd);
	pid_t pid = fork_with_line(line);

	if (pid == 0)
		be_caller(*line, call, fd);
	close(fd);
	return pid;
}

#endif
