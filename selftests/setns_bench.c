// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what calls of setns(2) cost, for each implementation and algorithm that the
 * kernel has.
 *
 * usage: setns_bench [--baseline FILE] [--samples N] [--mark] [ROW...]
 *        setns_bench --threads N
 *
 * The unit is one tick of the counter that user space can read: the time stamp counter
 * on x86_64, the virtual counter on arm64. In QEMU with "-icount shift=0", and on arm64
 * with "cntfrq=1000000000" for the processor, one tick is one instruction, and almost
 * every run gives the same numbers. On hardware, compare columns only.
 *
 * Prints a line for each row of work, with the least number of each column. The last
 * number is how much the samples differ. With --baseline, FILE has the output of an
 * earlier run, and the exit status is 1 if a number differs. With --mark, the program
 * calls prctl(PR_SET_NAME, "setns_bench ROW COLUMN") before each call that it counts, so
 * that a debugger finds the call.
 *
 * With --threads, N threads of one container join two network namespaces in turn. Prints
 * the ticks that pass until all have made their calls. No number of these is expected.
 */
#define _GNU_SOURCE
#include <getopt.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include "bench_call.h"
#include "bench_rows.h"
#include "bench_threads.h"

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))
#define SAMPLES		40	/* of each column in a row */

/* The implementations and algorithms, and what to write to the files that choose them. */
static const struct column {
	const char *name;
	const char *enabled;
	const char *algorithm;
	const char *algorithm_c;
} columns[] = {
	{ "c", "0", "copy", "copy" },
	{ "rust_copy", "1", "copy", "copy" },
	{ "rust", "1", "in_place", "copy" },
	{ "c_in_place", "1", "copy", "in_place" },
};

static const char enabled[] = "/sys/module/rust_setns/parameters/enabled";
static const char algorithm[] = "/sys/kernel/debug/setns/algorithm";
/* Only a kernel that is built for a benchmark has this one. */
static const char algorithm_c[] = "/sys/kernel/debug/setns/algorithm_c";
static const char events[] = "/sys/kernel/tracing/events/setns/enable";

static bool usable[ARRAY_SIZE(columns)];

static bool is_usable(const struct column *column)
{
	if (column->algorithm_c[0] == 'i')
		return !access(algorithm_c, W_OK);
	if (column->enabled[0] == '0')
		return true;
	return !access(enabled, W_OK) && !access(algorithm, W_OK);
}

static void write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	/* A kernel without the file has nothing to choose */
	if (fd < 0 && errno == ENOENT)
		return;
	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die(path);
	close(fd);
}

static void choose(const struct column *column)
{
	write_file(enabled, column->enabled);
	write_file(algorithm, column->algorithm);
	write_file(algorithm_c, column->algorithm_c);
}

static unsigned long long *shared, nil;
static int samples = SAMPLES;
static bool marked;

static void mark(const struct row *row, const struct column *column)
{
	char name[64];

	snprintf(name, sizeof(name), "setns_bench %s %s", row->name, column->name);
	prctl(PR_SET_NAME, name);
}

static bool do_before(const struct row *row, const struct column *column)
{
	if (!row->before())
		return false;
	if (marked)
		mark(row, column);
	return true;
}

static void do_row(const struct row *row, const struct column *column)
{
	if (!do_before(row, column) || !row->counted()) {
		fprintf(stderr, "setns_bench: %s: a call has given a wrong answer\n", row->name);
		_exit(BROKEN);
	}
	*shared = ended - started - nil;
}

/* What is printed must not come from the child once more. */
static pid_t fork_child(void)
{
	pid_t pid;

	fflush(stdout);
	pid = fork();
	if (pid < 0)
		die("fork");
	return pid;
}

/* Waits for a child, and lets nothing but success pass. */
static void wait_for(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid || status)
		exit(BROKEN);
}

static unsigned long long sample(const struct row *row, const struct column *column)
{
	pid_t pid;

	if (!row->fresh) {
		do_row(row, column);
		return *shared;
	}
	pid = fork_child();
	if (!pid) {
		/* A page fault would count, too */
		if (mlockall(MCL_CURRENT))
			die("mlockall");
		*shared = 0;
		do_row(row, column);
		_exit(0);
	}
	wait_for(pid);
	return *shared;
}

static int compare(const void *a, const void *b)
{
	unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;

	return (x > y) - (x < y);
}

/* Puts the line of a row into @line. The columns take turns, sample by sample. */
static void count_row(const struct row *row, char *line, size_t size)
{
	static unsigned long long counts[ARRAY_SIZE(columns)][SAMPLES];
	unsigned long long spread = 0;
	size_t length = snprintf(line, size, "%s", row->name);

	if (row->traced)
		write_file(events, "1");
	for (int n = 0; n < samples; n++) {
		for (int i = 0; i < ARRAY_SIZE(columns); i++) {
			if (!usable[i])
				continue;
			choose(&columns[i]);
			counts[i][n] = sample(row, &columns[i]);
		}
	}
	if (row->traced)
		write_file(events, "0");
	if (!row->fresh && !go_home()) {
		fprintf(stderr, "setns_bench: %s: cannot go back\n", row->name);
		exit(BROKEN);
	}
	for (int i = 0; i < ARRAY_SIZE(columns); i++) {
		const unsigned long long *sorted = counts[i];

		if (!usable[i])
			continue;
		qsort(counts[i], samples, sizeof(*sorted), compare);
		if (sorted[samples * 3 / 4] - sorted[0] > spread)
			spread = sorted[samples * 3 / 4] - sorted[0];
		length += snprintf(line + length, size - length, ",%llu", sorted[0]);
	}
	snprintf(line + length, size - length, ",%llu\n", spread);
}

static bool is_in(const char *path, const char *line)
{
	FILE *file = fopen(path, "re");
	char other[256];
	bool found = false;

	if (!file)
		die(path);
	while (!found && fgets(other, sizeof(other), file))
		found = !strcmp(line, other);
	fclose(file);
	return found;
}

/* No @wanted means all. A kernel without the events cannot be traced. */
static bool is_wanted(const struct row *row, char *const *wanted)
{
	if (row->traced && access(events, W_OK))
		return false;
	if (!*wanted)
		return true;
	while (*wanted && strcmp(*wanted, row->name))
		wanted++;
	return *wanted;
}

static void set_up(void)
{
	shared = mmap(NULL, getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	not_a_namespace = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (shared == MAP_FAILED || not_a_namespace < 0)
		die("/dev/null");
	/* The caller of a join of a mount namespace must not share its directories */
	if (unshare(CLONE_FS | CLONE_NEWNS))
		die("unshare");
	start_place(&away, SIX | CLONE_NEWTIME);
	start_place(&container, ALL);
	open_place(&home, getpid());
	for (int i = 0; i < ARRAY_SIZE(columns); i++)
		usable[i] = is_usable(&columns[i]);
	nil = ~0ULL;
	for (int i = 0; i < 100; i++) {
		started = ticks();
		ended = ticks();
		if (ended - started < nil)
			nil = ended - started;
	}
}

static void print_threads(int n)
{
	pid_t pid;

	printf("threads,column,calls,ticks\n");
	for (int i = 0; i < ARRAY_SIZE(columns); i++) {
		if (!usable[i])
			continue;
		choose(&columns[i]);
		pid = fork_child();
		if (!pid) {
			/* Only a child is in new pid and time namespaces */
			if (!enter_container())
				die("enter_container");
			pid = fork_child();
			if (!pid)
				*shared = ticks_of_threads(n);
			else
				wait_for(pid);
			_exit(0);
		}
		wait_for(pid);
		printf("%d,%s,%d,%llu\n", n, columns[i].name, 2 * HOPS * n, *shared);
	}
}

/* Returns false if a line is not in @baseline. */
static bool print_rows(char *const *wanted, const char *baseline)
{
	bool same = true;
	char line[256];

	printf("row");
	for (int i = 0; i < ARRAY_SIZE(columns); i++)
		printf(usable[i] ? ",%s" : "%.0s", columns[i].name);
	printf(",spread\n");
	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!is_wanted(&rows[i], wanted))
			continue;
		count_row(&rows[i], line, sizeof(line));
		fputs(line, stdout);
		if (baseline && !is_in(baseline, line)) {
			fprintf(stderr, "setns_bench: %s: not as in %s\n", rows[i].name, baseline);
			same = false;
		}
	}
	return same;
}

static int parse(const char *text, int most)
{
	int n = atoi(text);

	if (n < 1 || n > most) {
		fprintf(stderr, "setns_bench: '%s' is not a number from 1 to %d\n", text, most);
		exit(BROKEN);
	}
	return n;
}

int main(int argc, char *argv[])
{
	static const struct option options[] = {
		{ "baseline", required_argument, NULL, 'b' },
		{ "samples", required_argument, NULL, 's' },
		{ "mark", no_argument, NULL, 'm' },
		{ "threads", required_argument, NULL, 't' },
		{ }
	};
	const char *baseline = NULL;
	int option, threads = 0;
	bool same = true;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'b':
			baseline = optarg;
			break;
		case 's':
			samples = parse(optarg, SAMPLES);
			break;
		case 'm':
			marked = true;
			break;
		case 't':
			threads = parse(optarg, MAX_THREADS);
			break;
		default:
			return BROKEN;
		}
	}
	set_up();
	if (threads)
		print_threads(threads);
	else
		same = print_rows(argv + optind, baseline);
	write_file(enabled, "1");
	write_file(algorithm, "in_place");
	write_file(algorithm_c, "copy");
	return same ? 0 : FAILED;
}
