// SPDX-License-Identifier: GPL-2.0
/*
 * The trace events of setns(2). A call that is traced notes here what they show.
 */
#include <linux/capability.h>
#include <linux/cgroup.h>
#include <linux/cred.h>
#include <linux/ipc_namespace.h>
#include <linux/mnt_namespace.h>
#include <linux/nsproxy.h>
#include <linux/pid_namespace.h>
#include <linux/proc_ns.h>
#include <linux/rust_setns.h>
#include <linux/setns.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

#define CREATE_TRACE_POINTS
#include <trace/events/setns.h>

/**
 * setns_note_namespace - note which namespace has refused
 * @outcome: where to note it
 * @ns: the namespace, on which the caller holds a reference
 * @cred: the credentials of the set, or NULL if there is none yet
 *
 * Context: Process context.
 */
void setns_note_namespace(struct setns_outcome *outcome, struct ns_common *ns,
			  const struct cred *cred)
{
	struct user_namespace *owner = ns->ops->owner(ns);

	outcome->type = ns->ns_type;
	outcome->inum = ns->inum;
	outcome->ns_id = ns->ns_id;
	outcome->owner_id = owner ? owner->ns.ns_id : 0;
	outcome->set_user_ns_id = cred ? cred->user_ns->ns.ns_id : 0;
}
EXPORT_SYMBOL_FOR_RUST_SETNS(setns_note_namespace);

/* Returns the namespace of a type that is built in, in a set and its credentials. */
static const struct ns_common *namespace_in(const struct nsproxy *nsproxy,
					    const struct cred *cred, u32 type)
{
	switch (type) {
	case CLONE_NEWNS:
		return from_mnt_ns(nsproxy->mnt_ns);
#ifdef CONFIG_USER_NS
	case CLONE_NEWUSER:
		return &cred->user_ns->ns;
#endif
#ifdef CONFIG_UTS_NS
	case CLONE_NEWUTS:
		return &nsproxy->uts_ns->ns;
#endif
#ifdef CONFIG_IPC_NS
	case CLONE_NEWIPC:
		return &nsproxy->ipc_ns->ns;
#endif
#ifdef CONFIG_PID_NS
	case CLONE_NEWPID:
		return &nsproxy->pid_ns_for_children->ns;
#endif
#ifdef CONFIG_CGROUPS
	case CLONE_NEWCGROUP:
		return &nsproxy->cgroup_ns->ns;
#endif
#ifdef CONFIG_NET_NS
	case CLONE_NEWNET:
		return &nsproxy->net_ns->ns;
#endif
#ifdef CONFIG_TIME_NS
	case CLONE_NEWTIME:
		return &nsproxy->time_ns->ns;
#endif
	}
	return NULL;
}

/**
 * setns_note_joins - note which namespaces the caller is about to join
 * @outcome: where to note it
 * @flags: the types
 * @nsproxy: the set that it will have
 * @cred: the credentials that it will have
 *
 * Context: Process context, before the caller's namespaces are replaced.
 */
void setns_note_joins(struct setns_outcome *outcome, unsigned int flags,
		      const struct nsproxy *nsproxy, const struct cred *cred)
{
	/* The order in which they were installed */
	static const u32 types[SETNS_TYPES] = {
		CLONE_NEWUSER, CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC,
		CLONE_NEWPID, CLONE_NEWCGROUP, CLONE_NEWNET, CLONE_NEWTIME,
	};

	static_assert((CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID |
		       CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME) == CLONE_NS_ALL);

	for (int i = 0; i < SETNS_TYPES; i++) {
		const struct ns_common *old, *new;

		if (!(flags & types[i]))
			continue;
		old = namespace_in(current->nsproxy, current_cred(), types[i]);
		new = namespace_in(nsproxy, cred, types[i]);
		if (WARN_ON_ONCE(!old || !new))
			continue;
		outcome->joins[outcome->nr_joins++] = (struct setns_join) {
			.type = types[i],
			.old_inum = old->inum,
			.new_inum = new->inum,
			.old_id = old->ns_id,
			.new_id = new->ns_id,
		};
	}
}
EXPORT_SYMBOL_FOR_RUST_SETNS(setns_note_joins);

/* Returns the capability that would have been needed, or -1. */
static int capability_for(enum setns_reason reason)
{
	switch (reason) {
	case SETNS_NO_OWNER_CAP:
	case SETNS_NO_TARGET_CAP:
	case SETNS_NO_CAP:
		return CAP_SYS_ADMIN;
	case SETNS_NO_CHROOT_CAP:
		return CAP_SYS_CHROOT;
	case SETNS_NOT_INSPECTABLE:
		return CAP_SYS_PTRACE;
	default:
		return -1;
	}
}

/* Returns the id of the user namespace in which it would have been needed, or 0. */
static u64 where_capable(const struct setns_outcome *outcome)
{
	switch (outcome->reason) {
	case SETNS_NO_OWNER_CAP:
		return outcome->owner_id;
	case SETNS_NO_TARGET_CAP:
		return outcome->ns_id;
	case SETNS_NO_CAP:
	case SETNS_NO_CHROOT_CAP:
		return outcome->set_user_ns_id;
	default:
		return 0;
	}
}

/**
 * setns_trace - fire the events of a call
 * @outcome: what the call has noted
 * @asked: the second argument of the call
 * @err: what the call returns
 *
 * Context: Process context, in the caller.
 */
void setns_trace(const struct setns_outcome *outcome, u32 asked, long err)
{
	static atomic64_t calls;
	u64 call;

	if (err) {
		trace_setns_refused(outcome, asked, -err, current_user_ns()->ns.ns_id,
				    capability_for(outcome->reason), where_capable(outcome));
		return;
	}
	call = atomic64_inc_return(&calls);
	for (int i = 0; i < outcome->nr_joins; i++)
		trace_setns_joined(call, &outcome->joins[i], asked, outcome->rust);
}
