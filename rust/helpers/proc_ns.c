// SPDX-License-Identifier: GPL-2.0

#include <linux/proc_ns.h>

__rust_helper struct ns_common *rust_helper_get_proc_ns(struct inode *inode)
{
	return get_proc_ns(inode);
}
