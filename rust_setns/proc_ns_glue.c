// SPDX-License-Identifier: GPL-2.0
/*
 * Glue between the C code of the kernel and the Rust core of setns(2): the call
 * through the operations of a namespace.
 */

#include <linux/ns_common.h>
#include <linux/proc_ns.h>

#include "proc_ns_glue.h"

/**
 * proc_ns_install - install a namespace in a set
 * @nsset: the set, with pointers as validate_ns() in Rust requires them
 * @ns: the namespace, on which the caller holds a reference
 *
 * The indirect call stays in C, where kCFI checks it. All permission checks are
 * in the callbacks of the types, so they stay in C too.
 *
 * Context: Process context. May sleep.
 * Return: 0, or the negative errno of the callback.
 */
int proc_ns_install(struct nsset *nsset, struct ns_common *ns)
{
	return ns->ops->install(nsset, ns);
}
