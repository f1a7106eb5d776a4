/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How threads of one container disturb each other: each joins two network namespaces in
 * turn. The threads write to the counters of the same namespaces.
 */
#ifndef SELFTESTS_SETNS_BENCH_THREADS_H
#define SELFTESTS_SETNS_BENCH_THREADS_H

#include <pthread.h>

#include "bench_rows.h"

#define HOPS		25000	/* pairs of joins, by each thread */
#define MAX_THREADS	64

static pthread_barrier_t barrier;

/* Returns NULL if a call has failed. */
static void *hop(void *unused)
{
	bool fine = !join(inner_net, 0);

	pthread_barrier_wait(&barrier);
	for (int i = 0; i < HOPS; i++)
		fine &= !(join(container.ns[NET], 0) | join(inner_net, 0));
	pthread_barrier_wait(&barrier);
	return fine ? &barrier : NULL;
}

/* In a container, returns the ticks that pass until each of @n threads has made its calls. */
static unsigned long long ticks_of_threads(int n)
{
	pthread_t threads[MAX_THREADS];
	unsigned long long from, to;
	void *fine;

	pthread_barrier_init(&barrier, NULL, n + 1);
	for (int i = 0; i < n; i++) {
		if (pthread_create(&threads[i], NULL, hop, NULL))
			die("pthread_create");
	}
	pthread_barrier_wait(&barrier);
	from = ticks();
	pthread_barrier_wait(&barrier);
	to = ticks();
	for (int i = 0; i < n; i++) {
		if (pthread_join(threads[i], &fine) || !fine)
			die("a thread");
	}
	return to - from;
}

#endif /* SELFTESTS_SETNS_BENCH_THREADS_H */
