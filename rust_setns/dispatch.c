// SPDX-License-Identifier: GPL-2.0
/*
 * Chooses the implementation that serves setns(2): C, or Rust if the module is
 * loaded and enabled.
 *
 * This file is built into the kernel even if the Rust core is a module.
 */

#include <linux/export.h>
#include <linux/init.h>
#include <linux/kobject.h>
#include <linux/srcu.h>
#include <linux/sysfs.h>

#include "dispatch.h"

DEFINE_PER_CPU(struct setns_calls, setns_calls);

/* The implementation that serves setns(2), or NULL for the one in C. */
setns_fn __rcu *setns_impl;

/*
 * Every call that Rust may serve holds this lock. RCU is not enough, because
 * the callbacks of the namespaces sleep. A module reference is no alternative:
 * it cannot be taken before the pointer is known to be stable.
 */
DEFINE_STATIC_SRCU_FAST(setns_srcu);

/**
 * setns_switch - choose the implementation that serves setns(2)
 * @impl: the implementation, or NULL for the one in C
 *
 * A call that has begun ends in the implementation that it began in. This
 * function does not wait for it, because a user can make a call last long.
 * Before the code of an implementation goes away, call setns_drain().
 *
 * Context: Any. Callers exclude each other.
 */
void setns_switch(setns_fn *impl)
{
	rcu_assign_pointer(setns_impl, impl);
}
EXPORT_SYMBOL_FOR_MODULES(setns_switch, "rust_setns");

/**
 * setns_drain - wait for the calls in an implementation that was replaced
 *
 * When this returns, no task is in the implementation that served setns(2)
 * before the last switch, unless that was the one in C.
 *
 * Context: Process context. Sleeps until the last call has left.
 */
void setns_drain(void)
{
	synchronize_srcu(&setns_srcu);
}
EXPORT_SYMBOL_FOR_MODULES(setns_drain, "rust_setns");

/**
 * __setns_dispatch - call the implementation that was chosen, probably Rust
 * @fd: as in setns(2)
 * @flags: as in setns(2)
 * @c_impl: the implementation in C, which may have been chosen meanwhile
 *
 * Return: what the implementation returns.
 */
long __setns_dispatch(int fd, int flags, setns_fn *c_impl)
{
	setns_fn *impl;

	guard(srcu_fast)(&setns_srcu);

	impl = srcu_dereference(setns_impl, &setns_srcu);
	if (!impl) {
		this_cpu_inc(setns_calls.c);
		return c_impl(fd, flags);
	}
	this_cpu_inc(setns_calls.rust);
	return impl(fd, flags);
}

static unsigned long sum_of(unsigned long __percpu *calls)
{
	unsigned long sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		/* A statistic may lack a call that is made meanwhile. */
		sum += data_race(*per_cpu_ptr(calls, cpu));
	}
	return sum;
}

static ssize_t calls_c_show(struct kobject *kobj, struct kobj_attribute *attr,
			    char *buf)
{
	return sysfs_emit(buf, "%lu\n", sum_of(&setns_calls.c));
}

static ssize_t calls_rust_show(struct kobject *kobj,
			       struct kobj_attribute *attr, char *buf)
{
	return sysfs_emit(buf, "%lu\n", sum_of(&setns_calls.rust));
}

/* Only root may read these, because the numbers tell what others do. */
static struct kobj_attribute calls_c_attr = __ATTR(calls_c, 0400, calls_c_show, NULL);
static struct kobj_attribute calls_rust_attr = __ATTR(calls_rust, 0400, calls_rust_show, NULL);

static struct attribute *setns_attrs[] = {
	&calls_c_attr.attr,
	&calls_rust_attr.attr,
	NULL
};
ATTRIBUTE_GROUPS(setns);

static int __init setns_sysfs_init(void)
{
	struct kobject *kobj = kobject_create_and_add("setns", kernel_kobj);
	int err;

	if (!kobj)
		return -ENOMEM;
	err = sysfs_create_groups(kobj, setns_groups);
	if (err)
		kobject_put(kobj);
	return err;
}
late_initcall(setns_sysfs_init);
