// SPDX-License-Identifier: GPL-2.0
/*
 * What setns(2) does besides changing a link in /proc/self/ns/, and what it
 * must not do when it refuses.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ipc.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "setns.h"

/* An nsfs file is joined if nstype is 0 or its type, and by nothing else. */
TEST(nstype_is_zero_or_the_type)
{
	int fd = open_ns("uts");

	ASSERT_GE(fd, 0);
	EXPECT_EQ(setns(fd, CLONE_NEWIPC), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(setns(fd, CLONE_NEWUTS | CLONE_NEWIPC), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(setns(fd, -1), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(setns(fd, 0), 0);
	EXPECT_EQ(setns(fd, CLONE_NEWUTS), 0);
}

/* A pidfd is joined by a set of types, never by "any". */
TEST(pidfd_wants_types)
{
	int fd = pidfd_open(getpid());

	ASSERT_GE(fd, 0);
	EXPECT_EQ(setns(fd, 0), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(setns(fd, CLONE_NEWUTS | CLONE_VM), -1);
	EXPECT_EQ(errno, EINVAL);
	EXPECT_EQ(setns(fd, CLONE_NEWUTS | CLONE_NEWIPC), 0);
}

TEST(other_descriptors_are_refused)
{
	int fd;

	EXPECT_EQ(setns(-1, 0), -1);
	EXPECT_EQ(errno, EBADF);

	fd = open("/proc/self/ns/uts", O_PATH | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(setns(fd, 0), -1);
	EXPECT_EQ(errno, EBADF);

	fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(setns(fd, CLONE_NEWUTS), -1);
	EXPECT_EQ(errno, EINVAL);
}

/* Joining an IPC namespace, the caller's own included, applies SEM_UNDO. */
TEST(ipc_join_applies_semaphore_adjustments)
{
	struct sembuf add = { .sem_num = 0, .sem_op = 5, .sem_flg = SEM_UNDO };
	int fd, sem;

	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	sem = semget(IPC_PRIVATE, 1, 0600);
	ASSERT_GE(sem, 0);
	ASSERT_EQ(semop(sem, &add, 1), 0);
	ASSERT_EQ(semctl(sem, 0, GETVAL), 5);

	fd = open_ns("ipc");
	ASSERT_GE(fd, 0);
	ASSERT_EQ(setns(fd, CLONE_NEWIPC), 0);
	EXPECT_EQ(semctl(sem, 0, GETVAL), 0);
}

/* The adjustments are those of the namespace that is left. */
TEST(ipc_join_applies_adjustments_where_they_were_made)
{
	struct sembuf add = { .sem_num = 0, .sem_op = 5, .sem_flg = SEM_UNDO };
	int there, here, sem;

	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	there = open_ns("ipc");
	ASSERT_GE(there, 0);
	ASSERT_EQ(unshare(CLONE_NEWIPC), 0);
	here = open_ns("ipc");
	ASSERT_GE(here, 0);
	sem = semget(IPC_PRIVATE, 1, 0600);
	ASSERT_GE(sem, 0);
	ASSERT_EQ(semop(sem, &add, 1), 0);

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
 * The creator of a user namespace has all capabilities in it once it has joined
 * it, and needs them for the others: it can join all at once because the user
 * namespace comes first.
 */
TEST(user_namespace_comes_first)
{
	int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
	int fd, go, status;
	ino_t user;
	pid_t pid;

	ASSERT_EQ(setresgid(1000, 1000, 1000), 0);
	ASSERT_EQ(setresuid(1000, 1000, 1000), 0);
	/* Else /proc/self is root's, and the maps cannot be written */
	ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
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
	/* A capability that came with the credentials, and a map that applies */
	EXPECT_EQ(sethostname("joined", 6), 0);
	EXPECT_EQ(getuid(), 0);

	close(go);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}

/* With two causes to refuse, the one that comes first in the order decides. */
TEST(the_order_decides_the_errno)
{
	int go, fd, status;
	pid_t pid;

	/* user: EINVAL, as the caller is in it; uts: EPERM */
	pid = child_in(CLONE_NEWUTS, &go);
	ASSERT_GT(pid, 0);
	fd = pidfd_open(pid);
	ASSERT_GE(fd, 0);
	if (fork() == 0) {
		if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
			_exit(1);
		/* Before any namespace: the caller may not inspect the target */
		if (setns(fd, CLONE_NEWUSER | CLONE_NEWUTS) != -1 || errno != EPERM)
			_exit(2);
		fd = pidfd_open(getpid());
		if (setns(fd, CLONE_NEWUSER | CLONE_NEWUTS) != -1 || errno != EINVAL)
			_exit(3);
		if (setns(fd, CLONE_NEWUTS) != -1 || errno != EPERM)
			_exit(4);
		_exit(0);
	}
	ASSERT_GT(wait(&status), 0);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	close(go);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}

/* If one namespace refuses, those before it are not joined either. */
TEST(all_or_nothing)
{
	int go, fd, status;
	ino_t uts, ipc;
	pid_t pid;

	pid = child_in(CLONE_NEWUTS | CLONE_NEWIPC, &go);
	ASSERT_GT(pid, 0);
	fd = pidfd_open(pid);
	ASSERT_GE(fd, 0);
	uts = ns_ino("uts");
	ipc = ns_ino("ipc");

	if (vfork() == 0) {
		/* Shares the memory of its parent: no time namespace for it */
		if (setns(fd, CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWTIME) != -1)
			_exit(1);
		_exit(errno == EUSERS ? 0 : 2);
	}
	ASSERT_GT(wait(&status), 0);
	EXPECT_TRUE(WIFEXITED(status));
	EXPECT_EQ(WEXITSTATUS(status), 0);
	EXPECT_EQ(ns_ino("uts"), uts);
	EXPECT_EQ(ns_ino("ipc"), ipc);
	close(go);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}

/*
 * A refused call must let go of all it took. In a user namespace that may have
 * few UTS namespaces, each pinned one brings the limit closer.
 */
TEST(a_refused_join_pins_nothing)
{
	int i, foreign, status;

	foreign = open_ns("net");
	ASSERT_GE(foreign, 0);
	ASSERT_EQ(unshare_user(0), 0);
	ASSERT_EQ(write_file("/proc/sys/user/max_uts_namespaces", "8"), 0);

	for (i = 0; i < 64; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			if (unshare(CLONE_NEWUTS))
				_exit(1);
			if (setns(foreign, CLONE_NEWNET) != -1 || errno != EPERM)
				_exit(2);
			_exit(0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFEXITED(status));
		ASSERT_EQ(WEXITSTATUS(status), 0) {
			TH_LOG("round %d", i);
		}
	}
}

/* The same for what a call that succeeds replaces. */
TEST(a_join_lets_go_of_what_was)
{
	int i, status;

	ASSERT_EQ(unshare_user(CLONE_NEWUTS), 0);
	ASSERT_EQ(write_file("/proc/sys/user/max_uts_namespaces", "8"), 0);

	for (i = 0; i < 64; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			int home = open_ns("uts");

			if (unshare(CLONE_NEWUTS))
				_exit(1);
			_exit(setns(home, 0) ? 2 : 0);
		}
		ASSERT_EQ(waitpid(pid, &status, 0), pid);
		ASSERT_TRUE(WIFEXITED(status));
		ASSERT_EQ(WEXITSTATUS(status), 0) {
			TH_LOG("round %d", i);
		}
	}
}

TEST_HARNESS_MAIN
