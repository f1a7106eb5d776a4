// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events of setns(2): which ones a call fires, what they say, and that they
 * are silent otherwise. Documentation/trace/events-setns.rst describes them.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
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

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, text, strlen(text));
	close(fd);
	return written == (ssize_t)strlen(text) ? 0 : -1;
}

static int open_ns(pid_t pid, const char *name)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static __u64 id_of(int nsfd)
{
	__u64 id = 0;

	return ioctl(nsfd, NS_GET_ID, &id) ? 0 : id;
}

/* A call of setns(2), and what it fires. */
struct call {
	int fd;
	int nstype;
	int (*become)(void);	/* makes the caller another one, unless this is NULL */
	int err;
	char *events;		/* a line for each */
};

/* Copies the events in the trace to @text, from the name of each on. */
static void read_events(char **text)
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

/* Makes the call in a child, which is the only task that is traced. */
static void make_call(struct __test_metadata *_metadata, struct call *call)
{
	int go[2], status;
	char text[16], c;
	pid_t pid;

	ASSERT_EQ(pipe(go), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		close(go[1]);
		if (call->become && call->become())
			_exit(255);
		if (read(go[0], &c, 1) != 0)
			_exit(255);
		_exit(setns(call->fd, call->nstype) ? errno : 0);
	}
	snprintf(text, sizeof(text), "%d", pid);
	ASSERT_EQ(write_file(INSTANCE "/set_event_pid", text), 0);
	ASSERT_EQ(write_file(INSTANCE "/trace", ""), 0);
	close(go[0]);
	close(go[1]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	call->err = WEXITSTATUS(status);
	read_events(&call->events);
}

/* Returns how many events have this name. */
static int count(const char *events, const char *name)
{
	int found = 0;

	for (; *events; events = strchr(events, '\n') + 1)
		found += !strncmp(events, name, strlen(name)) && events[strlen(name)] == ':';
	return found;
}

/* Returns whether the event has a field with this value. */
static bool has(const char *event, const char *field)
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

static bool has_number(const char *event, const char *field, unsigned long long number)
{
	char text[64];

	snprintf(text, sizeof(text), "%s=%llu", field, number);
	return has(event, text);
}

/* Returns the number that all events of a call have. */
static long long number_of(const char *event)
{
	const char *field = strstr(event, "call=");

	return field ? strtoll(field + strlen("call="), NULL, 10) : -1;
}

static int become_someone_else(void)
{
	if (setresgid(2000, 2000, 2000) || setresuid(2000, 2000, 2000))
		return -1;
	return prctl(PR_SET_DUMPABLE, 1);
}

FIXTURE(trace)
{
	int flags;
	int go;
	pid_t target;
	int pidfd;
	struct call call;
};

/* A child in new namespaces of all types that are built in. */
static pid_t start_target(int flags, int *go)
{
	int ready[2], end[2];
	char c;
	pid_t pid;

	if (pipe(ready) || pipe(end))
		return -1;
	pid = fork();
	if (pid == 0) {
		close(ready[0]);
		close(end[1]);
		if (unshare(flags) || write(ready[1], "r", 1) != 1)
			_exit(1);
		_exit(read(end[0], &c, 1) ? 1 : 0);
	}
	close(ready[1]);
	close(end[0]);
	if (pid > 0 && read(ready[0], &c, 1) != 1)
		pid = -1;
	close(ready[0]);
	*go = end[1];
	return pid;
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
	/* The children of the target are in the new pid and time namespaces, not the target */
	self->target = start_target(self->flags & ~(CLONE_NEWPID | CLONE_NEWTIME), &self->go);
	ASSERT_GT(self->target, 0);
	self->pidfd = syscall(SYS_pidfd_open, self->target, 0);
	ASSERT_GE(self->pidfd, 0);
}

FIXTURE_TEARDOWN(trace)
{
	close(self->go);
	waitpid(self->target, NULL, 0);
	write_file(EVENTS "/enable", "0");
	rmdir(INSTANCE);
	free(self->call.events);
}

/* The call must be refused with this errno, and fire one event, which says why. */
static void expect_refusal(struct __test_metadata *_metadata, struct call *call, int err,
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

TEST_F(trace, closed_descriptor)
{
	self->call.fd = -1;
	expect_refusal(_metadata, &self->call, EBADF, "reason=BAD_FD");
	EXPECT_TRUE(has(self->call.events, "fd_kind=other"));
	EXPECT_TRUE(has(self->call.events, "type="));
	EXPECT_TRUE(has(self->call.events, "ns_id=0"));
	EXPECT_TRUE(has(self->call.events, "cap=-1"));
}

TEST_F(trace, no_namespace)
{
	self->call.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect_refusal(_metadata, &self->call, EINVAL, "reason=NOT_A_NAMESPACE");
}

TEST_F(trace, another_type)
{
	self->call.fd = open_ns(self->target, "uts");
	self->call.nstype = CLONE_NEWNS;
	expect_refusal(_metadata, &self->call, EINVAL, "reason=OTHER_TYPE");
	EXPECT_TRUE(has(self->call.events, "type=uts"));
	EXPECT_TRUE(has(self->call.events, "asked=mnt"));
	EXPECT_TRUE(has(self->call.events, "fd_kind=namespace"));
	EXPECT_TRUE(has_number(self->call.events, "ns_id", id_of(self->call.fd)));
}

TEST_F(trace, no_type_of_a_process)
{
	self->call.fd = self->pidfd;
	expect_refusal(_metadata, &self->call, EINVAL, "reason=BAD_TYPES");
	EXPECT_TRUE(has(self->call.events, "fd_kind=pidfd"));
}

TEST_F(trace, own_user_namespace)
{
	int user = open_ns(getpid(), "user");

	self->call.fd = user;
	expect_refusal(_metadata, &self->call, EINVAL, "reason=OWN_USER_NS");
	EXPECT_TRUE(has(self->call.events, "type=user"));
	EXPECT_TRUE(has_number(self->call.events, "ns_id", id_of(user)));
	EXPECT_TRUE(has_number(self->call.events, "user_ns_id", id_of(user)));
}

/* The owner of a namespace is the user namespace that it was created in. */
TEST_F(trace, missing_capability)
{
	int uts = open_ns(self->target, "uts"), owner = ioctl(uts, NS_GET_USERNS);

	ASSERT_GE(owner, 0);
	self->call.fd = uts;
	self->call.become = become_someone_else;
	expect_refusal(_metadata, &self->call, EPERM, "reason=NO_OWNER_CAP");
	EXPECT_TRUE(has(self->call.events, "type=uts"));
	EXPECT_TRUE(has(self->call.events, "cap=21"));
	EXPECT_TRUE(has_number(self->call.events, "ns_id", id_of(uts)));
	EXPECT_TRUE(has_number(self->call.events, "owner_id", id_of(owner)));
}

TEST_F(trace, process_of_another_user)
{
	self->call.fd = self->pidfd;
	self->call.nstype = CLONE_NEWUTS;
	self->call.become = become_someone_else;
	expect_refusal(_metadata, &self->call, EPERM, "reason=NOT_INSPECTABLE");
	EXPECT_TRUE(has(self->call.events, "cap=19"));
}

/* If several types are joined, each fires an event, in the order of types[]. */
TEST_F(trace, joins)
{
	long long number = 0;
	const char *event;

	self->call.fd = self->pidfd;
	self->call.nstype = self->flags & ~(CLONE_NEWPID | CLONE_NEWTIME);
	make_call(_metadata, &self->call);
	ASSERT_EQ(self->call.err, 0);
	EXPECT_EQ(count(self->call.events, "setns_refused"), 0);
	event = self->call.events;
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		char type[16];
		int old, new;
		struct stat st;

		if (!(self->call.nstype & types[i].flag))
			continue;
		ASSERT_EQ(strncmp(event, "setns_joined:", 13), 0) {
			TH_LOG("%s: %s", types[i].name, event);
		}
		snprintf(type, sizeof(type), "type=%s", types[i].name);
		EXPECT_TRUE(has(event, type));
		old = open_ns(getpid(), types[i].name);
		new = open_ns(self->target, types[i].name);
		EXPECT_TRUE(has_number(event, "old_id", id_of(old)));
		EXPECT_TRUE(has_number(event, "new_id", id_of(new)));
		ASSERT_EQ(fstat(new, &st), 0);
		EXPECT_TRUE(has_number(event, "new_inum", st.st_ino));
		if (!number)
			number = number_of(event);
		EXPECT_EQ(number_of(event), number);
		close(old);
		close(new);
		event = strchr(event, '\n') + 1;
	}
	EXPECT_STREQ(event, "");
}

TEST_F(trace, two_calls_have_two_numbers)
{
	long long first;

	self->call.fd = open_ns(self->target, "uts");
	make_call(_metadata, &self->call);
	ASSERT_EQ(count(self->call.events, "setns_joined"), 1);
	first = number_of(self->call.events);
	free(self->call.events);
	make_call(_metadata, &self->call);
	EXPECT_NE(number_of(self->call.events), first);
}

TEST_F(trace, nothing_if_disabled)
{
	ASSERT_EQ(write_file(EVENTS "/enable", "0"), 0);
	self->call.fd = -1;
	make_call(_metadata, &self->call);
	EXPECT_EQ(self->call.err, EBADF);
	EXPECT_STREQ(self->call.events, "");
}

TEST_F(trace, each_event_alone)
{
	ASSERT_EQ(write_file(EVENTS "/setns_refused/enable", "0"), 0);
	self->call.fd = -1;
	make_call(_metadata, &self->call);
	EXPECT_STREQ(self->call.events, "");
	free(self->call.events);

	self->call.fd = open_ns(self->target, "uts");
	make_call(_metadata, &self->call);
	EXPECT_EQ(count(self->call.events, "setns_joined"), 1);
	free(self->call.events);

	ASSERT_EQ(write_file(EVENTS "/setns_refused/enable", "1"), 0);
	ASSERT_EQ(write_file(EVENTS "/setns_joined/enable", "0"), 0);
	make_call(_metadata, &self->call);
	EXPECT_EQ(self->call.err, 0);
	EXPECT_STREQ(self->call.events, "");
}

/* The fields are numbers, so they can be filtered. */
TEST_F(trace, filter)
{
	ASSERT_EQ(write_file(EVENTS "/setns_refused/filter", "reason == 2"), 0);
	self->call.fd = -1;
	make_call(_metadata, &self->call);
	EXPECT_STREQ(self->call.events, "");
	free(self->call.events);
	self->call.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect_refusal(_metadata, &self->call, EINVAL, "reason=NOT_A_NAMESPACE");
}

/* Tools use the numbers and the names. Neither may ever change. */
TEST_F(trace, reasons_are_pinned)
{
	static const char *const names[] = {
		NULL, "BAD_FD", "NOT_A_NAMESPACE", "OTHER_TYPE", "BAD_TYPES", "NOT_BUILT_IN",
		"NO_MEMORY", "REAPED", "NOT_INSPECTABLE", "ZOMBIE", "NO_OWNER_CAP", "NO_CAP",
		"NO_CHROOT_CAP", "OWN_USER_NS", "THREADS", "SHARED_FS", "NO_CRED",
		"NO_UCOUNTS", "ANONYMOUS", "NO_ROOT", "NOT_BELOW", "SHARED_MEMORY",
	};
	char format[8192], entry[64];
	int fd = open(EVENTS "/setns_refused/format", O_RDONLY | O_CLOEXEC);
	ssize_t length, at = 0;

	while ((length = read(fd, format + at, sizeof(format) - 1 - at)) > 0)
		at += length;
	format[at] = '\0';
	close(fd);
	for (int i = 1; i < ARRAY_SIZE(names); i++) {
		snprintf(entry, sizeof(entry), "{ %d, \"%s\" }", i, names[i]);
		EXPECT_NE(strstr(format, entry), NULL) {
			TH_LOG("%s is missing in: %s", entry, format);
		}
	}
}

TEST_HARNESS_MAIN
