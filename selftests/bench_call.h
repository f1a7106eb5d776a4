/* SPDX-License-Identifier: GPL-2.0 */
/*
 * System calls without the C library, and the counter around them.
 */
#ifndef SELFTESTS_SETNS_BENCH_CALL_H
#define SELFTESTS_SETNS_BENCH_CALL_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

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

/* The C library would add instructions of its own. */
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

#endif /* SELFTESTS_SETNS_BENCH_CALL_H */
