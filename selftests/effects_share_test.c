// SPDX-License-Identifier: GPL-2.0
/*
 * A new task shares the namespaces of its parent, and so do the threads that io_uring
 * creates. A join moves the caller alone, both while the other task is there and after it
 * has ended.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <linux/io_uring.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "links.h"
#include "setns.h"
#include "tasks.h"

/* How often to look for a thread that starts or ends, before the test fails. */
enum { TRIES = 200000 };

/* A task that shares the namespaces of the caller, until it is told to end. */
struct sharer {
	char stack[1 << 16];	/* at the start of a page */
	pid_t (*start)(struct sharer *sharer);
	int how;		/* flags of clone(2); those of THREAD for a thread of io_uring */
	int line[2];
	int ring;
	pid_t tid;
};

static int wait_for_end(void *arg)
{
	const struct sharer *sharer = arg;
	char c;

	return read(sharer->line[0], &c, 1) == 1 ? 0 : 1;
}

static pid_t start_task(struct sharer *sharer)
{
	return clone(wait_for_end, sharer->stack + sizeof(sharer->stack), sharer->how, sharer);
}

static int set_up_ring(struct io_uring_params *params)
{
	return syscall(SYS_io_uring_setup, 1, params);
}

/* A kernel that has it, and lets the caller use it, would read the parameters. */
static bool has_io_uring(void)
{
	return set_up_ring(NULL) < 0 && errno == EFAULT;
}

/* Returns the thread of the caller that the kernel has created under this name, or 0. */
static pid_t find_thread(const char *name)
{
	DIR *tasks = opendir("/proc/self/task");
	struct dirent *entry;
	pid_t found = 0;

	if (!tasks)
		return 0;
	while (!found && (entry = readdir(tasks))) {
		char path[64], comm[32] = "";
		int fd;

		snprintf(path, sizeof(path), "/proc/self/task/%d/comm", atoi(entry->d_name));
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			continue;
		if (read(fd, comm, sizeof(comm) - 1) > 0 && !strncmp(comm, name, strlen(name)))
			found = atoi(entry->d_name);
		close(fd);
	}
	closedir(tasks);
	return found;
}

/*
 * Returns the thread of this name. It also shares the directories of the caller, who could
 * then not join a mount namespace, so the caller gets its own.
 */
static pid_t await_thread(const char *name)
{
	pid_t tid = 0;

	/* It gives itself the name when it runs for the first time */
	for (int i = 0; !tid && i < TRIES; i++) {
		usleep(100);
		tid = find_thread(name);
	}
	return unshare(CLONE_FS) ? -1 : tid;
}

/* A thread that looks for requests. There are none, so it sleeps after a millisecond. */
static pid_t start_sq_thread(struct sharer *sharer)
{
	struct io_uring_params params = { .flags = IORING_SETUP_SQPOLL, .sq_thread_idle = 1 };

	sharer->ring = set_up_ring(&params);
	return sharer->ring < 0 ? -1 : await_thread("iou-sqp-");
}

/* A thread that has handled a request: to read from the line, on which nothing comes. */
static pid_t start_worker(struct sharer *sharer)
{
	struct io_uring_params params = { .flags = IORING_SETUP_NO_SQARRAY };
	struct io_uring_sqe *request;
	char *ring;
	static char c;	/* the request is still there when this function has returned */

	sharer->ring = set_up_ring(&params);
	if (sharer->ring < 0)
		return -1;
	ring = mmap(NULL, 1, PROT_READ | PROT_WRITE, MAP_SHARED, sharer->ring, IORING_OFF_SQ_RING);
	request = mmap(NULL, sizeof(*request), PROT_READ | PROT_WRITE, MAP_SHARED, sharer->ring,
		       IORING_OFF_SQES);
	if (ring == MAP_FAILED || request == MAP_FAILED)
		return -1;
	*request = (struct io_uring_sqe){
		.opcode = IORING_OP_READ,
		.flags = IOSQE_ASYNC,
		.fd = sharer->line[0],
		.addr = (unsigned long)&c,
		.len = 1,
	};
	__atomic_store_n((__u32 *)(ring + params.sq_off.tail), 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, sharer->ring, 1, 0, 0, NULL, 0) != 1)
		return -1;
	munmap(ring, 1);
	munmap(request, sizeof(*request));
	return await_thread("iou-wrk-");
}

static void start_sharer(struct __test_metadata *_metadata, struct sharer *sharer)
{
	ASSERT_EQ(pipe(sharer->line), 0);
	sharer->ring = -1;
	sharer->tid = sharer->start(sharer);
	ASSERT_GT(sharer->tid, 0);
}

/* A task that has ended shares nothing: it gives its namespaces up before it is reaped. */
static void end_sharer(struct __test_metadata *_metadata, struct sharer *sharer)
{
	ASSERT_EQ(write(sharer->line[1], "e", 1), 1);
	/* The threads of io_uring end with the last ring */
	close(sharer->ring);
	if (sharer->how & CLONE_THREAD) {
		int i = 0;

		while (!syscall(SYS_tgkill, getpid(), sharer->tid, 0) && i++ < TRIES)
			usleep(100);
		ASSERT_LT(i, TRIES) {
			TH_LOG("the thread does not end");
		}
	} else {
		expect_done(_metadata, sharer->tid);
	}
	close(sharer->line[0]);
	close(sharer->line[1]);
}

/* The link of the pid namespace does not change: a join is for children. */
static void expect_links(struct __test_metadata *_metadata, struct ns_links seen,
			 const struct ns_links *want, int types, const char *when)
{
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		if (!(links[i].flag & types))
			continue;
		EXPECT_EQ(seen.ino[i], want->ino[i]) {
			TH_LOG("%s: %s", when, links[i].name);
		}
	}
}

FIXTURE(sharing)
{
	struct sharer *sharer;
	int target;
	struct ns_links there;
};

FIXTURE_VARIANT(sharing)
{
	pid_t (*start)(struct sharer *sharer);
	int how;
	int types;
};

FIXTURE_SETUP(sharing)
{
	int types = built_in(variant->types);
	pid_t pid = target_in(types, &self->target);

	if (variant->start != start_task && !has_io_uring())
		SKIP(return, "no io_uring");
	ASSERT_GT(pid, 0);
	self->there = links_of(pid);
	self->sharer = shared_alloc(sizeof(*self->sharer));
	self->sharer->start = variant->start;
	self->sharer->how = variant->how;
}

FIXTURE_TEARDOWN(sharing)
{
}

/*
 * Neither a thread nor a task that shares memory can join a time namespace. A task whose
 * children will be in another pid namespace cannot create a thread.
 */

FIXTURE_VARIANT_ADD(sharing, fork)
{
	.start = start_task,
	.how = SIGCHLD,
	.types = all_types & ~CLONE_NEWUSER,
};

FIXTURE_VARIANT_ADD(sharing, memory)
{
	.start = start_task,
	.how = CLONE_VM | SIGCHLD,
	.types = all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME),
};

FIXTURE_VARIANT_ADD(sharing, thread)
{
	.start = start_task,
	.how = THREAD,
	.types = all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWPID),
};

FIXTURE_VARIANT_ADD(sharing, sq_thread)
{
	.start = start_sq_thread,
	.how = THREAD,
	.types = all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWPID),
};

FIXTURE_VARIANT_ADD(sharing, worker)
{
	.start = start_worker,
	.how = THREAD,
	.types = all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME | CLONE_NEWPID),
};

/* Joins all types by one call, or by one call each. Returns the types that were refused. */
static int refused(int pidfd, int wanted, bool at_once)
{
	int flags = 0;

	if (at_once)
		return setns(pidfd, wanted) ? wanted : 0;
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if ((wanted & types[i].flag) && setns(pidfd, types[i].flag))
			flags |= types[i].flag;
	}
	return flags;
}

static void join(struct __test_metadata *_metadata, int pidfd, int wanted, bool at_once)
{
	ASSERT_EQ(refused(pidfd, wanted, at_once), 0);
}

/*
 * A pidfd of the caller leads to where the caller is, so a child that stays keeps the
 * home. It has started in the types that are joined, and shares no nsproxy afterwards.
 */
static void moves_alone(struct __test_metadata *_metadata, struct sharer *sharer, int wanted,
			int target, const struct ns_links *there, bool at_once)
{
	struct ns_links here = links_of_caller();
	int home;

	ASSERT_GT(target_in(CLONE_NEWUTS, &home), 0);

	start_sharer(_metadata, sharer);
	join(_metadata, target, wanted, at_once);
	expect_links(_metadata, links_of_caller(), there, wanted, "the caller has joined");
	expect_links(_metadata, links_of(sharer->tid), &here, wanted, "the other task has stayed");
	end_sharer(_metadata, sharer);

	join(_metadata, home, wanted & ~CLONE_NEWUTS, at_once);
	expect_links(_metadata, links_of_caller(), &here, wanted & ~CLONE_NEWUTS,
		     "the caller is back");
	join(_metadata, target, wanted, at_once);
	expect_links(_metadata, links_of_caller(), there, wanted, "the caller has joined again");

	start_sharer(_metadata, sharer);
	join(_metadata, home, wanted & ~CLONE_NEWUTS, at_once);
	expect_links(_metadata, links_of(sharer->tid), there, wanted & ~CLONE_NEWPID,
		     "the next task has what the caller had");
	end_sharer(_metadata, sharer);
}

TEST_F(sharing, one_call)
{
	moves_alone(_metadata, self->sharer, built_in(variant->types), self->target, &self->there,
		    true);
}

TEST_F(sharing, a_call_for_each_type)
{
	moves_alone(_metadata, self->sharer, built_in(variant->types), self->target, &self->there,
		    false);
}

/* The parent waits in vfork(2), so here the child is the caller, and the parent stays. */

struct vfork_child {
	int target;
	int types;
	bool at_once;
	int refused;
	struct ns_links own;
	struct ns_links parent;
};

static int join_as_child(void *arg)
{
	struct vfork_child *child = arg;

	child->refused = refused(child->target, child->types, child->at_once);
	child->own = links_of_caller();
	child->parent = links_of(getppid());
	return 0;
}

FIXTURE(vforking)
{
};

FIXTURE_VARIANT(vforking)
{
	bool at_once;
};

FIXTURE_SETUP(vforking)
{
}

FIXTURE_TEARDOWN(vforking)
{
}

FIXTURE_VARIANT_ADD(vforking, one_call)
{
	.at_once = true,
};

FIXTURE_VARIANT_ADD(vforking, a_call_for_each_type)
{
};

TEST_F(vforking, parent_stays)
{
	struct vfork_child child = {
		.types = built_in(all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME)),
		.at_once = variant->at_once,
		.refused = -1,
	};
	pid_t pid = target_in(child.types, &child.target);
	struct ns_links here, there;

	ASSERT_GT(pid, 0);
	there = links_of(pid);
	/* Otherwise, the runner of the tests has the same set of namespaces */
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	here = links_of_caller();

	run_in_child(CLONE_VM, join_as_child, &child);
	ASSERT_EQ(child.refused, 0);
	expect_links(_metadata, child.own, &there, child.types, "the child has joined");
	expect_links(_metadata, child.parent, &here, all_types, "the parent has stayed");
	expect_links(_metadata, links_of_caller(), &here, all_types, "the child has ended");

	join(_metadata, child.target, child.types, child.at_once);
	expect_links(_metadata, links_of_caller(), &there, child.types, "the parent has joined");
}

TEST_HARNESS_MAIN
