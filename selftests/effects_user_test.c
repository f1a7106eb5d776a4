// SPDX-License-Identifier: GPL-2.0
/* The credentials that come with a user namespace, and what a caller can do with them. */
#define _GNU_SOURCE
#include <grp.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "callers.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* Older versions of <linux/securebits.h> lack these. */
#ifndef SECBIT_EXEC_RESTRICT_FILE
#define SECBIT_EXEC_RESTRICT_FILE 0x100
#define SECBIT_EXEC_RESTRICT_FILE_LOCKED 0x200
#endif

/*
 * The creator of a user namespace has all capabilities in it after joining it, and
 * needs them to join the others. One call can join all, because the user namespace
 * comes first.
 */
TEST(user_namespace_comes_first)
{
	int flags = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET;
	int fd, go, status;
	ino_t user;
	pid_t pid;

	ASSERT_EQ(become_user(1000), 0);
	pid = child_in(flags, &go);
	ASSERT_GT(pid, 0);
	fd = pidfd_open(pid);
	ASSERT_GE(fd, 0);

	user = ns_ino("user");
	EXPECT_EQ(setns(fd, flags & ~CLONE_NEWUSER), -1);
	EXPECT_EQ(errno, EPERM);
	EXPECT_EQ(ns_ino("user"), user);

	EXPECT_EQ(setns(fd, flags), 0);
	EXPECT_NE(ns_ino("user"), user);
	/*
	 * The new credentials bring this capability, and the map of the namespace
	 * applies.
	 */
	EXPECT_EQ(sethostname("joined", 6), 0);
	EXPECT_EQ(getuid(), 0);

	close(go);
	ASSERT_EQ(waitpid(pid, &status, 0), pid);
}

FIXTURE(user)
{
	int fd;
	pid_t target;
};

FIXTURE_VARIANT(user)
{
	bool by_pidfd;
	uid_t owner;
};

FIXTURE_SETUP(user)
{
	int pidfd;

	if (!is_built_in("user"))
		SKIP(return, "no user namespaces");
	ASSERT_EQ(seteuid(variant->owner), 0);
	self->target = target_in(CLONE_NEWUSER, &pidfd);
	ASSERT_GT(self->target, 0);
	ASSERT_EQ(seteuid(0), 0);
	self->fd = variant->by_pidfd ? pidfd : open_ns_of(self->target, "user");
	ASSERT_GE(self->fd, 0);
}

FIXTURE_TEARDOWN(user)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(user, own_nsfd)
{
};

FIXTURE_VARIANT_ADD(user, foreign_pidfd)
{
	.by_pidfd = true,
	.owner = 1000,
};

/* Returns the lines of a status file that begin with @start, as one text. */
static const char *status_lines(int fd, const char *start, char *lines, size_t size)
{
	char status[8192];
	ssize_t length = pread(fd, status, sizeof(status) - 1, 0);
	size_t used = 0;

	lines[0] = 0;
	if (length < 0)
		return lines;
	status[length] = 0;
	for (char *line = strtok(status, "\n"); line; line = strtok(NULL, "\n")) {
		if (!strncmp(line, start, strlen(start)) && used < size)
			used += snprintf(lines + used, size - used, "%s\n", line);
	}
	return lines;
}

static int open_status(void)
{
	return open("/proc/self/status", O_RDONLY | O_CLOEXEC);
}

/* The caller gets all capabilities, whatever it had and had given up before. */
TEST_F(user, capabilities)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];
	unsigned long long all = (2ULL << read_number("/proc/sys/kernel/cap_last_cap")) - 1;
	char expected[256], seen[256];

	ASSERT_EQ(prctl(PR_CAPBSET_DROP, CAP_WAKE_ALARM), 0);
	ASSERT_EQ(syscall(SYS_capget, &header, data), 0);
	data[0].effective = 1 << CAP_SYS_ADMIN | 1 << CAP_SYS_PTRACE;
	data[1].effective = 0;
	data[0].permitted = data[0].effective | 1 << CAP_CHOWN;
	data[1].permitted = 0;
	data[0].inheritable = 1 << CAP_CHOWN;
	ASSERT_EQ(syscall(SYS_capset, &header, data), 0);
	ASSERT_EQ(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_CHOWN, 0, 0), 0);

	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	snprintf(expected, sizeof(expected),
		 "CapInh:\t%016x\nCapPrm:\t%016llx\nCapEff:\t%016llx\nCapBnd:\t%016llx\nCapAmb:\t%016x\n",
		 0, all, all, all, 0);
	EXPECT_STREQ(status_lines(open_status(), "Cap", seen, sizeof(seen)), expected);
}

/* The join clears the securebits, except those that restrict what the task may execute. */
TEST_F(user, securebits)
{
	int kept = SECBIT_EXEC_RESTRICT_FILE | SECBIT_EXEC_RESTRICT_FILE_LOCKED;
	int lost = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED | SECBIT_NO_SETUID_FIXUP | SECBIT_KEEP_CAPS;

	ASSERT_EQ(prctl(PR_SET_SECUREBITS, kept | lost), 0);
	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	EXPECT_EQ(prctl(PR_GET_SECUREBITS), kept);
}

/* The caller keeps its ids, which have other numbers in the new namespace. */
TEST_F(user, ids)
{
	gid_t groups[] = { 0, 1234 };
	char before[3][256], after[256];
	static const char *const lines[] = { "Uid:", "Gid:", "Groups:" };
	int status = open_status();

	ASSERT_EQ(setgroups(ARRAY_SIZE(groups), groups), 0);
	ASSERT_EQ(map_ids_of(self->target, "70 0 1", "80 0 1"), 0);
	for (int i = 0; i < ARRAY_SIZE(lines); i++)
		status_lines(status, lines[i], before[i], sizeof(before[i]));

	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	EXPECT_EQ(getuid(), 70);
	EXPECT_EQ(geteuid(), 70);
	EXPECT_EQ(getgid(), 80);
	EXPECT_EQ(getegid(), 80);
	ASSERT_EQ(getgroups(ARRAY_SIZE(groups), groups), 2);
	EXPECT_EQ(groups[0], 80);
	EXPECT_EQ(groups[1], read_number("/proc/sys/kernel/overflowgid"));
	/* The file shows the ids to its opener, who was outside */
	for (int i = 0; i < ARRAY_SIZE(lines); i++)
		EXPECT_STREQ(status_lines(status, lines[i], after, sizeof(after)), before[i]);
}

/*
 * A caller that owns the user namespace was capable over it before. Any other caller
 * counts as gaining capabilities, so it loses its dumpable flag and its parent death
 * signal.
 */
TEST_F(user, dumpable_and_parent_death_signal)
{
	bool own = variant->owner == 0;
	int signal = -1;

	ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	ASSERT_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), own ? 1 : read_number("/proc/sys/fs/suid_dumpable"));
	ASSERT_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
	EXPECT_EQ(signal, own ? SIGUSR1 : 0);
}

/* The keyrings stay, unlike with a new user namespace. */
TEST_F(user, keyrings)
{
	static const int keyrings[] = {
		KEY_SPEC_THREAD_KEYRING, KEY_SPEC_PROCESS_KEYRING, KEY_SPEC_SESSION_KEYRING,
	};
	long before[ARRAY_SIZE(keyrings)];

	for (int i = 0; i < ARRAY_SIZE(keyrings); i++) {
		before[i] = syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, keyrings[i], 1);
		if (before[i] < 0)
			SKIP(return, "no keyrings: %s", strerror(errno));
	}
	ASSERT_EQ(setns(self->fd, CLONE_NEWUSER), 0);
	for (int i = 0; i < ARRAY_SIZE(keyrings); i++) {
		EXPECT_EQ(syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, keyrings[i], 0), before[i]) {
			TH_LOG("keyring %d", keyrings[i]);
		}
	}
}

/* The other types leave the credentials alone. */
TEST(other_types_keep_the_credentials)
{
	int flags = built_in(all_types & ~CLONE_NEWUSER);
	int signal = -1, pidfd;
	char before[256], after[256];
	pid_t target = target_in(flags, &pidfd);

	ASSERT_GT(target, 0);
	ASSERT_EQ(prctl(PR_SET_DUMPABLE, 1), 0);
	ASSERT_EQ(prctl(PR_SET_PDEATHSIG, SIGUSR1), 0);
	ASSERT_EQ(prctl(PR_SET_SECUREBITS, SECBIT_NOROOT), 0);
	ASSERT_EQ(lose_capability(CAP_WAKE_ALARM), 0);
	status_lines(open_status(), "Cap", before, sizeof(before));

	for (int i = 0; i < ARRAY_SIZE(types); i++) {
		int nsfd = open_ns_of(target, types[i].name);

		if (types[i].flag & flags)
			ASSERT_EQ(setns(nsfd, types[i].flag), 0);
	}
	ASSERT_EQ(setns(pidfd, flags), 0);
	EXPECT_EQ(prctl(PR_GET_DUMPABLE), 1);
	ASSERT_EQ(prctl(PR_GET_PDEATHSIG, &signal), 0);
	EXPECT_EQ(signal, SIGUSR1);
	EXPECT_EQ(prctl(PR_GET_SECUREBITS), SECBIT_NOROOT);
	EXPECT_STREQ(status_lines(open_status(), "Cap", after, sizeof(after)), before);
}

TEST_HARNESS_MAIN
