// SPDX-License-Identifier: GPL-2.0

#include <linux/ns_common.h>

__rust_helper void rust_helper___ns_ref_inc(struct ns_common *ns)
{
	__ns_ref_inc(ns);
}
