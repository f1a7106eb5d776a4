// SPDX-License-Identifier: GPL-2.0
/* This file makes the memory that processes share. */
#define _GNU_SOURCE
#include <sys/mman.h>

#include "shared.h"

/* An older C library does not have this flag. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL	0x0008U
#endif

struct shared *shared;
int shared_fd;

static struct {
	struct shared *shared;
	int fd;
} lanes[LANES];

void *share(int *fd, size_t size)
{
	void *memory;

	*fd = memfd_create("setns_fuzz", MFD_NOEXEC_SEAL);
	need(*fd >= 0 && !ftruncate(*fd, size), "make shared memory");
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	need(memory != MAP_FAILED, "map shared memory");
	return memory;
}

void make_lanes(void)
{
	for (int i = 0; i < LANES; i++)
		lanes[i].shared = share(&lanes[i].fd, sizeof(*shared));
	take_lane(0);
}

void take_lane(int lane)
{
	shared = lanes[lane].shared;
	shared_fd = lanes[lane].fd;
}

void take_lane_again(int fd)
{
	shared_fd = fd;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		_exit(2);
}

void copy_to_lanes(void)
{
	for (int i = 1; i < LANES; i++)
		*lanes[i].shared = *lanes[0].shared;
}

void set_impl(int impl)
{
	for (int i = 0; i < LANES; i++) {
		lanes[i].shared->impl = impl;
		lanes[i].shared->served = 0;
	}
}

void set_watched(bool watched)
{
	for (int i = 0; i < LANES; i++)
		lanes[i].shared->watched = watched;
}

long calls_made(void)
{
	long made = 0;

	for (int i = 0; i < LANES; i++)
		made += lanes[i].shared->served;
	return made;
}
