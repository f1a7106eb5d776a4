// SPDX-License-Identifier: GPL-2.0

#include <linux/build_bug.h>
#include <linux/cgroup_namespace.h>
#include <linux/ipc_namespace.h>
#include <linux/mnt_namespace.h>
#include <linux/nsproxy.h>
#include <linux/ns/ns_common_types.h>
#include <linux/pid_namespace.h>
#include <linux/time_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

/* If a type is missing below, its namespaces are not found. */
static_assert(CLONE_NS_ALL == (CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS |
			       CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWCGROUP |
			       CLONE_NEWNET | CLONE_NEWTIME));

/*
 * Returns the namespace of a type, or NULL if the type is not built in. The
 * user namespace is not in an nsproxy.
 */
__rust_helper struct ns_common *
rust_helper_nsproxy_ns_common(struct nsproxy *nsproxy, u32 ns_type)
{
	switch (ns_type) {
	case CLONE_NEWNS:
		return from_mnt_ns(nsproxy->mnt_ns);
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
	default:
		return NULL;
	}
}
