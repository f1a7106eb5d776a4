/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The declarations that the kernel's own files need to be compiled for the host.
 * scripts/checks/host.sh takes some headers from the kernel; this file has the rest. Of
 * the kernel's types, it has only the members that the tests use. kernel/mocks.rs
 * defines its functions.
 *
 * The code that counts namespaces is not here: its headers are the kernel's.
 */
#ifndef _HOST_TEST_KERNEL_H
#define _HOST_TEST_KERNEL_H

#include <linux/kconfig.h>

/* The compiler */
#define __always_inline inline __attribute__((__always_inline__))
#define __aligned(x) __attribute__((__aligned__(x)))
#define __maybe_unused __attribute__((__unused__))
#define __must_check __attribute__((__warn_unused_result__))
#define ____cacheline_aligned_in_smp __aligned(64)
#define __cleanup(f) __attribute__((__cleanup__(f)))
#define __no_context_analysis
#define __acquires(x)
#define __acquires_shared(x)
#define __assume_ctx_lock(x)
#define __force
#define __init
#define __percpu
#define __randomize_layout
#define __rcu
#define __releases(x)
#define __releases_shared(x)
#define __rust_helper
#define __user
#define __PASTE_(a, b) a##b
#define __PASTE(a, b) __PASTE_(a, b)
#define __UNIQUE_ID(prefix) __PASTE(prefix, __COUNTER__)
#define READ_ONCE(x) (*(const volatile __typeof__(x) *)&(x))
#define WRITE_ONCE(x, val) (*(volatile __typeof__(x) *)&(x) = (val))
#define container_of(ptr, type, member) \
	((type *)((char *)(ptr) - __builtin_offsetof(type, member)))
#define in_range(val, start, len) ((val) - (start) < (len))
#define likely(x) (x)
#define unlikely(x) (x)
#define typeof_member(T, m) __typeof__(((T *)0)->m)

#define NULL ((void *)0)
#define true 1
#define false 0
#define LONG_MAX __LONG_MAX__

typedef _Bool bool;
typedef unsigned char u8;
typedef int s32;
typedef unsigned int u32, __u32;
typedef unsigned long long u64, __u64, __aligned_u64 __aligned(8);
typedef int __s32;
typedef unsigned long size_t, ino_t;
typedef long ssize_t;
typedef long long loff_t, time64_t, ktime_t;
typedef int pid_t, clockid_t;
typedef unsigned int uid_t, gid_t, gfp_t, dev_t;
typedef struct { uid_t val; } kuid_t;
typedef struct { gid_t val; } kgid_t;
typedef struct { u64 val; } kernel_cap_t;

/* The flags of clone(), and struct ns_common for files that know it from sched.h */
#include <uapi/linux/sched.h>

/* Counters. The mocks count the references on namespaces, sets and credentials. */
typedef struct { int counter; } atomic_t;
typedef struct { long counter; } atomic_long_t;
typedef struct { atomic_t refcnt; } rcuref_t;
typedef struct refcount_struct { atomic_t refs; } refcount_t;
#define ATOMIC_INIT(i) { (i) }
#define REFCOUNT_INIT(n) { .refs = ATOMIC_INIT(n) }
int atomic_read(const atomic_t *v);
void atomic_long_add(long i, atomic_long_t *v);
bool atomic_long_inc_not_zero(atomic_long_t *v);
long atomic_long_read(const atomic_long_t *v);
bool atomic_long_sub_and_test(long i, atomic_long_t *v);
bool rcuref_get(rcuref_t *ref);
bool refcount_dec_and_test(refcount_t *r);
void refcount_inc(refcount_t *r);
bool refcount_inc_not_zero(refcount_t *r);
int refcount_read(const refcount_t *r);
void refcount_set(refcount_t *r, int n);

/* Members of the structures in the kernel's headers that no code here uses */
struct ctl_table_set { void *dir; };
struct hlist_nulls_node { void *next; };
struct idr { void *root; };
struct list_head { struct list_head *next, *prev; };
struct llist_node { struct llist_node *next; };
struct notifier_block { void *call; };
struct percpu_counter { long count; };
struct rb_node { void *left; };
struct rb_root { struct rb_node *node; };
struct rcu_head { void *next; };
struct rhashtable { void *table; };
struct rw_semaphore { long count; };
struct timespec64 { time64_t tv_sec; long tv_nsec; };
struct work_struct { void *func; };
typedef struct { int lock; } spinlock_t;
typedef struct { unsigned int sequence; } seqlock_t;
struct cgroup;
struct ctl_table_header;
struct dentry;
struct file_operations;
struct kmem_cache;
struct module;
struct ns_common;
struct seq_file;
struct user_namespace;
struct vfsmount;

/* Tasks, and what they have */
struct mm_struct { int users; };

struct path {
	struct vfsmount *mnt;
	struct dentry *dentry;
};

struct inode {
	void *i_private;
};

struct file {
	struct inode *f_inode;
	const struct cred *f_cred;
	unsigned int f_flags;
};

struct pid {
	int count;
};

enum pid_type { PIDTYPE_PID, PIDTYPE_TGID, PIDTYPE_PGID, PIDTYPE_SID };

struct task_struct {
	pid_t pid;
	pid_t tgid;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	const struct cred *real_cred;
	const struct cred *cred;
	struct fs_struct *fs;
	struct nsproxy *nsproxy;
	/* The kernel finds it through thread_pid */
	struct pid_namespace *pid_ns;
};

struct task_struct *get_current(void);
#define current get_current()

void get_task_struct(struct task_struct *t);
void put_task_struct(struct task_struct *t);
void task_lock(struct task_struct *p);
void task_unlock(struct task_struct *p);
pid_t task_tgid_nr_ns(struct task_struct *tsk, struct pid_namespace *ns);
int signal_pending(struct task_struct *p);
int wake_up_process(struct task_struct *tsk);
bool ptrace_may_access(struct task_struct *task, unsigned int mode);
struct task_struct *pid_task(struct pid *pid, enum pid_type type);
struct pid *get_pid(struct pid *pid);
void put_pid(struct pid *pid);
struct pid *pidfd_pid(const struct file *file);
bool proc_ns_file(const struct file *file);
struct file *get_file(struct file *f);
bool uid_eq(kuid_t left, kuid_t right);
uid_t from_kuid(struct user_namespace *to, kuid_t uid);
void security_cred_getsecid(const struct cred *c, u32 *secid);

static inline struct inode *file_inode(const struct file *f)
{
	return f->f_inode;
}

#ifdef CONFIG_SYSVIPC
void exit_sem(struct task_struct *tsk);
#else
static inline void exit_sem(struct task_struct *tsk)
{
}
#endif

#ifdef CONFIG_PERF_EVENTS
void perf_event_namespaces(struct task_struct *tsk);
#else
static inline void perf_event_namespaces(struct task_struct *tsk)
{
}
#endif

/* Sleeping, RCU and locks */
void __might_sleep(const char *file, int line);
#define might_sleep() __might_sleep(__FILE__, __LINE__)
#define might_resched() do { } while (0)
void rcu_read_lock(void);
void rcu_read_unlock(void);
void rcu_barrier(void);
void synchronize_rcu(void);
#define rcu_access_pointer(p) (p)
#define rcu_dereference(p) (p)
#define rcu_dereference_protected(p, c) (p)
#define rcu_dereference_raw(p) (p)
#define rcu_replace_pointer(p, new, c) ({ __typeof__(p) __old = (p); (p) = (new); __old; })
void read_seqlock_excl(seqlock_t *sl);
void read_sequnlock_excl(seqlock_t *sl);
#define seqlock_init(sl) ((sl)->sequence = 0)
void path_get(const struct path *path);
void path_put(const struct path *path);
bool refcount_dec_and_lock(refcount_t *r, spinlock_t *lock);

/* Everything else that the headers and kernel/nsproxy.c mention */
#define CAP_SYS_ADMIN 21
#define GFP_ATOMIC 0x820u
#define GFP_KERNEL 0xcc0u
#define SLAB_PANIC 1
#define SLAB_ACCOUNT 2
#define GLOBAL_ROOT_UID ((kuid_t){ 0 })
#define GLOBAL_ROOT_GID ((kgid_t){ 0 })
#define KMEM_CACHE(name, flags) host_cache(#name, flags)
#define BUG() __builtin_trap()
#define VFS_WARN_ON_ONCE(cond) do { if (cond) host_warn(#cond); } while (0)
#define SYSCALL_DEFINE2(name, t1, a1, t2, a2) long c_##name(t1 a1, t2 a2)
void host_warn(const char *what);
struct kmem_cache *host_cache(const char *name, unsigned int flags);
bool cap_issubset(kernel_cap_t a, kernel_cap_t b);
kernel_cap_t cap_intersect(kernel_cap_t a, kernel_cap_t b);
void *kmem_cache_alloc(struct kmem_cache *cache, gfp_t flags);
void kmem_cache_free(struct kmem_cache *cache, void *obj);
bool ns_capable(struct user_namespace *ns, int cap);
struct timespec64 timespec64_add(struct timespec64 a, struct timespec64 b);
struct timespec64 timespec64_sub(struct timespec64 a, struct timespec64 b);
long timespec64_to_ns(const struct timespec64 *ts);
long c_setns(int fd, int flags);
#define DECLARE_TRACEPOINT(name)
#define tracepoint_enabled(name) true
#define noinline __attribute__((__noinline__))

/* For rust_setns/, which is built in here */
#define DECLARE_PER_CPU(type, name) extern type name
#define this_cpu_inc(pcp) ((pcp)++)
#define KERNEL_PARAM_OPS_FL_NOARG 1
#define MODULE_PARM_DESC(name, desc)
#define module_param_cb(name, ops, arg, perm)
#define THIS_MODULE NULL

struct kernel_param { void *arg; };
struct kernel_param_ops {
	unsigned int flags;
	int (*set)(const char *val, const struct kernel_param *kp);
	int (*get)(char *buffer, const struct kernel_param *kp);
};

int param_set_bool(const char *val, const struct kernel_param *kp);
int param_get_bool(char *buffer, const struct kernel_param *kp);
void kernel_param_lock(struct module *mod);
void kernel_param_unlock(struct module *mod);

/* The kernel's own headers */
#include <defines.h>
#include <uapi/asm-generic/errno.h>
#include <uapi/linux/nsfs.h>
#include <linux/build_bug.h>
#include <linux/cleanup.h>
#include <linux/cred.h>
#include <linux/file.h>
#include <linux/fs_struct.h>
#include <linux/nsproxy.h>
#include <linux/ns_common.h>
#include <linux/cgroup_namespace.h>
#include <linux/ipc_namespace.h>
#include <linux/mnt_namespace.h>
#include <linux/pid_namespace.h>
#include <linux/proc_ns.h>
#include <linux/setns.h>
#include <linux/time_namespace.h>
#include <linux/user_namespace.h>
#include <linux/uts_namespace.h>
#include <net/net_namespace.h>

DEFINE_LOCK_GUARD_0(rcu, rcu_read_lock(), rcu_read_unlock())

/* The kernel defines it in fs/mount.h */
struct mnt_namespace {
	struct ns_common ns;
};

#endif /* _HOST_TEST_KERNEL_H */
