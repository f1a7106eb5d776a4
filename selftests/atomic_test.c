// SPDX-License-Identifier: GPL-2.0
/*
 * All or nothing: setns(2) with a pidfd and a set of types joins all of them, or
 * leaves everything as it was. And what it joins, it joins alone.
 *
 * The callers below write down all that can be seen of them, make a call, and
 * look again. After a call that is refused nothing may differ. After one that
 * succeeds, the items of the types that were asked for are those of the target,
 * and all others are as before.
 *
 * There are three user namespaces, each in the one before:
 *
 *	outer	what the test starts in. It owns those namespaces of the target that
 *		shall refuse, because nobody below is capable over them.
 *	home	of the callers, who are root in it.
 *	target	of the target, unless that shall have none of its own.
 *
 * For a refusal for want of memory, see fault_test.c.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/mount.h>
#include <linux/securebits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "kselftest_harness.h"
#include "setns.h"
#include "view.h"

#define SEM_OF_CALLER	5	/* by way of SEM_UNDO */
#define SEM_OF_TARGET	9

#define MATE_STACK	65536

#define RANDOM_SETS	32
#define RANDOM_SEED	0x5e75

/* The target, and what its callers have in common */

struct world {
	int not_own;	/* of the target: types of which it has no namespace of its own */
	int born;	/* of the caller, for clone(2): what it is born with */
	int shares;	/* and what it shares with another task */
	pid_t pid;
	int pidfd;
	int nsfd[ARRAY_SIZE(types)];
	int sem;
	int cgroups;	/* directory of the root of the outer cgroup namespace */
	char cgroup[32];	/* in it: where target and callers are */
	int cgroup_procs;
	struct view *target;
	struct view *before;
	struct view *now;
};

static int make_cgroup(struct world *world)
{
	char path[64];
	int fs = syscall(SYS_fsopen, "cgroup2", 0);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	world->cgroups = syscall(SYS_fsmount, fs, 0, 0);
	close(fs);
	snprintf(world->cgroup, sizeof(world->cgroup), "setns_atomic.%d", getpid());
	snprintf(path, sizeof(path), "%s/cgroup.procs", world->cgroup);
	if (world->cgroups < 0 || mkdirat(world->cgroups, world->cgroup, 0755))
		return -1;
	world->cgroup_procs = openat(world->cgroups, path, O_WRONLY | O_CLOEXEC);
	return world->cgroup_procs < 0 ? -1 : 0;
}

static void end_world(const struct world *world)
{
	if (world->pid > 0) {
		kill(world->pid, SIGKILL);
		waitpid(world->pid, NULL, 0);
	}
	if (!world->cgroup[0])
		return;
	/* All who were in it are dead, but may not have left it yet */
	while (unlinkat(world->cgroups, world->cgroup, AT_REMOVEDIR) && errno == EBUSY)
		sched_yield();
}

static int set_clocks(const char *offsets)
{
	if (unshare(CLONE_NEWTIME))
		return -1;
	return write_file("/proc/self/timens_offsets", offsets);
}

/* Gives this process and those callers that it has from now on such namespaces. */
static int make_home(struct world *world, int flags)
{
	if (unshare(flags & ~CLONE_NEWTIME))
		return -1;
	if (flags & CLONE_NEWUTS && sethostname("home", 4))
		return -1;
	if (flags & CLONE_NEWIPC) {
		world->sem = semget(SEM_KEY, 1, IPC_CREAT | IPC_EXCL | 0600);
		if (world->sem < 0)
			return -1;
	}
	if (flags & CLONE_NEWTIME && set_clocks("monotonic 8640000 0\nboottime 17280000 0"))
		return -1;
	return 0;
}

static int enter_cgroup(const struct world *world)
{
	return write(world->cgroup_procs, "0", 1) == 1 ? 0 : -1;
}

static int settle_as_target(const struct world *world, int own)
{
	if (enter_cgroup(world))
		return -1;
	if (own & CLONE_NEWUSER && (write_file("/proc/self/setgroups", "deny") ||
				    write_file("/proc/self/uid_map", "7 0 1") ||
				    write_file("/proc/self/gid_map", "8 0 1")))
		return -1;
	if (own & CLONE_NEWUTS && sethostname("target", 6))
		return -1;
	if (own & CLONE_NEWIPC) {
		int sem = semget(SEM_KEY, 1, IPC_CREAT | IPC_EXCL | 0600);

		if (semctl(sem, 0, SETVAL, SEM_OF_TARGET))
			return -1;
	}
	if (own & CLONE_NEWTIME && (set_clocks("monotonic 864000 0\nboottime 1728000 0") ||
				    setns(open_ns("time_for_children"), CLONE_NEWTIME)))
		return -1;
	return chdir("/");
}

/* Lives as long as this process. */
static int start_target(struct world *world)
{
	int own = all_types & ~world->not_own;
	int line[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, line))
		return -1;
	world->pid = clone3_in(own & ~CLONE_NEWTIME, &world->pidfd);
	if (world->pid == 0) {
		close(line[0]);
		if (settle_as_target(world, own))
			_exit(1);
		look(world->target);
		if (write(line[1], "r", 1) != 1)
			_exit(1);
		_exit(read(line[1], &c, 1) ? 1 : 0);
	}
	close(line[1]);
	return world->pid > 0 && read(line[0], &c, 1) == 1 ? 0 : -1;
}

static void make_world(struct __test_metadata *_metadata, struct world *world)
{
	int home = CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET | CLONE_NEWTIME;
	const gid_t groups[] = { 0, 1 };

	world->target = new_views(3);
	world->before = world->target + 1;
	world->now = world->target + 2;
	ASSERT_EQ(start_looking(), 0);

	ASSERT_EQ(setgroups(ARRAY_SIZE(groups), groups), 0);
	/* The initial cgroup namespace would take mount options for all of the system */
	ASSERT_EQ(unshare(CLONE_NEWCGROUP), 0);
	ASSERT_EQ(make_cgroup(world), 0);
	ASSERT_EQ(make_home(world, home), 0);
	ASSERT_EQ(unshare_user(0), 0);

	ASSERT_EQ(start_target(world), 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		world->nsfd[i] = open_ns_of(world->pid, types[i].name);
		ASSERT_GE(world->nsfd[i], 0);
	}

	/* What the target shall refuse, it has from here */
	ASSERT_EQ(make_home(world, home & world->not_own), 0);
}

/* A call of setns(2), and what comes of it */
struct call {
	int fd;
	int nstype;
	int joins;	/* the set of types */
	int err;
};

static int set_odd_capabilities(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[0].inheritable |= 1U << CAP_CHOWN;
	data[0].effective &= ~(1U << CAP_SYS_BOOT);
	return syscall(SYS_capset, &header, data);
}

/* Every item that a namespace brings is another one than in the target. */
static int settle_as_caller(const struct world *world)
{
	struct sembuf add = { .sem_op = SEM_OF_CALLER, .sem_flg = SEM_UNDO };

	umask(0137);
	keyring(KEY_SPEC_THREAD_KEYRING, true);
	keyring(KEY_SPEC_PROCESS_KEYRING, true);
	if (enter_cgroup(world) || unshare(CLONE_NEWCGROUP))
		return -1;
	if (chroot("/proc") || chdir("/fs"))
		return -1;
	if (prctl(PR_CAPBSET_DROP, CAP_MKNOD) ||
	    prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || set_odd_capabilities() ||
	    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0))
		return -1;
	return semop(world->sem, &add, 1);
}

static int stand_by(void *arg)
{
	int *line = arg;
	char c;

	close(line[1]);
	return read(line[0], &c, 1);
}

/* Another task, which shares something with this one as long as that lives. */
static int start_mate(int shares)
{
	int signal = shares & CLONE_THREAD ? 0 : SIGCHLD;
	static int line[2];
	char *stack;

	if (!shares)
		return 0;
	stack = malloc(MATE_STACK);
	if (!stack || pipe(line))
		return -1;
	return clone(stand_by, stack + MATE_STACK, shares | signal, line) < 0 ? -1 : 0;
}

static void expect_view(struct __test_metadata *_metadata, const struct world *world,
			const struct call *call)
{
	for (int i = 0; i < ARRAY_SIZE(items); i++) {
		const struct view *like = call->joins & items[i].type ? world->target :
									world->before;

		if (items[i].slow && !((call->nstype | call->joins) & items[i].type))
			continue;
		items[i].look(&items[i], world->now->text[i]);
		EXPECT_STREQ(world->now->text[i], like->text[i]) {
			TH_LOG("%s, nstype %#x", items[i].name, call->nstype);
		}
	}
}

/* Without ASSERT, which would end the world that is not this task's. */
static void make_calls(struct __test_metadata *_metadata, const struct world *world,
		       const struct call *calls, int count)
{
	EXPECT_EQ(settle_as_caller(world), 0);
	EXPECT_EQ(start_mate(world->shares), 0);
	look(world->before);
	for (int i = 0; i < ARRAY_SIZE(items); i++) {
		if (!(items[i].type & ~world->not_own))
			continue;
		EXPECT_STRNE(world->before->text[i], world->target->text[i]) {
			TH_LOG("%s", items[i].name);
		}
	}

	for (int c = 0; c < count; c++) {
		EXPECT_EQ(refusal(calls[c].fd, calls[c].nstype), calls[c].err) {
			TH_LOG("nstype %#x", calls[c].nstype);
		}
		expect_view(_metadata, world, &calls[c]);
	}
}

/*
 * Has a caller make the calls, of which the last one only may succeed. Semaphore
 * adjustments are in the namespace that a call may have left, so it is from here
 * that they are checked: they are applied by a join, or else, because a refused
 * call does not forget them either, when the caller exits.
 */
static void expect_calls(struct __test_metadata *_metadata, const struct world *world,
			 const struct call *calls, int count)
{
	int joins = calls[count - 1].joins;
	int line[2], pidfd, status;
	pid_t pid;
	char c;

	ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, line), 0);
	pid = clone3_in(world->born, &pidfd);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		close(line[0]);
		make_calls(_metadata, world, calls, count);
		if (write(line[1], "r", 1) != 1)
			_exit(1);
		_exit(read(line[1], &c, 1) ? 1 : 0);
	}
	close(line[1]);
	EXPECT_EQ(read(line[0], &c, 1), 1);
	EXPECT_EQ(semctl(world->sem, 0, GETVAL), joins & CLONE_NEWIPC ? 0 : SEM_OF_CALLER) {
		TH_LOG("nstype %#x", calls[count - 1].nstype);
	}
	close(line[0]);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
	EXPECT_EQ(status, 0);
	EXPECT_EQ(semctl(world->sem, 0, GETVAL), 0);
	close(pidfd);
}

/* One type. */

enum { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME };

FIXTURE(one)
{
	struct world world;
};

FIXTURE_VARIANT(one)
{
	int type;
};

FIXTURE_SETUP(one)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	make_world(_metadata, &self->world);
}

FIXTURE_TEARDOWN(one)
{
	end_world(&self->world);
}

FIXTURE_VARIANT_ADD(one, user) { .type = USER };
FIXTURE_VARIANT_ADD(one, mnt) { .type = MNT };
FIXTURE_VARIANT_ADD(one, uts) { .type = UTS };
FIXTURE_VARIANT_ADD(one, ipc) { .type = IPC };
FIXTURE_VARIANT_ADD(one, pid) { .type = PID };
FIXTURE_VARIANT_ADD(one, cgroup) { .type = CGROUP };
FIXTURE_VARIANT_ADD(one, net) { .type = NET };
FIXTURE_VARIANT_ADD(one, time) { .type = TIME };

TEST_F(one, joined_by_nsfd)
{
	int flag = types[variant->type].flag;
	struct call call = { .fd = self->world.nsfd[variant->type], .joins = flag };

	expect_calls(_metadata, &self->world, &call, 1);
	call.nstype = flag;
	expect_calls(_metadata, &self->world, &call, 1);
}

TEST_F(one, joined_by_pidfd)
{
	int flag = types[variant->type].flag;
	struct call call = { .fd = self->world.pidfd, .nstype = flag, .joins = flag };

	expect_calls(_metadata, &self->world, &call, 1);
}

/* Two types. */

FIXTURE(two)
{
	struct world world;
};

FIXTURE_VARIANT(two)
{
	int first;
	int second;
};

FIXTURE_SETUP(two)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
}

FIXTURE_TEARDOWN(two)
{
	end_world(&self->world);
}

FIXTURE_VARIANT_ADD(two, user_mnt) { .first = USER, .second = MNT };
FIXTURE_VARIANT_ADD(two, user_uts) { .first = USER, .second = UTS };
FIXTURE_VARIANT_ADD(two, user_ipc) { .first = USER, .second = IPC };
FIXTURE_VARIANT_ADD(two, user_pid) { .first = USER, .second = PID };
FIXTURE_VARIANT_ADD(two, user_cgroup) { .first = USER, .second = CGROUP };
FIXTURE_VARIANT_ADD(two, user_net) { .first = USER, .second = NET };
FIXTURE_VARIANT_ADD(two, user_time) { .first = USER, .second = TIME };
FIXTURE_VARIANT_ADD(two, mnt_uts) { .first = MNT, .second = UTS };
FIXTURE_VARIANT_ADD(two, mnt_ipc) { .first = MNT, .second = IPC };
FIXTURE_VARIANT_ADD(two, mnt_pid) { .first = MNT, .second = PID };
FIXTURE_VARIANT_ADD(two, mnt_cgroup) { .first = MNT, .second = CGROUP };
FIXTURE_VARIANT_ADD(two, mnt_net) { .first = MNT, .second = NET };
FIXTURE_VARIANT_ADD(two, mnt_time) { .first = MNT, .second = TIME };
FIXTURE_VARIANT_ADD(two, uts_ipc) { .first = UTS, .second = IPC };
FIXTURE_VARIANT_ADD(two, uts_pid) { .first = UTS, .second = PID };
FIXTURE_VARIANT_ADD(two, uts_cgroup) { .first = UTS, .second = CGROUP };
FIXTURE_VARIANT_ADD(two, uts_net) { .first = UTS, .second = NET };
FIXTURE_VARIANT_ADD(two, uts_time) { .first = UTS, .second = TIME };
FIXTURE_VARIANT_ADD(two, ipc_pid) { .first = IPC, .second = PID };
FIXTURE_VARIANT_ADD(two, ipc_cgroup) { .first = IPC, .second = CGROUP };
FIXTURE_VARIANT_ADD(two, ipc_net) { .first = IPC, .second = NET };
FIXTURE_VARIANT_ADD(two, ipc_time) { .first = IPC, .second = TIME };
FIXTURE_VARIANT_ADD(two, pid_cgroup) { .first = PID, .second = CGROUP };
FIXTURE_VARIANT_ADD(two, pid_net) { .first = PID, .second = NET };
FIXTURE_VARIANT_ADD(two, pid_time) { .first = PID, .second = TIME };
FIXTURE_VARIANT_ADD(two, cgroup_net) { .first = CGROUP, .second = NET };
FIXTURE_VARIANT_ADD(two, cgroup_time) { .first = CGROUP, .second = TIME };
FIXTURE_VARIANT_ADD(two, net_time) { .first = NET, .second = TIME };

TEST_F(two, joined)
{
	int set = types[variant->first].flag | types[variant->second].flag;
	struct call call = { .nstype = set, .joins = set };

	make_world(_metadata, &self->world);
	call.fd = self->world.pidfd;
	expect_calls(_metadata, &self->world, &call, 1);
}

/* Refused alone, and refused together with one that can be joined without it. */
TEST_F(two, second_refuses)
{
	int first = types[variant->first].flag;
	int second = types[variant->second].flag;
	struct call calls[] = {
		{ .nstype = second, .err = EPERM },
		{ .nstype = first | second, .err = EPERM },
		{ .nstype = first, .joins = first },
	};

	self->world.not_own = second;
	self->world.born = second & CLONE_NEWPID;
	make_world(_metadata, &self->world);
	for (int i = 0; i < ARRAY_SIZE(calls); i++)
		calls[i].fd = self->world.pidfd;
	expect_calls(_metadata, &self->world, calls, ARRAY_SIZE(calls));
}

/* More than two types. */

FIXTURE(more)
{
	struct world world;
};

FIXTURE_SETUP(more)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	make_world(_metadata, &self->world);
}

FIXTURE_TEARDOWN(more)
{
	end_world(&self->world);
}

TEST_F(more, all_joined)
{
	struct call call = { .fd = self->world.pidfd, .nstype = all_types, .joins = all_types };

	expect_calls(_metadata, &self->world, &call, 1);
}

TEST_F(more, all_but_one_joined)
{
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int set = all_types & ~types[i].flag;
		struct call call = { .fd = self->world.pidfd, .nstype = set, .joins = set };

		expect_calls(_metadata, &self->world, &call, 1);
	}
}

/* Always the same ones */
TEST_F(more, random_ones_joined)
{
	unsigned int random = RANDOM_SEED;

	TH_LOG("seed %#x", random);
	for (int i = 0; i < RANDOM_SETS; i++) {
		/* The low bits of a linear congruential generator are not random */
		int set = set_from((random >> 16) % NR_SETS + 1);
		struct call call = { .fd = self->world.pidfd, .nstype = set, .joins = set };

		expect_calls(_metadata, &self->world, &call, 1);
		random = random * 1664525 + 1013904223;
	}
}

/* Every place where a namespace may refuse, after any of those before it. */

struct refusal {
	int type;
	int err;
};

FIXTURE(refused)
{
	struct world world;
};

FIXTURE_VARIANT(refused)
{
	int not_own;
	int born;
	int shares;
	struct refusal refusals[2];
};

FIXTURE_SETUP(refused)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	self->world.not_own = variant->not_own;
	self->world.born = variant->born;
	self->world.shares = variant->shares;
	make_world(_metadata, &self->world);
}

FIXTURE_TEARDOWN(refused)
{
	end_world(&self->world);
}

FIXTURE_VARIANT_ADD(refused, user_own)
{
	.not_own = CLONE_NEWUSER,
	.refusals = { { CLONE_NEWUSER, EINVAL } },
};

FIXTURE_VARIANT_ADD(refused, mnt_owner)
{
	.not_own = CLONE_NEWNS,
	.refusals = { { CLONE_NEWNS, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, uts_owner)
{
	.not_own = CLONE_NEWUTS,
	.refusals = { { CLONE_NEWUTS, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, ipc_owner)
{
	.not_own = CLONE_NEWIPC,
	.refusals = { { CLONE_NEWIPC, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, pid_owner)
{
	.not_own = CLONE_NEWPID,
	.born = CLONE_NEWPID,
	.refusals = { { CLONE_NEWPID, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, pid_not_below)
{
	.born = CLONE_NEWPID,
	.refusals = { { CLONE_NEWPID, EINVAL } },
};

FIXTURE_VARIANT_ADD(refused, cgroup_owner)
{
	.not_own = CLONE_NEWCGROUP,
	.refusals = { { CLONE_NEWCGROUP, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, net_owner)
{
	.not_own = CLONE_NEWNET,
	.refusals = { { CLONE_NEWNET, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, time_owner)
{
	.not_own = CLONE_NEWTIME,
	.refusals = { { CLONE_NEWTIME, EPERM } },
};

FIXTURE_VARIANT_ADD(refused, shared_memory)
{
	.shares = CLONE_VM,
	.refusals = { { CLONE_NEWTIME, EUSERS } },
};

FIXTURE_VARIANT_ADD(refused, threads)
{
	.shares = THREAD,
	.refusals = { { CLONE_NEWUSER, EINVAL }, { CLONE_NEWTIME, EUSERS } },
};

FIXTURE_VARIANT_ADD(refused, shared_fs)
{
	.shares = CLONE_FS,
	.refusals = { { CLONE_NEWUSER, EINVAL }, { CLONE_NEWNS, EINVAL } },
};

/* Those are in the kernel's order: the first of them that is in the set decides. */
static int refusal_of(int set, const struct refusal refusals[2])
{
	if (set & refusals[0].type)
		return refusals[0].err;
	return set & refusals[1].type ? refusals[1].err : 0;
}

/*
 * All sets that are refused, and at last the one of all types that are not: each
 * of these was installed in the calls in which it comes before one that refuses.
 */
TEST_F(refused, in_every_set)
{
	struct call calls[NR_SETS + 1];
	int count = 0, rest = all_types;

	for (unsigned int bits = 1; bits <= NR_SETS; bits++) {
		int set = set_from(bits);
		int err = refusal_of(set, variant->refusals);

		if (err)
			calls[count++] = (struct call){ self->world.pidfd, set, 0, err };
	}
	for (int i = 0; i < ARRAY_SIZE(variant->refusals); i++)
		rest &= ~variant->refusals[i].type;
	calls[count++] = (struct call){ self->world.pidfd, rest, rest, 0 };
	expect_calls(_metadata, &self->world, calls, count);
}

/* A mount namespace alone goes another way than one in a set: without a copy. */
TEST_F(refused, by_nsfd)
{
	struct call calls[2 * ARRAY_SIZE(types)];
	int count = 0;

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int fd = self->world.nsfd[i];
		int err = refusal_of(types[i].flag, variant->refusals);

		if (err) {
			calls[count++] = (struct call){ fd, 0, 0, err };
			calls[count++] = (struct call){ fd, types[i].flag, 0, err };
		}
	}
	expect_calls(_metadata, &self->world, calls, count);
}

TEST_HARNESS_MAIN
