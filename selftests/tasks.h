/* SPDX-License-Identifier: GPL-2.0 */
/* Helpers that start other tasks, pass them the turn, and wait for them. */
#ifndef SELFTESTS_SETNS_TASKS_H
#define SELFTESTS_SETNS_TASKS_H

#include <linux/sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "callers.h"
#include "setns.h"

/* Unlike a thread of pthread_create(), such a thread has its own root directory. */
enum { THREAD = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM };

/* Returns zeroed memory that a task shares with its later children. */
static inline void *shared_alloc(size_t size)
{
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		abort();
	return memory;
}

/*
 * Calls @fn in a new task, and waits for it. @how has flags of clone(2): what the two
 * tasks share, and which new namespaces the new task gets.
 */
static inline void run_in_child(int how, int (*fn)(void *arg), void *arg)
{
	static alignas(16) char stack[1 << 16];
	int signal = how & CLONE_THREAD ? 0 : SIGCHLD;
	pid_t pid;

	pid = clone(fn, stack + sizeof(stack), how | CLONE_VFORK | signal, arg);
	if (pid > 0 && signal)
		waitpid(pid, NULL, 0);
}

static inline pid_t clone3_in(int flags, int *pidfd)
{
	struct clone_args args = {
		.flags = (unsigned int)flags | CLONE_PIDFD,
		.pidfd = (__u64)(unsigned long)pidfd,
		.exit_signal = SIGCHLD,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

/*
 * Starts a child in new namespaces, which lives as long as this process. Unlike after
 * unshare(2), the child itself is in the new pid and time namespaces. A new user
 * namespace among @flags owns the others, and the caller's effective uid owns it.
 */
static inline pid_t target_in(int flags, int *pidfd)
{
	int go[2];
	char c;
	pid_t pid;

	if (pipe(go))
		return -1;
	pid = clone3_in(flags, pidfd);
	if (pid == 0) {
		close(go[1]);
		_exit(read(go[0], &c, 1) ? 1 : 0);
	}
	close(go[0]);
	return pid;
}

static inline void end_target(pid_t pid)
{
	/* The target may not exist. To kill(2), 0 and -1 mean many processes. */
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
}

/*
 * Starts a child with new namespaces, which lives until *@go_fd is closed. Returns when
 * the child has them.
 */
static inline pid_t child_in(int flags, int *go_fd)
{
	int ready[2], go[2];
	char c;
	pid_t pid;

	if (pipe(ready) || pipe(go))
		return -1;
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		close(go[1]);
		if ((flags & CLONE_NEWUSER) ? unshare_user(flags & ~CLONE_NEWUSER) :
					      unshare(flags))
			_exit(1);
		if (write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) ? 1 : 0);
	}
	close(ready[1]);
	close(go[0]);
	if (pid > 0 && read(ready[0], &c, 1) != 1)
		pid = -1;
	close(ready[0]);
	*go_fd = go[1];
	return pid;
}

/* Waits for a child, which must exit and whose own checks must have passed. */
static inline void expect_done(struct __test_metadata *_metadata, pid_t pid)
{
	int status;

	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
}

/* Forks a child. Parent and child use the line to pass each other the turn. */
static inline pid_t fork_with_line(int *line)
{
	int ends[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends))
		return -1;
	pid = fork();
	*line = ends[pid == 0];
	close(ends[pid != 0]);
	return pid;
}

static inline bool pass_turn(int line)
{
	return send(line, "", 1, MSG_NOSIGNAL) == 1;
}

static inline bool await_turn(int line)
{
	char c;

	return read(line, &c, 1) == 1;
}

#endif
