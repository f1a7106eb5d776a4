// SPDX-License-Identifier: GPL-2.0
/* The audit records of a call that Rust serves are those of a call that C serves. */
#define _GNU_SOURCE
#include <ctype.h>
#include <linux/audit.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "each_call.h"
#include "knob.h"

/* The multicast group that gets a copy of each record. */
#define READLOG	(1U << (AUDIT_NLGRP_READLOG - 1))

static int open_audit(unsigned int groups)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = groups };
	struct timeval limit = { .tv_sec = 60 };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

	if (fd < 0)
		return -1;
	if (bind(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Sends a message, and returns the error that the kernel acknowledges it with. */
static int tell_audit(int fd, int type, const void *data, size_t size)
{
	struct {
		struct nlmsghdr header;
		char data[2048];
	} message = {
		.header = {
			.nlmsg_len = NLMSG_LENGTH(size),
			.nlmsg_type = type,
			.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK,
		},
	};
	char answer[4096];
	struct nlmsghdr *header = (void *)answer;

	memcpy(message.data, data, size);
	if (send(fd, &message, message.header.nlmsg_len, 0) < 0)
		return errno;
	do {
		if (recv(fd, answer, sizeof(answer), 0) < 0)
			return errno;
	} while (header->nlmsg_type != NLMSG_ERROR);
	return -((struct nlmsgerr *)NLMSG_DATA(header))->error;
}

static int set_enabled(int fd, __u32 enabled)
{
	struct audit_status status = { .mask = AUDIT_STATUS_ENABLED, .enabled = enabled };

	return tell_audit(fd, AUDIT_SET, &status, sizeof(status));
}

/* Returns whether audit is enabled, or -1. */
static int is_enabled(int fd)
{
	struct nlmsghdr request = {
		.nlmsg_len = NLMSG_LENGTH(0), .nlmsg_type = AUDIT_GET, .nlmsg_flags = NLM_F_REQUEST,
	};
	char answer[4096];
	struct nlmsghdr *header = (void *)answer;

	if (send(fd, &request, request.nlmsg_len, 0) < 0 ||
	    recv(fd, answer, sizeof(answer), 0) < 0 || header->nlmsg_type != AUDIT_GET)
		return -1;
	return ((struct audit_status *)NLMSG_DATA(header))->enabled;
}

/* Adds or removes the rule that each call of setns(2) is recorded. */
static int change_rule(int fd, int type)
{
	struct audit_rule_data rule = {
		.flags = AUDIT_FILTER_EXIT,
		.action = AUDIT_ALWAYS,
		.mask[AUDIT_WORD(SYS_setns)] = AUDIT_BIT(SYS_setns),
	};

	return tell_audit(fd, type, &rule, sizeof(rule));
}

/* Replaces the number after each @name by X. */
static void mask_number(char *text, const char *name)
{
	while ((text = strstr(text, name))) {
		char *digits = text += strlen(name), *end = digits;

		while (isdigit(*end) || *end == '.' || *end == ':')
			end++;
		if (end > digits) {
			*digits = 'X';
			memmove(digits + 1, end, strlen(end) + 1);
		}
	}
}

/* Returns the serial number of an event, from a record such as "audit(12.345:67): ...". */
static long serial_of(const char *text)
{
	const char *colon = strchr(text, ':');

	return colon ? strtol(colon + 1, NULL, 10) : 0;
}

/* Returns the records of the task's call, a line for each. The caller frees it. */
static char *read_records(int fd, pid_t pid)
{
	char buffer[8192], of_task[32], *text = NULL;
	struct nlmsghdr *header = (void *)buffer;
	bool complete = false;
	long serial = 0;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	snprintf(of_task, sizeof(of_task), " pid=%d ", pid);
	while (!complete) {
		ssize_t length = recv(fd, buffer, sizeof(buffer) - 1, 0);
		char *record = NLMSG_DATA(header);

		if (length < NLMSG_HDRLEN)
			break;
		buffer[length] = '\0';
		if (!serial && header->nlmsg_type == AUDIT_SYSCALL && strstr(record, of_task))
			serial = serial_of(record);
		if (!serial || serial != serial_of(record))
			continue;
		mask_number(record, "audit(");
		mask_number(record, " pid=");
		mask_number(record, " ppid=");
		fprintf(out, "%d %s\n", header->nlmsg_type, record);
		/* The last record of an event */
		complete = header->nlmsg_type == AUDIT_EOE;
	}
	fclose(out);
	return text;
}

static char *record_call(struct __test_metadata *_metadata, const struct call *call,
			 pid_t target, int pidfd)
{
	int log = open_audit(READLOG), line = -1, status;
	pid_t pid = start_caller(call, target, pidfd, &line);
	char *text;

	ASSERT_GE(log, 0);
	ASSERT_GT(pid, 0);
	ASSERT_TRUE(pass_turn(line));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0) {
		TH_LOG("%s", call->name);
	}
	text = read_records(log, pid);
	close(line);
	close(log);
	return text;
}

FIXTURE(audit)
{
	struct knob knob;
	int fd;
	int enabled;
	pid_t target;
	int pidfd;
};

FIXTURE_SETUP(audit)
{
	self->knob.parameter = -1;
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	if (!open_knob(&self->knob) || self->knob.parameter < 0)
		SKIP(return, "no rust_setns in this kernel, or not loaded");
	self->fd = open_audit(0);
	self->enabled = is_enabled(self->fd);
	if (self->enabled < 0 || set_enabled(self->fd, 1))
		SKIP(return, "no audit in this kernel, or it may not be changed");
	/* That of an earlier run that was stopped */
	change_rule(self->fd, AUDIT_DEL_RULE);
	if (change_rule(self->fd, AUDIT_ADD_RULE)) {
		/* There is no teardown after a skip */
		set_enabled(self->fd, self->enabled);
		SKIP(return, "audit does not record system calls");
	}
	self->target = target_in(all_types, &self->pidfd);
	ASSERT_GT(self->target, 0);
}

FIXTURE_TEARDOWN(audit)
{
	change_rule(self->fd, AUDIT_DEL_RULE);
	set_enabled(self->fd, self->enabled);
	close(self->fd);
	end_target(self->target);
	close_knob(&self->knob);
}

TEST_F(audit, records_the_same)
{
	for (int i = 0; i < ARRAY_SIZE(all_calls); i++) {
		char *records[IMPLS];

		for (enum impl impl = C; impl < IMPLS; impl++) {
			ASSERT_EQ(switch_to(&self->knob, impl), 0);
			records[impl] = record_call(_metadata, &all_calls[i], self->target,
						    self->pidfd);
		}
		/* The record may be missing, for example because of another rule */
		ASSERT_NE(strstr(records[C], "syscall="), NULL);
		EXPECT_STREQ(records[RUST], records[C]) {
			TH_LOG("%s", all_calls[i].name);
		}
		for (enum impl impl = C; impl < IMPLS; impl++)
			free(records[impl]);
	}
}

TEST_HARNESS_MAIN
