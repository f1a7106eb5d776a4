// SPDX-License-Identifier: GPL-2.0
/* This file finds new warnings in the kernel's log. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "driver.h"

int open_kernel_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	need(fd >= 0 && lseek(fd, 0, SEEK_END) >= 0, "open the kernel's log");
	return fd;
}

/* Some warnings only say that the machine is slow. They are no failure. */
static bool is_about_time(const char *text)
{
	static const char *const starts[] = {
		"clocksource:", "hrtimer:", "perf:", "sched_clock:", "workqueue:",
		/* A new CPU did not find in time that its timers work. */
		"Could not switch to high resolution mode",
	};

	for (int i = 0; i < ARRAY_SIZE(starts); i++) {
		if (!strncmp(text, starts[i], strlen(starts[i])))
			return true;
	}
	return false;
}

/*
 * The kernel kills fault_test again and again, at the limit of its memory cgroup. Lines
 * of a call trace are no failure by themselves: the line before them says what happened,
 * and that line counts.
 */
static bool is_about_limit(const char *text)
{
	static const struct {
		const char *start;
		const char *part;
	} lines[] = {
		{ "fault_test invoked oom-killer: ", "" },
		{ "oom_kill_process: ", " callbacks suppressed" },
		{ "Memory cgroup min protection ", "" },
		{ "Memory cgroup out of memory: Killed process ", " (fault_test) " },
		{ "CPU: ", " Comm: fault_test " },
		{ "Tainted: ", "" }, { "Hardware name: ", "" },
		{ "Call Trace:", "" }, { "Call trace:", "" }, { " ", "" }, { "[<", "" },
		{ "RIP: ", "" }, { "Code: ", "" }, { "RSP: ", "" }, { "RAX: ", "" },
		{ "RDX: ", "" }, { "RBP: ", "" }, { "R10: ", "" }, { "R13: ", "" },
	};

	for (int i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!strncmp(text, lines[i].start, strlen(lines[i].start)) &&
		    strstr(text, lines[i].part))
			return true;
	}
	return false;
}

/* The first number of a record has the level in its lowest three bits. */
bool warned(int log)
{
	enum { WARNING = 4 };
	char record[8192];
	bool any = false;
	ssize_t length;

	while ((length = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		const char *text = "its log has overflowed";

		if (length > 0) {
			record[length] = 0;
			text = strchr(record, ';');
			if (!text || (atoi(record) & 7) > WARNING || is_about_time(++text) ||
			    (disturbed && is_about_limit(text)))
				continue;
		}
		printf("the kernel warns: %.*s\n", (int)strcspn(text, "\n"), text);
		any = true;
	}
	return any;
}

/* The log has room for the messages of a few seconds only, so they are read at once. */
bool warned_until_end(int log, pid_t driver)
{
	struct pollfd fds[] = {
		{ .fd = syscall(SYS_pidfd_open, driver, 0), .events = POLLIN },
		{ .fd = log, .events = POLLIN },
	};
	bool any = false;

	need(fds[0].fd >= 0, "open the driver");
	while (!fds[0].revents) {
		need(poll(fds, ARRAY_SIZE(fds), -1) > 0, "wait for the driver");
		any |= warned(log);
	}
	close(fds[0].fd);
	return any;
}
