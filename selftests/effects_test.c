// SPDX-License-Identifier: GPL-2.0
/*
 * The effects of setns(2) besides a changed link in /proc/self/ns/. A refused call must
 * have none of them.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/perf_event.h>
#include <linux/securebits.h>
#include <net/if.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "callers.h"
#include "calls.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* Older versions of <linux/securebits.h> and <asm/socket.h> lack these. */
#ifndef SECBIT_EXEC_RESTRICT_FILE
#define SECBIT_EXEC_RESTRICT_FILE 0x100
#define SECBIT_EXEC_RESTRICT_FILE_LOCKED 0x200
#endif
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* Returns a semaphore at 5, which goes back to 0 with the adjustments of the caller. */
static int sem_to_undo(void)
{
	struct sembuf add = { .sem_num = 0, .sem_op = 5, .sem_flg = SEM_UNDO };
	int sem = semget(IPC_PRIVATE, 1, 0600);

	return semop(sem, &add, 1) ? -1 : sem;
}

/* Joining an IPC namespace, even the caller's own, applies SEM_UNDO. */
TEST(ipc_join_applies_semaphore_adjustments)
{
	int fd, sem;

	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	sem = sem_to_undo();
	ASSERT_GE(sem, 0);
	ASSERT_EQ(semctl(sem, 0, GETVAL), 5);

	fd = open_ns("ipc");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(setns(fd, CLONE_NEWIPC), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 0);
}

/* The join applies the adjustments of the namespace that the caller leaves. */
TEST(ipc_join_applies_adjustments_where_they_were_made)
{
	int there, here, sem;

	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	there = open_ns("ipc");
	ASSERT_GE(there, 0);
	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	here = open_ns("ipc");
	ASSERT_GE(here, 0);
	sem = sem_to_undo();
	ASSERT_GE(sem, 0);

	ASSERT_EQ(setns(there, CLONE_NEWIPC), 0);
	ASSERT_EQ(setns(here, CLONE_NEWIPC), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 0);
}

/* The clocks of the vDSO follow, not only those of the system calls. */
TEST(time_join_moves_the_vdso_clocks)
{
	struct timespec before, vdso, kernel;
	int fd;

	ASSERT_EQ(clock_gettime(CLOCK_MONOTONIC, &before), 0);
	if (unshare(CLONE_NEWTIME) && errno == EINVAL)
		SKIP(return, "no time namespaces");
	ASSERT_EQ(write_file("/proc/self/timens_offsets", "monotonic 864000 0"), 0);
	fd = open_ns("time_for_children");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(setns(fd, CLONE_NEWTIME), 0);

	ASSERT_EQ(clock_gettime(CLOCK_MONOTONIC, &vdso), 0);
	ASSERT_EQ(syscall(SYS_clock_gettime, CLOCK_MONOTONIC, &kernel), 0);
	EXPECT_GE(vdso.tv_sec - before.tv_sec, 864000);
	EXPECT_GE(kernel.tv_sec, vdso.tv_sec);
	EXPECT_LT(kernel.tv_sec - vdso.tv_sec, 3600);
}

/*
 * The creator of a user namespace has all capabilities in it after joining it, and
 * needs them to join the others. One call can join all, because the user namespace
 * comes first.
 */
TEST(user_namespace_comes_first)
{
	int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
	int fd, go, status;
	ino_t user;
	pid_t pid;

	ASSERT_EQ(become_user(1000), 0);
	pid = child_in(flags, &go);
	ASSERT_GT(pid, 0);
	fd = pidfd_open(pid);
	ASSERT_GE(fd, 0);

	user = ns_ino("user");
	EXPECT_EQ(setns(fd, flags & ~CLONE_NEWUSER), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(ns_ino("user"), user);

	EXPECT_EQ(setns(fd, flags), 0);
	EXPECT_NE(ns_ino("user"), user);
	/*
	 * The new credentials bring this capability, and the map of the namespace
	 * applies.
	 */
	EXPECT_EQ(sethostname("joined", 6), 0);
	EXPECT_EQ(getuid(), 0);

	close(go);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}

/*
 * A mount namespace brings its root, which becomes the root and the working directory
 * of the caller. If the call joins nothing else, it changes them in place. Otherwise it
 * changes a copy of them, and commits this with the rest.
 */

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

/* A joined pid namespace is for the children of the caller. */

FIXTURE(pid)
{
	int fd;
	int home;
	pid_t target;
	ino_t there;
};

FIXTURE_VARIANT(pid)
{
	bool by_pidfd;
};

FIXTURE_SETUP(pid)
{
	int nsfd, pidfd;

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	self->target = target_in(CLONE_NEWPID, &pidfd);
	ASSERT_GT(self->target, 0);
	nsfd = open_ns_of(self->target, "pid");
	self->there = ino_of(nsfd);
	ASSERT_NE(self->there, 0);
	self->fd = variant->by_pidfd ? pidfd : nsfd;
	self->home = variant->by_pidfd ? pidfd_open(getpid()) : open_ns("pid");
	ASSERT_GE(self->home, 0);
}

FIXTURE_TEARDOWN(pid)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(pid, nsfd)
{
};

FIXTURE_VARIANT_ADD(pid, pidfd)
{
	.by_pidfd = true,
};

TEST_F(pid, only_children_move)
{
	ino_t own = ns_ino("pid");
	pid_t self_pid = getpid(), pid;

	ASSERT_EQ(setns(self->fd, CLONE_NEWPID), 0);
	EXPECT_EQ(getpid(), self_pid);
	EXPECT_EQ(ns_ino("pid"), own);
	EXPECT_EQ(ns_ino("pid_for_children"), self->there);

	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		/* Pid 1 is the target. The parent is not in this namespace. */
		EXPECT_EQ(getpid(), 2);
		EXPECT_EQ(getppid(), 0);
		EXPECT_EQ(ns_ino("pid"), self->there);
		_exit(0);
	}
	EXPECT_GT(pid, 2);
	expect_done(_metadata, pid);
}

TEST_F(pid, there_and_back)
{
	ino_t own = ns_ino("pid");
	pid_t self_pid = getpid(), pid;

	ASSERT_EQ(setns(self->fd, CLONE_NEWPID), 0);
	ASSERT_EQ(setns(self->home, CLONE_NEWPID), 0);
	EXPECT_EQ(ns_ino("pid_for_children"), own);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_EQ(getppid(), self_pid);
		EXPECT_EQ(ns_ino("pid"), own);
		_exit(0);
	}
	expect_done(_metadata, pid);
}

TEST(pid_first_child_is_init)
{
	int fd, go;
	pid_t pid;

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	/* This process has no child, so the namespace is empty */
	pid = child_in(CLONE_NEWPID, &go);
	ASSERT_GT(pid, 0);
	fd = open_ns_of(pid, "pid_for_children");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(setns(fd, CLONE_NEWPID), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		EXPECT_EQ(getpid(), 1);
		_exit(0);
	}
	expect_done(_metadata, pid);
}

/* A pidfd leads to the namespaces that a process is in, not to those for its children. */
TEST(pidfd_is_for_what_the_process_is_in)
{
	int flags = built_in(CLONE_NEWPID | CLONE_NEWTIME);
	struct ns_links own, parents;
	int away, go;
	pid_t pid;

	pid = child_in(flags, &go);
	ASSERT_GT(pid, 0);
	/* Only a caller that comes from elsewhere can see the join */
	ASSERT_GT(target_in(flags, &away), 0);
	ASSERT_EQ(setns(away, flags), 0);
	ASSERT_EQ(setns(pidfd_open(pid), flags), 0);
	own = links_of_caller();
	parents = links_of(getppid());
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		EXPECT_EQ(own.ino[i], parents.ino[i]) {
			TH_LOG("%s", links[i].name);
		}
	}
}

/* /proc/self/cgroup shows paths relative to the root of the cgroup namespace. */

#define CGROUP2 "/tmp/cgroup2"

FIXTURE(cgroup)
{
	pid_t target;
	char here[64];
	char there[64];
};

static int move_to_cgroup(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return write_file(path, "0");
}

FIXTURE_SETUP(cgroup)
{
	if (!is_built_in("cgroup"))
		SKIP(return, "no cgroup namespaces");
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount_tmp(), 0);
	ASSERT_EQ(mkdir(CGROUP2, 0755), 0);
	if (mount("setns", CGROUP2, "cgroup2", 0, NULL))
		SKIP(return, "no cgroup2: %s", strerror(errno));
	snprintf(self->here, sizeof(self->here), CGROUP2 "/setns_here.%d", getpid());
	snprintf(self->there, sizeof(self->there), CGROUP2 "/setns_there.%d", getpid());
	ASSERT_EQ(mkdir(self->here, 0755), 0);
	ASSERT_EQ(mkdir(self->there, 0755), 0);
}

FIXTURE_TEARDOWN(cgroup)
{
	end_target(self->target);
	move_to_cgroup(CGROUP2);
	rmdir(self->here);
	rmdir(self->there);
}

static const char *own_cgroup(char *line, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	const char *path = "";

	if (!file)
		return path;
	while (!*path && fgets(line, size, file)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3))
			path = line + 3;
	}
	fclose(file);
	return path;
}

TEST_F(cgroup, paths)
{
	int home = open_ns("cgroup"), fds[2];
	char home_path[256], away_path[256], path[256];

	/* The cgroup of its creator is the root of the namespace */
	ASSERT_EQ(move_to_cgroup(self->there), 0);
	self->target = target_in(CLONE_NEWCGROUP, &fds[0]);
	ASSERT_GT(self->target, 0);
	fds[1] = open_ns_of(self->target, "cgroup");
	ASSERT_EQ(move_to_cgroup(self->here), 0);
	own_cgroup(home_path, sizeof(home_path));
	snprintf(away_path, sizeof(away_path), "0::/..%s", strrchr(self->here, '/'));

	for (int i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_EQ(setns(fds[i], CLONE_NEWCGROUP), 0);
		own_cgroup(path, sizeof(path));
		EXPECT_STREQ(path, away_path);
		ASSERT_EQ(move_to_cgroup(self->there), 0);
		EXPECT_STREQ(own_cgroup(path, sizeof(path)), "/");
		ASSERT_EQ(move_to_cgroup(self->here), 0);
		ASSERT_EQ(setns(home, CLONE_NEWCGROUP), 0);
		own_cgroup(path, sizeof(path));
		EXPECT_STREQ(path, home_path);
	}
}

/*
 * The system calls show the joined namespace. Each case marks something in a namespace,
 * leaves it, joins it again, and must find the mark.
 */

static int mark_uts(void)
{
	return sethostname("setns-mark", 10);
}

static bool uts_is_marked(void)
{
	char name[64] = "";

	return !gethostname(name, sizeof(name)) && !strcmp(name, "setns-mark");
}

#define MARK_KEY 0x5e7115

static int mark_ipc(void)
{
	return shmget(MARK_KEY, 1, IPC_CREAT | IPC_EXCL | 0600) < 0 ? -1 : 0;
}

static bool ipc_is_marked(void)
{
	return shmget(MARK_KEY, 0, 0) >= 0;
}

/* The loopback device is down in a new network namespace. */
static int loopback(int request, struct ifreq *ifr)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	int err = ioctl(sock, request, ifr);

	close(sock);
	return err;
}

static int mark_net(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	return loopback(SIOCSIFFLAGS, &ifr);
}

static bool net_is_marked(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };

	return !loopback(SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_UP;
}

FIXTURE(view)
{
	int fds[2];	/* a pidfd and a namespace file */
	int other;
	pid_t target;
};

FIXTURE_VARIANT(view)
{
	int flag;
	int (*mark)(void);
	bool (*is_marked)(void);
};

FIXTURE_SETUP(view)
{
	const char *name = name_of(variant->flag);

	if (!is_built_in(name))
		SKIP(return, "no %s namespaces", name);
	ASSERT_EQ(unshare(variant->flag), 0);
	ASSERT_EQ(variant->mark(), 0);
	self->target = target_in(0, &self->fds[0]);
	ASSERT_GT(self->target, 0);
	self->fds[1] = open_ns(name);
	ASSERT_EQ(unshare(variant->flag), 0);
	self->other = open_ns(name);
	/* A new UTS namespace copies the old name, and so the mark */
	if (variant->flag == CLONE_NEWUTS)
		sethostname("other", 5);
}

FIXTURE_TEARDOWN(view)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(view, uts)
{
	.flag = CLONE_NEWUTS,
	.mark = mark_uts,
	.is_marked = uts_is_marked,
};

FIXTURE_VARIANT_ADD(view, ipc)
{
	.flag = CLONE_NEWIPC,
	.mark = mark_ipc,
	.is_marked = ipc_is_marked,
};

FIXTURE_VARIANT_ADD(view, net)
{
	.flag = CLONE_NEWNET,
	.mark = mark_net,
	.is_marked = net_is_marked,
};

TEST_F(view, changes)
{
	ASSERT_FALSE(variant->is_marked());
	for (int i = 0; i < ARRAY_SIZE(self->fds); i++) {
		ASSERT_EQ(setns(self->fds[i], variant->flag), 0);
		EXPECT_TRUE(variant->is_marked());
		ASSERT_EQ(setns(self->other, variant->flag), 0);
		EXPECT_FALSE(variant->is_marked());
	}
}

static __u64 netns_cookie(int sock)
{
	__u64 cookie = 0;
	socklen_t size = sizeof(cookie);

	getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size);
	return cookie;
}

/* A socket belongs to the network namespace in which it was made. */
TEST(sockets_stay_where_they_are)
{
	__u64 here, there;
	int home, sock;

	if (!is_built_in("net"))
		SKIP(return, "no net namespaces");
	home = open_ns("net");
	here = netns_cookie(socket(AF_UNIX, SOCK_STREAM, 0));
	ASSERT_EQ(unshare(CLONE_NEWNET), 0);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	there = netns_cookie(sock);
	ASSERT_NE(here, 0);
	ASSERT_NE(there, 0);
	ASSERT_NE(here, there);

	ASSERT_EQ(setns(home, CLONE_NEWNET), 0);
	EXPECT_EQ(netns_cookie(sock), there);
	EXPECT_EQ(netns_cookie(socket(AF_UNIX, SOCK_STREAM, 0)), here);
}

/* One thread moves. Its process and its parent stay. */
TEST(only_the_caller_moves)
{
	/* A thread cannot join a user or a time namespace */
	int flags = built_in(all_types & ~(CLONE_NEWUSER | CLONE_NEWTIME));
	struct ns_links before = links_of_caller(), after;
	int pidfd;

	ASSERT_GT(target_in(flags, &pidfd), 0);
	ASSERT_EQ(refusal_in_child(THREAD, pidfd, flags), 0);
	after = links_of_caller();
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		EXPECT_EQ(after.ino[i], before.ino[i]) {
			TH_LOG("%s", links[i].name);
		}
	}
}

/*
 * Only what is joined changes. Everything else stays, even the namespaces for children,
 * where they differ from those that the caller is in.
 */
static void expect_one_to_change(struct __test_metadata *_metadata, int type, bool by_pidfd)
{
	struct ns_links before, after, targets;
	int fd, pidfd;
	pid_t target;

	target = target_in(types[type].flag, &pidfd);
	ASSERT_GT(target, 0);
	ASSERT_EQ(unshare(built_in(CLONE_NEWPID | CLONE_NEWTIME)), 0);
	targets = links_of(target);
	before = links_of_caller();
	fd = by_pidfd ? pidfd : open_ns_of(target, types[type].name);
	ASSERT_EQ(setns(fd, types[type].flag), 0);
	after = links_of_caller();
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		bool joined = links[i].flag == types[type].flag;

		EXPECT_EQ(after.ino[i], joined ? targets.ino[i] : before.ino[i]) {
			TH_LOG("%s after joining %s by %s", links[i].name, types[type].name,
			       by_pidfd ? "pidfd" : "nsfd");
		}
	}
	end_target(target);
}

TEST(one_type_changes_no_other)
{
	for (int i = 0; i < 2 * ARRAY_SIZE(types); i++) {
		pid_t pid;

		if (!is_built_in(types[i / 2].name))
			continue;
		pid = fork();
		ASSERT_GE(pid, 0);
		if (pid == 0) {
			expect_one_to_change(_metadata, i / 2, i % 2);
			_exit(0);
		}
		expect_done(_metadata, pid);
	}
}

/* A child inherits joined namespaces, and execve(2) keeps them. */

#define EXPECT_LINKS "--expect-links"

/* The test executes this program again. Then main() calls this function. */
static int compare_links(char **expected)
{
	struct ns_links own = links_of_caller();

	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		if (strtoull(expected[i], NULL, 10) != own.ino[i])
			return i + 1;
	}
	return 0;
}

static void execute_compare_links(void)
{
	struct ns_links own = links_of_caller();
	char args[ARRAY_SIZE(links)][24];
	char *argv[ARRAY_SIZE(links) + 3] = { "effects_test", EXPECT_LINKS };

	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		snprintf(args[i], sizeof(args[i]), "%llu", (unsigned long long)own.ino[i]);
		argv[i + 2] = args[i];
	}
	execv("/proc/self/exe", argv);
}

TEST(inherited_by_a_child)
{
	int flags = built_in(all_types), pidfd;
	struct ns_links parents, own;
	pid_t pid;

	ASSERT_GT(target_in(flags, &pidfd), 0);
	ASSERT_EQ(setns(pidfd, flags), 0);
	parents = links_of_caller();
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		own = links_of_caller();
		for (int i = 0; i < ARRAY_SIZE(links); i++) {
			bool is_pid = !strcmp(links[i].name, "pid");

			EXPECT_EQ(own.ino[i], parents.ino[i + is_pid]) {
				TH_LOG("%s", links[i].name);
			}
		}
		_exit(0);
	}
	expect_done(_metadata, pid);
}

/* Unlike after unshare(2), no time namespace waits for execve(2). */
TEST(kept_by_a_program)
{
	int flags = built_in(all_types), pidfd, status;
	pid_t pid;

	ASSERT_GT(target_in(flags, &pidfd), 0);
	pid = fork();
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		ASSERT_EQ(setns(pidfd, flags), 0);
		execute_compare_links();
		_exit(127);
	}
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0) {
		TH_LOG("link %d", WEXITSTATUS(status) - 1);
	}
}

/* These cases check the credentials that come with a user namespace. */

FIXTURE(user)
{
	int fd;
	pid_t target;
};

FIXTURE_VARIANT(user)
{
	bool by_pidfd;
	uid_t owner;
};

FIXTURE_SETUP(user)
{
	int pidfd;

	if (!is_built_in("user"))
		SKIP(return, "no user namespaces");
	ASSERT_EQ(seteuid(variant->owner), 0);
	self->target = target_in(CLONE_NEWUSER, &pidfd);
	ASSERT_GT(self->target, 0);
	ASSERT_EQ(seteuid(0), 0);
	self->fd = variant->by_pidfd ? pidfd : open_ns_of(self->target, "user");
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(user)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(user, own_nsfd)
{
};

FIXTURE_VARIANT_ADD(user, foreign_pidfd)
{
	.by_pidfd = true,
	.owner = 1000,
};

/* Returns the lines of a status file that begin with @start, as one text. */
static const char *status_lines(int fd, const char *start, char *lines, size_t size)
{
	char status[8192];
	ssize_t length = pread(fd, status, sizeof(status) - 1, 0);
	size_t used = 0;

	lines[0] = 0;
	if (length < 0)
		return lines;
	status[length] = 0;
	for (char *line = strtok(status, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, start, strlen(start)) && used < size)
			used += snprintf(lines + used, size - used, "%s\n", line);
	}
	return lines;
}

static int open_status(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* The caller gets all capabilities, whatever it had and had given up before. */
TEST_F(user, capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	unsigned long long all = (2ULL << read_number("/proc/sys/kernel/cap_last_cap")) - 1;
	char expected[256], seen[256];

	ASSERT_EQ(prctl(PR_CAPBSET_DROP, CAP_WAKE_ALARM), 0);
	ASSERT_EQ(syscall(SYS_capget, &header, data), 0);
	data[0].effective = 1 << CAP_SYS_ADMIN | 1 << CAP_SYS_PTRACE;
	data[1].effective = 0;
	data[0].permitted = data[0].effective | 1 << CAP_CHOWN;
	data[1].permitted = 0;
	data[0].inheritable = 1 << CAP_CHOWN;
	ASSERT_EQ(syscall(SYS_capset, &header, data), 0);
	ASSERT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);

	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	snprintf(expected, sizeof(expected),
		 "CapInh:\t%016x\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016x\n",
		 0, all, all, all, 0);
	EXPECT_STREQ(status_lines(open_status(), "Cap", seen, sizeof(seen)), expected);
}

/* The join clears the securebits, except those that restrict what the task may execute. */
TEST_F(user, securebits)
{
	int kept = SECBIT_EXEC_RESTRICT_FILE | SECBIT_EXEC_RESTRICT_FILE_LOCKED;
	int lost = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS;

	ASSERT_EQ(prctl(PR_SET_SECUREBITS, kept | lost), 0);
	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	EXPECT_EQ(prctl(PR_GET_SECUREBITS), kept);
}

/* The caller keeps its ids, which have other numbers in the new namespace. */
TEST_F(user, ids)
{
	gid_t groups[] = { 0, 1234 };
	char before[3][256], after[256];
	static const char *const lines[] = { "Uid:", "Gid:", "Groups:" };
	int status = open_status();

	ASSERT_EQ(setgroups(ARRAY_SIZE(groups), groups), 0);
	ASSERT_EQ(map_ids_of(self->target, "70 0 1", "80 0 1"), 0);
	for (int i = 0; i < ARRAY_SIZE(lines); i++)
		status_lines(status, lines[i], before[i], sizeof(before[i]));

	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	EXPECT_EQ(getuid(), 70);
	EXPECT_EQ(geteuid(), 70);
	EXPECT_EQ(getgid(), 80);
	EXPECT_EQ(getegid(), 80);
	ASSERT_EQ(getgroups(ARRAY_SIZE(groups), groups), 2);
	EXPECT_EQ(groups[0], 80);
	EXPECT_EQ(groups[1], read_number("/proc/sys/kernel/overflowgid"));
	/* The file shows the ids to its opener, who was outside */
	for (int i = 0; i < ARRAY_SIZE(lines); i++)
		EXPECT_STREQ(status_lines(status, lines[i], after, sizeof(after)), before[i]);
}

/*
 * A caller that owns the user namespace was capable over it before. Any other caller
 * counts as gaining capabilities, so it loses its dumpable flag and its parent death
 * signal.
 */
TEST_F(user, dumpable_and_parent_death_signal)
{
	bool own = variant->owner == 0;
	int signal = -1;

	ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	ASSERT_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), own ? 1 : read_number("/proc/sys/fs/suid_dumpable"));
	ASSERT_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
	EXPECT_EQ(signal, own ? SIGUSR1 : 0);
}

/* The keyrings stay, unlike with a new user namespace. */
TEST_F(user, keyrings)
{
	static const int keyrings[] = {
		KEY_SPEC_THREAD_KEYRING, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_SESSION_KEYRING,
	};
	long before[ARRAY_SIZE(keyrings)];

	for (int i = 0; i < ARRAY_SIZE(keyrings); i++) {
		before[i] = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, keyrings[i], 1);
		if (before[i] < 0)
			SKIP(return, "no keyrings: %s", strerror(errno));
	}
	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	for (int i = 0; i < ARRAY_SIZE(keyrings); i++) {
		EXPECT_EQ(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, keyrings[i], 0), before[i]) {
			TH_LOG("keyring %d", keyrings[i]);
		}
	}
}

/* The other types leave the credentials alone. */
TEST(other_types_keep_the_credentials)
{
	int flags = built_in(all_types & ~CLONE_NEWUSER);
	int signal = -1, pidfd;
	char before[256], after[256];
	pid_t target = target_in(flags, &pidfd);

	ASSERT_GT(target, 0);
	ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	ASSERT_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	ASSERT_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), 0);
	ASSERT_EQ(lose_capability(CAP_WAKE_ALARM), 0);
	status_lines(open_status(), "Cap", before, sizeof(before));

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int nsfd = open_ns_of(target, types[i].name);

		if (types[i].flag & flags)
			ASSERT_EQ(setns(nsfd, types[i].flag), 0);
	}
	ASSERT_EQ(setns(pidfd, flags), 0);
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), 1);
	ASSERT_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
	EXPECT_EQ(signal, SIGUSR1);
	EXPECT_EQ(prctl(PR_GET_SECUREBITS), SECBIT_NOROOT);
	EXPECT_STREQ(status_lines(open_status(), "Cap", after, sizeof(after)), before);
}

/*
 * In a time namespace, a clock is the clock at home plus a known offset. A reading
 * elsewhere, minus the offset, must lie between two readings at home.
 */

enum timens_fd {
	NSFD,
	NSFD_FOR_CHILDREN,
	PIDFD,
};

static const struct {
	clockid_t id;
	bool boottime;
	const char *name;
} clocks[] = {
	{ CLOCK_MONOTONIC, false, "monotonic" },
	{ CLOCK_MONOTONIC_RAW, false, "monotonic_raw" },
	/* The vDSO reads this one without a system call, with any clock source */
	{ CLOCK_MONOTONIC_COARSE, false, "monotonic_coarse" },
	{ CLOCK_BOOTTIME, true, "boottime" },
};

struct timens {
	int fd;
	pid_t pid;
	ino_t ino;
	int monotonic;	/* offsets in seconds */
	int boottime;
};

static long long nanoseconds(const struct timespec *ts)
{
	return ts->tv_sec * 1000000000LL + ts->tv_nsec;
}

/*
 * Reads clock @i in the namespace @there, by the vDSO or by a system call. Returns what
 * the clock would be at home.
 */
static long long read_clock(int i, const struct timens *there, bool vdso)
{
	int offset = clocks[i].boottime ? there->boottime : there->monotonic;
	struct timespec ts = {};

	if (vdso)
		clock_gettime(clocks[i].id, &ts);
	else
		syscall(SYS_clock_gettime, clocks[i].id, &ts);
	ts.tv_sec -= offset;
	return nanoseconds(&ts);
}

static int write_offsets(const struct timens *ns)
{
	char text[64];

	snprintf(text, sizeof(text), "monotonic %d 0\nboottime %d 0", ns->monotonic, ns->boottime);
	return write_file("/proc/self/timens_offsets", text);
}

/* Returns with the caller in its old time namespace. */
static int make_timens(struct timens *ns, enum timens_fd kind)
{
	int home = open_ns("time"), pidfd;

	if (unshare(CLONE_NEWTIME) || write_offsets(ns))
		return -1;
	ns->ino = ns_ino("time_for_children");
	switch (kind) {
	case NSFD:
		ns->pid = target_in(0, &pidfd);
		ns->fd = open_ns_of(ns->pid, "time");
		break;
	case NSFD_FOR_CHILDREN:
		/* No task is in it, and its offsets could still be changed */
		ns->pid = target_in(CLONE_NEWTIME, &pidfd);
		ns->fd = open_ns("time_for_children");
		break;
	case PIDFD:
		ns->pid = target_in(0, &ns->fd);
		break;
	}
	return setns(home, CLONE_NEWTIME);
}

FIXTURE(time)
{
	int home;
	struct timens none;
	struct timens a;
	struct timens b;
};

FIXTURE_VARIANT(time)
{
	enum timens_fd kind;
};

FIXTURE_SETUP(time)
{
	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	self->home = open_ns("time");
	self->a = (struct timens){ .monotonic = 864000, .boottime = 1728000 };
	self->b = (struct timens){ .monotonic = 86400000, .boottime = 8640000 };
	ASSERT_EQ(make_timens(&self->a, variant->kind), 0);
	ASSERT_EQ(make_timens(&self->b, variant->kind), 0);
	ASSERT_GE(self->a.fd, 0);
	ASSERT_GE(self->b.fd, 0);
}

FIXTURE_TEARDOWN(time)
{
	end_target(self->a.pid);
	end_target(self->b.pid);
}

FIXTURE_VARIANT_ADD(time, nsfd)
{
	.kind = NSFD,
};

FIXTURE_VARIANT_ADD(time, nsfd_for_children)
{
	.kind = NSFD_FOR_CHILDREN,
};

FIXTURE_VARIANT_ADD(time, pidfd)
{
	.kind = PIDFD,
};

/* Clocks that are read in one time namespace after the other never go back. */
static void expect_order(struct __test_metadata *_metadata, const struct timens *ns,
			 long long *last)
{
	for (int i = 0; i < ARRAY_SIZE(clocks); i++) {
		for (int vdso = 1; vdso >= 0; vdso--) {
			long long now = read_clock(i, ns, vdso);

			EXPECT_GE(now, last[i]) {
				TH_LOG("%s by %s, offset %d", clocks[i].name,
				       vdso ? "vDSO" : "system call", ns->monotonic);
			}
			last[i] = now;
		}
	}
}

TEST_F(time, clocks)
{
	long long last[ARRAY_SIZE(clocks)] = {};

	expect_order(_metadata, &self->none, last);
	ASSERT_EQ(setns(self->a.fd, CLONE_NEWTIME), 0);
	expect_order(_metadata, &self->a, last);
	ASSERT_EQ(setns(self->home, CLONE_NEWTIME), 0);
	expect_order(_metadata, &self->none, last);
}

/* The vDSO reads another page in each namespace. */
TEST_F(time, clocks_between_two)
{
	long long last[ARRAY_SIZE(clocks)] = {};

	for (int i = 0; i < 20; i++) {
		const struct timens *ns = i % 2 ? &self->b : &self->a;

		ASSERT_EQ(setns(ns->fd, CLONE_NEWTIME), 0);
		expect_order(_metadata, ns, last);
	}
	ASSERT_EQ(setns(self->home, CLONE_NEWTIME), 0);
	expect_order(_metadata, &self->none, last);
}

TEST_F(time, also_for_children)
{
	ASSERT_EQ(setns(self->a.fd, CLONE_NEWTIME), 0);
	EXPECT_EQ(ns_ino("time"), self->a.ino);
	EXPECT_EQ(ns_ino("time_for_children"), self->a.ino);
	ASSERT_EQ(setns(self->home, CLONE_NEWTIME), 0);
	EXPECT_NE(ns_ino("time"), self->a.ino);
	EXPECT_EQ(ns_ino("time_for_children"), ns_ino("time"));
}

TEST_F(time, offsets_are_final)
{
	ASSERT_EQ(setns(self->a.fd, CLONE_NEWTIME), 0);
	EXPECT_EQ(write_offsets(&self->b), -1);
	EXPECT_EQ(errno, EACCES);
}

TEST(time_refused_join_leaves_offsets_open)
{
	struct timens ns = { .monotonic = 1000, .boottime = 1000 };
	int fd;

	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	ASSERT_EQ(unshare(CLONE_NEWTIME), 0);
	fd = open_ns("time_for_children");
	ASSERT_EQ(refusal_in_child(CLONE_VM, fd, CLONE_NEWTIME), EUSERS);
	EXPECT_EQ(write_offsets(&ns), 0);
}

/*
 * System V IPC: a join applies the caller's semaphore adjustments, and changes nothing
 * else that the caller holds there.
 */

TEST(ipc_only_joining_it_applies_adjustments)
{
	int flags = built_in(all_types & ~(CLONE_NEWUSER | CLONE_NEWIPC));
	int pidfd, sem;
	pid_t target = target_in(flags, &pidfd);

	ASSERT_GT(target, 0);
	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	sem = sem_to_undo();
	ASSERT_GE(sem, 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int nsfd = open_ns_of(target, types[i].name);

		if (!(types[i].flag & flags))
			continue;
		ASSERT_EQ(setns(nsfd, types[i].flag), 0);
		EXPECT_EQ(semctl(sem, 0, GETVAL), 5) {
			TH_LOG("%s", types[i].name);
		}
	}
	ASSERT_EQ(setns(pidfd, flags), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 5);
	ASSERT_EQ(setns(pidfd_open(getpid()), flags | CLONE_NEWIPC), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 0);
}

struct refused_join {
	int pidfd;
	int err;
	int adjusted;	/* the value of a semaphore after the call */
};

static int join_with_adjustments(void *arg)
{
	struct refused_join *join = arg;
	int sem = sem_to_undo();

	join->err = refusal(join->pidfd, CLONE_NEWIPC | CLONE_NEWTIME);
	join->adjusted = semctl(sem, 0, GETVAL);
	return 0;
}

TEST(ipc_refused_join_applies_no_adjustments)
{
	struct refused_join join = {};

	if (!is_built_in("time"))
		SKIP(return, "no time namespaces");
	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	ASSERT_GT(target_in(CLONE_NEWTIME, &join.pidfd), 0);
	run_in_child(CLONE_VM, join_with_adjustments, &join);
	ASSERT_EQ(join.err, EUSERS);
	EXPECT_EQ(join.adjusted, 5);
}

/* If tasks share their adjustments, only the last of them applies these. */
TEST(ipc_join_leaves_shared_adjustments)
{
	int how = CLONE_VM | CLONE_SYSVSEM;
	int fd, sem;

	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	sem = sem_to_undo();
	ASSERT_GE(sem, 0);
	fd = open_ns("ipc");
	ASSERT_EQ(refusal_in_child(how, fd, CLONE_NEWIPC), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 5);
	ASSERT_EQ(setns(fd, CLONE_NEWIPC), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 0);
}

TEST(ipc_join_leaves_shm_attached)
{
	int fd, home, kept, removed;
	char *in_kept, *in_removed;
	struct shmid_ds ds;

	fd = open_ns("ipc");
	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	home = open_ns("ipc");
	kept = shmget(IPC_PRIVATE, 1, 0600);
	in_kept = shmat(kept, NULL, 0);
	ASSERT_NE(in_kept, (void *)-1);
	*in_kept = 'k';
	removed = shmget(IPC_PRIVATE, 1, 0600);
	in_removed = shmat(removed, NULL, 0);
	ASSERT_NE(in_removed, (void *)-1);
	*in_removed = 'r';
	ASSERT_EQ(shmctl(removed, IPC_RMID, NULL), 0);

	ASSERT_EQ(setns(fd, CLONE_NEWIPC), 0);
	EXPECT_EQ(*in_kept, 'k');
	EXPECT_EQ(*in_removed, 'r');
	EXPECT_EQ(shmdt(in_removed), 0);

	ASSERT_EQ(setns(home, CLONE_NEWIPC), 0);
	ASSERT_EQ(shmctl(kept, IPC_STAT, &ds), 0);
	EXPECT_EQ(ds.shm_nattch, 1);
	EXPECT_EQ(shmdt(in_kept), 0);
	ASSERT_EQ(shmctl(kept, IPC_STAT, &ds), 0);
	EXPECT_EQ(ds.shm_nattch, 0);
	/*
	 * This segment was marked for removal, so the last detaching freed it, even
	 * from elsewhere
	 */
	EXPECT_EQ(shmctl(removed, IPC_STAT, &ds), -1);
}

/*
 * With shm_rmid_forced, an unattached segment goes when its creator ends, and not
 * before.
 */
TEST(ipc_join_leaves_shm_to_its_creator)
{
	int fd, line, shm = -1;
	struct shmid_ds ds;
	pid_t pid;

	fd = open_ns("ipc");
	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	ASSERT_EQ(write_file("/proc/sys/kernel/shm_rmid_forced", "1"), 0);
	pid = fork_with_line(&line);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		shm = shmget(IPC_PRIVATE, 1, 0600);
		EXPECT_EQ(setns(fd, CLONE_NEWIPC), 0);
		EXPECT_EQ(write(line, &shm, sizeof(shm)), sizeof(shm));
		await_turn(line);
		_exit(0);
	}
	ASSERT_EQ(read(line, &shm, sizeof(shm)), sizeof(shm));
	EXPECT_EQ(shmctl(shm, IPC_STAT, &ds), 0);
	close(line);
	expect_done(_metadata, pid);
	EXPECT_EQ(shmctl(shm, IPC_STAT, &ds), -1);
}

/* perf gets one record of each successful call, with the new namespaces of the task. */

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

int main(int argc, char **argv)
{
	if (argc == ARRAY_SIZE(links) + 2 && !strcmp(argv[1], EXPECT_LINKS))
		return compare_links(argv + 2);
	return test_harness_run(argc, argv);
}
