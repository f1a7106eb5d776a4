/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Why setns(2) refuses a call, and which namespaces it joins. The trace events in
 * include/trace/events/setns.h show this.
 */
#ifndef _LINUX_SETNS_H
#define _LINUX_SETNS_H

#include <linux/nsproxy.h>
#include <linux/types.h>

struct cred;
struct ns_common;

/*
 * The reasons. Names and numbers are ABI: append only, and never use a number again.
 * Together with the type of the namespace that refuses, a reason names one check.
 */
#define SETNS_REASONS(R, last)								\
	/* the descriptor is not open, or was opened with O_PATH */			\
	R(BAD_FD, 1)									\
	/* the descriptor is neither of a namespace nor a pidfd */			\
	R(NOT_A_NAMESPACE, 2)								\
	/* the namespace is not of the type that the caller asked for */		\
	R(OTHER_TYPE, 3)								\
	/* a pidfd, and no type was asked for, or an unknown one */			\
	R(BAD_TYPES, 4)									\
	/* a pidfd, and a type was asked for that is not built in */			\
	R(NOT_BUILT_IN, 5)								\
	/* no memory for the nsproxy, or for what the type needs */			\
	R(NO_MEMORY, 6)									\
	/* the process of the pidfd was reaped */					\
	R(REAPED, 7)									\
	/* the caller may not inspect the process of the pidfd */			\
	R(NOT_INSPECTABLE, 8)								\
	/* the task of the pidfd is exiting or has exited */				\
	R(ZOMBIE, 9)									\
	/* no CAP_SYS_ADMIN in the user namespace that owns the namespace */		\
	R(NO_OWNER_CAP, 10)								\
	/* no CAP_SYS_ADMIN in the user namespace that the caller would have */		\
	R(NO_CAP, 11)									\
	/* no CAP_SYS_CHROOT in the user namespace that the caller would have */	\
	R(NO_CHROOT_CAP, 12)								\
	/* it is the caller's own user namespace */					\
	R(OWN_USER_NS, 13)								\
	/* the caller's process has other threads */					\
	R(THREADS, 14)									\
	/* the caller shares its root and working directory */				\
	R(SHARED_FS, 15)								\
	/* the set has no credentials to change; no call of setns(2) gets here */	\
	R(NO_CRED, 16)									\
	/* the limits of the user namespace cannot be counted */			\
	R(NO_UCOUNTS, 17)								\
	/* the mount namespace is anonymous */						\
	R(ANONYMOUS, 18)								\
	/* the root of the mount namespace cannot be looked up */			\
	R(NO_ROOT, 19)									\
	/* the pid namespace is neither the caller's own nor below it */		\
	R(NOT_BELOW, 20)								\
	/* the caller shares its memory */						\
	R(SHARED_MEMORY, 21)								\
	/* no CAP_SYS_ADMIN in the user namespace that is to be joined */		\
	last(NO_TARGET_CAP, 22)

#define SETNS_REASON(name, number) SETNS_##name = (number),
enum setns_reason {
	SETNS_NO_REASON = 0,
	SETNS_REASONS(SETNS_REASON, SETNS_REASON)
};
#undef SETNS_REASON

/* What the descriptor is. Names and numbers are ABI. */
enum setns_fd_kind {
	SETNS_FD_OTHER = 0,
	SETNS_FD_NAMESPACE = 1,
	SETNS_FD_PIDFD = 2,
};

#define SETNS_TYPES	8

/**
 * struct setns_join - a namespace that the caller has joined
 * @type: its type, a CLONE_NEW* flag
 * @old_inum: inode number of the namespace that the caller had
 * @new_inum: inode number of the one that it has now
 * @old_id: id of the namespace that the caller had
 * @new_id: id of the one that it has now
 */
struct setns_join {
	u32 type;
	u32 old_inum;
	u32 new_inum;
	u64 old_id;
	u64 new_id;
};

/**
 * struct setns_outcome - what the trace events show of a call
 * @reason: why the call was refused
 * @fd_kind: what the descriptor is
 * @rust: Rust has served the call
 * @type: type of the namespace that has refused, or 0
 * @inum: inode number of this namespace, or 0
 * @ns_id: id of this namespace, or 0
 * @owner_id: id of the user namespace that owns it, or 0
 * @set_user_ns_id: id of the user namespace that the caller would have, or 0 if
 *	the call did not get so far
 * @nr_joins: number of namespaces that the caller has joined
 * @joins: these namespaces, in the order in which they were installed
 *
 * It is on the stack of a call that is traced. Without tracing, there is none.
 */
struct setns_outcome {
	enum setns_reason reason;
	enum setns_fd_kind fd_kind;
	bool rust;
	u32 type;
	u32 inum;
	u64 ns_id;
	u64 owner_id;
	u64 set_user_ns_id;
	int nr_joins;
	struct setns_join joins[SETNS_TYPES];
};

void setns_note_namespace(struct setns_outcome *outcome, struct ns_common *ns,
			  const struct cred *cred);
void setns_note_joins(struct setns_outcome *outcome, unsigned int flags,
		      const struct nsproxy *nsproxy, const struct cred *cred);
void setns_trace(const struct setns_outcome *outcome, u32 asked, long err);

/* Returns where the call notes what the events show, or NULL if it is not traced. */
static inline struct setns_outcome *nsset_outcome(const struct nsset *set)
{
#ifdef CONFIG_TRACEPOINTS
	return set->outcome;
#else
	return NULL;
#endif
}

/**
 * nsset_refuse_type - refuse a call because of a type, and say why
 * @set: the set of the call
 * @reason: the reason, which the trace event setns_refused shows
 * @type: the type of namespaces that refuses, or 0
 * @err: the errno, negative
 *
 * Return: @err.
 */
static inline int nsset_refuse_type(const struct nsset *set, enum setns_reason reason,
				    u32 type, int err)
{
	struct setns_outcome *outcome = nsset_outcome(set);

	if (outcome) {
		outcome->reason = reason;
		outcome->type = type;
	}
	return err;
}

/**
 * nsset_refuse - refuse a call, and say why
 * @set: the set of the call
 * @reason: the reason, which the trace event setns_refused shows
 * @err: the errno, negative
 *
 * An install callback uses this for each of its checks. validate_ns() adds which
 * namespace has refused.
 *
 * Return: @err.
 */
static inline int nsset_refuse(const struct nsset *set, enum setns_reason reason, int err)
{
	return nsset_refuse_type(set, reason, 0, err);
}

/* Notes which namespace has refused. */
static inline void nsset_note_namespace(const struct nsset *set, struct ns_common *ns)
{
	if (nsset_outcome(set))
		setns_note_namespace(nsset_outcome(set), ns, set->cred);
}

/* Notes which namespaces the caller is about to join. */
static inline void nsset_note_joins(const struct nsset *set)
{
	if (nsset_outcome(set))
		setns_note_joins(nsset_outcome(set), set->flags, set->nsproxy, set->cred);
}

/* Notes what the descriptor is. */
static inline void nsset_note_fd(const struct nsset *set, enum setns_fd_kind kind)
{
	if (nsset_outcome(set))
		nsset_outcome(set)->fd_kind = kind;
}

#endif /* _LINUX_SETNS_H */
