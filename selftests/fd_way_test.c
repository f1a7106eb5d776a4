// SPDX-License-Identifier: GPL-2.0
/*
 * The ways to get a descriptor. setns(2) does not check how the caller got it, but only
 * which namespace or process it stands for:
 *
 * - A descriptor of nsfs keeps its namespace. It may come from a link in /proc, a bind
 *   mount, an ioctl, a socket or a file handle. The namespace can be joined even if no
 *   task is left in it.
 * - A descriptor of pidfs keeps the identity of a process, but not the process.
 * - An O_PATH descriptor stands for neither, until it is opened by its link in
 *   /proc/self/fd/. By that link, the holder of a descriptor of nsfs may open it again,
 *   for reading. Only root may open a pidfd again, because all files of pidfs belong to
 *   root and have mode 0700.
 */
#define _GNU_SOURCE
#include "callers.h"
#include "calls.h"
#include "gift.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* The headers of the C library may lack these, or conflict with the kernel's. */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#define NSFS_ROOT		-10003
#define PIDFS_ROOT		-10002
#define FLAG_TREE_CLONE		1
#define FLAG_TREE_NAMESPACE	2
#define FLAG_MOUNT_NAMESPACE	2
#define COMMAND_CREATE		6

/* Each function gets a descriptor of what gift->fds[@which] stands for, in its own way. */

static int as_received(struct gift *gift, int which)
{
	return gift->fds[which];
}

static int duplicated(struct gift *gift, int which)
{
	return dup(gift->fds[which]);
}

static int duplicated_to_a_high_number(struct gift *gift, int which)
{
	return fcntl(gift->fds[which], F_DUPFD_CLOEXEC, 1000);
}

static int opened_again(struct gift *gift, int which)
{
	return open_fd_of("self", gift->fds[which], O_RDONLY);
}

static int opened_again_from_o_path(struct gift *gift, int which)
{
	return open_fd_of("self", open_fd_of("self", gift->fds[which], O_PATH), O_RDONLY);
}

/* Opens it by the link of the giver in /proc. */
static int opened_by_link_of_giver(struct gift *gift, int which)
{
	char task[16];

	snprintf(task, sizeof(task), "%d", gift->giver);
	return open_fd_of(task, gift->numbers[which], O_RDONLY);
}

static int got_by_pidfd_getfd(struct gift *gift, int which)
{
	return syscall(SYS_pidfd_getfd, pidfd_open(gift->giver), gift->numbers[which], 0);
}

/* Opens it by a mount that is in no mount namespace. */
static int mounted_nowhere(struct gift *gift, int which)
{
	int mount = syscall(SYS_open_tree, gift->fds[which], "",
			    FLAG_TREE_CLONE | AT_EMPTY_PATH | O_CLOEXEC);

	return open_fd_of("self", mount, O_RDONLY);
}

static int mounted(struct gift *gift, int which)
{
	if (bind_fd(gift->fds[which], "/tmp/fd"))
		return -1;
	return open("/tmp/fd", O_RDONLY | O_CLOEXEC);
}

static int mounted_no_more(struct gift *gift, int which)
{
	int fd = mounted(gift, which);

	if (umount2("/tmp/fd", 0) != -1 || errno != EBUSY)
		return -1;
	return umount2("/tmp/fd", MNT_DETACH) || unlink("/tmp/fd") ? -1 : fd;
}

static int mounted_by_the_giver(struct gift *gift, int which)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root/tmp/%s", gift->giver, types[which].name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

union handle {
	struct file_handle header;
	char buffer[sizeof(struct file_handle) + 128];
};

static int found_by_handle(struct gift *gift, int which)
{
	union handle handle = { .header.handle_bytes = 128 };
	int mount_id;

	if (name_to_handle_at(gift->fds[which], "", &handle.header, &mount_id, AT_EMPTY_PATH))
		return -1;
	return open_by_handle_at(which == PIDFD ? PIDFS_ROOT : NSFS_ROOT, &handle.header,
				 O_RDONLY | O_CLOEXEC);
}

/* Opens it by a handle in which only the id of the namespace is left. */
static int found_by_id(struct gift *gift, int which)
{
	union handle handle = { .header.handle_bytes = 128 };
	int mount_id;

	if (name_to_handle_at(gift->fds[which], "", &handle.header, &mount_id, AT_EMPTY_PATH))
		return -1;
	/* struct nsfs_file_handle: __u64 ns_id, __u32 ns_type, __u32 ns_inum */
	memset(handle.header.f_handle + sizeof(__u64), 0, 2 * sizeof(__u32));
	return open_by_handle_at(NSFS_ROOT, &handle.header, O_RDONLY | O_CLOEXEC);
}

static int got_from_pidfd(struct gift *gift, int which)
{
	return ioctl(gift->fds[PIDFD], IOC_PIDFD_GET_NS(types[which].get), 0);
}

/* The process and the giver have both died. */
static int kept_after_all_died(struct gift *gift, int which)
{
	end_giver(gift);
	return gift->fds[which];
}

static int opened_as_a_thread(struct gift *gift, int which)
{
	/* O_EXCL is PIDFD_THREAD */
	return syscall(SYS_pidfd_open, gift->pid, O_EXCL);
}

static int opened_nonblocking(struct gift *gift, int which)
{
	/* O_NONBLOCK is PIDFD_NONBLOCK */
	return syscall(SYS_pidfd_open, gift->pid, O_NONBLOCK);
}

FIXTURE(way)
{
	struct gift gift;
};

FIXTURE_VARIANT(way)
{
	int (*get)(struct gift *gift, int which);
	enum { ALSO_PIDFD, NO_PIDFD, ONLY_PIDFD } what;
};

FIXTURE_SETUP(way)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	ASSERT_EQ(receive_gift(&self->gift), 0);
}

FIXTURE_TEARDOWN(way)
{
	end_giver(&self->gift);
}

FIXTURE_VARIANT_ADD(way, as_received) { .get = as_received };
FIXTURE_VARIANT_ADD(way, opened_by_root) { .get = opened_by_root };
FIXTURE_VARIANT_ADD(way, duplicated) { .get = duplicated };
FIXTURE_VARIANT_ADD(way, duplicated_to_a_high_number) { .get = duplicated_to_a_high_number };
FIXTURE_VARIANT_ADD(way, opened_again) { .get = opened_again };
FIXTURE_VARIANT_ADD(way, opened_again_from_o_path) { .get = opened_again_from_o_path };
FIXTURE_VARIANT_ADD(way, opened_again_where_it_came_from) { .get = opened_by_link_of_giver };
FIXTURE_VARIANT_ADD(way, got_by_pidfd_getfd) { .get = got_by_pidfd_getfd };
FIXTURE_VARIANT_ADD(way, mounted_nowhere) { .get = mounted_nowhere };
FIXTURE_VARIANT_ADD(way, found_by_handle) { .get = found_by_handle };
FIXTURE_VARIANT_ADD(way, mounted) { .get = mounted, .what = NO_PIDFD };
FIXTURE_VARIANT_ADD(way, mounted_no_more) { .get = mounted_no_more, .what = NO_PIDFD };
FIXTURE_VARIANT_ADD(way, mounted_by_the_giver) { .get = mounted_by_the_giver, .what = NO_PIDFD };
FIXTURE_VARIANT_ADD(way, found_by_id) { .get = found_by_id, .what = NO_PIDFD };
FIXTURE_VARIANT_ADD(way, got_from_pidfd) { .get = got_from_pidfd, .what = NO_PIDFD };
FIXTURE_VARIANT_ADD(way, kept_after_all_died) { .get = kept_after_all_died, .what = NO_PIDFD };
FIXTURE_VARIANT_ADD(way, opened_as_a_thread) { .get = opened_as_a_thread, .what = ONLY_PIDFD };
FIXTURE_VARIANT_ADD(way, opened_nonblocking) { .get = opened_nonblocking, .what = ONLY_PIDFD };

static void expect_process(struct __test_metadata *_metadata, int fd, struct gift *gift)
{
	expect_join(_metadata, (struct call){ .fd = fd, .nstype = all_types }, &gift->there);
	expect_refusal(_metadata, (struct call){ .fd = fd }, EINVAL);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = all_types, .become = become_someone_else,
	}, EPERM);
	/* The descriptor keeps neither the process nor its namespaces */
	end_giver(gift);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = all_types }, ESRCH);
}

TEST_F(way, leads_there)
{
	int first = variant->what == ONLY_PIDFD ? PIDFD : 0;
	int last = variant->what == NO_PIDFD ? TYPES - 1 : PIDFD;

	for (int i = first; i <= last; i++) {
		int fd = variant->get(&self->gift, i);

		ASSERT_GE(fd, 0) {
			TH_LOG("%s: %s", i == PIDFD ? "pidfd" : types[i].name, strerror(errno));
		}
		EXPECT_EQ(ino_of(fd), ino_of(self->gift.fds[i]));
		if (i == PIDFD)
			expect_process(_metadata, fd, &self->gift);
		else if (i == UTS)
			expect_checked_nsfd(_metadata, fd, types[i].flag);
		else
			expect_nsfd(_metadata, fd, types[i].flag);
	}
}

/* No task has ever been in these mount namespaces. */

static int new_tree(void)
{
	return syscall(SYS_open_tree, AT_FDCWD, "/",
		       FLAG_TREE_NAMESPACE | AT_RECURSIVE | O_CLOEXEC);
}

static int new_mount(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", 1);

	if (syscall(SYS_fsconfig, fs, COMMAND_CREATE, NULL, NULL, 0))
		return -1;
	return syscall(SYS_fsmount, fs, FLAG_MOUNT_NAMESPACE | 1, 0);
}

static void expect_new_mnt(struct __test_metadata *_metadata, int fd)
{
	if (fd < 0 && errno == EINVAL)
		SKIP(return, "not in this kernel");
	ASSERT_GE(fd, 0);
	expect_checked_nsfd(_metadata, fd, CLONE_NEWNS);
	expect_nsfd(_metadata, open_fd_of("self", fd, O_RDONLY), CLONE_NEWNS);
}

TEST(new_mnt_by_open_tree)
{
	expect_new_mnt(_metadata, new_tree());
}

TEST(new_mnt_by_fsmount)
{
	expect_new_mnt(_metadata, new_mount());
}

/* These namespaces are only for the children of a process. */

TEST(for_children)
{
	int go, fd, pid_fd, time_fd;
	struct ns_links own;
	pid_t pid;

	if (!is_built_in("pid") || !is_built_in("time"))
		SKIP(return, "no pid or no time namespaces");
	pid = child_in(CLONE_NEWPID | CLONE_NEWTIME, &go);
	ASSERT_GT(pid, 0);
	fd = pidfd_open(pid);
	own = links_of_caller();

	/* A pidfd leads to the namespaces that the process itself is in */
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWPID | CLONE_NEWTIME, .become = leave_all_but_user,
	}, &own);

	/* The namespaces for children have links and ioctls of their own */
	pid_fd = open_ns_of(pid, "pid_for_children");
	time_fd = open_ns_of(pid, "time_for_children");
	ASSERT_NE(ino_of(pid_fd), ns_ino("pid"));
	ASSERT_NE(ino_of(time_fd), ns_ino("time"));
	expect_nsfd(_metadata, pid_fd, CLONE_NEWPID);
	expect_nsfd(_metadata, time_fd, CLONE_NEWTIME);

	EXPECT_EQ(ino_of(ioctl(fd, IOC_PIDFD_GET_NS(6), 0)), ino_of(pid_fd));
	EXPECT_EQ(ino_of(ioctl(fd, IOC_PIDFD_GET_NS(8), 0)), ino_of(time_fd));
	expect_nsfd(_metadata, ioctl(fd, IOC_PIDFD_GET_NS(6), 0), CLONE_NEWPID);
	expect_nsfd(_metadata, ioctl(fd, IOC_PIDFD_GET_NS(8), 0), CLONE_NEWTIME);
}

TEST_HARNESS_MAIN
