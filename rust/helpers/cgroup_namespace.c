// SPDX-License-Identifier: GPL-2.0

#include <linux/cgroup_namespace.h>

#ifndef CONFIG_CGROUPS
__rust_helper struct cgroup_namespace *
rust_helper_copy_cgroup_ns(u64 flags, struct user_namespace *user_ns,
			   struct cgroup_namespace *old_ns)
{
	return copy_cgroup_ns(flags, user_ns, old_ns);
}
#endif /* CONFIG_CGROUPS */
