// SPDX-License-Identifier: GPL-2.0
/* perf gets one record of each successful call, with the new namespaces of the task. */
#define _GNU_SOURCE
#include <linux/perf_event.h>
#include <sys/mman.h>

#include "links.h"
#include "setns.h"
#include "tasks.h"

static const struct {
	int index;
	const char *name;
} perf_links[] = {
	{ NET_NS_INDEX, "net" },
	{ UTS_NS_INDEX, "uts" },
	{ IPC_NS_INDEX, "ipc" },
	{ PID_NS_INDEX, "pid" },
	{ USER_NS_INDEX, "user" },
	{ MNT_NS_INDEX, "mnt" },
	{ CGROUP_NS_INDEX, "cgroup" },
};

struct namespaces_record {
	struct perf_event_header header;
	__u32 pid, tid;
	__u64 count;
	struct perf_ns_link_info links[NR_NAMESPACES];
};

/* Returns the records of the calling task, or NULL with errno set. */
static struct perf_event_mmap_page *record_namespaces(void)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_SOFTWARE,
		.size = sizeof(attr),
		.config = PERF_COUNT_SW_DUMMY,
		.exclude_kernel = 1,
		.namespaces = 1,
	};
	int fd = syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
	void *ring;

	if (fd < 0)
		return NULL;
	/*
	 * The first page is the header. The second one has room for more records than
	 * are made
	 */
	ring = mmap(NULL, 2 * getpagesize(), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	return ring == MAP_FAILED ? NULL : ring;
}

/* Returns the number of records, and copies the last one to @last. */
static int count_records(struct perf_event_mmap_page *ring, struct namespaces_record *last)
{
	__u64 head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	char *data = (char *)ring + getpagesize();
	int count = 0;

	for (__u64 at = 0; at < head;) {
		struct perf_event_header *header = (void *)(data + at);

		if (header->type == PERF_RECORD_NAMESPACES) {
			memcpy(last, header, sizeof(*last));
			count++;
		}
		at += header->size;
	}
	return count;
}

FIXTURE(perf)
{
	int fd;
	pid_t target;
};

FIXTURE_VARIANT(perf)
{
	const char *nsfd;
	int flags;
};

FIXTURE_SETUP(perf)
{
	int pidfd;

	self->target = target_in(built_in(variant->flags), &pidfd);
	ASSERT_GT(self->target, 0);
	self->fd = variant->nsfd ? open_ns_of(self->target, variant->nsfd) : pidfd;
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(perf)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(perf, mnt_nsfd)
{
	.nsfd = "mnt",
	.flags = CLONE_NEWNS,
};

FIXTURE_VARIANT_ADD(perf, all_pidfd)
{
	.flags = all_types,
};

TEST_F(perf, one_record)
{
	struct perf_event_mmap_page *ring = record_namespaces();
	struct namespaces_record record = {};

	if (!ring)
		SKIP(return, "no perf events: %s", strerror(errno));
	ASSERT_EQ(count_records(ring, &record), 0);
	ASSERT_EQ(setns(self->fd, built_in(variant->flags)), 0);
	ASSERT_EQ(count_records(ring, &record), 1);
	EXPECT_EQ(record.pid, getpid());
	EXPECT_EQ(record.tid, syscall(SYS_gettid));
	ASSERT_EQ(record.count, NR_NAMESPACES);
	for (int i = 0; i < ARRAY_SIZE(perf_links); i++) {
		EXPECT_EQ(record.links[perf_links[i].index].ino, ns_ino(perf_links[i].name)) {
			TH_LOG("%s", perf_links[i].name);
		}
	}
}

struct recorded_calls {
	struct perf_event_mmap_page *ring;
	int pidfd;
	int nsfd;
};

static int make_refused_calls(void *arg)
{
	struct recorded_calls *calls = arg;

	calls->ring = record_namespaces();
	if (!calls->ring)
		return 0;
	/*
	 * They refuse before any namespace is asked, at the first one, and at the last
	 * one
	 */
	if (refusal(calls->nsfd, CLONE_NEWIPC) != EINVAL ||
	    refusal(calls->pidfd, CLONE_NEWUSER | CLONE_NEWUTS) != EINVAL ||
	    refusal(calls->pidfd, CLONE_NEWUTS | CLONE_NEWTIME) != EUSERS)
		_exit(1);
	return 0;
}

TEST(perf_no_record_of_a_refused_call)
{
	struct recorded_calls calls = {};
	struct namespaces_record record = {};

	if (!is_built_in("time") || !is_built_in("user"))
		SKIP(return, "no time or no user namespaces");
	ASSERT_GT(target_in(CLONE_NEWUTS | CLONE_NEWTIME, &calls.pidfd), 0);
	calls.nsfd = open_ns("uts");
	run_in_child(CLONE_VM, make_refused_calls, &calls);
	if (!calls.ring)
		SKIP(return, "no perf events");
	EXPECT_EQ(count_records(calls.ring, &record), 0);
}

TEST_HARNESS_MAIN
