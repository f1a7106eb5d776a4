// SPDX-License-Identifier: GPL-2.0

#include <linux/time_namespace.h>

#ifndef CONFIG_TIME_NS
__rust_helper struct time_namespace *
rust_helper_copy_time_ns(u64 flags, struct user_namespace *user_ns,
			 struct time_namespace *old_ns)
{
	return copy_time_ns(flags, user_ns, old_ns);
}
#endif /* CONFIG_TIME_NS */

__rust_helper struct time_namespace *
rust_helper_get_time_ns(struct time_namespace *ns)
{
	return get_time_ns(ns);
}

#ifndef CONFIG_TIME_NS_VDSO
__rust_helper void rust_helper_timens_commit(struct task_struct *task,
					     struct time_namespace *ns)
{
	timens_commit(task, ns);
}
#endif /* CONFIG_TIME_NS_VDSO */
