// SPDX-License-Identifier: GPL-2.0
/*
 * Security tools attach kprobes to functions on the way of a call of setns(2). They must
 * see as much of a call that Rust serves as of one that C serves, except of functions
 * that observer.h lists.
 *
 * The test prints how often each kprobe fires in each call.
 */
#define _GNU_SOURCE
#include "each_call.h"
#include "knob.h"
#include "observer.h"

/* The ways to serve a call. */
static const struct way {
	enum impl impl;
	const char *algorithm;
	int differs;	/* the least value of this field for which the way may call less often */
} ways[] = {
	{ C, "copy" },
	{ RUST, "copy", ALWAYS },
	{ RUST, "in_place", IN_PLACE },
};

#define WAYS	ARRAY_SIZE(ways)

static char *observe(struct __test_metadata *_metadata, const struct call *call, pid_t target,
		     int pidfd)
{
	int line, status;
	pid_t pid = start_caller(call, target, pidfd, &line);

	ASSERT_GT(pid, 0);
	ASSERT_EQ(observe_task(pid), 0);
	ASSERT_TRUE(pass_turn(line));
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0) {
		TH_LOG("%s", call->name);
	}
	close(line);
	return observed_call();
}

/* Prints the kprobes that fired, and how often. */
static void print_hits(const struct call *call, char *const *seen)
{
	for (int i = 0; i < nr_kprobes; i++) {
		const char *name = kprobes[i].name;
		int c = hits(seen[0], name), copy = hits(seen[1], name);
		int in_place = hits(seen[2], name);

		if (c || copy || in_place)
			printf("# hits %s %s %d %d %d\n", call->name, name, c, copy, in_place);
		kprobes[i].fired |= c > 0;
	}
}

/* Removes the lines of functions that a way may call less often. */
static void leave_out_differing(char *text, const struct way *way)
{
	for (int i = 0; i < nr_kprobes; i++) {
		char *line = text;

		while (kprobes[i].listed && kprobes[i].listed->differs >= way->differs && *line) {
			char *next = strchr(line, '\n') + 1;

			if (hits(line, kprobes[i].name) > hits(next, kprobes[i].name))
				memmove(line, next, strlen(next) + 1);
			else
				line = next;
		}
	}
}

/* Compares what was seen of Rust with what was seen of C. */
static void expect_way(struct __test_metadata *_metadata, const struct call *call,
		       const char *c, const char *rust, const struct way *way)
{
	char *left_c = strdup(c), *left_rust = strdup(rust);

	for (int i = 0; i < nr_kprobes; i++) {
		if (kprobes[i].listed && kprobes[i].listed->more)
			continue;
		EXPECT_LE(hits(rust, kprobes[i].name), hits(c, kprobes[i].name)) {
			TH_LOG("%s, %s: %s", call->name, way->algorithm, kprobes[i].name);
		}
	}
	ASSERT_NE(left_c, NULL);
	ASSERT_NE(left_rust, NULL);
	leave_out_differing(left_c, way);
	leave_out_differing(left_rust, way);
	EXPECT_STREQ(left_rust, left_c) {
		TH_LOG("%s, %s", call->name, way->algorithm);
	}
	free(left_c);
	free(left_rust);
}

static void expect_the_same(struct __test_metadata *_metadata, const struct knob *knob,
			    const struct call *call, pid_t target, int pidfd)
{
	char *seen[WAYS];

	for (int i = 0; i < WAYS; i++) {
		ASSERT_EQ(choose_algorithm(knob, ways[i].algorithm), 0);
		ASSERT_EQ(switch_to(knob, ways[i].impl), 0);
		seen[i] = observe(_metadata, call, target, pidfd);
		ASSERT_NE(seen[i], NULL);
	}
	print_hits(call, seen);
	for (int i = 1; i < WAYS; i++)
		expect_way(_metadata, call, seen[0], seen[i], &ways[i]);
	for (int i = 0; i < WAYS; i++)
		free(seen[i]);
}

FIXTURE(kprobes)
{
	struct knob knob;
	pid_t target;
	int pidfd;
};

FIXTURE_SETUP(kprobes)
{
	self->knob.parameter = -1;
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	if (!open_knob(&self->knob) || self->knob.parameter < 0)
		SKIP(return, "no rust_setns in this kernel, or not loaded");
	/* Those of an earlier run that was stopped */
	remove_kprobes();
	add_kprobes();
	if (!nr_kprobes)
		SKIP(return, "no kprobe events in this kernel");
	if (enable_kprobes()) {
		/* There is no teardown after a skip */
		remove_kprobes();
		SKIP(return, "no events of system calls");
	}
	self->target = target_in(all_types, &self->pidfd);
	ASSERT_GT(self->target, 0);
}

FIXTURE_TEARDOWN(kprobes)
{
	remove_kprobes();
	end_target(self->target);
	close_knob(&self->knob);
}

TEST_F_TIMEOUT(kprobes, see_the_same, 900)
{
	for (int i = 0; i < ARRAY_SIZE(observed); i++) {
		EXPECT_TRUE(has_kprobe(observed[i].name) || !observed[i].required) {
			TH_LOG("no kprobe on %s", observed[i].name);
		}
	}
	for (int i = 0; i < ARRAY_SIZE(all_calls); i++)
		expect_the_same(_metadata, &self->knob, &all_calls[i], self->target, self->pidfd);
	/* A kprobe that never fires shows nothing */
	for (int i = 0; i < nr_kprobes; i++) {
		EXPECT_TRUE(kprobes[i].fired || !kprobes[i].listed) {
			TH_LOG("%s", kprobes[i].name);
		}
	}
}

TEST_HARNESS_MAIN
