// SPDX-License-Identifier: GPL-2.0

#include <linux/ns_common.h>
#include <linux/proc_ns.h>

__rust_helper struct ns_common *rust_helper_get_proc_ns(struct inode *inode)
{
	return get_proc_ns(inode);
}

/* Puts a reference on a namespace of any type. C has no function for this. */
__rust_helper void rust_helper_ns_common_put(struct ns_common *ns)
{
	ns->ops->put(ns);
}
