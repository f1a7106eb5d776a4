// SPDX-License-Identifier: GPL-2.0
/*
 * Who may use the files and the module of rust_setns:
 *
 * - The parameter shows and chooses which implementation serves setns(2), C or Rust.
 *   Everybody may read it. The mode of the file decides who may write it: root may,
 *   without any capability. Root is uid 0 of the initial user namespace. Uid 0 of
 *   another one is not root, unless it is mapped to 0.
 * - The counters show how many calls all tasks have made. Only root may read them.
 * - Only root may choose the algorithm.
 * - Loading and unloading require CAP_SYS_MODULE in the initial user namespace.
 *
 * The other tests check what setns(2) itself permits.
 */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "knob.h"
#include "knob_fixture.h"
#include "links.h"
#include "module.h"
#include "setns.h"
#include "tasks.h"

/* The users of the files, and what each of them may do. */

#define ALL (~0ULL)
#define BIT(cap) (1ULL << (cap))

static int stay_root(void)
{
	return 0;
}

static int become_root_without_capabilities(void)
{
	return set_capabilities(0);
}

static int become_user_with_none(void)
{
	return become_user_with(0);
}

/* Has all capabilities that should not help, among them CAP_SYS_ADMIN. */
static int become_user_with_others(void)
{
	return become_user_with(ALL & ~(BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) |
					BIT(CAP_SYS_MODULE)));
}

static int become_user_who_reads(void)
{
	return become_user_with(BIT(CAP_DAC_READ_SEARCH));
}

static int become_user_who_overrides(void)
{
	return become_user_with(BIT(CAP_DAC_OVERRIDE));
}

static int become_user_who_loads(void)
{
	return become_user_with(BIT(CAP_SYS_MODULE));
}

/* A child that has stayed outside writes the maps: only it may map more than one id. */
static int unshare_with_map(const char *map)
{
	int line, status;
	pid_t pid = fork_with_line(&line);

	if (pid == 0)
		_exit(!await_turn(line) || map_ids_of(getppid(), map, map));
	if (pid < 0 || unshare(CLONE_NEWUSER) || !pass_turn(line) ||
	    waitpid(pid, &status, 0) != pid)
		return -1;
	close(line);
	return status;
}

/* Maps ids as container managers do. */
static int become_root_of_container(void)
{
	return unshare_with_map("0 100000 65536") || setresgid(0, 0, 0) || setresuid(0, 0, 0);
}

/* Maps ids as container managers should not. */
static int become_root_of_mapped(void)
{
	return unshare_with_map("0 0 65536");
}

static int become_user_of_mapped(void)
{
	return unshare_with_map("0 0 65536") || become_user_with(ALL);
}

FIXTURE(who)
{
	struct knob knob;
};

FIXTURE_VARIANT(who)
{
	int (*become)(void);
	bool reads;	/* may read the counters */
	bool writes;	/* may write the parameter */
	bool overrides;	/* may open files whatever their mode */
	bool owns;	/* owns the files, or may do what an owner may */
	bool loads;	/* may load any module */
};

FIXTURE_SETUP(who)
{
	if (!open_knob(&self->knob))
		SKIP(return, "no rust_setns in this kernel, or no debugfs");
}

FIXTURE_TEARDOWN(who)
{
	close_knob(&self->knob);
}

FIXTURE_VARIANT_ADD(who, root)
{
	.become = stay_root,
	.reads = true,
	.writes = true,
	.overrides = true,
	.owns = true,
	.loads = true,
};

/* Root owns the files. */
FIXTURE_VARIANT_ADD(who, root_without_capabilities)
{
	.become = become_root_without_capabilities,
	.reads = true,
	.writes = true,
	.owns = true,
};

FIXTURE_VARIANT_ADD(who, user)
{
	.become = become_user_with_none,
};

/* This user may not open the files, but has CAP_FOWNER. */
FIXTURE_VARIANT_ADD(who, user_with_other_capabilities)
{
	.become = become_user_with_others,
	.owns = true,
};

FIXTURE_VARIANT_ADD(who, user_who_reads)
{
	.become = become_user_who_reads,
	.reads = true,
};

FIXTURE_VARIANT_ADD(who, user_who_overrides)
{
	.become = become_user_who_overrides,
	.reads = true,
	.writes = true,
	.overrides = true,
};

FIXTURE_VARIANT_ADD(who, user_who_loads)
{
	.become = become_user_who_loads,
	.loads = true,
};

FIXTURE_VARIANT_ADD(who, root_of_child)
{
	.become = become_root_of_child,
};

FIXTURE_VARIANT_ADD(who, root_of_container)
{
	.become = become_root_of_container,
};

/* This user is root to the file system. */
FIXTURE_VARIANT_ADD(who, root_of_mapped)
{
	.become = become_root_of_mapped,
	.reads = true,
	.writes = true,
	.overrides = true,
	.owns = true,
};

/* This user overrides the mode of files whose owner is mapped in its user namespace. */
FIXTURE_VARIANT_ADD(who, user_of_mapped)
{
	.become = become_user_of_mapped,
	.reads = true,
	.writes = true,
	.overrides = true,
	.owns = true,
};

static void expect_open(struct __test_metadata *_metadata, const char *path, int flags, int err)
{
	int fd = open(path, flags | O_CLOEXEC);

	EXPECT_EQ(fd < 0 ? errno : 0, err) {
		TH_LOG("%s", path);
	}
	if (fd >= 0)
		close(fd);
}

/*
 * A user who may change the mode of a file, which is @mode, gets access. Otherwise the
 * change is refused with @err.
 */
static void expect_way_by_mode(struct __test_metadata *_metadata, const char *path, mode_t mode,
			       int flags, int err)
{
	EXPECT_EQ(chmod(path, 0666) ? errno : 0, err) {
		TH_LOG("%s", path);
	}
	if (!err) {
		expect_open(_metadata, path, flags, 0);
		EXPECT_EQ(chmod(path, mode), 0);
	}
}

/* The mode of its root keeps others out of debugfs, even if they may change all modes. */
TEST_F(who, counters)
{
	int not_owner = variant->owns ? 0 : EPERM;

	ASSERT_EQ(variant->become(), 0);
	for (enum impl i = C; i < IMPLS; i++) {
		expect_open(_metadata, counters[i], O_RDONLY, variant->reads ? 0 : EACCES);
		/* Nobody may write the counters, even if the file can be opened for writing */
		EXPECT_EQ(write_file(counters[i], "0"), -1);
		EXPECT_EQ(errno, variant->overrides ? EINVAL : EACCES);
		expect_open(_metadata, counters[i], O_RDWR, variant->overrides ? 0 : EACCES);
		expect_way_by_mode(_metadata, counters[i], 0400, O_RDONLY,
				   variant->reads ? not_owner : EACCES);
	}
}

/* Who may write the parameter and enter debugfs may also choose the algorithm. */
TEST_F(who, algorithm)
{
	bool writes = variant->reads && variant->writes;

	ASSERT_EQ(variant->become(), 0);
	expect_open(_metadata, algorithm_file, O_RDONLY, variant->reads ? 0 : EACCES);
	expect_open(_metadata, algorithm_file, O_RDWR, writes ? 0 : EACCES);
}

TEST_F(who, parameter_to_read)
{
	char text[8];
	int fd;

	if (self->knob.parameter < 0)
		SKIP(return, "not loaded");
	ASSERT_EQ(variant->become(), 0);
	fd = open(parameter, O_RDONLY | O_CLOEXEC);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(read_file(fd, text, sizeof(text)), 0);
	EXPECT_STREQ(text, self->knob.before == 'Y' ? "Y\n" : "N\n");
}

TEST_F(who, parameter_to_write)
{
	const struct knob *knob = &self->knob;
	struct knob own = *knob;

	if (knob->parameter < 0)
		SKIP(return, "not loaded");
	ASSERT_EQ(variant->become(), 0);
	expect_way_by_mode(_metadata, parameter, 0644, O_RDWR, variant->owns ? 0 : EPERM);
	expect_open(_metadata, parameter, O_RDWR, variant->writes ? 0 : EACCES);
	own.parameter = open(parameter, O_WRONLY | O_CLOEXEC);
	if (!variant->writes) {
		EXPECT_EQ(own.parameter, -1);
		EXPECT_EQ(setting(knob), knob->before);
		expect_served_by(_metadata, knob, in_charge(knob));
		return;
	}
	for (enum impl i = C; i < IMPLS; i++) {
		ASSERT_EQ(switch_to(&own, i), 0);
		EXPECT_EQ(in_charge(knob), i);
		expect_served_by(_metadata, knob, i);
	}
}

/*
 * As with any file, the holder of an open descriptor needs no permission to open the
 * file.
 */
TEST_F(who, parameter_opened_by_root)
{
	const struct knob *knob = &self->knob;

	if (knob->parameter < 0)
		SKIP(return, "not loaded");
	ASSERT_EQ(variant->become(), 0);
	for (enum impl i = C; i < IMPLS; i++) {
		EXPECT_EQ(switch_to(knob, i), 0);
		EXPECT_EQ(in_charge(knob), i);
	}
}

/* The capability must be one in the initial user namespace. One at home is not enough. */
TEST_F(who, module)
{
	ASSERT_EQ(variant->become(), 0);
	if (access("/proc/modules", F_OK))
		SKIP(return, "no modules");
	EXPECT_EQ(refusal_to_load(-1), variant->loads ? EBADF : EPERM);
	if (variant->loads) {
		EXPECT_EQ(refusal_to_unload("no_setns"), ENOENT);
		return;
	}
	EXPECT_EQ(refusal_to_unload("rust_setns"), EPERM);
	EXPECT_EQ(setting(&self->knob), self->knob.before);
}

/* These cases check what the files show and change. */

TEST_F(knob, takes_only_a_bool)
{
	static const char *const values[] = {
		"\n", "2", "-1", " 1", "x", "maybe", "\xff", "\n1", "/dev/null", "o", "or",
	};
	/* These are bools by their first character, or by the second one after an o */
	static const char *const bools[IMPLS] = { [C] = "off-topic", [RUST] = "yellow" };
	const struct knob *knob = &self->knob;

	for (enum impl impl = C; impl < IMPLS; impl++) {
		ASSERT_EQ(switch_to(knob, !impl), 0);
		EXPECT_EQ(set(knob, bools[impl]), 0);
		for (int i = 0; i < ARRAY_SIZE(values); i++) {
			EXPECT_EQ(set(knob, values[i]), -1) {
				TH_LOG("value %d", i);
			}
			EXPECT_EQ(errno, EINVAL);
			EXPECT_EQ(in_charge(knob), impl);
		}
		expect_served_by(_metadata, knob, impl);
	}
}

static void expect_algorithm(struct __test_metadata *_metadata, const struct knob *knob,
			     const char *name)
{
	char text[16];

	EXPECT_EQ(read_file(knob->algorithm, text, sizeof(text)), 0);
	EXPECT_EQ(strncmp(text, name, strcspn(name, "\n")), 0);
	EXPECT_STREQ(text + strcspn(name, "\n"), "\n");
}

TEST_F(knob, takes_only_an_algorithm)
{
	static const char *const names[] = { "copy", "in_place", "copy\n", "in_place\n" };
	static const char *const others[] = {
		"\n", "x", "1", "copy ", "in-place", "in_place,or,copy",
	};
	const char *type = is_built_in("uts") ? "uts" : "mnt";
	const struct knob *knob = &self->knob;
	int home = open_ns(type);

	ASSERT_EQ(switch_to(knob, RUST), 0);
	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		ASSERT_EQ(choose_algorithm(knob, names[i]), 0);
		for (int j = 0; j < ARRAY_SIZE(others); j++) {
			EXPECT_EQ(choose_algorithm(knob, others[j]), -1);
			EXPECT_EQ(errno, EINVAL);
			expect_algorithm(_metadata, knob, names[i]);
		}
		ASSERT_EQ(unshare(CLONE_NEWNS | built_in(CLONE_NEWUTS)), 0);
		EXPECT_NE(ns_ino(type), ino_of(home));
		EXPECT_EQ(setns(home, 0), 0);
		EXPECT_EQ(ns_ino(type), ino_of(home));
		expect_served_by(_metadata, knob, RUST);
	}
}

/* Writing the value that it has changes nothing either. */
TEST_F(knob, twice)
{
	const struct knob *knob = &self->knob;

	for (enum impl i = C; i < IMPLS; i++) {
		ASSERT_EQ(switch_to(knob, i), 0);
		ASSERT_EQ(switch_to(knob, i), 0);
		expect_served_by(_metadata, knob, i);
	}
}

/*
 * A sysfs that a user mounts has the same parameter with the same mode. The counters are
 * in debugfs, which users may not mount.
 */
static void expect_refused_in_own_sysfs(struct __test_metadata *_metadata, int (*become)(void))
{
	ASSERT_EQ(become(), 0);
	ASSERT_EQ(unshare(CLONE_NEWNS | CLONE_NEWNET), 0);
	ASSERT_EQ(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
	if (mount("sysfs", "/sys", "sysfs", 0, NULL)) {
		/* Something covers a part of the sysfs that is there */
		ASSERT_EQ(errno, EPERM);
		SKIP(return, "sysfs may not be mounted");
	}
	for (enum impl i = C; i < IMPLS; i++)
		expect_open(_metadata, counters[i], O_RDONLY, ENOENT);
	EXPECT_EQ(mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL), -1);
	EXPECT_EQ(errno, EPERM);
	expect_open(_metadata, parameter, O_RDONLY, 0);
	expect_open(_metadata, parameter, O_WRONLY, EACCES);
}

TEST_F(knob, sysfs_of_root_of_child)
{
	expect_refused_in_own_sysfs(_metadata, become_root_of_child);
}

TEST_F(knob, sysfs_of_root_of_container)
{
	expect_refused_in_own_sysfs(_metadata, become_root_of_container);
}

static int call_from_elsewhere(void *arg)
{
	if (become_root_of_child() || unshare(all_types & ~CLONE_NEWUSER))
		return 1;
	make_calls(CALLS);
	return 0;
}

/* The counters tell what others do, in any namespace. So only root may read them. */
TEST_F(knob, counts_the_calls_of_all)
{
	const struct knob *knob = &self->knob;

	for (enum impl i = C; i < IMPLS; i++) {
		long before;

		ASSERT_EQ(switch_to(knob, i), 0);
		before = calls(knob, i);
		run_in_child(0, call_from_elsewhere, NULL);
		EXPECT_GE(calls(knob, i), before + CALLS);
	}
}

static int refuse_by_seccomp(int err)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_setns, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | err),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { ARRAY_SIZE(filter), filter };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return -1;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

/* A call that a seccomp filter refuses reaches neither implementation. */
TEST_F(knob, is_behind_seccomp)
{
	const struct knob *knob = &self->knob;
	int fd = open_ns("uts");

	ASSERT_EQ(refusal(fd, CLONE_NEWUTS), 0);
	ASSERT_EQ(refuse_by_seccomp(EXDEV), 0);
	for (enum impl i = C; i < IMPLS; i++) {
		long c, rust;

		ASSERT_EQ(switch_to(knob, i), 0);
		c = calls(knob, C);
		rust = calls(knob, RUST);
		EXPECT_EQ(refusal(fd, CLONE_NEWUTS), EXDEV);
		EXPECT_EQ(refusal(-1, 0), EXDEV);
		EXPECT_EQ(calls(knob, C), c);
		EXPECT_EQ(calls(knob, RUST), rust);
	}
}

TEST_HARNESS_MAIN
