// SPDX-License-Identifier: GPL-2.0
/*
 * All or nothing: setns(2) with a pidfd and a set of types joins all of them, or leaves
 * everything as it was. It joins no other type.
 *
 * Each caller below records all that can be seen of it, makes a call, and looks again.
 * After a refused call, nothing may differ. After a successful call, the items of the
 * requested types equal those of the target, and all other items are as before.
 *
 * There are three user namespaces, each nested in the one before:
 *
 *	outer	The test starts in it. It owns the namespaces of the target that shall
 *		refuse, because no caller is capable over them.
 *	home	The callers are root in it.
 *	target	The target is in it, unless a case gives the target no user namespace
 *		of its own.
 *
 * fault_test.c tests calls that are refused for lack of memory.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "cgroup.h"
#include "setns.h"
#include "tasks.h"
#include "view.h"

#define SEM_OF_CALLER	5	/* added with SEM_UNDO */
#define SEM_OF_TARGET	9

#define MATE_STACK	65536

#define RANDOM_SETS	32
#define RANDOM_SEED	0x5e75

/* The target, and the settings that all its callers share. */

struct world {
	int not_own;	/* types of which the target has no namespace of its own */
	int born;	/* flags of clone(2) with which a caller is created */
	int shares;	/* flags of clone(2): what a caller shares with another task */
	pid_t pid;
	int pidfd;
	int nsfd[ARRAY_SIZE(types)];
	int sem;
	struct cgroup cgroup;	/* of target and callers, in the outer cgroup namespace */
	struct view *target;
	struct view *before;
	struct view *now;
};

static void end_world(const struct world *world)
{
	end_target(world->pid);
	/* A case that is skipped has made no cgroup */
	if (world->cgroup.name[0])
		remove_cgroup(&world->cgroup);
}

static int set_clocks(const char *offsets)
{
	if (unshare(CLONE_NEWTIME))
		return -1;
	return write_file("/proc/self/timens_offsets", offsets);
}

/* Gives this process new namespaces of these types. Later callers inherit them. */
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

static int settle_as_target(const struct world *world, int own)
{
	if (enter_cgroup(&world->cgroup))
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

/* The target lives as long as this process. */
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

	world->target = shared_alloc(3 * sizeof(struct view));
	world->before = world->target + 1;
	world->now = world->target + 2;
	ASSERT_EQ(start_looking(), 0);

	ASSERT_EQ(setgroups(ARRAY_SIZE(groups), groups), 0);
	/*
	 * A mount in the initial cgroup namespace would change options of the whole
	 * system.
	 */
	ASSERT_EQ(unshare(CLONE_NEWCGROUP), 0);
	ASSERT_EQ(make_cgroup(&world->cgroup, "setns_atomic"), 0);
	ASSERT_EQ(make_home(world, home), 0);
	ASSERT_EQ(unshare_user(0), 0);

	ASSERT_EQ(start_target(world), 0);
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		world->nsfd[i] = open_ns_of(world->pid, types[i].name);
		ASSERT_GE(world->nsfd[i], 0);
	}

	/*
	 * The target has inherited its not_own namespaces, which outer owns. The
	 * callers get new ones.
	 */
	ASSERT_EQ(make_home(world, home & world->not_own), 0);
}

/* A call of setns(2), and the expected result. */
struct call {
	int fd;
	int nstype;
	int joins;	/* the types that the call joins */
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

/* Each item that depends on a namespace differs from the target's afterwards. */
static int settle_as_caller(const struct world *world)
{
	struct sembuf add = { .sem_op = SEM_OF_CALLER, .sem_flg = SEM_UNDO };

	umask(0137);
	keyring(KEY_SPEC_THREAD_KEYRING, true);
	keyring(KEY_SPEC_PROCESS_KEYRING, true);
	if (enter_cgroup(&world->cgroup) || unshare(CLONE_NEWCGROUP))
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

/*
 * Starts another task, which shares something with this one and lives as long as it
 * does.
 */
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

/* Uses no ASSERT: a failed ASSERT would end the world, which belongs to another task. */
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
 * Starts a caller, which makes the calls. Only the last one may succeed. A call may
 * leave the IPC namespace with the semaphore, so this function checks the semaphore
 * adjustments from outside. A join applies them. A refused call keeps them, and the
 * exit of the caller applies them.
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

/* These cases join one type. */

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

/* These cases join two types. */

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

/* The second type is refused, alone and with the first. The first can be joined alone. */
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

/* These cases join more than two types. */

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

/* The sets are the same in every run. */
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

/* Each variant is a place in the kernel where a namespace may refuse. */

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

/* The refusals are in the kernel's order. The first one in the set decides. */
static int refusal_of(int set, const struct refusal refusals[2])
{
	if (set & refusals[0].type)
		return refusals[0].err;
	return set & refusals[1].type ? refusals[1].err : 0;
}

/*
 * Makes a refused call with each set that contains a type that refuses. Such a call has
 * installed the types before that one, and must undo this. The last call joins all
 * types that do not refuse.
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

/*
 * A mount namespace that is joined alone takes another path: the fs_struct is not
 * copied.
 */
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
