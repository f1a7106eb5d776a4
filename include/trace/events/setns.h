/* SPDX-License-Identifier: GPL-2.0 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM setns

#if !defined(_TRACE_SETNS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_SETNS_H

#include <linux/sched.h>
#include <linux/setns.h>
#include <linux/tracepoint.h>

/**
 * DOC: guarantees
 *
 * These events are stable, except where this text says otherwise.
 *
 * - A call of setns(2) fires setns_refused once, or setns_joined once for each
 *   namespace that it joins, or neither if the event is off. It never fires
 *   both. A call that seccomp refuses fires neither.
 * - The events fire in the context of the caller, when the call has been decided
 *   and before it returns. The caller is then in its final namespaces.
 * - A call that has begun while both events were off fires none. A call that has
 *   begun before an event was switched off may not fire it.
 * - What an event shows was read during the call. Nothing is asked again for it.
 * - An id is the number that NS_GET_ID returns. The kernel uses it for one
 *   namespace only, until the next boot. 0 means that there is no namespace.
 * - An inode number is the one in /proc/PID/ns/. It may be used again.
 * - A type is a CLONE_NEW* flag. Several flags are a set of types.
 * - A pid namespace is the one that the caller's next children will be in
 *   (/proc/PID/ns/pid_for_children). The new time namespace is both the caller's
 *   and that of its next children. The old one is the caller's own.
 * - Calls are numbered from 1 in each boot. A call that joins takes a number also
 *   if only setns_refused is on, so the numbers in a trace may have gaps.
 * - Numbers and names of reasons stay what they are. New ones may come.
 * - New fields may come, at the end of the text and anywhere in the record. Take
 *   the places of the fields from the format file.
 * - A program on the raw tracepoints gets pointers to structures of
 *   <linux/setns.h>. Their layout is not stable.
 * - The order of the joins of a call is that in which they were installed. It may
 *   change.
 */

/* This header is read several times */
#undef SETNS_REASON
#undef SETNS_LAST_REASON
#define SETNS_REASON(name, number) TRACE_DEFINE_ENUM(SETNS_##name);
SETNS_REASONS(SETNS_REASON, SETNS_REASON)
#undef SETNS_REASON
TRACE_DEFINE_ENUM(SETNS_FD_OTHER);
TRACE_DEFINE_ENUM(SETNS_FD_NAMESPACE);
TRACE_DEFINE_ENUM(SETNS_FD_PIDFD);

#define SETNS_REASON(name, number) { SETNS_##name, #name },
#define SETNS_LAST_REASON(name, number) { SETNS_##name, #name }
#define show_setns_reason(reason) \
	__print_symbolic(reason, SETNS_REASONS(SETNS_REASON, SETNS_LAST_REASON))

#define show_setns_fd_kind(kind)			\
	__print_symbolic(kind,				\
		{ SETNS_FD_OTHER, "other" },		\
		{ SETNS_FD_NAMESPACE, "namespace" },	\
		{ SETNS_FD_PIDFD, "pidfd" })

#define show_setns_types(types)				\
	((types) ? __print_flags(types, "|",		\
		{ CLONE_NEWUSER, "user" },		\
		{ CLONE_NEWNS, "mnt" },			\
		{ CLONE_NEWUTS, "uts" },		\
		{ CLONE_NEWIPC, "ipc" },		\
		{ CLONE_NEWPID, "pid" },		\
		{ CLONE_NEWCGROUP, "cgroup" },		\
		{ CLONE_NEWNET, "net" },		\
		{ CLONE_NEWTIME, "time" }) : "none")

#define show_setns_impl(rust)	((rust) ? "Rust" : "C")

/**
 * setns_refused - a call of setns(2) was refused
 * @outcome: why
 * @asked: the second argument of the call
 * @error: the errno, positive
 * @user_ns_id: id of the caller's user namespace
 * @cap: a capability that the caller lacks or a security module denies, or -1
 * @cap_ns_id: id of the user namespace in which the caller lacks it, or 0
 *
 * If the reason is NOT_INSPECTABLE, @cap is CAP_SYS_PTRACE. A security module
 * may have refused as well. @cap_ns_id is then 0, because the process may be in
 * another user namespace by now.
 */
TRACE_EVENT(setns_refused,

	TP_PROTO(const struct setns_outcome *outcome, u32 asked, int error, u64 user_ns_id,
		 int cap, u64 cap_ns_id),

	TP_ARGS(outcome, asked, error, user_ns_id, cap, cap_ns_id),

	TP_STRUCT__entry(
		__field(u64,	ns_id)
		__field(u64,	owner_id)
		__field(u64,	user_ns_id)
		__field(u64,	cap_ns_id)
		__field(u32,	inum)
		__field(u32,	asked)
		__field(u32,	type)
		__field(enum setns_reason,	reason)
		__field(enum setns_fd_kind,	fd_kind)
		__field(int,	error)
		__field(int,	cap)
		__field(bool,	rust)
	),

	TP_fast_assign(
		__entry->ns_id		= outcome->ns_id;
		__entry->owner_id	= outcome->owner_id;
		__entry->user_ns_id	= user_ns_id;
		__entry->cap_ns_id	= cap_ns_id;
		__entry->inum		= outcome->inum;
		__entry->asked		= asked;
		__entry->type		= outcome->type;
		__entry->reason		= outcome->reason;
		__entry->fd_kind	= outcome->fd_kind;
		__entry->error		= error;
		__entry->cap		= cap;
		__entry->rust		= outcome->rust;
	),

	TP_printk("reason=%s type=%s error=%d fd_kind=%s asked=%s ns_id=%llu inum=%u owner_id=%llu user_ns_id=%llu cap=%d cap_ns_id=%llu impl=%s",
		  show_setns_reason(__entry->reason), show_setns_types(__entry->type),
		  __entry->error, show_setns_fd_kind(__entry->fd_kind),
		  show_setns_types(__entry->asked), __entry->ns_id, __entry->inum,
		  __entry->owner_id, __entry->user_ns_id, __entry->cap, __entry->cap_ns_id,
		  show_setns_impl(__entry->rust))
);

/**
 * setns_joined - the caller of setns(2) has joined a namespace
 * @call: a number that all events of this call have, and no other call
 * @join: the namespace
 * @asked: the second argument of the call
 * @rust: Rust has served the call
 */
TRACE_EVENT(setns_joined,

	TP_PROTO(u64 call, const struct setns_join *join, u32 asked, bool rust),

	TP_ARGS(call, join, asked, rust),

	TP_STRUCT__entry(
		__field(u64,	call)
		__field(u64,	old_id)
		__field(u64,	new_id)
		__field(u32,	old_inum)
		__field(u32,	new_inum)
		__field(u32,	type)
		__field(u32,	asked)
		__field(bool,	rust)
	),

	TP_fast_assign(
		__entry->call		= call;
		__entry->old_id		= join->old_id;
		__entry->new_id		= join->new_id;
		__entry->old_inum	= join->old_inum;
		__entry->new_inum	= join->new_inum;
		__entry->type		= join->type;
		__entry->asked		= asked;
		__entry->rust		= rust;
	),

	TP_printk("type=%s old_id=%llu new_id=%llu old_inum=%u new_inum=%u asked=%s call=%llu impl=%s",
		  show_setns_types(__entry->type), __entry->old_id, __entry->new_id,
		  __entry->old_inum, __entry->new_inum, show_setns_types(__entry->asked),
		  __entry->call, show_setns_impl(__entry->rust))
);

#endif /* _TRACE_SETNS_H */

#include <trace/define_trace.h>
