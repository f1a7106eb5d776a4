/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What a tool sees that attaches kprobes to the way of a call of setns(2). The kprobes
 * are in an instance of the trace buffer, and concern one task.
 */
#ifndef SELFTESTS_SETNS_OBSERVER_H
#define SELFTESTS_SETNS_OBSERVER_H

#include <stdlib.h>
#include <sys/stat.h>

#include "setns.h"

#define TRACEFS		"/sys/kernel/tracing"
#define INSTANCE	TRACEFS "/instances/setns_observer"
#define GROUP		"setns_observer"

/*
 * The functions, and scalars among their arguments. Rust calls some of them less often
 * than C: @differs says whether it does so only when it joins in place, or with the
 * algorithm of C, too. If @more, it may also call the function more often. If @required,
 * a compiler cannot leave the function out: it is called from another file, or through a
 * pointer.
 */
static const struct observed {
	const char *name;
	const char *args;
	enum { NEVER, IN_PLACE, ALWAYS } differs;
	bool more;
	bool required;
} observed[] = {
	{ "create_new_namespaces", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_mnt_ns", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_utsname", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_ipcs", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_pid_ns", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_cgroup_ns", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_net_ns", "flags=$arg1:x64", .differs = ALWAYS },
	{ "copy_time_ns", "flags=$arg1:x64", .differs = ALWAYS },
	{ "prepare_creds", "", .required = true },
	{ "copy_fs_struct", "", .differs = ALWAYS },
	{ "proc_ns_file", "", .differs = ALWAYS, .required = true },
	{ "pidfd_pid", "", .differs = ALWAYS },
	{ "ptrace_may_access", "mode=$arg2:x32" },
	{ "userns_install", "", .required = true },
	{ "mntns_install", "", .required = true },
	{ "utsns_install", "", .required = true },
	{ "ipcns_install", "", .required = true },
	{ "pidns_install", "", .required = true },
	{ "cgroupns_install", "", .required = true },
	{ "netns_install", "", .required = true },
	{ "timens_install", "", .required = true },
	{ "ns_capable", "cap=$arg2:s32" },
	{ "commit_creds", "", .required = true },
	{ "set_fs_root", "", .differs = IN_PLACE, .more = true },
	{ "set_fs_pwd", "", .differs = IN_PLACE, .more = true },
	{ "free_fs_struct", "", .differs = ALWAYS },
	{ "exit_sem", "", .required = true },
	{ "timens_commit", "" },
	{ "switch_task_namespaces", "", .differs = IN_PLACE, .required = true },
	{ "nsproxy_ns_active_get", "", .differs = IN_PLACE },
	{ "nsproxy_ns_active_put", "", .differs = IN_PLACE },
	{ "nsproxy_free", "", .differs = IN_PLACE },
	{ "put_mnt_ns", "", .differs = IN_PLACE, .required = true },
	{ "put_ipc_ns", "", .differs = IN_PLACE, .required = true },
	{ "put_pid_ns", "", .differs = IN_PLACE, .required = true },
	{ "perf_event_namespaces", "" },
	/* Hooks of security modules. Others are added by name, without arguments. */
	{ "security_capable", "cap=$arg3:s32 opts=$arg4:x32" },
	{ "security_ptrace_access_check", "mode=$arg2:x32" },
	{ "security_prepare_creds", "gfp=$arg3:x32" },
};

/**
 * struct kprobe - a kprobe at the start of a function
 * @name: the function, and the name of the event
 * @listed: the entry in observed[], or NULL
 * @fired: it has fired in a call that C served
 */
struct kprobe {
	char name[64];
	const struct observed *listed;
	bool fired;
};

static struct kprobe kprobes[512];
static int nr_kprobes;

/* Adds or removes an event. Without O_APPEND, the kernel would remove all others. */
static inline int change_kprobes(const char *command)
{
	int fd = open(TRACEFS "/kprobe_events", O_WRONLY | O_APPEND | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return -1;
	written = write(fd, command, strlen(command));
	close(fd);
	return written < 0 ? -1 : 0;
}

/* The kernel refuses a function that is not there, for example because it was inlined. */
static inline void add_kprobe(const char *name, const struct observed *listed)
{
	char command[256];

	if (nr_kprobes == ARRAY_SIZE(kprobes))
		abort();
	snprintf(command, sizeof(command), "p:" GROUP "/%s %s %s", name, name,
		 listed ? listed->args : "");
	if (change_kprobes(command))
		return;
	snprintf(kprobes[nr_kprobes].name, sizeof(kprobes->name), "%s", name);
	kprobes[nr_kprobes++].listed = listed;
}

static inline bool has_kprobe(const char *name)
{
	for (int i = 0; i < nr_kprobes; i++) {
		if (!strcmp(kprobes[i].name, name))
			return true;
	}
	return false;
}

static inline bool is_listed(const char *name)
{
	for (int i = 0; i < ARRAY_SIZE(observed); i++) {
		if (!strcmp(observed[i].name, name))
			return true;
	}
	return false;
}

/* Adds the functions in observed[], and all that call hooks of security modules. */
static inline void add_kprobes(void)
{
	FILE *file = fopen(TRACEFS "/available_filter_functions", "re");
	char line[256], name[64];

	for (int i = 0; i < ARRAY_SIZE(observed); i++)
		add_kprobe(observed[i].name, &observed[i]);
	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "%63s", name) == 1 && !strncmp(name, "security_", 9) &&
		    !is_listed(name))
			add_kprobe(name, NULL);
	}
	if (file)
		fclose(file);
}

/* Removes all kprobes of the observer. This works after an earlier run was stopped, too. */
static inline void remove_kprobes(void)
{
	write_file(INSTANCE "/events/" GROUP "/enable", "0");
	write_file(INSTANCE "/events/syscalls/enable", "0");
	rmdir(INSTANCE);
	write_file(TRACEFS "/events/" GROUP "/enable", "0");
	change_kprobes("-:" GROUP "/");
}

static inline int enable_kprobes(void)
{
	if (mkdir(INSTANCE, 0700))
		return -1;
	/* The caller may move to another processor */
	if (write_file(INSTANCE "/trace_clock", "global"))
		return -1;
	if (write_file(INSTANCE "/events/" GROUP "/enable", "1") ||
	    write_file(INSTANCE "/events/syscalls/sys_enter_setns/enable", "1"))
		return -1;
	return write_file(INSTANCE "/events/syscalls/sys_exit_setns/enable", "1");
}

/* Forgets what was recorded, and records this task from now on. */
static inline int observe_task(pid_t pid)
{
	char text[16];
	int fd = open(INSTANCE "/trace", O_WRONLY | O_TRUNC | O_CLOEXEC);

	if (fd < 0)
		return -1;
	close(fd);
	snprintf(text, sizeof(text), "%d", pid);
	return write_file(INSTANCE "/set_event_pid", text);
}

/*
 * Returns the kprobes that fired during the task's call, a line for each, with the
 * arguments but without addresses. The caller frees it. Returns NULL if there was no call.
 */
static inline char *observed_call(void)
{
	FILE *trace = fopen(INSTANCE "/trace", "re"), *out;
	char line[512], *text = NULL;
	bool inside = false, complete = false;
	size_t size;

	out = open_memstream(&text, &size);
	if (!trace || !out)
		abort();
	while (fgets(line, sizeof(line), trace)) {
		char name[64], *hit = strstr(line, ": "), *args, *context = strstr(line, "] ");

		/* What an interrupt does is not part of the call */
		if (context && strchr("hHs", context[4]))
			continue;
		if (strstr(line, "sys_setns(")) {
			inside = true;
		} else if (strstr(line, "sys_setns -> ")) {
			complete = inside;
			inside = false;
		} else if (inside && hit && sscanf(hit, ": %63[a-z0-9_]:", name) == 1) {
			args = strchr(hit, ')');
			fprintf(out, "%s%s", name, args ? args + 1 : "\n");
		}
	}
	fclose(trace);
	fclose(out);
	if (!complete) {
		free(text);
		return NULL;
	}
	return text;
}

/* Returns how many lines begin with this name. */
static inline int hits(const char *text, const char *name)
{
	size_t length = strlen(name);
	int count = 0;

	while (text && *text) {
		count += !strncmp(text, name, length) &&
			 (text[length] == ' ' || text[length] == '\n');
		text = strchr(text, '\n');
		text = text ? text + 1 : NULL;
	}
	return count;
}

#endif
