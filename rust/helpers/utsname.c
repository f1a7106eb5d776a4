// SPDX-License-Identifier: GPL-2.0

#include <linux/utsname.h>

#ifndef CONFIG_UTS_NS
__rust_helper struct uts_namespace *
rust_helper_copy_utsname(u64 flags, struct user_namespace *user_ns,
			 struct uts_namespace *old_ns)
{
	return copy_utsname(flags, user_ns, old_ns);
}
#endif /* CONFIG_UTS_NS */
