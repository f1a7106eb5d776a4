// SPDX-License-Identifier: GPL-2.0

#include <linux/cgroup_namespace.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/ipc_namespace.h>
#include <linux/mnt_namespace.h>
#include <linux/nsproxy.h>
#include <linux/perf_event.h>
#include <linux/pid_namespace.h>
#include <linux/proc_ns.h>
#include <linux/sched/task.h>
#include <linux/sem.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/utsname.h>
#include <net/net_namespace.h>

__rust_helper struct file *rust_helper_fd_file(struct fd f)
{
	return fd_file(f);
}

__rust_helper void rust_helper_fdput(struct fd f)
{
	fdput(f);
}

/* The namespace behind a file for which proc_ns_file() holds. */
__rust_helper struct ns_common *rust_helper_file_proc_ns(struct file *file)
{
	return get_proc_ns(file_inode(file));
}

__rust_helper const struct cred *rust_helper_current_cred(void)
{
	return current_cred();
}

__rust_helper void rust_helper_put_user_ns(struct user_namespace *ns)
{
	put_user_ns(ns);
}

/* Get a reference on the user namespace of a task's objective credentials. */
__rust_helper struct user_namespace *
rust_helper_task_get_user_ns(struct task_struct *task)
{
	guard(rcu)();
	return get_user_ns(__task_cred(task)->user_ns);
}

__rust_helper void rust_helper_task_lock(struct task_struct *task)
{
	task_lock(task);
}

__rust_helper void rust_helper_task_unlock(struct task_struct *task)
{
	task_unlock(task);
}

/* Get a reference on a task's namespaces, or NULL if it is almost dead. */
__rust_helper struct nsproxy *
rust_helper_task_get_nsproxy(struct task_struct *task)
{
	struct nsproxy *nsproxy;

	guard(task_lock)(task);
	nsproxy = task->nsproxy;
	if (nsproxy)
		get_nsproxy(nsproxy);
	return nsproxy;
}

__rust_helper void rust_helper_put_nsproxy(struct nsproxy *nsproxy)
{
	put_nsproxy(nsproxy);
}

/*
 * The namespace of a type, or NULL if there is none in an nsproxy. The layout
 * of the eight types, each with its ns_common elsewhere, stays in C.
 */
__rust_helper struct ns_common *
rust_helper_nsproxy_ns_common(struct nsproxy *nsproxy, u32 ns_type)
{
	switch (ns_type) {
	case CLONE_NEWNS:
		return from_mnt_ns(nsproxy->mnt_ns);
	case CLONE_NEWUTS:
		return &nsproxy->uts_ns->ns;
#ifdef CONFIG_IPC_NS
	case CLONE_NEWIPC:
		return &nsproxy->ipc_ns->ns;
#endif
	case CLONE_NEWPID:
		return &nsproxy->pid_ns_for_children->ns;
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

/* The second slot of the time namespaces, or NULL. */
__rust_helper struct ns_common *
rust_helper_nsproxy_time_ns_for_children(struct nsproxy *nsproxy)
{
#ifdef CONFIG_TIME_NS
	return &nsproxy->time_ns_for_children->ns;
#else
	return NULL;
#endif
}

/*
 * For each type, what clone(), unshare() and setns() do. Depending on the
 * configuration these are functions, of which Rust then calls the original, or
 * inline.
 */
__rust_helper struct uts_namespace *
rust_helper_copy_utsname(u64 flags, struct user_namespace *user_ns,
			 struct uts_namespace *old_ns)
{
	return copy_utsname(flags, user_ns, old_ns);
}

__rust_helper struct ipc_namespace *
rust_helper_copy_ipcs(u64 flags, struct user_namespace *user_ns,
		      struct ipc_namespace *ns)
{
	return copy_ipcs(flags, user_ns, ns);
}

__rust_helper struct pid_namespace *
rust_helper_copy_pid_ns(u64 flags, struct user_namespace *user_ns,
			struct pid_namespace *ns)
{
	return copy_pid_ns(flags, user_ns, ns);
}

__rust_helper struct cgroup_namespace *
rust_helper_copy_cgroup_ns(u64 flags, struct user_namespace *user_ns,
			   struct cgroup_namespace *old_ns)
{
	return copy_cgroup_ns(flags, user_ns, old_ns);
}

__rust_helper struct net *
rust_helper_copy_net_ns(u64 flags, struct user_namespace *user_ns,
			struct net *old_net)
{
	return copy_net_ns(flags, user_ns, old_net);
}

__rust_helper struct time_namespace *
rust_helper_copy_time_ns(u64 flags, struct user_namespace *user_ns,
			 struct time_namespace *old_ns)
{
	return copy_time_ns(flags, user_ns, old_ns);
}

__rust_helper struct time_namespace *
rust_helper_get_time_ns(struct time_namespace *ns)
{
	return get_time_ns(ns);
}

__rust_helper void rust_helper_timens_commit(struct task_struct *task,
					     struct time_namespace *ns)
{
	timens_commit(task, ns);
}

__rust_helper void rust_helper_exit_sem(struct task_struct *task)
{
	exit_sem(task);
}

__rust_helper void rust_helper_perf_event_namespaces(struct task_struct *task)
{
	perf_event_namespaces(task);
}
