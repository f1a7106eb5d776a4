// SPDX-License-Identifier: GPL-2.0
/*
 * Permissions to join a namespace: each kind of caller with each type, by a namespace
 * descriptor and by a pidfd. The expected results are not written down. expected()
 * derives them from the facts of each case, by the rules of the manual pages:
 *
 * - capabilities(7) and user_namespaces(7): which capabilities a process has in which
 *   user namespace
 * - setns(2): which capabilities a call requires, and in which user namespace
 * - ptrace(2), "Ptrace access mode checking": which process a caller may look at
 *
 * These are the user namespaces. Each one has a creator, who also has a process in it:
 *
 *	TOP		the test's
 *	  MIDDLE	Alice
 *	    BOTTOM	Bob
 *	  SIDE		Alice
 *
 * The tests errno_* have the cases in which something else is wrong with a call.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "callers.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

enum place { NOWHERE, TOP, MIDDLE, BOTTOM, SIDE, PLACES };

enum { ALICE = 1000, BOB = 2000 };

static const struct {
	enum place parent;
	uid_t uid;
} tree[PLACES] = {
	[TOP]	 = { NOWHERE, ALICE },	/* created by someone else */
	[MIDDLE] = { TOP, ALICE },
	[BOTTOM] = { MIDDLE, BOB },
	[SIDE]	 = { TOP, ALICE },
};

enum {
	CHROOT = 1 << CAP_SYS_CHROOT,
	PTRACE = 1 << CAP_SYS_PTRACE,
	ADMIN = 1 << CAP_SYS_ADMIN,
};

#define ALL (~0ULL)

/* The caller. The group is the same for all callers, and the uid is never root's. */
struct caller {
	enum place home;
	uid_t uid;
	uid_t euid;
	__u64 effective;
	__u64 idle;		/* permitted, but not effective */
};

/*
 * The process that has the namespace. Its uid is in the tree. It has all capabilities
 * in its user namespace. This one owns the namespace, unless the process has inherited
 * the namespace from one place above.
 */
struct process {
	enum place at;
	bool inherited;
	bool undumpable;	/* only at TOP, where its program was started */
};

struct facts {
	struct caller caller;
	struct process process;
};

/* These functions are the rules. */

/*
 * A process has its effective capabilities at home, in its own user namespace. It also
 * has them in the user namespaces below. It has all capabilities in the ones that its
 * effective uid created from home, and in those below them.
 */
static bool capable(const struct caller *caller, enum place place, int cap)
{
	if (place == NOWHERE)
		return false;
	if (place == caller->home)
		return caller->effective & 1ULL << cap;
	if (tree[place].parent == caller->home && tree[place].uid == caller->euid)
		return true;
	return capable(caller, tree[place].parent, cap);
}

/* Checks PTRACE_MODE_READ_REALCREDS, without security modules that are stricter. */
static bool may_look(const struct caller *caller, const struct process *process)
{
	if (capable(caller, process->at, CAP_SYS_PTRACE))
		return true;
	return caller->uid == tree[process->at].uid && !process->undumpable &&
	       caller->home == process->at && (caller->effective | caller->idle) == ALL;
}

static bool may_join(const struct caller *caller, const struct process *process, int flag)
{
	enum place owner = process->inherited ? tree[process->at].parent : process->at;

	if (flag == CLONE_NEWUSER)
		return capable(caller, process->at, CAP_SYS_ADMIN);
	return capable(caller, owner, CAP_SYS_ADMIN) &&
	       capable(caller, caller->home, CAP_SYS_ADMIN) &&
	       (flag != CLONE_NEWNS || capable(caller, caller->home, CAP_SYS_CHROOT));
}

static int expected(const struct facts *facts, int flag, bool by_pidfd)
{
	const struct caller *caller = &facts->caller;
	const struct process *process = &facts->process;
	int err = 0;

	if (by_pidfd && !may_look(caller, process))
		err = EPERM;
	else if (flag == CLONE_NEWUSER && process->at == caller->home)
		err = EINVAL;	/* No task regains capabilities this way */
	else if (!may_join(caller, process, flag))
		err = EPERM;
	return err;
}

/* These functions make the facts true. */

/*
 * Becomes another user, and enters a user namespace if @user_fd is the descriptor of
 * one. All capabilities remain, because they do not depend on the uid here.
 */
static int become(uid_t uid, uid_t euid, int user_fd)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || setresuid(uid, euid, uid))
		return -1;
	return user_fd < 0 ? 0 : setns(user_fd, CLONE_NEWUSER);
}

struct birth {
	uid_t uid;
	int user_fd;		/* of the user namespace where the process starts */
	bool undumpable;
	int flags_before;	/* namespaces that this user namespace owns */
	int flags;
	pid_t pid;
	int pidfd;
};

/* Runs in a task that has its own credentials, but the test's memory and descriptors. */
static int give_birth(void *arg)
{
	struct birth *birth = arg;

	if (become(birth->uid, birth->uid, birth->user_fd) ||
	    prctl(PR_SET_DUMPABLE, !birth->undumpable) ||
	    unshare(birth->flags_before))
		return -1;
	birth->pid = target_in(birth->flags, &birth->pidfd);
	/* Without a map, no process could create a user namespace in it */
	if ((birth->flags & CLONE_NEWUSER) && map_ids_of(birth->pid, "0 0 65536", "0 0 65536"))
		birth->pid = -1;
	return 0;
}

struct scene {
	const struct facts *facts;
	const char *type;
	int flag;
	int user_fd[PLACES];	/* the user namespaces that had to be created */
	int nsfd;
	int pidfd;
};

/* Starts a process at @place. The process of the facts has the namespace, too. */
static int populate(struct scene *scene, enum place place)
{
	const struct process *process = &scene->facts->process;
	enum place parent = tree[place].parent;
	struct birth birth = {
		.uid = tree[place].uid,
		.flags = place == TOP ? 0 : CLONE_NEWUSER,
		.pid = -1,
	};

	if (parent > TOP && scene->user_fd[parent] < 0 && populate(scene, parent))
		return -1;
	birth.user_fd = scene->user_fd[parent];
	if (place == process->at) {
		int *flags = process->inherited ? &birth.flags_before : &birth.flags;

		*flags |= scene->flag & ~CLONE_NEWUSER;
		birth.undumpable = process->undumpable;
	}
	run_in_child(CLONE_VM | CLONE_FILES, give_birth, &birth);
	if (birth.pid < 0)
		return -1;
	if (place != TOP)
		scene->user_fd[place] = open_ns_of(birth.pid, "user");
	if (place == process->at) {
		scene->nsfd = open_ns_of(birth.pid, scene->type);
		scene->pidfd = birth.pidfd;
	}
	return 0;
}

FIXTURE(caller)
{
	struct scene scene;
};

FIXTURE_VARIANT(caller)
{
	const struct facts *facts;
	const char *type;
};

FIXTURE_SETUP(caller)
{
	const struct caller *caller = &variant->facts->caller;
	struct scene *scene = &self->scene;

	if (!is_built_in(variant->type))
		SKIP(return, "no %s namespaces", variant->type);
	scene->facts = variant->facts;
	scene->type = variant->type;
	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		if (!strcmp(types[i].name, variant->type))
			scene->flag = types[i].flag;
	}
	memset(scene->user_fd, -1, sizeof(scene->user_fd));
	ASSERT_EQ(populate(scene, variant->facts->process.at), 0);
	if (caller->home != TOP && scene->user_fd[caller->home] < 0)
		ASSERT_EQ(populate(scene, caller->home), 0);

	ASSERT_EQ(become(caller->uid, caller->euid, scene->user_fd[caller->home]), 0);
	ASSERT_EQ(reduce_capabilities(caller->effective, caller->effective | caller->idle), 0);
}

FIXTURE_TEARDOWN(caller)
{
	close(self->scene.nsfd);
	close(self->scene.pidfd);
}

static void expect_what_the_rules_say(struct __test_metadata *_metadata,
				      const struct scene *scene, bool by_pidfd)
{
	ino_t target = ino_of(scene->nsfd);
	struct ns_links before, after;
	int err;

	ASSERT_NE(target, 0);
	before = links_of_caller();
	err = refusal(by_pidfd ? scene->pidfd : scene->nsfd, scene->flag);
	EXPECT_EQ(err, expected(scene->facts, scene->flag, by_pidfd));

	after = links_of_caller();
	for (int i = 0; i < ARRAY_SIZE(links); i++) {
		bool joined = !err && links[i].flag == scene->flag;

		if (joined)
			EXPECT_NE(before.ino[i], target);
		EXPECT_EQ(after.ino[i], joined ? target : before.ino[i]) {
			TH_LOG("%s", links[i].name);
		}
	}
}

TEST_F(caller, nsfd)
{
	expect_what_the_rules_say(_metadata, &self->scene, false);
}

TEST_F(caller, pidfd)
{
	expect_what_the_rules_say(_metadata, &self->scene, true);
}

/*
 * The facts of a case. For the caller: the home, the real and the effective uid, the
 * effective and the idle capabilities. For the process: its place, and what differs
 * from other cases.
 */

#define CALLER(name, ...)									\
	static const struct facts facts_##name = { __VA_ARGS__ };				\
	FIXTURE_VARIANT_ADD(caller, name##_user) { .facts = &facts_##name, .type = "user" };	\
	FIXTURE_VARIANT_ADD(caller, name##_mnt) { .facts = &facts_##name, .type = "mnt" };	\
	FIXTURE_VARIANT_ADD(caller, name##_uts) { .facts = &facts_##name, .type = "uts" };	\
	FIXTURE_VARIANT_ADD(caller, name##_ipc) { .facts = &facts_##name, .type = "ipc" };	\
	FIXTURE_VARIANT_ADD(caller, name##_pid) { .facts = &facts_##name, .type = "pid" };	\
	FIXTURE_VARIANT_ADD(caller, name##_cgroup) { .facts = &facts_##name, .type = "cgroup" };\
	FIXTURE_VARIANT_ADD(caller, name##_net) { .facts = &facts_##name, .type = "net" };	\
	FIXTURE_VARIANT_ADD(caller, name##_time) { .facts = &facts_##name, .type = "time" }

/*
 * The creator of a user namespace is privileged in it, and not at home. The effective
 * uid shows the creator. The other capabilities are needed at home.
 */
CALLER(owner, { TOP, BOB, ALICE, 0, 0 }, { .at = MIDDLE });
CALLER(owner_by_real_uid, { TOP, ALICE, BOB, 0, 0 }, { .at = MIDDLE });
CALLER(owner_with_admin, { TOP, ALICE, ALICE, ADMIN, 0 }, { .at = MIDDLE });
CALLER(owner_with_needed, { TOP, ALICE, ALICE, ADMIN | CHROOT, 0 }, { .at = MIDDLE });

/*
 * The creator is privileged further below, too. But a user is not privileged two levels
 * below only because it created the user namespace there.
 */
CALLER(owner_of_parent, { TOP, ALICE, ALICE, 0, 0 }, { .at = BOTTOM });
CALLER(owner_from_afar, { TOP, BOB, BOB, 0, 0 }, { .at = BOTTOM });

/*
 * The caller is not the owner. It has no privileges, or privileges from above. To look
 * at the process from above takes a capability: neither the uid of the process nor as
 * many permitted capabilities will do.
 */
CALLER(stranger, { TOP, BOB, BOB, 0, 0 }, { .at = MIDDLE });
CALLER(above, { TOP, BOB, BOB, ALL, 0 }, { .at = MIDDLE });
CALLER(above_without_admin, { TOP, BOB, BOB, ALL & ~ADMIN, 0 }, { .at = MIDDLE });
CALLER(above_without_chroot, { TOP, BOB, BOB, ALL & ~CHROOT, 0 }, { .at = MIDDLE });
CALLER(above_without_ptrace, { TOP, ALICE, BOB, ALL & ~PTRACE, PTRACE }, { .at = MIDDLE });
CALLER(above_with_needed, { TOP, BOB, BOB, ADMIN | CHROOT | PTRACE, 0 }, { .at = MIDDLE });

/*
 * The caller is in the user namespace of the process. It may also look at the process
 * if it has the same uid and no fewer permitted capabilities. The real uid counts.
 */
CALLER(same, { MIDDLE, ALICE, ALICE, ALL, 0 }, { .at = MIDDLE });
CALLER(same_without_admin, { MIDDLE, ALICE, ALICE, ALL & ~ADMIN, 0 }, { .at = MIDDLE });
CALLER(same_without_ptrace, { MIDDLE, ALICE, BOB, ALL & ~PTRACE, PTRACE }, { .at = MIDDLE });
CALLER(same_permitted_less, { MIDDLE, ALICE, ALICE, ALL & ~PTRACE, 0 }, { .at = MIDDLE });
CALLER(same_by_effective_uid, { MIDDLE, BOB, ALICE, ALL & ~PTRACE, PTRACE }, { .at = MIDDLE });
CALLER(undumpable, { TOP, ALICE, ALICE, ALL & ~PTRACE, PTRACE }, { .at = TOP, .undumpable = true });

/*
 * The caller is privileged, but elsewhere. Having created the user namespace does not
 * help.
 */
CALLER(below, { BOTTOM, ALICE, ALICE, ALL, 0 }, { .at = MIDDLE });
CALLER(sibling, { SIDE, ALICE, ALICE, ALL, 0 }, { .at = MIDDLE });

/* The owner of the namespace counts, and not the place of the process. */
CALLER(inherited, { MIDDLE, ALICE, ALICE, ALL, 0 }, { .at = MIDDLE, .inherited = true });

TEST_HARNESS_MAIN
