// SPDX-License-Identifier: GPL-2.0
/*
 * What the trace event setns_joined says of a call of setns(2) that joins, and when the trace
 * events of setns(2) are silent.
 */
#define _GNU_SOURCE
#include "setns_trace.h"

/* The first event must say that the caller, a child of this task, has joined this type. */
static void expect_join(struct __test_metadata *_metadata, const char *event, const char *name,
			pid_t target)
{
	int old = open_ns(getpid(), name), new = open_ns(target, name);
	struct stat st;

	ASSERT_EQ(strncmp(event, "setns_joined:", 13), 0) {
		TH_LOG("%s: %s", name, event);
	}
	expect_type(_metadata, event, name);
	EXPECT_NE(id_of(old), 0);
	EXPECT_NE(id_of(new), id_of(old));
	EXPECT_TRUE(has_number(event, "old_id", id_of(old)));
	EXPECT_TRUE(has_number(event, "new_id", id_of(new)));
	ASSERT_EQ(fstat(old, &st), 0);
	EXPECT_TRUE(has_number(event, "old_inum", st.st_ino));
	ASSERT_EQ(fstat(new, &st), 0);
	EXPECT_TRUE(has_number(event, "new_inum", st.st_ino));
	close(old);
	close(new);
}

/* If several types are joined, each fires an event, in the order of types[]. */
TEST_F(trace, joins)
{
	const char *event;
	long long number;

	self->call.fd = self->pidfd;
	self->call.nstype = self->flags;
	make_call(_metadata, &self->call);
	ASSERT_EQ(self->call.err, 0);
	EXPECT_EQ(count(self->call.events, "setns_refused"), 0);
	event = self->call.events;
	number = number_of(event);
	EXPECT_GT(number, 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (!(self->flags & types[i].flag))
			continue;
		expect_join(_metadata, event, types[i].name, self->target);
		EXPECT_EQ(number_of(event), number);
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
	make_call(_metadata, &self->call);
	ASSERT_EQ(count(self->call.events, "setns_joined"), 1);
	EXPECT_GT(number_of(self->call.events), first);
}

TEST_F(trace, only_the_task_that_is_traced)
{
	self->call.twice = true;
	self->call.fd = -1;
	expect_refusal(_metadata, &self->call, EBADF, "reason=BAD_FD");
	self->call.fd = open_ns(self->target, "uts");
	make_call(_metadata, &self->call);
	EXPECT_EQ(self->call.err, 0);
	EXPECT_EQ(count(self->call.events, "setns_joined"), 1);
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

	self->call.fd = open_ns(self->target, "uts");
	make_call(_metadata, &self->call);
	EXPECT_EQ(count(self->call.events, "setns_joined"), 1);

	ASSERT_EQ(write_file(EVENTS "/setns_refused/enable", "1"), 0);
	ASSERT_EQ(write_file(EVENTS "/setns_joined/enable", "0"), 0);
	make_call(_metadata, &self->call);
	EXPECT_EQ(self->call.err, 0);
	EXPECT_STREQ(self->call.events, "");
}

/* The fields are numbers, so they can be filtered. */
TEST_F(trace, filter)
{
	self->call.filter = "reason == 2";
	self->call.fd = -1;
	make_call(_metadata, &self->call);
	EXPECT_STREQ(self->call.events, "");
	self->call.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect_refusal(_metadata, &self->call, EINVAL, "reason=NOT_A_NAMESPACE");
}

TEST_HARNESS_MAIN
