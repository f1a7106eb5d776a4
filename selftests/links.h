/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The namespaces that a task is in, as the links in /proc/PID/ns/ show them. Reading a
 * link takes no reference to the namespace, unlike following it.
 */
#ifndef SELFTESTS_SETNS_LINKS_H
#define SELFTESTS_SETNS_LINKS_H

#include <stdlib.h>
#include <sys/stat.h>

#include "setns.h"

/* Each link in /proc/PID/ns/, and the type whose join changes it. */
static const struct {
	const char *name;
	int flag;
} links[] = {
	{ "user", CLONE_NEWUSER },
	{ "mnt", CLONE_NEWNS },
	{ "uts", CLONE_NEWUTS },
	{ "ipc", CLONE_NEWIPC },
	{ "pid", 0 },
	{ "pid_for_children", CLONE_NEWPID },
	{ "cgroup", CLONE_NEWCGROUP },
	{ "net", CLONE_NEWNET },
	{ "time", CLONE_NEWTIME },
	{ "time_for_children", CLONE_NEWTIME },
};

/* The inode numbers of the namespaces, in the order of links[]. */
struct ns_links {
	ino_t ino[ARRAY_SIZE(links)];
};

static inline ino_t ino_in(const struct ns_links *read, const char *name)
{
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		if (!strcmp(links[i].name, name))
			return read->ino[i];
	}
	return 0;
}

/* Opens the directory of the links, of the calling thread if @pid is 0. */
static inline int open_links(pid_t pid)
{
	char path[64] = "/proc/thread-self/ns";

	if (pid)
		snprintf(path, sizeof(path), "/proc/%d/ns", pid);
	return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

/*
 * Returns 0 if there is no namespace: its type is not built in, or it is a pid namespace
 * for children that has no process yet.
 */
static inline ino_t read_link(int dir, const char *name)
{
	char text[64] = "";
	unsigned long ino;

	if (readlinkat(dir, name, text, sizeof(text) - 1) < 0 && errno == ENOENT)
		return 0;
	if (sscanf(text, "%*[^[][%lu]", &ino) != 1) {
		/* A test that goes on might find no difference between two failures */
		perror(name);
		abort();
	}
	return ino;
}

static inline struct ns_links read_links(int dir)
{
	struct ns_links read;

	for (int i = 0; i < ARRAY_SIZE(links); i++)
		read.ino[i] = read_link(dir, links[i].name);
	return read;
}

static inline struct ns_links links_of(pid_t pid)
{
	int dir = open_links(pid);
	struct ns_links read = read_links(dir);

	close(dir);
	return read;
}

static inline struct ns_links links_of_caller(void)
{
	return links_of(0);
}

static inline ino_t ns_ino_of(pid_t pid, const char *name)
{
	int dir = open_links(pid);
	ino_t ino = read_link(dir, name);

	close(dir);
	return ino;
}

/* Returns the inode number of one of the caller's namespaces. */
static inline ino_t ns_ino(const char *name)
{
	return ns_ino_of(0, name);
}

/* Returns the inode number of the file, such as a namespace, or 0. */
static inline ino_t ino_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) ? 0 : st.st_ino;
}

#endif
