// SPDX-License-Identifier: GPL-2.0
/*
 * Chooses the implementation that serves setns(2): C or Rust.
 *
 * This file is built into the kernel even if the Rust core is a module.
 */

#include <linux/debugfs.h>
#include <linux/init.h>
#include <linux/module.h>
#include <linux/rust_setns.h>
#include <linux/seq_file.h>
#include <linux/spinlock.h>
#include <linux/srcu.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "dispatch.h"

#if IS_MODULE(CONFIG_RUST_SETNS)

/* The implementation in the module, or NULL while C serves setns(2). */
setns_fn setns_impl __read_mostly;

/* The one with the algorithm of C. It is valid while setns_impl is not NULL. */
static setns_fn setns_copy_impl __read_mostly;

/*
 * Every call in the module holds this lock. RCU is not enough, because the
 * callbacks of the namespaces sleep.
 */
DEFINE_STATIC_SRCU_FAST(setns_srcu);

/*
 * The reference on the module. It is taken before the first call can enter the
 * module, and put after the last call has left. So the module cannot be
 * unloaded meanwhile, and unloading it never waits.
 */
static struct {
	spinlock_t lock;	/* of these fields, and for writing setns_impl */
	struct module *owner;	/* the module, or NULL if no reference is held */
	bool queued;		/* setns_drained() will run */
	bool again;		/* C was selected again since it was queued */
	struct rcu_head head;
} pin = {
	.lock = __SPIN_LOCK_UNLOCKED(pin.lock),
};

/* Runs when the calls have left that were in the module at call_srcu(). */
static void setns_drained(struct rcu_head *head)
{
	struct module *owner = NULL;

	scoped_guard(spinlock, &pin.lock) {
		pin.queued = false;
		if (setns_impl) {
			/* Rust serves again, and keeps the reference. */
		} else if (pin.again) {
			pin.queued = true;
			call_srcu(&setns_srcu, &pin.head, setns_drained);
		} else {
			swap(owner, pin.owner);
		}
		pin.again = false;
	}
	module_put(owner);
}

/**
 * setns_select_rust - let an implementation in a module serve setns(2)
 * @impl: the implementation
 * @copy_impl: the implementation with the algorithm of C
 * @owner: the module, on which this takes a reference
 *
 * Context: Process context.
 * Return: 0, or -EBUSY if the module is being unloaded.
 */
int setns_select_rust(setns_fn impl, setns_fn copy_impl, struct module *owner)
{
	guard(spinlock)(&pin.lock);

	if (!pin.owner) {
		if (!try_module_get(owner))
			return -EBUSY;
		pin.owner = owner;
	}
	WRITE_ONCE(setns_copy_impl, copy_impl);
	/* Pairs with the acquire in __setns_dispatch(): the module is ready. */
	smp_store_release(&setns_impl, impl);
	return 0;
}
EXPORT_SYMBOL_FOR_RUST_SETNS(setns_select_rust);

/**
 * setns_select_c - let the implementation in C serve setns(2)
 *
 * A call that has begun ends in the implementation that it began in. This
 * function does not wait for it, because a user can make a call last long. The
 * reference on the module is put when the last call has left.
 *
 * Context: Process context.
 */
void setns_select_c(void)
{
	guard(spinlock)(&pin.lock);

	if (!setns_impl)
		return;
	WRITE_ONCE(setns_impl, NULL);
	if (pin.queued) {
		/* There is one rcu_head, and it is in use. */
		pin.again = true;
		return;
	}
	pin.queued = true;
	call_srcu(&setns_srcu, &pin.head, setns_drained);
}
EXPORT_SYMBOL_FOR_RUST_SETNS(setns_select_c);

/**
 * __setns_dispatch - call the implementation that was chosen, probably Rust
 * @fd: as in setns(2)
 * @flags: as in setns(2)
 * @outcome: what the trace events will show, or NULL
 * @c_impl: the implementation in C, which may have been chosen meanwhile
 *
 * Context: Process context. May sleep.
 * Return: what the implementation returns.
 */
long __setns_dispatch(int fd, int flags, struct setns_outcome *outcome, setns_fn c_impl)
{
	scoped_guard(srcu_fast, &setns_srcu) {
		/* Pairs with the release in setns_select_rust(). */
		setns_fn impl = smp_load_acquire(&setns_impl);

		if (impl) {
			setns_count(rust);
			if (outcome)
				outcome->rust = true;
			if (setns_copies_nsproxy())
				impl = READ_ONCE(setns_copy_impl);
			return impl(fd, flags, outcome);
		}
	}
	setns_count(c);
	return c_impl(fd, flags, outcome);
}

#else /* built in */

/* Whether Rust serves setns(2). The Rust core is always there. */
bool setns_in_rust __read_mostly;

int setns_select_rust(setns_fn impl, setns_fn copy_impl, struct module *owner)
{
	WRITE_ONCE(setns_in_rust, true);
	return 0;
}

void setns_select_c(void)
{
	WRITE_ONCE(setns_in_rust, false);
}

#endif

#ifdef CONFIG_DEBUG_FS

DEFINE_PER_CPU(struct setns_calls, setns_calls);

static u64 sum_of(unsigned long __percpu *calls)
{
	u64 sum = 0;
	int cpu;

	for_each_possible_cpu(cpu) {
		/* A statistic may lack a call that is made meanwhile. */
		sum += data_race(*per_cpu_ptr(calls, cpu));
	}
	return sum;
}

static int calls_c_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%llu\n", sum_of(&setns_calls.c));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calls_c);

static int calls_rust_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%llu\n", sum_of(&setns_calls.rust));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(calls_rust);

/*
 * Whether Rust joins with the algorithm of C, which copies the nsproxy of the caller for
 * each call. It is there to tell what the language costs from what the algorithm costs.
 */
DEFINE_STATIC_KEY_FALSE(setns_copies);

static const char *const algorithms[] = { "in_place", "copy" };

static int algorithm_show(struct seq_file *m, void *unused)
{
	seq_printf(m, "%s\n", algorithms[static_key_enabled(&setns_copies)]);
	return 0;
}

static ssize_t algorithm_write(struct file *file, const char __user *text, size_t size,
			       loff_t *pos)
{
	char name[16] = {};
	int algorithm;

	if (size >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, text, size))
		return -EFAULT;
	algorithm = sysfs_match_string(algorithms, name);
	if (algorithm < 0)
		return algorithm;
	if (algorithm)
		static_branch_enable(&setns_copies);
	else
		static_branch_disable(&setns_copies);
	return size;
}
DEFINE_SHOW_STORE_ATTRIBUTE(algorithm);

/* Only root may read the counts, because the numbers tell what others do. */
static int __init setns_debugfs_init(void)
{
	struct dentry *dir = debugfs_create_dir("setns", NULL);

	debugfs_create_file("algorithm", 0600, dir, NULL, &algorithm_fops);
	debugfs_create_file("calls_c", 0400, dir, NULL, &calls_c_fops);
	debugfs_create_file("calls_rust", 0400, dir, NULL, &calls_rust_fops);
	return 0;
}
late_initcall(setns_debugfs_init);

#endif /* CONFIG_DEBUG_FS */
