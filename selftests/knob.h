/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The files of rust_setns: the parameter, which chooses the implementation that serves
 * setns(2); the algorithm with which Rust joins; and the counters, which show how many
 * calls each implementation has served.
 *
 * The tests need a call that takes no privileges and is counted: a call with a
 * descriptor that is not open.
 */
#ifndef SELFTESTS_SETNS_KNOB_H
#define SELFTESTS_SETNS_KNOB_H

#include <stdlib.h>

#include "module.h"
#include "setns.h"

#define CALLS	20	/* enough to stand out from other calls */

enum impl { C, RUST, IMPLS };

static const char *const counters[IMPLS] = {
	[C] = "/sys/kernel/debug/setns/calls_c",
	[RUST] = "/sys/kernel/debug/setns/calls_rust",
};

static const char algorithm_file[] = "/sys/kernel/debug/setns/algorithm";

/* The files. The test opens them as root, before it becomes another user. */
struct knob {
	int parameter;		/* -1 if rust_setns is not there, or not loaded */
	int algorithm;
	int counters[IMPLS];
	char before;
	char algorithm_before[16];
};

static inline int read_file(int fd, char *text, size_t size)
{
	ssize_t length = pread(fd, text, size - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? 0 : -1;
}

/* Returns the value of the parameter, or 0 if it cannot be read. */
static inline char setting(const struct knob *knob)
{
	char text[8];

	return read_file(knob->parameter, text, sizeof(text)) ? 0 : text[0];
}

static inline int set(const struct knob *knob, const char *value)
{
	return pwrite(knob->parameter, value, strlen(value), 0) == strlen(value) ? 0 : -1;
}

static inline int switch_to(const struct knob *knob, enum impl impl)
{
	return set(knob, impl == RUST ? "1" : "0");
}

/* The file is a seq_file, which knows no pwrite(). Each write starts anew. */
static inline int choose_algorithm(const struct knob *knob, const char *name)
{
	return write(knob->algorithm, name, strlen(name)) == strlen(name) ? 0 : -1;
}

static inline enum impl in_charge(const struct knob *knob)
{
	return setting(knob) == 'Y' ? RUST : C;
}

/* Returns the number in the file, or -1 if there is anything else. */
static inline long number_in(int fd)
{
	char text[32], *end;
	long number;

	if (read_file(fd, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return -1;
	number = strtol(text, &end, 10);
	return strcmp(end, "\n") ? -1 : number;
}

static inline long calls(const struct knob *knob, enum impl impl)
{
	return number_in(knob->counters[impl]);
}

static inline bool open_knob(struct knob *knob)
{
	knob->parameter = open(parameter, O_RDWR | O_CLOEXEC);
	knob->before = setting(knob);
	knob->algorithm = open(algorithm_file, O_RDWR | O_CLOEXEC);
	if (read_file(knob->algorithm, knob->algorithm_before, sizeof(knob->algorithm_before)))
		return false;
	for (enum impl i = C; i < IMPLS; i++) {
		knob->counters[i] = open(counters[i], O_RDONLY | O_CLOEXEC);
		if (knob->counters[i] < 0)
			return false;
	}
	return true;
}

/* This works even if the test has become an ordinary user: the opener of a file counts. */
static inline void close_knob(struct knob *knob)
{
	if (knob->parameter >= 0)
		set(knob, knob->before == 'Y' ? "1" : "0");
	close(knob->parameter);
	choose_algorithm(knob, knob->algorithm_before);
	close(knob->algorithm);
	for (enum impl i = C; i < IMPLS; i++)
		close(knob->counters[i]);
}

static inline void make_calls(int count)
{
	while (count--)
		setns(-1, 0);
}

/* The other implementation cannot have served a call, so its number is exact. */
static inline void expect_served_by(struct __test_metadata *_metadata, const struct knob *knob,
				    enum impl impl)
{
	long ours = calls(knob, impl), others = calls(knob, !impl);

	ASSERT_GE(ours, 0);
	ASSERT_GE(others, 0);
	make_calls(CALLS);
	EXPECT_GE(calls(knob, impl), ours + CALLS);
	EXPECT_EQ(calls(knob, !impl), others);
}

#endif
