/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The trace events of setns(2): calls that are traced, and what they fire.
 * Documentation/trace/events-setns.rst describes the events.
 */
#ifndef SETNS_TRACE_H
#define SETNS_TRACE_H

#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kselftest_harness.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/setns_trace_test"
#define EVENTS		INSTANCE "/events/setns"

/* The types, in the order in which they are joined. */
static const struct {
	int flag;
	const char *name;
} types[] = {
	{ CLONE_NEWUSER, "user" }, { CLONE_NEWNS, "mnt" }, { CLONE_NEWUTS, "uts" },
	{ CLONE_NEWIPC, "ipc" }, { CLONE_NEWPID, "pid" }, { CLONE_NEWCGROUP, "cgroup" },
	{ CLONE_NEWNET, "net" }, { CLONE_NEWTIME, "time" },
};

static inline int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written == (ssize_t)strlen(text) ? 0 : -1;
}

static inline int open_ns(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static inline __u64 id_of(int nsfd)
{
	__u64 id = 0;

	return ioctl(nsfd, NS_GET_ID, &id) ? 0 : id;
}

/* A call of setns(2), and what it fires. */
struct call {
	int fd;
	int nstype;
	int (*become)(void);	/* makes the caller another one, unless this is NULL */
	bool twice;		/* a task that is not traced makes the same call */
	const char *filter;	/* what else setns_refused must fulfil, or NULL */
	int err;
	char *events;		/* a line for each */
};

/* Copies the events in the trace to @text, from the name of each on. */
static inline void read_events(char **text)
{
	FILE *trace = fopen(INSTANCE "/trace", "re"), *out;
	char line[512];
	size_t size;

	*text = NULL;
	out = open_memstream(text, &size);
	if (!trace || !out)
		abort();
	while (fgets(line, sizeof(line), trace)) {
		const char *event = strstr(line, ": setns_");

		if (line[0] != '#' && event)
			fputs(event + 2, out);
	}
	fclose(trace);
	fclose(out);
}

/* Starts a child that makes the call once @go has no writer. */
static inline pid_t start_caller(const struct call *call, const int *go)
{
	pid_t pid = fork();
	char c;

	if (pid)
		return pid;
	close(go[1]);
	if (call->become && call->become())
		_exit(255);
	if (read(go[0], &c, 1) != 0)
		_exit(255);
	_exit(setns(call->fd, call->nstype) ? errno : 0);
}

/* Returns the exit status of a child, or -1. */
static inline int status_of(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

/* Makes the call in a child, which is the only task that is traced. */
static inline void make_call(struct __test_metadata *_metadata, struct call *call)
{
	pid_t pid, other = 0;
	char text[64];
	int go[2];

	ASSERT_EQ(pipe(go), 0);
	pid = start_caller(call, go);
	if (call->twice)
		other = start_caller(call, go);
	/* set_event_pid would trace the scheduler, too, and so slow all tasks down */
	snprintf(text, sizeof(text), "common_pid == %d", pid);
	ASSERT_EQ(write_file(EVENTS "/setns_joined/filter", text), 0);
	if (call->filter) {
		strcat(text, " && ");
		strcat(text, call->filter);
	}
	ASSERT_EQ(write_file(EVENTS "/setns_refused/filter", text), 0);
	ASSERT_EQ(write_file(INSTANCE "/trace", ""), 0);
	close(go[0]);
	close(go[1]);
	call->err = status_of(pid);
	EXPECT_TRUE(!call->twice || status_of(other) == call->err);
	free(call->events);
	read_events(&call->events);
}

/* Returns how many events have this name. */
static inline int count(const char *events, const char *name)
{
	int found = 0;

	for (; *events; events = strchr(events, '\n') + 1)
		found += !strncmp(events, name, strlen(name)) && events[strlen(name)] == ':';
	return found;
}

/* Returns whether the event has a field with this value. */
static inline bool has(const char *event, const char *field)
{
	size_t length = strlen(field);
	const char *end = strchr(event, '\n');

	for (event = strchr(event, ' '); event && event < end; event = strchr(event + 1, ' ')) {
		if (!strncmp(event + 1, field, length) &&
		    (event[length + 1] == ' ' || event[length + 1] == '\n'))
			return true;
	}
	return false;
}

static inline bool has_number(const char *event, const char *field, unsigned long long number)
{
	char text[64];

	snprintf(text, sizeof(text), "%s=%llu", field, number);
	return has(event, text);
}

/* Returns the number that all events of a call have. */
static inline long long number_of(const char *event)
{
	const char *field = strstr(event, "call=");

	return field ? strtoll(field + strlen("call="), NULL, 10) : -1;
}

FIXTURE(trace)
{
	int flags;
	int go;
	pid_t parent;
	pid_t target;
	int pidfd;
	struct call call;
};

/* Makes namespaces, and a child in them, as only a child is in a new pid or time namespace. */
static inline void run_target(int flags, int ready, int end)
{
	pid_t target;
	char c;

	if (unshare(flags))
		_exit(1);
	target = fork();
	if (target > 0 && write(ready, &target, sizeof(target)) != sizeof(target))
		_exit(1);
	if (read(end, &c, 1))
		_exit(1);
	_exit(target ? status_of(target) : 0);
}

/* Starts a target in new namespaces. It ends when the pipe @go has no writer. */
static inline pid_t start_target(int flags, int *go, pid_t *parent)
{
	int ready[2], end[2];
	pid_t target = -1;

	if (pipe(ready) || pipe(end))
		return -1;
	*parent = fork();
	if (*parent == 0) {
		close(ready[0]);
		close(end[1]);
		run_target(flags, ready[1], end[0]);
	}
	close(ready[1]);
	close(end[0]);
	if (read(ready[0], &target, sizeof(target)) != sizeof(target))
		target = -1;
	close(ready[0]);
	*go = end[1];
	return target;
}

FIXTURE_SETUP(trace)
{
	if (access(TRACEFS "/events/setns", F_OK))
		SKIP(return, "no trace events of setns(2), or no tracefs");
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = open_ns(getpid(), types[i].name);

		self->flags |= fd < 0 ? 0 : types[i].flag;
		close(fd);
	}
	rmdir(INSTANCE);
	ASSERT_EQ(mkdir(INSTANCE, 0700), 0);
	ASSERT_EQ(write_file(EVENTS "/enable", "1"), 0);
	self->target = start_target(self->flags, &self->go, &self->parent);
	ASSERT_GT(self->target, 0);
	self->pidfd = syscall(SYS_pidfd_open, self->target, 0);
	ASSERT_GE(self->pidfd, 0);
}

FIXTURE_TEARDOWN(trace)
{
	close(self->go);
	EXPECT_EQ(status_of(self->parent), 0);
	write_file(EVENTS "/enable", "0");
	rmdir(INSTANCE);
	free(self->call.events);
}

/* The call must be refused with this errno, and fire one event, which says why. */
static inline void expect_refusal(struct __test_metadata *_metadata, struct call *call, int err,
				  const char *reason)
{
	char error[16];

	make_call(_metadata, call);
	EXPECT_EQ(call->err, err);
	ASSERT_EQ(count(call->events, "setns_refused"), 1) {
		TH_LOG("%s", call->events);
	}
	EXPECT_EQ(count(call->events, "setns_joined"), 0);
	snprintf(error, sizeof(error), "error=%d", err);
	EXPECT_TRUE(has(call->events, error) && has(call->events, reason)) {
		TH_LOG("%s and %s: %s", error, reason, call->events);
	}
}

/* The event must have the ids and the inode number of this namespace. */
static inline void expect_namespace(struct __test_metadata *_metadata, const char *event, int nsfd)
{
	struct stat st = {};

	EXPECT_EQ(fstat(nsfd, &st), 0);
	EXPECT_NE(id_of(nsfd), 0);
	EXPECT_TRUE(has_number(event, "ns_id", id_of(nsfd)));
	EXPECT_TRUE(has_number(event, "inum", st.st_ino)) {
		TH_LOG("%s", event);
	}
}

static inline void expect_type(struct __test_metadata *_metadata, const char *event,
			       const char *name)
{
	char type[16];

	snprintf(type, sizeof(type), "type=%s", name);
	EXPECT_TRUE(has(event, type)) {
		TH_LOG("%s: %s", name, event);
	}
}

#endif /* SETNS_TRACE_H */
