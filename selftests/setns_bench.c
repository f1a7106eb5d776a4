// SPDX-License-Identifier: GPL-2.0
/*
 * Counts what calls of setns(2) cost, for each implementation and algorithm that the
 * kernel has.
 *
 * usage: setns_bench [--baseline FILE] [ROW...]
 *
 * The unit is one tick of the counter that user space can read: the time stamp counter
 * on x86_64, the virtual counter on arm64. In QEMU with "-icount shift=0", one tick is
 * one instruction, and each run gives the same numbers. On hardware, compare columns
 * only.
 *
 * Prints a line for each row of work, with the least number of each column. The last
 * number is how much the samples differ. With --baseline, FILE has the output of an
 * earlier run, and the exit status is 1 if a number differs.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof(*(a)))
#define SAMPLES		40	/* of each column in a row */

enum { FAILED = 1, BROKEN = 2 };	/* exit statuses */

static inline unsigned long long ticks(void)
{
#if defined(__x86_64__)
	unsigned int low, high;

	asm volatile("lfence; rdtsc; lfence" : "=a"(low), "=d"(high) : : "memory");
	return (unsigned long long)high << 32 | low;
#elif defined(__aarch64__)
	unsigned long long now;

	asm volatile("isb; mrs %0, cntvct_el0; isb" : "=r"(now) : : "memory");
	return now;
#else
	return 0;
#endif
}

/* A system call without the C library, which would add instructions of its own. */
static inline long call(long nr, long a, long b, long c)
{
#if defined(__x86_64__)
	long result = nr;

	asm volatile("syscall" : "+a"(result) : "D"(a), "S"(b), "d"(c) : "rcx", "r11", "memory");
	return result;
#elif defined(__aarch64__)
	register long x0 asm("x0") = a;
	register long x1 asm("x1") = b;
	register long x2 asm("x2") = c;
	register long x8 asm("x8") = nr;

	asm volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x2), "r"(x8) : "memory");
	return x0;
#else
	return syscall(nr, a, b, c);
#endif
}

static inline long join(int fd, int nstype)
{
	return call(SYS_setns, fd, nstype, 0);
}

static void die(const char *what)
{
	fprintf(stderr, "setns_bench: %s: %s\n", what, strerror(errno));
	exit(BROKEN);
}

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

enum { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME, TYPES };

static const char *const names[TYPES] = {
	"user", "mnt", "uts", "ipc", "pid", "cgroup", "net", "time",
};

enum {
	THREE = CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
	SIX = THREE | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP,
	ALL = SIX | CLONE_NEWUSER | CLONE_NEWTIME,
};

/* The namespaces of a process. */
struct place {
	int pidfd;
	int ns[TYPES];
};

static struct place home, away, container;
static int not_a_namespace, inner_net;

static void open_place(struct place *place, pid_t pid)
{
	char path[64];

	place->pidfd = syscall(SYS_pidfd_open, pid, 0);
	if (place->pidfd < 0)
		die("pidfd_open");
	for (int i = 0; i < TYPES; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", pid, names[i]);
		place->ns[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (place->ns[i] < 0)
			die(path);
	}
}

/* Starts a process in new namespaces. Only a child is in new pid and time namespaces. */
static void start_place(struct place *place, int flags)
{
	int line[2];
	pid_t pid;

	if (pipe(line))
		die("pipe");
	pid = fork();
	if (pid < 0)
		die("fork");
	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (unshare(flags))
			die("unshare");
		pid = fork();
		if (pid > 0 && write(line[1], &pid, sizeof(pid)) != sizeof(pid))
			die("write");
		if (!pid)
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		pause();
		exit(BROKEN);
	}
	if (read(line[0], &pid, sizeof(pid)) != sizeof(pid))
		die("read");
	close(line[0]);
	close(line[1]);
	open_place(place, pid);
}

/* Goes back to where the program started, or the next row would start elsewhere. */
static void go_home(void)
{
	for (int i = MNT; i < TYPES; i++) {
		if (join(home.ns[i], 0))
			die(names[i]);
	}
}

static unsigned long long started, ended;

#define COUNT(expression)			\
({						\
	long result_;				\
						\
	started = ticks();			\
	result_ = (expression);			\
	ended = ticks();			\
	result_;				\
})

/*
 * The work of the rows. Each function returns false if a call does not answer as it
 * should.
 */

static bool nothing(void)
{
	return true;
}

static bool count_getppid(void)
{
	return COUNT(call(SYS_getppid, 0, 0, 0)) > 0;
}

static bool count_bad_fd(void) { return COUNT(join(1000, 0)) == -EBADF; }
static bool count_type(void) { return COUNT(join(away.ns[NET], CLONE_NEWUTS)) == -EINVAL; }
static bool count_file(void) { return COUNT(join(not_a_namespace, 0)) == -EINVAL; }

static bool home_net(void) { return !join(home.ns[NET], 0); }
static bool home_uts(void) { return !join(home.ns[UTS], 0); }
static bool home_ipc(void) { return !join(home.ns[IPC], 0); }
static bool home_pid(void) { return !join(home.ns[PID], 0); }
static bool home_cgroup(void) { return !join(home.ns[CGROUP], 0); }
static bool home_mnt(void) { return !join(home.ns[MNT], 0); }
static bool home_time(void) { return !join(home.ns[TIME], 0); }
static bool home_six(void) { return !join(home.pidfd, SIX); }

static bool count_net(void) { return !COUNT(join(away.ns[NET], 0)); }
static bool count_uts(void) { return !COUNT(join(away.ns[UTS], 0)); }
static bool count_ipc(void) { return !COUNT(join(away.ns[IPC], 0)); }
static bool count_pid(void) { return !COUNT(join(away.ns[PID], 0)); }
static bool count_cgroup(void) { return !COUNT(join(away.ns[CGROUP], 0)); }
static bool count_mnt(void) { return !COUNT(join(away.ns[MNT], 0)); }
static bool count_time(void) { return !COUNT(join(away.ns[TIME], 0)); }
static bool count_user(void) { return !COUNT(join(container.ns[USER], 0)); }

static bool count_pidfd_one(void) { return !COUNT(join(away.pidfd, CLONE_NEWNET)); }
static bool count_pidfd_three(void) { return !COUNT(join(away.pidfd, THREE)); }
static bool count_pidfd_six(void) { return !COUNT(join(away.pidfd, SIX)); }
static bool count_pidfd_all(void) { return !COUNT(join(container.pidfd, ALL)); }

static bool count_six_singles(void)
{
	return !COUNT(join(away.pidfd, CLONE_NEWNS) | join(away.pidfd, CLONE_NEWUTS) |
		      join(away.pidfd, CLONE_NEWIPC) | join(away.pidfd, CLONE_NEWPID) |
		      join(away.pidfd, CLONE_NEWCGROUP) | join(away.pidfd, CLONE_NEWNET));
}

static bool drop_capabilities(void) { return !call(SYS_setresuid, 1000, 1000, 1000); }
static bool own_set_and_drop(void) { return home_net() && drop_capabilities(); }
static bool count_eperm(void) { return COUNT(join(away.ns[NET], 0)) == -EPERM; }

/* In a container, with another network namespace of the same user namespace. */
static bool enter_container(void)
{
	if (join(container.pidfd, ALL) || unshare(CLONE_NEWNET))
		return false;
	inner_net = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	return inner_net >= 0 && !join(container.ns[NET], 0);
}

static bool count_net_inside(void) { return !COUNT(join(inner_net, 0)); }

static bool count_socket(void)
{
	int fd = COUNT(call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));

	return fd >= 0 && !close(fd);
}

/* What a program does to open a socket in another network namespace. */
static bool count_socket_away(void)
{
	long there, fd, back;

	started = ticks();
	there = join(away.ns[NET], CLONE_NEWNET);
	fd = call(SYS_socket, AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	back = join(home.ns[NET], CLONE_NEWNET);
	ended = ticks();
	return !there && !back && fd >= 0 && !close(fd);
}

/*
 * @before is not counted. If @fresh, each sample is from a new child, which shares its
 * nsproxy with its parent until it joins.
 */
static const struct row {
	const char *name;
	bool (*before)(void);
	bool (*counted)(void);
	bool fresh;
} rows[] = {
	{ "getppid", nothing, count_getppid },
	{ "bad_fd", nothing, count_bad_fd },
	{ "other_type", nothing, count_type },
	{ "not_a_namespace", nothing, count_file },
	{ "refused_private", own_set_and_drop, count_eperm, true },
	{ "refused_shared", drop_capabilities, count_eperm, true },
	{ "net", home_net, count_net },
	{ "uts", home_uts, count_uts },
	{ "ipc", home_ipc, count_ipc },
	{ "pid", home_pid, count_pid },
	{ "cgroup", home_cgroup, count_cgroup },
	{ "mnt", home_mnt, count_mnt },
	{ "time", home_time, count_time },
	{ "net_shared", nothing, count_net, true },
	{ "user", nothing, count_user, true },
	{ "net_in_container", enter_container, count_net_inside, true },
	{ "pidfd_one", home_net, count_pidfd_one },
	{ "pidfd_three", home_six, count_pidfd_three },
	{ "pidfd_six", home_six, count_pidfd_six },
	{ "pidfd_all", home_net, count_pidfd_all, true },
	{ "six_singles", home_six, count_six_singles },
	{ "socket", nothing, count_socket },
	{ "socket_away", home_net, count_socket_away },
};

static unsigned long long *shared, nil;

static void do_row(const struct row *row)
{
	if (!row->before() || !row->counted()) {
		fprintf(stderr, "setns_bench: %s: a call has given a wrong answer\n", row->name);
		_exit(BROKEN);
	}
	*shared = ended - started - nil;
}

static unsigned long long sample(const struct row *row)
{
	int status;
	pid_t pid;

	if (!row->fresh) {
		do_row(row);
		return *shared;
	}
	pid = fork();
	if (!pid) {
		/* A page fault would count, too */
		if (mlockall(MCL_CURRENT))
			die("mlockall");
		*shared = 0;
		do_row(row);
		_exit(0);
	}
	if (waitpid(pid, &status, 0) != pid || status)
		exit(BROKEN);
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

	for (int n = 0; n < SAMPLES; n++) {
		for (int i = 0; i < ARRAY_SIZE(columns); i++) {
			if (!usable[i])
				continue;
			choose(&columns[i]);
			counts[i][n] = sample(row);
		}
	}
	if (!row->fresh)
		go_home();
	for (int i = 0; i < ARRAY_SIZE(columns); i++) {
		const unsigned long long *sorted = counts[i];

		if (!usable[i])
			continue;
		qsort(counts[i], SAMPLES, sizeof(*sorted), compare);
		if (sorted[SAMPLES * 3 / 4] - sorted[0] > spread)
			spread = sorted[SAMPLES * 3 / 4] - sorted[0];
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

static bool is_wanted(const char *name, char *const *wanted)
{
	if (!*wanted)
		return true;
	while (*wanted && strcmp(*wanted, name))
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

int main(int argc, char *argv[])
{
	const char *baseline = NULL;
	bool differs = false;
	char line[256];

	argv++;
	if (argc > 2 && !strcmp(argv[0], "--baseline")) {
		baseline = argv[1];
		argv += 2;
	}
	set_up();
	printf("row");
	for (int i = 0; i < ARRAY_SIZE(columns); i++)
		printf(usable[i] ? ",%s" : "%.0s", columns[i].name);
	printf(",spread\n");
	for (int i = 0; i < ARRAY_SIZE(rows); i++) {
		if (!is_wanted(rows[i].name, argv))
			continue;
		count_row(&rows[i], line, sizeof(line));
		fputs(line, stdout);
		if (baseline && !is_in(baseline, line)) {
			fprintf(stderr, "setns_bench: %s: not as in %s\n", rows[i].name, baseline);
			differs = true;
		}
	}
	write_file(enabled, "1");
	write_file(algorithm, "in_place");
	write_file(algorithm_c, "copy");
	return differs ? FAILED : 0;
}
