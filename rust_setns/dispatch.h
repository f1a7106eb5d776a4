/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Chooses the implementation that serves setns(2): C or Rust.
 */
#ifndef _RUST_SETNS_DISPATCH_H
#define _RUST_SETNS_DISPATCH_H

#include <linux/compiler.h>
#include <linux/jump_label.h>
#include <linux/percpu.h>
#include <linux/setns.h>

#include "proc_ns_glue.h"

/* An implementation of setns(2): the arguments and the result of the call. */
typedef long (*setns_fn)(int fd, int flags, struct setns_outcome *outcome);

struct module;

/*
 * The number of calls that each implementation has served on this CPU. Files in
 * debugfs show the sums.
 */
struct setns_calls {
	unsigned long c;
	unsigned long rust;
};

DECLARE_PER_CPU(struct setns_calls, setns_calls);

#define setns_count(impl)					\
	do {							\
		if (IS_ENABLED(CONFIG_DEBUG_FS))		\
			this_cpu_inc(setns_calls.impl);		\
	} while (0)

#ifdef CONFIG_DEBUG_FS
DECLARE_STATIC_KEY_FALSE(setns_copies);
#endif

/* Whether Rust joins with the algorithm of C: setns/algorithm in debugfs. */
static __always_inline bool setns_copies_nsproxy(void)
{
#ifdef CONFIG_DEBUG_FS
	return static_branch_unlikely(&setns_copies);
#else
	return false;
#endif
}

int setns_select_rust(setns_fn impl, setns_fn copy_impl, struct module *owner);
void setns_select_c(void);

#if IS_MODULE(CONFIG_RUST_SETNS)

extern setns_fn setns_impl;

long __setns_dispatch(int fd, int flags, struct setns_outcome *outcome, setns_fn c_impl);

/**
 * setns_dispatch - call the implementation that was chosen
 * @fd: as in setns(2)
 * @flags: as in setns(2)
 * @outcome: what the trace events will show, or NULL
 * @c_impl: the implementation in C
 *
 * This costs a load, a branch and, with debugfs, a per-CPU count.
 *
 * Return: what the implementation returns.
 */
static __always_inline long setns_dispatch(int fd, int flags, struct setns_outcome *outcome,
					   setns_fn c_impl)
{
	if (READ_ONCE(setns_impl))
		return __setns_dispatch(fd, flags, outcome, c_impl);

	setns_count(c);
	return c_impl(fd, flags, outcome);
}

#elif IS_BUILTIN(CONFIG_RUST_SETNS)

extern bool setns_in_rust;

static __always_inline long setns_dispatch(int fd, int flags, struct setns_outcome *outcome,
					   setns_fn c_impl)
{
	if (READ_ONCE(setns_in_rust)) {
		setns_count(rust);
		if (outcome)
			outcome->rust = true;
		if (setns_copies_nsproxy())
			return rust_setns_copy(fd, flags, outcome);
		return rust_setns(fd, flags, outcome);
	}
	setns_count(c);
	return c_impl(fd, flags, outcome);
}

#else /* !CONFIG_RUST_SETNS */

static __always_inline long setns_dispatch(int fd, int flags, struct setns_outcome *outcome,
					   setns_fn c_impl)
{
	return c_impl(fd, flags, outcome);
}

#endif

#endif /* _RUST_SETNS_DISPATCH_H */
