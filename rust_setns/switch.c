// SPDX-License-Identifier: GPL-2.0
/*
 * The module parameter rust_setns.enabled: it chooses at run time whether C or
 * Rust serves setns(2). The dispatcher switches.
 */

#include <linux/module.h>
#include <linux/moduleparam.h>

#include "dispatch.h"

/*
 * kernel_param_lock() protects both. @started says that the Rust code may be
 * called. The parameter can also be set before that: on the command line, and
 * while the module loads.
 */
static bool enabled = true;
static bool started;

static int update(bool to_rust)
{
	if (to_rust)
		return setns_select_rust(rust_setns, rust_setns_copy, THIS_MODULE);
	setns_select_c();
	return 0;
}

static int enabled_set(const char *val, const struct kernel_param *kp)
{
	bool value;
	struct kernel_param parsed = *kp;
	int err;

	parsed.arg = &value;
	err = param_set_bool(val, &parsed);
	/* While the module is being unloaded, this is -EBUSY. */
	if (!err && started)
		err = update(value);
	if (!err)
		enabled = value;
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
 * There is no counterpart: the module can be unloaded only while it is not in
 * use, because the dispatcher holds a reference on it.
 *
 * Context: Process context. May sleep to get the lock of the parameters.
 * Return: 0, or a negative errno.
 */
int rust_setns_start(void)
{
	int err = 0;

	kernel_param_lock(THIS_MODULE);
	started = true;
	if (enabled)
		err = update(true);
	kernel_param_unlock(THIS_MODULE);
	return err;
}
