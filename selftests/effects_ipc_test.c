// SPDX-License-Identifier: GPL-2.0
/*
 * System V IPC: a join applies the caller's semaphore adjustments, and changes nothing
 * else that the caller holds there.
 */
#define _GNU_SOURCE
#include <sys/sem.h>
#include <sys/shm.h>

#include "calls.h"
#include "setns.h"
#include "tasks.h"

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

TEST_HARNESS_MAIN
