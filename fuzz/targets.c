// SPDX-License-Identifier: GPL-2.0
/* This file makes the targets, which live as long as the driver and do nothing. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "driver.h"

/* Maps root of the outer user namespace to root of the one that this task is in. */
static void map_root(void)
{
	static const char *const files[][2] = {
		{ "self/setgroups", "deny" },
		{ "self/uid_map", "0 0 1" },
		{ "self/gid_map", "0 0 1" },
	};

	for (int i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(proc_fd, files[i][0], O_WRONLY);
		ssize_t length = strlen(files[i][1]);

		if (fd < 0 || write(fd, files[i][1], length) != length)
			die("cannot write to %s", files[i][0]);
		close(fd);
	}
}

/* Returns the PID of this process in the pid namespace that /proc was mounted in. */
static pid_t own_pid(void)
{
	char text[16] = "";

	need(readlinkat(proc_fd, "self", text, sizeof(text) - 1) > 0, "read /proc/self");
	return atoi(text);
}

/* Targets 1, 5 and 9 leave a new user namespace without maps of IDs. */
static void be_target(int target, int ready)
{
	if (shared->own[target] & CLONE_NEWUSER && target % 4 != 1)
		map_root();
	shared->pids[target] = own_pid();
	need(write(ready, "r", 1) == 1, "write to the driver");
	close(ready);
	for (;;)
		pause();
}

/*
 * A target is a child of the driver, but is born in the namespaces of its parent. Only a
 * process that is in a pid namespace can make one below it. So this process joins the
 * namespaces, and its child makes the target.
 */
static void spawn_target(int target, int ready)
{
	int parent = shared->parents[target];
	pid_t pid;

	if (parent) {
		need(!setns(shared->pidfds[parent], ALL_TYPES), "join the parent of a target");
		pid = clone_into(CLONE_PARENT, NULL);
		need(pid >= 0, "be born in the namespaces of the parent of a target");
		if (pid > 0)
			_exit(0);
	}
	pid = clone_into(shared->own[target] | CLONE_PARENT, NULL);
	need(pid >= 0, "make a target");
	if (pid == 0)
		be_target(target, ready);
	_exit(0);
}

/* Returns the inode number of an open file, or dies. */
static __u64 inode_of(int fd)
{
	struct stat st;

	need(!fstat(fd, &st), "look at a namespace");
	return st.st_ino;
}

/* Keeps one descriptor for each namespace, because each fork(2) has to copy them all. */
static int only_descriptor(int fd, __u64 inode)
{
	for (int i = 0; i < shared->world.nr; i++) {
		if (shared->world.of[i].key == inode) {
			close(fd);
			return shared->nsfds[shared->world.of[i].target][shared->world.of[i].link];
		}
	}
	return fd;
}

/* Records the namespaces of a target and the mount of its root. */
static void look_at_target(int target)
{
	struct state state = {}, before = {};
	char path[64];

	for (int i = 0; i < LINKS; i++) {
		int fd = open_link_of(shared->pids[target], i);

		state.ns[i] = inode_of(fd);
		remember_handle(target, i, fd);
		shared->nsfds[target][i] = only_descriptor(fd, state.ns[i]);
	}
	if (target)
		before.ns[USER] = inode_of(shared->nsfds[shared->parents[target]][USER]);
	memcpy(shared->world_ns[target], state.ns, sizeof(state.ns));
	add_facts(&shared->world, &before, &state, target);
	sprintf(path, "%d/root", shared->pids[target]);
	add_fact(&shared->world, mount_key(proc_fd, path), 0, target, LINKS);
}

/* Starts a target, and waits until it has its namespaces. */
static void make_target(int target)
{
	int ready[2];
	char c;

	need(!pipe(ready), "make a pipe");
	if (fork() == 0)
		spawn_target(target, ready[1]);
	close(ready[1]);
	for (int i = 0; i < (shared->parents[target] ? 2 : 1); i++)
		wait(NULL);
	need(read(ready[0], &c, 1) == 1, "make a target");
	close(ready[0]);
	shared->pidfds[target] = syscall(SYS_pidfd_open, shared->pids[target], 0);
	look_at_target(target);
}

/* Chooses the parent of each target, and its own namespaces. */
static void choose_targets(__u64 seed)
{
	static const int parents[] = { 0, 0, 2, 3 };

	seed_random(seed, -1);
	for (int i = 1; i < TARGETS; i++) {
		shared->parents[i] = i < 3 ? 0 : i == 3 ? 2 : parents[below(ARRAY_SIZE(parents))];
		shared->own[i] = random_bits() & ALL_TYPES;
	}
	/* Other targets are born in these, so each seed has them. */
	shared->own[1] = ALL_TYPES & ~CLONE_NEWUSER;
	shared->own[2] = ALL_TYPES;
	shared->own[3] = ALL_TYPES;
}

/* Returns a pidfd of a process that has exited. */
static int pidfd_of_dead(bool reaped)
{
	siginfo_t info;
	int pidfd;
	pid_t pid = clone_into(0, &pidfd);

	if (pid == 0)
		_exit(0);
	need(pid > 0, "make a process");
	waitid(P_PID, pid, &info, WEXITED | (reaped ? 0 : WNOWAIT));
	return pidfd;
}

void make_world(__u64 seed)
{
	struct state state;

	read_capabilities(&state);
	shared->all_caps = state.permitted;
	choose_targets(seed);
	for (int i = 0; i < TARGETS; i++)
		make_target(i);
	shared->pidfds[ZOMBIE] = pidfd_of_dead(false);
	shared->pidfds[REAPED] = pidfd_of_dead(true);
	open_wrong_fds();
}

void end_world(void)
{
	for (int t = TARGETS - 1; t >= 0; t--) {
		kill(shared->pids[t], SIGKILL);
		waitpid(shared->pids[t], NULL, 0);
		close(shared->pidfds[t]);
		for (int i = 0; i < LINKS; i++)
			close(shared->nsfds[t][i]);
	}
	/* Only the zombie is left. */
	waitpid(-1, NULL, 0);
}
