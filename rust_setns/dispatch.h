/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chooses the implementation that serves setns(2): C or Rust.
 */
#ifndef _RUST_SETNS_DISPATCH_H
#define _RUST_SETNS_DISPATCH_H

#include <linux/compiler.h>
#include <linux/percpu.h>
#include <linux/rcupdate.h>

/* An implementation of setns(2): the arguments and the result of the call. */
typedef long setns_fn(int fd, int flags);

#if IS_ENABLED(CONFIG_RUST_SETNS)

/*
 * The number of calls that each implementation has served on this CPU.
 * /sys/kernel/setns/ shows the sums.
 */
struct setns_calls {
	unsigned long c;
	unsigned long rust;
};

DECLARE_PER_CPU(struct setns_calls, setns_calls);
extern setns_fn __rcu *setns_impl;

void setns_switch(setns_fn *impl);
void setns_drain(void);
long __setns_dispatch(int fd, int flags, setns_fn *c_impl);

/**
 * setns_dispatch - call the implementation that was chosen
 * @fd: as in setns(2)
 * @flags: as in setns(2)
 * @c_impl: the implementation in C
 *
 * While C serves setns(2), this costs a load, a branch and a per-CPU count.
 *
 * Return: what the implementation returns.
 */
static __always_inline long setns_dispatch(int fd, int flags, setns_fn *c_impl)
{
	if (rcu_access_pointer(setns_impl))
		return __setns_dispatch(fd, flags, c_impl);

	this_cpu_inc(setns_calls.c);
	return c_impl(fd, flags);
}

#else /* !CONFIG_RUST_SETNS */

static __always_inline long setns_dispatch(int fd, int flags, setns_fn *c_impl)
{
	return c_impl(fd, flags);
}

#endif /* CONFIG_RUST_SETNS */

#endif /* _RUST_SETNS_DISPATCH_H */
