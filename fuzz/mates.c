// SPDX-License-Identifier: GPL-2.0
/* This file starts and ends the tasks that share something with the caller. */
#define _GNU_SOURCE
#include <errno.h>
#include <signal.h>
#include <stdalign.h>
#include <string.h>
#include <sys/wait.h>

#include "caller.h"

static const int mate_flags[] = {
	CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_FILES, CLONE_FS, CLONE_VM,
};

static bool shares[MATES];
static pid_t mates[MATES];
static int younger_mate = FS;

/* Mates that are processes live until the caller closes this pipe. */
static int line[2];
static bool has_line;

void get_shares(bool *now)
{
	memcpy(now, shares, sizeof(shares));
}

void share_no_fs(void)
{
	shares[FS] = false;
}

/*
 * A thread lives as long as the caller. After the end of a thread, the kernel counts it
 * for a moment, and nobody can wait until it no longer does.
 */
static int mate_main(void *arg)
{
	int *mate = arg;
	char c;

	if (*mate == THREAD) {
		for (;;)
			pause();
	}
	close(line[1]);
	return read(line[0], &c, 1);
}

/* A racer that exits may kill all tasks in a pid namespace of its own. */
static bool may_be_killed(void)
{
	__u64 owner;

	return shared->program.races &&
	       !find_owner(&shared->world, key_of_link(PID_CHILDREN), &owner);
}

int start_mate(int mate)
{
	static alignas(16) char stacks[MATES][1 << 14];
	static int numbers[MATES] = { THREAD, FS, MM };
	int signal = mate == THREAD ? 0 : SIGCHLD;
	pid_t pid;

	if (mates[mate] || may_be_killed())
		return 0;
	if (!has_line)
		need(!pipe(line), "make a pipe");
	has_line = true;
	pid = clone(mate_main, stacks[mate] + sizeof(stacks[mate]), mate_flags[mate] | signal,
		    &numbers[mate]);
	if (pid < 0)
		return errno;
	mates[mate] = pid;
	shares[mate] = true;
	if (mate != THREAD)
		younger_mate = mate;
	return 0;
}

static void hang_up(void)
{
	if (has_line) {
		close(line[0]);
		close(line[1]);
	}
	has_line = false;
}

static void await_mate(int mate)
{
	if (mates[mate])
		waitpid(mates[mate], NULL, 0);
	mates[mate] = 0;
	shares[mate] = false;
}

/* The older mate may be the init process of the younger one, and waits for its end. */
void part_from_mates(void)
{
	hang_up();
	await_mate(younger_mate);
	await_mate(younger_mate == FS ? MM : FS);
}

int go_on_as_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid > 0) {
		waitpid(pid, &status, 0);
		part_from_mates();
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
	hang_up();
	memset(mates, 0, sizeof(mates));
	memset(shares, 0, sizeof(shares));
	open_own_links();
	return 0;
}
