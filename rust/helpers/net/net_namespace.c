// SPDX-License-Identifier: GPL-2.0

#include <net/net_namespace.h>

#ifndef CONFIG_NET_NS
__rust_helper struct net *
rust_helper_copy_net_ns(u64 flags, struct user_namespace *user_ns,
			struct net *old_net)
{
	return copy_net_ns(flags, user_ns, old_net);
}
#endif /* CONFIG_NET_NS */
