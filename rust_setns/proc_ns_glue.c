// SPDX-License-Identifier: GPL-2.0
/*
 * Glue between the C code of the kernel and the Rust core of setns(2): the calls
 * through the operations of a namespace, and the module parameter.
 */

#include <linux/kernel.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/ns_common.h>
#include <linux/proc_ns.h>

#include "dispatch.h"
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

/**
 * proc_ns_put - put a reference on a namespace
 * @ns: the namespace, whose type is built in
 *
 * Context: Process context. May sleep.
 */
void proc_ns_put(struct ns_common *ns)
{
	ns->ops->put(ns);
}

/*
 * kernel_param_lock() protects both. @started says that the Rust code may be
 * called. The parameter can also be set while it may not: on the command line,
 * while the module loads, and while the module unloads.
 */
static bool enabled = true;
static bool started;

static void update(void)
{
	setns_switch(enabled && started ? rust_setns : NULL);
}

static int enabled_set(const char *val, const struct kernel_param *kp)
{
	int err = param_set_bool(val, kp);

	if (!err && started)
		update();
	return err;
}

static const struct kernel_param_ops enabled_ops = {
	.flags	= KERNEL_PARAM_OPS_FL_NOARG,
	.set	= enabled_set,
	.get	= param_get_bool,
};

module_param_cb(enabled, &enabled_ops, &enabled, 0644);
MODULE_PARM_DESC(enabled, "Serve setns(2) in Rust: 1 (default), or 0 for C");

/**
 * rust_setns_start - let Rust serve setns(2), if it is enabled
 *
 * Context: Process context. May sleep to get the lock of the parameters.
 */
void rust_setns_start(void)
{
	kernel_param_lock(THIS_MODULE);
	started = true;
	update();
	kernel_param_unlock(THIS_MODULE);
}

/**
 * rust_setns_stop - let C serve setns(2)
 *
 * When this returns, no task is in the Rust code, and none will enter it.
 *
 * Context: Process context. Sleeps until the last call has left.
 */
void rust_setns_stop(void)
{
	kernel_param_lock(THIS_MODULE);
	started = false;
	update();
	kernel_param_unlock(THIS_MODULE);
	setns_drain();
}
