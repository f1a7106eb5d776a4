// SPDX-License-Identifier: GPL-2.0
/*
 * This file is the model of setns(2). It knows which results a call may have in a program
 * with a racer. join() is its centre: it says what a call does that finds certain
 * namespaces. The other functions say which namespaces a call may find.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/capability.h>
#include <string.h>

#include "caller.h"

/*
 * Returns whether a task in this state has a capability in a user namespace. The same
 * user as the caller, root seen from outside, has made all user namespaces here. So a
 * task has all capabilities in those that are below its own.
 */
static bool capable(const struct state *of, __u64 user, int cap)
{
	while (user != of->ns[USER]) {
		__u64 parent = owner_of(user);

		if (!parent || parent == of->ns[USER])
			return parent;
		user = parent;
	}
	return of->effective & BIT(cap);
}

/* As install(), for a user namespace. */
static enum reason install_user(const struct attempt *attempt, __u64 ns)
{
	if (ns == attempt->before.ns[USER])
		return WHY_OWN_USER_NS;
	if (attempt->shares[THREAD])
		return WHY_THREADS;
	if (attempt->shares[FS])
		return WHY_SHARED_FS;
	return capable(&attempt->before, ns, CAP_SYS_ADMIN) ? WHY_NOT_REFUSED : WHY_NO_TARGET_CAP;
}

/*
 * Returns why the caller may not join this namespace, if so. @user is the user namespace
 * that the caller will be in.
 */
static enum reason install(const struct attempt *attempt, int link, __u64 ns, __u64 user)
{
	const struct state *of = &attempt->before;
	bool owner_cap = capable(of, owner_of(ns), CAP_SYS_ADMIN);
	bool cap = capable(of, user, CAP_SYS_ADMIN);

	if (link == USER)
		return install_user(attempt, ns);
	if (link == TIME && (attempt->shares[THREAD] || attempt->shares[MM]))
		return WHY_SHARED_MEMORY;
	if (link == CGROUP && !cap)
		return WHY_NO_CAP;
	if (!owner_cap)
		return WHY_NO_OWNER_CAP;
	if (link == MNT && !capable(of, user, CAP_SYS_CHROOT))
		return WHY_NO_CHROOT_CAP;
	if (!cap)
		return WHY_NO_CAP;
	return link == MNT && attempt->shares[FS] ? WHY_SHARED_FS : WHY_NOT_REFUSED;
}

/*
 * Joins the namespaces in @found whose types are in @flags. Sets @joined to the state
 * afterwards, or returns why a type in @refusing has refused.
 */
static enum reason join(const struct attempt *attempt, int flags, const __u64 *found,
			struct state *joined, int *refusing)
{
	__u64 user = attempt->before.ns[USER];

	*joined = attempt->before;
	for (int i = 0; i < TYPES; i++) {
		int link = types[i];
		enum reason reason;

		if (!(flags & links[link].flag))
			continue;
		reason = install(attempt, link, found[link], user);
		*refusing = links[link].flag;
		if (reason)
			return reason;
		if (link == USER)
			user = found[link];
		joined->ns[link == PID ? PID_CHILDREN : link] = found[link];
		if (link == TIME)
			joined->ns[TIME_CHILDREN] = found[link];
	}
	return WHY_NOT_REFUSED;
}

/*
 * Joining changes some items to values that the model does not know. It takes them from
 * the state that the caller is in afterwards.
 */
static void allow_changes(struct state *expected, int flags, const struct state *after)
{
	if (flags & CLONE_NEWUSER) {
		expected->effective = shared->all_caps;
		expected->permitted = shared->all_caps;
		expected->inheritable = 0;
		expected->uid = after->uid;
		expected->gid = after->gid;
	}
	if (flags & CLONE_NEWNS) {
		expected->root = after->root;
		expected->cwd = after->root;
	}
}

static bool same_state(const struct state *a, const struct state *b)
{
	return !memcmp(a, b, sizeof(*a));
}

/* Returns whether this type has refused the call for this reason, and nothing has changed. */
static bool refused_by(const struct attempt *attempt, enum reason reason, int type)
{
	return attempt->err == errno_for(reason) && explained(attempt, reason, type) &&
	       same_state(&attempt->before, &attempt->after);
}

/* As refused_by(), if no type has refused. */
static bool refused(const struct attempt *attempt, enum reason reason)
{
	return refused_by(attempt, reason, 0);
}

/* Returns whether the result is what joining these namespaces gives. */
static bool outcome_is(const struct attempt *attempt, int flags, const __u64 *found)
{
	struct state expected;
	int type = 0;
	enum reason reason = join(attempt, flags, found, &expected, &type);

	if (reason)
		return refused_by(attempt, reason, type);
	allow_changes(&expected, flags, &attempt->after);
	return !attempt->err && same_state(&expected, &attempt->after);
}

/*
 * Returns whether the caller may look at a task in this user namespace, by the rules of
 * ptrace(2) for reading. User IDs do not matter: seen from outside, all tasks have the
 * same.
 */
static bool may_look(const struct attempt *attempt, __u64 user)
{
	return user == attempt->before.ns[USER] ||
	       capable(&attempt->before, user, CAP_SYS_PTRACE);
}

/* Returns whether setns(2) takes these flags together with a pidfd. */
static bool fits_process(int flags)
{
	return flags && !(flags & ~ALL_TYPES);
}

/* Returns whether no earlier state of the racer has the same user namespace. */
static bool is_first_with_user(int state)
{
	for (int i = 0; i < state; i++) {
		if (shared->states[i].ns[USER] == shared->states[state].ns[USER])
			return false;
	}
	return true;
}

/* Returns whether the result fits the racer in any state, but with this user namespace. */
static bool allowed_with_user(const struct attempt *attempt, __u64 user)
{
	for (int i = 0; i < shared->nr_states; i++) {
		struct state found = shared->states[i];

		found.ns[USER] = user;
		if (outcome_is(attempt, attempt->op->flags, found.ns))
			return true;
	}
	return false;
}

/* Returns whether an act of the racer executes a program. */
static bool racer_executes(void)
{
	const struct program *program = &shared->program;

	for (int i = 0; i < program->nr_acts; i++) {
		if (program->acts[i].kind == EXEC)
			return true;
	}
	return false;
}

/*
 * Returns whether the racer may be hidden from the caller while it is in this user
 * namespace. A racer that executes a program is not dumpable for a moment.
 */
static bool racer_may_hide(const struct attempt *attempt, __u64 user)
{
	return !may_look(attempt, user) ||
	       (racer_executes() && !capable(&attempt->before, user, CAP_SYS_PTRACE));
}

/* Returns whether the racer was reaped or a zombie when the call looked for it. */
static bool racer_is_gone(const struct attempt *attempt)
{
	return refused(attempt, WHY_REAPED) || refused(attempt, WHY_ZOMBIE) ||
	       refused_by(attempt, WHY_REAPED, CLONE_NEWPID);
}

/*
 * A call with the racer's pidfd reads three things, one after the other: whether it may
 * look at the racer, the racer's nsproxy, and its user namespace. The racer may change
 * in between.
 */
static bool racer_pidfd_allowed(const struct attempt *attempt)
{
	bool looks = false;

	if (!fits_process(attempt->op->flags))
		return refused(attempt, WHY_BAD_TYPES);
	for (int i = 0; i < shared->nr_states; i++) {
		__u64 user = shared->states[i].ns[USER];

		if (!is_first_with_user(i))
			continue;
		if (racer_may_hide(attempt, user) && refused(attempt, WHY_NOT_INSPECTABLE))
			return true;
		looks |= may_look(attempt, user);
	}
	if (looks && !shared->program.stays && racer_is_gone(attempt))
		return true;
	for (int i = 0; looks && i < shared->nr_states; i++) {
		if (is_first_with_user(i) &&
		    allowed_with_user(attempt, shared->states[i].ns[USER]))
			return true;
	}
	return false;
}

/* The zombie and the reaped process were in the namespaces of the driver. */
static bool pidfd_allowed(const struct attempt *attempt)
{
	int target = attempt->op->target;
	const __u64 *found = shared->world_ns[target < TARGETS ? target : 0];

	if (!fits_process(attempt->op->flags))
		return refused(attempt, WHY_BAD_TYPES);
	if (target == REAPED)
		return refused(attempt, WHY_REAPED);
	if (!may_look(attempt, found[USER]))
		return refused(attempt, WHY_NOT_INSPECTABLE);
	if (target == ZOMBIE)
		return refused(attempt, WHY_ZOMBIE);
	return outcome_is(attempt, attempt->op->flags, found);
}

static bool own_pidfd_allowed(const struct attempt *attempt)
{
	if (!fits_process(attempt->op->flags))
		return refused(attempt, WHY_BAD_TYPES);
	return outcome_is(attempt, attempt->op->flags, attempt->before.ns);
}

/*
 * Judges a call with a descriptor of one namespace. @ns has the namespaces of the task
 * that the descriptor is of. outcome_is() reads only those of the descriptor's type.
 */
static bool nsfd_allowed(const struct attempt *attempt, const __u64 *ns)
{
	int which = attempt->op->which, flag = links[which].flag;
	__u64 found[LINKS] = {};

	if (attempt->open_err)
		return refused(attempt, WHY_BAD_FD);
	if (attempt->op->flags && attempt->op->flags != flag)
		return refused_by(attempt, WHY_OTHER_TYPE, flag);
	found[PID] = ns[which];
	found[TIME] = ns[which];
	found[which] = ns[which];
	return outcome_is(attempt, flag, found);
}

/*
 * A descriptor that was opened before the racer's first act is of its first state. One
 * that its pidfd gives may be of any state.
 */
static bool racer_nsfd_allowed(const struct attempt *attempt)
{
	int nr_states = attempt->op->fd == NSFD ? 1 : shared->nr_states;

	for (int i = 0; i < nr_states; i++) {
		if (nsfd_allowed(attempt, shared->states[i].ns))
			return true;
	}
	return false;
}

bool allowed(const struct attempt *attempt)
{
	const struct op *op = attempt->op;

	if (attempt->err >= MAX_ERR)
		return false;
	if (!shared->program.races)
		return true;
	switch (op->fd) {
	case WRONG:
		return refused(attempt, wrongs[op->which].why);
	case OWN_NSFD:
		return nsfd_allowed(attempt, attempt->before.ns);
	case OWN_PIDFD:
		return own_pidfd_allowed(attempt);
	case PIDFD:
		return op->target == RACER ? racer_pidfd_allowed(attempt) : pidfd_allowed(attempt);
	case NSFD:
	case DERIVED:
	case HANDLE:
		break;
	}
	if (op->target == RACER)
		return racer_nsfd_allowed(attempt);
	return nsfd_allowed(attempt, shared->world_ns[op->target < TARGETS ? op->target : 0]);
}
