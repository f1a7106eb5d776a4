// SPDX-License-Identifier: GPL-2.0
/* What the trace event setns_refused says of a call of setns(2) that is refused. */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/securebits.h>
#include <sys/prctl.h>

#include "setns_trace.h"

/* Takes capabilities out of the effective set. */
static int drop(__u64 capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	if (syscall(SYS_capget, &header, data))
		return -1;
	data[0].effective &= ~capabilities;
	return syscall(SYS_capset, &header, data);
}

static int drop_sys_admin(void)
{
	return drop(1U << CAP_SYS_ADMIN);
}

static int drop_sys_chroot(void)
{
	return drop(1U << CAP_SYS_CHROOT);
}

/* A task has all capabilities in the user namespace that it makes, and none elsewhere. */
static int make_user_ns(void)
{
	return unshare(CLONE_NEWUSER);
}

static int make_user_ns_and_drop_sys_admin(void)
{
	return make_user_ns() || drop_sys_admin();
}

static int become_someone_else(void)
{
	if (setresgid(2000, 2000, 2000) || setresuid(2000, 2000, 2000))
		return -1;
	return prctl(PR_SET_DUMPABLE, 1);
}

/* Keeps the other capabilities, but does not own the user namespaces of root any more. */
static int become_someone_else_and_drop_sys_chroot(void)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || become_someone_else())
		return -1;
	return drop_sys_chroot();
}

TEST_F(trace, closed_descriptor)
{
	self->call.fd = -1;
	expect_refusal(_metadata, &self->call, EBADF, "reason=BAD_FD");
	EXPECT_TRUE(has(self->call.events, "fd_kind=other"));
	EXPECT_TRUE(has(self->call.events, "type=none"));
	EXPECT_TRUE(has(self->call.events, "asked=none"));
	EXPECT_TRUE(has(self->call.events, "ns_id=0"));
	EXPECT_TRUE(has(self->call.events, "inum=0"));
	EXPECT_TRUE(has(self->call.events, "cap=-1"));
	EXPECT_TRUE(has(self->call.events, "cap_ns_id=0"));
}

TEST_F(trace, no_namespace)
{
	self->call.fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	expect_refusal(_metadata, &self->call, EINVAL, "reason=NOT_A_NAMESPACE");
}

TEST_F(trace, another_type)
{
	self->call.fd = open_ns(self->target, "uts");
	self->call.nstype = CLONE_NEWNS;
	expect_refusal(_metadata, &self->call, EINVAL, "reason=OTHER_TYPE");
	EXPECT_TRUE(has(self->call.events, "type=uts"));
	EXPECT_TRUE(has(self->call.events, "asked=mnt"));
	EXPECT_TRUE(has(self->call.events, "fd_kind=namespace"));
	expect_namespace(_metadata, self->call.events, self->call.fd);
}

TEST_F(trace, no_type_of_a_process)
{
	self->call.fd = self->pidfd;
	expect_refusal(_metadata, &self->call, EINVAL, "reason=BAD_TYPES");
	EXPECT_TRUE(has(self->call.events, "fd_kind=pidfd"));
}

TEST_F(trace, own_user_namespace)
{
	int user = open_ns(getpid(), "user");

	self->call.fd = user;
	expect_refusal(_metadata, &self->call, EINVAL, "reason=OWN_USER_NS");
	EXPECT_TRUE(has(self->call.events, "type=user"));
	expect_namespace(_metadata, self->call.events, user);
	EXPECT_TRUE(has_number(self->call.events, "user_ns_id", id_of(user)));
}

/*
 * Asks for each namespace of the target but its user namespace. Each refuses for @reason, but the
 * cgroup namespace for @of_cgroup, as it asks for the two capabilities in the other order.
 */
static void expect_no_capability(struct __test_metadata *_metadata, struct call *call, pid_t target,
				 const char *reason, const char *of_cgroup)
{
	int user = open_ns(getpid(), "user");

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		bool is_cgroup = types[i].flag == CLONE_NEWCGROUP;
		const char *expected = is_cgroup ? of_cgroup : reason;
		int owner, needed_in = -1;

		call->fd = open_ns(target, types[i].name);
		if (call->fd < 0 || types[i].flag == CLONE_NEWUSER)
			continue;
		owner = ioctl(call->fd, NS_GET_USERNS);
		ASSERT_GE(owner, 0);
		expect_refusal(_metadata, call, EPERM, expected);
		expect_type(_metadata, call->events, types[i].name);
		expect_namespace(_metadata, call->events, call->fd);
		EXPECT_TRUE(has(call->events, "cap=21"));
		EXPECT_TRUE(has_number(call->events, "owner_id", id_of(owner)));
		if (!strcmp(expected, "reason=NO_OWNER_CAP"))
			needed_in = owner;
		else if (call->become == drop_sys_admin)
			needed_in = user;
		EXPECT_TRUE(needed_in < 0 ||
			    has_number(call->events, "cap_ns_id", id_of(needed_in)));
		close(owner);
		close(call->fd);
	}
	close(user);
}

/* The owner of a namespace is the user namespace that it was created in. */
TEST_F(trace, no_capability_in_the_owner)
{
	self->call.become = make_user_ns;
	expect_no_capability(_metadata, &self->call, self->target, "reason=NO_OWNER_CAP",
			     "reason=NO_OWNER_CAP");
}

/* Root owns the target's user namespace, so it has all capabilities there. */
TEST_F(trace, no_capability_of_its_own)
{
	self->call.become = drop_sys_admin;
	expect_no_capability(_metadata, &self->call, self->target, "reason=NO_CAP",
			     "reason=NO_CAP");
}

TEST_F(trace, no_capability_at_all)
{
	self->call.become = make_user_ns_and_drop_sys_admin;
	expect_no_capability(_metadata, &self->call, self->target, "reason=NO_OWNER_CAP",
			     "reason=NO_CAP");
}

TEST_F(trace, no_capability_in_a_user_namespace)
{
	self->call.fd = open_ns(self->target, "user");
	self->call.become = make_user_ns;
	expect_refusal(_metadata, &self->call, EPERM, "reason=NO_TARGET_CAP");
	expect_type(_metadata, self->call.events, "user");
	expect_namespace(_metadata, self->call.events, self->call.fd);
	EXPECT_TRUE(has(self->call.events, "cap=21"));
	EXPECT_TRUE(has_number(self->call.events, "cap_ns_id", id_of(self->call.fd)));
}

TEST_F(trace, no_capability_to_change_the_root)
{
	int user = open_ns(getpid(), "user");

	self->call.fd = open_ns(self->target, "mnt");
	self->call.become = drop_sys_chroot;
	expect_refusal(_metadata, &self->call, EPERM, "reason=NO_CHROOT_CAP");
	expect_type(_metadata, self->call.events, "mnt");
	EXPECT_TRUE(has(self->call.events, "cap=18"));
	EXPECT_TRUE(user < 0 || has_number(self->call.events, "cap_ns_id", id_of(user)));
}

/* It is needed in the user namespace that the caller would have, which the same call joins. */
TEST_F(trace, no_capability_in_the_new_user_namespace)
{
	int user = open_ns(self->target, "user");

	if (user < 0)
		SKIP(return, "no user namespaces");
	self->call.fd = self->pidfd;
	self->call.nstype = CLONE_NEWUSER | CLONE_NEWNS;
	self->call.become = become_someone_else_and_drop_sys_chroot;
	expect_refusal(_metadata, &self->call, EPERM, "reason=NO_CHROOT_CAP");
	expect_type(_metadata, self->call.events, "mnt");
	EXPECT_TRUE(has_number(self->call.events, "cap_ns_id", id_of(user)));
}

TEST_F(trace, process_of_another_user)
{
	self->call.fd = self->pidfd;
	self->call.nstype = CLONE_NEWUTS;
	self->call.become = become_someone_else;
	expect_refusal(_metadata, &self->call, EPERM, "reason=NOT_INSPECTABLE");
	EXPECT_TRUE(has(self->call.events, "cap=19"));
}

/* Tools use the numbers and the names. Neither may ever change. */
TEST_F(trace, reasons_are_pinned)
{
	static const char *const names[] = {
		NULL, "BAD_FD", "NOT_A_NAMESPACE", "OTHER_TYPE", "BAD_TYPES", "NOT_BUILT_IN",
		"NO_MEMORY", "REAPED", "NOT_INSPECTABLE", "ZOMBIE", "NO_OWNER_CAP", "NO_CAP",
		"NO_CHROOT_CAP", "OWN_USER_NS", "THREADS", "SHARED_FS", "NO_CRED",
		"NO_UCOUNTS", "ANONYMOUS", "NO_ROOT", "NOT_BELOW", "SHARED_MEMORY",
		"NO_TARGET_CAP",
	};
	static const char *const kinds[] = { "other", "namespace", "pidfd" };
	char format[8192], entry[64];
	int fd = open(EVENTS "/setns_refused/format", O_RDONLY | O_CLOEXEC);
	ssize_t length, at = 0;

	while ((length = read(fd, format + at, sizeof(format) - 1 - at)) > 0)
		at += length;
	format[at] = '\0';
	close(fd);
	for (int i = 1; i < ARRAY_SIZE(names); i++) {
		snprintf(entry, sizeof(entry), "{ %d, \"%s\" }", i, names[i]);
		EXPECT_NE(strstr(format, entry), NULL) {
			TH_LOG("%s is missing in: %s", entry, format);
		}
	}
	/* A new reason belongs into the list above */
	snprintf(entry, sizeof(entry), "{ %zu, ", ARRAY_SIZE(names));
	EXPECT_EQ(strstr(format, entry), NULL);
	for (int i = 0; i < ARRAY_SIZE(kinds); i++) {
		snprintf(entry, sizeof(entry), "{ %d, \"%s\" }", i, kinds[i]);
		EXPECT_NE(strstr(format, entry), NULL);
	}
}

TEST_HARNESS_MAIN
