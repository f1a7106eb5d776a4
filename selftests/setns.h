/* SPDX-License-Identifier: GPL-2.0 */
/* Definitions that the tests of setns(2) share. */
#ifndef SELFTESTS_SETNS_H
#define SELFTESTS_SETNS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A case that runs for this many seconds counts as hung. The default of half a minute
 * is too short for a debug kernel in an emulated machine.
 */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 300

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* The types, in the order in which the kernel installs them. */
static const struct {
	int flag;
	const char *name;
	int get;	/* number of the ioctl that opens it by a pidfd */
} types[] = {
	{ CLONE_NEWUSER, "user", 9 },
	{ CLONE_NEWNS, "mnt", 3 },
	{ CLONE_NEWUTS, "uts", 10 },
	{ CLONE_NEWIPC, "ipc", 2 },
	{ CLONE_NEWPID, "pid", 5 },
	{ CLONE_NEWCGROUP, "cgroup", 1 },
	{ CLONE_NEWNET, "net", 4 },
	{ CLONE_NEWTIME, "time", 7 },
};

/* <linux/pidfd.h> conflicts with the C library's headers. */
#define IOC_PIDFD_GET_NS(nr)	_IO(0xff, nr)

static const int all_types = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
			     CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME;

#define NR_SETS		255	/* the non-empty sets of eight types */

static inline int set_from(unsigned int bits)
{
	int set = 0;

	for (int i = 0; i < ARRAY_SIZE(types); i++)
		set |= bits & 1U << i ? types[i].flag : 0;
	return set;
}

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

/* Unlike a thread of pthread_create(), such a thread has its own root directory. */
enum { THREAD = CLONE_THREAD | CLONE_SIGHAND | CLONE_VM };

static inline int open_ns(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline int pidfd_open(pid_t pid)
{
	return syscall(SYS_pidfd_open, pid, 0);
}

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written == (ssize_t)strlen(text) ? 0 : -1;
}

/* Returns the inode number of one of the caller's namespaces. */
static inline ino_t ns_ino(const char *name)
{
	struct stat st;
	int fd = open_ns(name);
	ino_t ino = 0;

	if (fd >= 0 && !fstat(fd, &st))
		ino = st.st_ino;
	close(fd);
	return ino;
}

/* Moves the caller into a new user namespace, in which it is root. */
static inline int unshare_user(int more_flags)
{
	char map[64];
	uid_t uid = getuid();
	gid_t gid = getgid();

	if (unshare(CLONE_NEWUSER | more_flags))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", uid);
	if (write_file("/proc/self/setgroups", "deny") ||
	    write_file("/proc/self/uid_map", map))
		return -1;
	snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file("/proc/self/gid_map", map);
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

static inline bool is_built_in(const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/ns/%s", name);
	return !access(path, F_OK);
}

/* Returns the name of a type that is not built in, or NULL. */
static inline const char *missing_type(void)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (!is_built_in(types[i].name))
			return types[i].name;
	}
	return NULL;
}

/* Returns the errno of a refused call, or 0. */
static inline int refusal(int fd, int nstype)
{
	return setns(fd, nstype) ? errno : 0;
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

static inline int open_ns_of(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* Makes those of @caps effective that are permitted, and no others. */
static inline int set_capabilities(__u64 caps)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[0].effective = data[0].permitted & caps;
	data[1].effective = data[1].permitted & (caps >> 32);
	return syscall(SYS_capset, &header, data);
}

static inline int lose_capability(int cap)
{
	return set_capabilities(~(1ULL << cap));
}

/* Returns those of @flags whose types this kernel has. */
static inline int built_in(int flags)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++)
		flags &= is_built_in(types[i].name) ? ~0 : ~types[i].flag;
	return flags;
}

static inline const char *name_of(int flag)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (types[i].flag == flag)
			return types[i].name;
	}
	return NULL;
}

static inline ino_t ns_ino_of(pid_t pid, const char *name)
{
	struct stat st;
	int fd = open_ns_of(pid, name);
	ino_t ino = 0;

	if (fd >= 0 && !fstat(fd, &st))
		ino = st.st_ino;
	close(fd);
	return ino;
}

static inline void end_target(pid_t pid)
{
	/* The target may not exist. To kill(2), 0 and -1 mean many processes. */
	if (pid > 0) {
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
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

struct one_call {
	int fd;
	int nstype;
	int err;
};

static inline int make_one_call(void *arg)
{
	struct one_call *call = arg;

	call->err = refusal(call->fd, call->nstype);
	return 0;
}

/*
 * The last type refuses, after all others are installed: a task that shares memory
 * cannot join a time namespace.
 */
static inline int late_refusal(int pidfd, int flags)
{
	struct one_call call = { .fd = pidfd, .nstype = flags | CLONE_NEWTIME };

	run_in_child(CLONE_VM, make_one_call, &call);
	return call.err;
}

#endif
