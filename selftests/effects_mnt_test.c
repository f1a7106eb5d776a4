// SPDX-License-Identifier: GPL-2.0
/*
 * A mount namespace brings its root, which becomes the root and the working directory
 * of the caller. If the call joins nothing else, it changes them in place. Otherwise it
 * changes a copy of them, and commits this with the rest.
 */
#define _GNU_SOURCE
#include <sys/stat.h>

#include "calls.h"
#include "setns.h"
#include "tasks.h"

FIXTURE(mnt)
{
	int flags;
	int fd;
	pid_t target;
};

FIXTURE_VARIANT(mnt)
{
	bool by_pidfd;
	int flags;
};

FIXTURE_SETUP(mnt)
{
	self->flags = built_in(variant->flags);
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount_tmp(), 0);
	ASSERT_EQ(mkdir("/tmp/root", 0755), 0);
}

FIXTURE_TEARDOWN(mnt)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(mnt, nsfd)
{
	.flags = CLONE_NEWNS,
};

FIXTURE_VARIANT_ADD(mnt, pidfd)
{
	.by_pidfd = true,
	.flags = CLONE_NEWNS,
};

FIXTURE_VARIANT_ADD(mnt, pidfd_and_all)
{
	.by_pidfd = true,
	.flags = all_types,
};

/*
 * Starts a target with new namespaces of the types in @flags. Returns a descriptor to
 * join it.
 */
static int open_mnt_target(int flags, bool by_pidfd, pid_t *target)
{
	int pidfd = -1;

	*target = target_in(flags, &pidfd);
	return by_pidfd ? pidfd : open_ns_of(*target, "mnt");
}

/* A copy of a mount namespace has the same files, but its own mounts. */
static __u64 mnt_id(const char *path)
{
	struct statx stx;

	if (statx(AT_FDCWD, path, AT_NO_AUTOMOUNT, STATX_MNT_ID, &stx))
		return 0;
	return stx.stx_mnt_id;
}

static __u64 mnt_id_of(pid_t pid, const char *link)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, link);
	return mnt_id(path);
}

/* The caller joins from deep in a chroot. The umask is in the fs_struct, too, and stays. */
TEST_F(mnt, root_and_cwd)
{
	char cwd[64] = "";
	__u64 root;

	ASSERT_EQ(mkdir("/tmp/root/deep", 0755), 0);
	umask(022);
	self->fd = open_mnt_target(self->flags, variant->by_pidfd, &self->target);
	ASSERT_GE(self->fd, 0);
	root = mnt_id_of(self->target, "root");
	ASSERT_NE(root, 0);
	ASSERT_NE(root, mnt_id("/"));
	ASSERT_EQ(chroot("/tmp/root"), 0);
	ASSERT_EQ(chdir("/deep"), 0);
	umask(027);

	ASSERT_EQ(setns(self->fd, self->flags), 0);
	EXPECT_EQ(mnt_id("/"), root);
	EXPECT_EQ(mnt_id("."), root);
	ASSERT_NE(getcwd(cwd, sizeof(cwd)), NULL);
	EXPECT_STREQ(cwd, "/");
	EXPECT_EQ(access("/tmp/root/deep", F_OK), 0);
	EXPECT_EQ(umask(0), 027);
}

/*
 * If several mounts cover the root, the uppermost one becomes the root. Here and below,
 * the caller joins its own mount namespace, and its own root is further down.
 */
TEST_F(mnt, root_that_is_mounted_over)
{
	self->fd = open_mnt_target(self->flags & ~CLONE_NEWNS, variant->by_pidfd, &self->target);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(mkdir("/tmp/lower", 0755), 0);
	ASSERT_EQ(mkdir("/tmp/upper", 0755), 0);
	ASSERT_EQ(mkdir("/tmp/upper/mark", 0755), 0);
	ASSERT_EQ(mount("/tmp/lower", "/", NULL, MS_BIND, NULL), 0);
	ASSERT_EQ(mount("/tmp/upper", "/", NULL, MS_BIND, NULL), 0);
	ASSERT_NE(access("/mark", F_OK), 0);

	ASSERT_EQ(setns(self->fd, self->flags), 0);
	EXPECT_EQ(access("/mark", F_OK), 0);
	EXPECT_EQ(access("mark", F_OK), 0);
	EXPECT_EQ(mnt_id("/"), mnt_id("."));
}

/* The join changes neither the caller's parent nor the target. */
TEST_F(mnt, root_and_cwd_of_others)
{
	__u64 root = mnt_id("/"), cwd, targets_root, targets_cwd;
	pid_t pid;
	int line;

	ASSERT_EQ(chdir("/tmp/root"), 0);
	self->fd = open_mnt_target(self->flags, variant->by_pidfd, &self->target);
	ASSERT_GE(self->fd, 0);
	cwd = mnt_id(".");
	targets_root = mnt_id_of(self->target, "root");
	targets_cwd = mnt_id_of(self->target, "cwd");
	ASSERT_NE(cwd, root);
	ASSERT_NE(targets_cwd, targets_root);

	pid = fork_with_line(&line);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_EQ(setns(self->fd, self->flags), 0);
		EXPECT_TRUE(pass_turn(line));
		await_turn(line);
		_exit(0);
	}
	ASSERT_TRUE(await_turn(line));
	EXPECT_EQ(mnt_id_of(pid, "cwd"), targets_root);
	EXPECT_EQ(mnt_id("/"), root);
	EXPECT_EQ(mnt_id("."), cwd);
	EXPECT_EQ(mnt_id_of(self->target, "root"), targets_root);
	EXPECT_EQ(mnt_id_of(self->target, "cwd"), targets_cwd);
	close(line);
	expect_done(_metadata, pid);
}

/*
 * After the join, the old root and working directory can be unmounted. The new ones can
 * be unmounted when the caller is gone.
 */
TEST_F(mnt, lets_go_of_root_and_cwd)
{
	pid_t pid;
	int line;

	self->fd = open_mnt_target(self->flags & ~CLONE_NEWNS, variant->by_pidfd, &self->target);
	ASSERT_GE(self->fd, 0);
	ASSERT_EQ(mount("setns", "/tmp/root", "tmpfs", 0, NULL), 0);
	ASSERT_EQ(mount("setns", "/", "tmpfs", 0, NULL), 0);
	pid = fork_with_line(&line);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_EQ(chroot("/tmp/root"), 0);
		EXPECT_EQ(chdir("/"), 0);
		EXPECT_TRUE(pass_turn(line));
		EXPECT_TRUE(await_turn(line));
		EXPECT_EQ(setns(self->fd, self->flags), 0);
		EXPECT_TRUE(pass_turn(line));
		await_turn(line);
		_exit(0);
	}
	ASSERT_TRUE(await_turn(line));
	ASSERT_EQ(umount("/tmp/root"), -1);
	ASSERT_EQ(errno, EBUSY);
	ASSERT_TRUE(pass_turn(line));
	ASSERT_TRUE(await_turn(line));
	EXPECT_EQ(umount("/tmp/root"), 0);
	ASSERT_EQ(umount("/"), -1);
	ASSERT_EQ(errno, EBUSY);
	close(line);
	expect_done(_metadata, pid);
	EXPECT_EQ(umount("/"), 0);
}

/* A refused call frees its copy, with the old and the new directories in it. */
TEST(mnt_refused_join_lets_go_of_root_and_cwd)
{
	int pidfd = pidfd_open(getpid());

	if (!is_built_in("time") || !is_built_in("user"))
		SKIP(return, "no time or no user namespaces");
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount_tmp(), 0);
	ASSERT_EQ(chdir("/tmp"), 0);
	ASSERT_EQ(mount("setns", "/", "tmpfs", 0, NULL), 0);
	/* The user namespace refuses before the mount namespace is asked */
	ASSERT_EQ(refusal(pidfd, CLONE_NEWUSER | CLONE_NEWNS), EINVAL);
	ASSERT_EQ(umount("/tmp"), -1);
	ASSERT_EQ(errno, EBUSY);
	ASSERT_EQ(chdir("/"), 0);
	EXPECT_EQ(umount("/tmp"), 0);

	ASSERT_EQ(late_refusal(pidfd, CLONE_NEWNS), EUSERS);
	EXPECT_EQ(umount("/"), 0);
}

TEST_HARNESS_MAIN
