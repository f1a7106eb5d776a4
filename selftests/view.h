/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The visible state of a task that setns(2) may change: a list of items. Each item is a
 * text that a failing test can print.
 */
#ifndef SELFTESTS_SETNS_VIEW_H
#define SELFTESTS_SETNS_VIEW_H

#include <linux/capability.h>
#include <linux/keyctl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "setns.h"
#include "tasks.h"

#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x00004000U
#endif

#define SEM_KEY		0x5e75
#define SECONDS_OF_DAY	86400

/* The /proc of the outer namespaces, which no join takes away. */
static int proc;

/* The start time of the test, by the clocks of the outer namespaces. */
static struct timespec started[2];
static const clockid_t clocks[2] = { CLOCK_MONOTONIC, CLOCK_BOOTTIME };

enum { TEXT = 256 };

struct item {
	const char *name;
	int type;		/* the type of namespace that it depends on, or 0 */
	bool slow;		/* looked at only if the call involves that type */
	void (*look)(const struct item *item, char *text);
	const char *lines[4];	/* how the relevant lines of a file start */
};

static void look_at_link(const struct item *item, char *text)
{
	ssize_t len = readlinkat(proc, item->name, text, TEXT - 1);

	text[len < 0 ? 0 : len] = '\0';
}

static void look_at_lines(const struct item *item, char *text)
{
	FILE *file = fdopen(openat(proc, item->name, O_RDONLY | O_CLOEXEC), "r");
	char line[TEXT];

	text[0] = '\0';
	while (file && fgets(line, sizeof(line), file)) {
		for (int i = 0; i < ARRAY_SIZE(item->lines) && item->lines[i]; i++) {
			if (!strncmp(line, item->lines[i], strlen(item->lines[i])))
				strncat(text, line, TEXT - 1 - strlen(text));
		}
	}
	if (file)
		fclose(file);
}

static void look_at_directory(const struct item *item, const char *path, char *text)
{
	struct statx st = {};
	size_t len;

	look_at_link(item, text);
	len = strlen(text);
	/* Do not ask the server of a network filesystem. */
	statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID_UNIQUE, &st);
	if (!(st.stx_mask & STATX_MNT_ID_UNIQUE))
		statx(AT_FDCWD, path, AT_STATX_DONT_SYNC, STATX_INO | STATX_MNT_ID, &st);
	snprintf(text + len, TEXT - len, " dev %u:%u ino %llu mnt %llu", st.stx_dev_major,
		 st.stx_dev_minor, (unsigned long long)st.stx_ino,
		 (unsigned long long)st.stx_mnt_id);
}

static void look_at_root(const struct item *item, char *text)
{
	look_at_directory(item, "/", text);
}

static void look_at_cwd(const struct item *item, char *text)
{
	look_at_directory(item, ".", text);
}

static void look_at_ids(const struct item *item, char *text)
{
	uid_t uid[3] = {};
	gid_t gid[3] = {}, groups[4] = {};
	int count;

	getresuid(&uid[0], &uid[1], &uid[2]);
	getresgid(&gid[0], &gid[1], &gid[2]);
	count = getgroups(ARRAY_SIZE(groups), groups);
	snprintf(text, TEXT, "uids %u %u %u gids %u %u %u groups %d: %u %u", uid[0], uid[1],
		 uid[2], gid[0], gid[1], gid[2], count, groups[0], groups[1]);
}

static void look_at_capabilities(const struct item *item, char *text)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = {};

	syscall(SYS_capget, &header, data);
	snprintf(text, TEXT, "effective %x %x permitted %x %x inheritable %x %x securebits %x",
		 data[1].effective, data[0].effective, data[1].permitted, data[0].permitted,
		 data[1].inheritable, data[0].inheritable, prctl(PR_GET_SECUREBITS));
}

static void look_at_dumpable(const struct item *item, char *text)
{
	snprintf(text, TEXT, "%d", prctl(PR_GET_DUMPABLE));
}

static long keyring(int which, bool create)
{
	return syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, which, create);
}

static void look_at_keyrings(const struct item *item, char *text)
{
	snprintf(text, TEXT, "thread %ld process %ld", keyring(KEY_SPEC_THREAD_KEYRING, false),
		 keyring(KEY_SPEC_PROCESS_KEYRING, false));
}

static void look_at_umask(const struct item *item, char *text)
{
	mode_t mask = umask(0);

	umask(mask);
	snprintf(text, TEXT, "%o", mask);
}

static void look_at_nodename(const struct item *item, char *text)
{
	struct utsname uts = {};

	uname(&uts);
	snprintf(text, TEXT, "%s", uts.nodename);
}

static void look_at_semaphore(const struct item *item, char *text)
{
	snprintf(text, TEXT, "%d", semctl(semget(SEM_KEY, 0, 0), 0, GETVAL));
}

/* Rounds to whole days, because the clocks advance while the test runs. */
static long days_since_start(int clock, const struct timespec *now)
{
	return (now->tv_sec - started[clock].tv_sec + SECONDS_OF_DAY / 2) / SECONDS_OF_DAY;
}

static void look_at_vdso_clocks(const struct item *item, char *text)
{
	struct timespec now[2] = {};

	for (int i = 0; i < ARRAY_SIZE(clocks); i++)
		clock_gettime(clocks[i], &now[i]);
	snprintf(text, TEXT, "%ld and %ld days", days_since_start(0, &now[0]),
		 days_since_start(1, &now[1]));
}

static void look_at_kernel_clocks(const struct item *item, char *text)
{
	struct timespec now[2] = {};

	for (int i = 0; i < ARRAY_SIZE(clocks); i++)
		syscall(SYS_clock_gettime, clocks[i], &now[i]);
	snprintf(text, TEXT, "%ld and %ld days", days_since_start(0, &now[0]),
		 days_since_start(1, &now[1]));
}

static void look_at_net_cookie(const struct item *item, char *text)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	unsigned long long cookie = 0;
	socklen_t len = sizeof(cookie);

	getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len);
	close(fd);
	snprintf(text, TEXT, "%llu", cookie);
}

static int look_at_own_pid_ns(void *text)
{
	static const struct item link = { .name = "self/ns/pid" };

	look_at_link(&link, text);
	return 0;
}

/* A child that shares the memory starts fastest. */
static void look_at_next_child(const struct item *item, char *text)
{
	text[0] = '\0';
	run_in_child(CLONE_VM, look_at_own_pid_ns, text);
}

static const struct item items[] = {
	{ .name = "self/ns/user", .type = CLONE_NEWUSER, .look = look_at_link },
	{ .name = "self/ns/mnt", .type = CLONE_NEWNS, .look = look_at_link },
	{ .name = "self/ns/uts", .type = CLONE_NEWUTS, .look = look_at_link },
	{ .name = "self/ns/ipc", .type = CLONE_NEWIPC, .look = look_at_link },
	{ .name = "self/ns/pid", .look = look_at_link },
	{ .name = "self/ns/pid_for_children", .type = CLONE_NEWPID, .look = look_at_link },
	{ .name = "self/ns/cgroup", .type = CLONE_NEWCGROUP, .look = look_at_link },
	{ .name = "self/ns/net", .type = CLONE_NEWNET, .look = look_at_link },
	{ .name = "self/ns/time", .type = CLONE_NEWTIME, .look = look_at_link },
	{ .name = "self/ns/time_for_children", .type = CLONE_NEWTIME, .look = look_at_link },
	{ .name = "self/uid_map", .type = CLONE_NEWUSER, .look = look_at_lines,
	  .lines = { "" } },
	{ .name = "self/gid_map", .type = CLONE_NEWUSER, .look = look_at_lines,
	  .lines = { "" } },
	{ .name = "self/status", .type = CLONE_NEWUSER, .look = look_at_lines,
	  .lines = { "Uid:", "Gid:", "Groups:", "Cap" } },
	{ .name = "ids", .type = CLONE_NEWUSER, .look = look_at_ids },
	{ .name = "capabilities", .type = CLONE_NEWUSER, .look = look_at_capabilities },
	{ .name = "dumpable", .look = look_at_dumpable },
	{ .name = "keyrings", .look = look_at_keyrings },
	{ .name = "self/root", .type = CLONE_NEWNS, .look = look_at_root },
	{ .name = "self/cwd", .type = CLONE_NEWNS, .look = look_at_cwd },
	{ .name = "umask", .look = look_at_umask },
	{ .name = "nodename", .type = CLONE_NEWUTS, .look = look_at_nodename },
	{ .name = "semaphore", .type = CLONE_NEWIPC, .look = look_at_semaphore },
	{ .name = "pid namespace of the next child", .type = CLONE_NEWPID, .slow = true,
	  .look = look_at_next_child },
	{ .name = "self/cgroup", .type = CLONE_NEWCGROUP, .look = look_at_lines,
	  .lines = { "0::" } },
	{ .name = "net cookie", .type = CLONE_NEWNET, .look = look_at_net_cookie },
	{ .name = "self/timens_offsets", .type = CLONE_NEWTIME, .look = look_at_lines,
	  .lines = { "" } },
	{ .name = "clocks of the vDSO", .type = CLONE_NEWTIME, .look = look_at_vdso_clocks },
	{ .name = "clocks of the kernel", .type = CLONE_NEWTIME, .look = look_at_kernel_clocks },
};

struct view {
	char text[ARRAY_SIZE(items)][TEXT];
};

static void look(struct view *view)
{
	for (int i = 0; i < ARRAY_SIZE(items); i++)
		items[i].look(&items[i], view->text[i]);
}

/* The caller must be in the outer namespaces. */
static int start_looking(void)
{
	for (int i = 0; i < ARRAY_SIZE(clocks); i++) {
		if (clock_gettime(clocks[i], &started[i]))
			return -1;
	}
	proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return proc < 0 ? -1 : 0;
}

#endif
