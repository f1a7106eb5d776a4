// SPDX-License-Identifier: GPL-2.0
/*
 * The files and the module of rust_setns, and who may use them:
 *
 * - The parameter shows and chooses which implementation serves setns(2), C or Rust.
 *   Everybody may read it. The mode of the file decides who may write it: root may,
 *   without any capability. Root is uid 0 of the initial user namespace. Uid 0 of
 *   another one is not root, unless it is mapped to 0.
 * - The counters show how many calls all tasks have made. Only root may read them.
 * - Loading and unloading require CAP_SYS_MODULE in the initial user namespace.
 * - The parameter and the module change which implementation serves setns(2), and
 *   nothing else.
 *
 * The other tests check what setns(2) itself permits. These tests need a
 * call that takes no privileges and is counted: a call with a descriptor that is not
 * open.
 */
#define _GNU_SOURCE
#include <grp.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/fuse.h>
#include <linux/seccomp.h>
#include <linux/securebits.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "callers.h"
#include "links.h"
#include "ns_limits.h"
#include "setns.h"
#include "tasks.h"

#define CALLS	20	/* enough to stand out from other calls */
#define TASKS	8
#define SWITCHES 20	/* each there and back */

enum impl { C, RUST, IMPLS };

static const char parameter[] = "/sys/module/rust_setns/parameters/enabled";
static const char *const counters[IMPLS] = {
	[C] = "/sys/kernel/setns/calls_c",
	[RUST] = "/sys/kernel/setns/calls_rust",
};

/* The files. The test opens them as root, before it becomes another user. */
struct knob {
	int parameter;		/* -1 if rust_setns is not there, or not loaded */
	int counters[IMPLS];
	char before;
};

static int read_file(int fd, char *text, size_t size)
{
	ssize_t length = pread(fd, text, size - 1, 0);

	text[length > 0 ? length : 0] = '\0';
	return length > 0 ? 0 : -1;
}

/* Returns the value of the parameter, or 0 if it cannot be read. */
static char setting(const struct knob *knob)
{
	char text[8];

	return read_file(knob->parameter, text, sizeof(text)) ? 0 : text[0];
}

static int set(const struct knob *knob, const char *value)
{
	return pwrite(knob->parameter, value, strlen(value), 0) == strlen(value) ? 0 : -1;
}

static int switch_to(const struct knob *knob, enum impl impl)
{
	return set(knob, impl == RUST ? "1" : "0");
}

static enum impl in_charge(const struct knob *knob)
{
	return setting(knob) == 'Y' ? RUST : C;
}

/* Returns the number in the file, or -1 if there is anything else. */
static long number_in(int fd)
{
	char text[32], *end;
	long number;

	if (read_file(fd, text, sizeof(text)) || text[0] < '0' || text[0] > '9')
		return -1;
	number = strtol(text, &end, 10);
	return strcmp(end, "\n") ? -1 : number;
}

static long calls(const struct knob *knob, enum impl impl)
{
	return number_in(knob->counters[impl]);
}

static bool open_knob(struct knob *knob)
{
	knob->parameter = open(parameter, O_RDWR | O_CLOEXEC);
	knob->before = setting(knob);
	for (enum impl i = C; i < IMPLS; i++) {
		knob->counters[i] = open(counters[i], O_RDONLY | O_CLOEXEC);
		if (knob->counters[i] < 0)
			return false;
	}
	return true;
}

/* This works even if the test has become an ordinary user: the opener of a file counts. */
static void close_knob(struct knob *knob)
{
	if (knob->parameter >= 0)
		set(knob, knob->before == 'Y' ? "1" : "0");
	close(knob->parameter);
	for (enum impl i = C; i < IMPLS; i++)
		close(knob->counters[i]);
}

static void make_calls(int count)
{
	while (count--)
		setns(-1, 0);
}

/* The other implementation cannot have served a call, so its number is exact. */
static void expect_served_by(struct __test_metadata *_metadata, const struct knob *knob,
			     enum impl impl)
{
	long ours = calls(knob, impl), others = calls(knob, !impl);

	ASSERT_GE(ours, 0);
	ASSERT_GE(others, 0);
	make_calls(CALLS);
	EXPECT_GE(calls(knob, impl), ours + CALLS);
	EXPECT_EQ(calls(knob, !impl), others);
}

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

static int become_user_with(__u64 caps)
{
	if (prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP) || setgroups(0, NULL) ||
	    setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000))
		return -1;
	/* Without this, its files in /proc are root's, and it could write no uid_map */
	return set_capabilities(caps) || prctl(PR_SET_DUMPABLE, 1);
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

static int become_root_of_child(void)
{
	return become_user_with_none() || unshare_user(0);
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
	bool owns;	/* owns the files, or may do what an owner may */
	bool loads;	/* may load any module */
};

FIXTURE_SETUP(who)
{
	if (!open_knob(&self->knob))
		SKIP(return, "no rust_setns in this kernel");
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
	.owns = true,
};

/* This user overrides the mode of files whose owner is mapped in its user namespace. */
FIXTURE_VARIANT_ADD(who, user_of_mapped)
{
	.become = become_user_of_mapped,
	.reads = true,
	.writes = true,
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

/* A user who may change the mode of a file in sysfs, which is @mode, gets access. */
static void expect_way_by_mode(struct __test_metadata *_metadata, const char *path, mode_t mode,
			       int flags, bool owns)
{
	EXPECT_EQ(chmod(path, 0666) ? errno : 0, owns ? 0 : EPERM) {
		TH_LOG("%s", path);
	}
	if (owns) {
		expect_open(_metadata, path, flags, 0);
		EXPECT_EQ(chmod(path, mode), 0);
	}
}

TEST_F(who, counters)
{
	ASSERT_EQ(variant->become(), 0);
	for (enum impl i = C; i < IMPLS; i++) {
		expect_open(_metadata, counters[i], O_RDONLY, variant->reads ? 0 : EACCES);
		/* Nobody may write the counters */
		expect_open(_metadata, counters[i], O_WRONLY, EACCES);
		expect_open(_metadata, counters[i], O_RDWR, EACCES);
		expect_way_by_mode(_metadata, counters[i], 0400, O_RDONLY, variant->owns);
	}
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
	expect_way_by_mode(_metadata, parameter, 0644, O_RDWR, variant->owns);
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

static int refusal_to_load(int fd)
{
	return syscall(SYS_finit_module, fd, "", 0) ? errno : 0;
}

static int refusal_to_unload(const char *name)
{
	return syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
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

FIXTURE(knob)
{
	struct knob knob;
};

FIXTURE_SETUP(knob)
{
	if (!open_knob(&self->knob))
		SKIP(return, "no rust_setns in this kernel");
	if (self->knob.parameter < 0)
		SKIP(return, "not loaded");
}

FIXTURE_TEARDOWN(knob)
{
	close_knob(&self->knob);
}

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

/* A sysfs that a user mounts has the same files with the same modes. */
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
		expect_open(_metadata, counters[i], O_RDONLY, EACCES);
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

/* An unprivileged user who calls all the time does not keep root from switching. */

static void call_until_killed(pid_t test)
{
	int mnt, uts;

	if (become_root_of_child() || unshare(CLONE_NEWNS | CLONE_NEWUTS))
		_exit(1);
	/*
	 * The kernel kills this task if the test ends early. A change of user would
	 * clear this
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) || getppid() != test)
		_exit(1);
	mnt = open_ns("mnt");
	uts = open_ns("uts");
	for (;;) {
		if (setns(mnt, CLONE_NEWNS) || setns(uts, 0) || !setns(uts, CLONE_NEWNS))
			_exit(2);
	}
}

/* Eight tasks leave the test little time under emulation. */
TEST_F_TIMEOUT(knob, turns_while_users_call, 900)
{
	const struct knob *knob = &self->knob;
	pid_t pids[TASKS], test = getpid();
	int status;

	for (int i = 0; i < TASKS; i++) {
		pids[i] = fork();
		ASSERT_GE(pids[i], 0);
		if (pids[i] == 0)
			call_until_killed(test);
	}
	for (int i = 0; i < 2 * SWITCHES; i++) {
		enum impl impl = i % 2 ? RUST : C;
		long ours, others;

		ASSERT_EQ(switch_to(knob, impl), 0);
		ours = calls(knob, impl);
		others = calls(knob, !impl);
		while (calls(knob, impl) < ours + CALLS)
			sched_yield();
		/*
		 * Only calls that were under way may still reach the other
		 * implementation
		 */
		EXPECT_LE(calls(knob, !impl), others + TASKS);
	}
	for (int i = 0; i < TASKS; i++) {
		kill(pids[i], SIGKILL);
		ASSERT_EQ(waitpid(pids[i], &status, 0), pids[i]);
		EXPECT_EQ(WIFSIGNALED(status) ? WTERMSIG(status) : -1, SIGKILL);
	}
}

/*
 * These functions load and unload rust_setns. If it is built in, they set the parameter
 * instead.
 */

static bool is_module(void)
{
	return !access("/sys/module/rust_setns/refcnt", F_OK);
}

/* Returns a descriptor of the module, or -1. */
static int open_module(void)
{
	char path[PATH_MAX] = "";
	FILE *modinfo = popen("modinfo -F filename rust_setns 2>/dev/null", "re");

	if (!modinfo)
		return -1;
	if (fscanf(modinfo, "%4095s", path) != 1)
		path[0] = '\0';
	pclose(modinfo);
	return open(path, O_RDONLY | O_CLOEXEC);
}

struct state {
	struct ns_links links;
	char tainted[32];
	char modules_disabled[32];
	mode_t modes[IMPLS];
};

static void read_setting(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	read_file(fd, text, size);
	close(fd);
}

static struct state current_state(void)
{
	struct state state = { .links = links_of_caller() };
	struct stat st;

	read_setting("/proc/sys/kernel/tainted", state.tainted, sizeof(state.tainted));
	read_setting("/proc/sys/kernel/modules_disabled", state.modules_disabled,
		     sizeof(state.modules_disabled));
	for (enum impl i = C; i < IMPLS; i++)
		state.modes[i] = stat(counters[i], &st) ? 0 : st.st_mode;
	return state;
}

static void expect_unchanged(struct __test_metadata *_metadata, const struct state *before)
{
	struct state now = current_state();

	for (int i = 0; i < ARRAY_SIZE(links); i++)
		EXPECT_EQ(now.links.ino[i], before->links.ino[i]);
	EXPECT_STREQ(now.tainted, before->tainted);
	EXPECT_STREQ(now.modules_disabled, before->modules_disabled);
	for (enum impl i = C; i < IMPLS; i++)
		EXPECT_EQ(now.modes[i], before->modes[i]);
}

/* Unloads the module, or switches to C if rust_setns is built in. */
static int take_away(struct knob *knob)
{
	if (!is_module())
		return switch_to(knob, C);
	close(knob->parameter);
	knob->parameter = -1;
	return refusal_to_unload("rust_setns");
}

static int bring_back(struct knob *knob, int module)
{
	if (module < 0)
		return switch_to(knob, RUST);
	if (refusal_to_load(module))
		return -1;
	knob->parameter = open(parameter, O_RDWR | O_CLOEXEC);
	return knob->parameter < 0 ? -1 : 0;
}

TEST_F(knob, loading_changes_who_serves)
{
	struct knob *knob = &self->knob;
	int module = is_module() ? open_module() : -1;
	struct state before;
	long c, rust;

	if (is_module())
		ASSERT_GE(module, 0);
	ASSERT_EQ(switch_to(knob, RUST), 0);
	before = current_state();
	c = calls(knob, C);
	rust = calls(knob, RUST);

	ASSERT_EQ(take_away(knob), 0);
	expect_served_by(_metadata, knob, C);
	expect_unchanged(_metadata, &before);
	ASSERT_EQ(bring_back(knob, module), 0);
	expect_served_by(_metadata, knob, RUST);
	expect_unchanged(_metadata, &before);

	/* The counters go on, and do not start again */
	EXPECT_GE(calls(knob, C), c + CALLS);
	EXPECT_GE(calls(knob, RUST), rust + CALLS);
}

/*
 * A call that sleeps. To show the caller the clocks of its new time namespace, the call
 * takes the lock of the caller's memory. It waits there behind a writer. The writer
 * waits behind a reader. The reader waits for a FUSE server that does not answer. All
 * these processes belong to one user, who needs no privileges.
 */

static void answer(int fuse, const struct fuse_in_header *to, int err, const void *body,
		   size_t size)
{
	struct fuse_out_header header = {
		.len = sizeof(header) + size,
		.error = -err,
		.unique = to->unique,
	};
	struct iovec parts[] = { { &header, sizeof(header) }, { (void *)body, size } };

	/* Some requests need no answer. Answering them is an error that does not matter */
	if (writev(fuse, parts, ARRAY_SIZE(parts)) < 0)
		return;
}

/* The server answers all requests about its one file, except reads. */
static int serve(int fuse, int line)
{
	static const struct fuse_init_out init = {
		.major = FUSE_KERNEL_VERSION,
		.minor = FUSE_KERNEL_MINOR_VERSION,
		.max_write = 4096,
	};
	static const struct fuse_attr_out attributes = {
		.attr = {
			.ino = FUSE_ROOT_ID,
			.size = 4096,
			.mode = S_IFREG | 0444,
			.nlink = 1,
		},
	};
	static const struct fuse_open_out opened;
	static union {
		struct fuse_in_header header;
		char space[2 * FUSE_MIN_READ_BUFFER];
	} request;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return 1;
	while (read(fuse, &request, sizeof(request)) > 0) {
		switch (request.header.opcode) {
		case FUSE_INIT:
			answer(fuse, &request.header, 0, &init, sizeof(init));
			break;
		case FUSE_GETATTR:
			answer(fuse, &request.header, 0, &attributes, sizeof(attributes));
			break;
		case FUSE_OPEN:
			answer(fuse, &request.header, 0, &opened, sizeof(opened));
			break;
		case FUSE_READ:
			pass_turn(line);
			break;
		default:
			answer(fuse, &request.header, EOPNOTSUPP, NULL, 0);
		}
	}
	return 0;
}

/* Mounts the file system, which a server can serve then. Its root is the one file. */
static int mount_to_be_served_by(int fuse)
{
	int fs = syscall(SYS_fsopen, "fuse", 0);

	if (fs < 0 || syscall(SYS_fsconfig, fs, FSCONFIG_SET_FD, "fd", NULL, fuse) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "rootmode", "100444", 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "user_id", "0", 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "group_id", "0", 0) ||
	    syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
		return -1;
	return syscall(SYS_fsmount, fs, 0, 0);
}

/* Maps the file, and returns the address without reading there. */
static void *map_file(int mount)
{
	char path[64];
	struct stat st;
	int file;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", mount);
	file = open(path, O_RDONLY | O_CLOEXEC);
	/* The size is 0 until it is asked for, and then nothing can be read */
	if (fstat(file, &st))
		return MAP_FAILED;
	return mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, file, 0);
}

static int open_of(pid_t pid, const char *name, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	return open(path, flags | O_CLOEXEC);
}

/* Returns the state in /proc/PID/stat, or 'X' if the task is on its way out. */
static char state_of(pid_t pid)
{
	enum { PF_EXITING = 0x4 };
	int fd = open_of(pid, "stat", O_RDONLY);
	unsigned int flags = PF_EXITING;
	char text[256] = "", state, *end;

	read_file(fd, text, sizeof(text));
	close(fd);
	end = strrchr(text, ')');
	if (!end || sscanf(end + 1, " %c %*d %*d %*d %*d %*d %u", &state, &flags) != 2)
		return 'X';
	return flags & PF_EXITING ? 'X' : state;
}

static bool await_state(pid_t pid, char wanted)
{
	char state;

	do {
		sched_yield();
		state = state_of(pid);
	} while (state != wanted && state != 'X');
	return state == wanted;
}

/* Waits for more grace periods than it takes to kill a task or to unload a module. */
static void give_others_time(void)
{
	for (int i = 0; i < 50; i++)
		await_grace_period();
}

/*
 * Makes a first call, so that no page fault comes later: it would wait for the lock,
 * too.
 */
static int setns_in_turn(int line, int time)
{
	setns(-1, 0);
	return !pass_turn(line) || !await_turn(line) || setns(time, CLONE_NEWTIME);
}

/* If this read succeeds, the call has nothing to wait for. */
static int read_memory(int memory, const char *page, pid_t server)
{
	char c;
	bool is_read = pread(memory, &c, 1, (off_t)(unsigned long)page) == 1;

	return kill(server, SIGKILL) || is_read;
}

/* Lets a call of setns(2) sleep, says so on @line, and ends the sleep when told to. */
static int have_call_sleep(int line)
{
	int fuse, mount, time, asked = -1, go = -1, memory, references, status;
	pid_t server, caller, reader, writer;
	char *page;

	if (become_root_of_child() || unshare(CLONE_NEWNS | CLONE_NEWTIME))
		return 1;
	time = open_ns("time_for_children");
	fuse = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	mount = mount_to_be_served_by(fuse);
	server = fork_with_line(&asked);
	if (server == 0)
		_exit(serve(fuse, asked));
	close(fuse);
	page = map_file(mount);
	caller = fork_with_line(&go);
	if (caller == 0)
		_exit(setns_in_turn(go, time));
	memory = open_of(caller, "mem", O_RDONLY);
	references = open_of(caller, "clear_refs", O_WRONLY);
	if (server < 0 || caller < 0 || page == MAP_FAILED || memory < 0 || references < 0 ||
	    !await_turn(go) || !await_state(caller, 'S'))
		return 2;

	reader = fork();
	if (reader == 0)
		_exit(read_memory(memory, page, server));
	if (reader < 0 || !await_turn(asked))
		return 3;
	writer = fork();
	if (writer == 0)
		_exit(write(references, "1", 1) != 1);
	if (writer < 0 || !await_state(writer, 'D') || !pass_turn(go) ||
	    !await_state(caller, 'D'))
		return 4;
	/* A signal to the caller does not wake it. The end of the server does */
	if (kill(caller, SIGKILL))
		return 5;
	give_others_time();
	if (state_of(caller) != 'D' || !pass_turn(line) || !await_turn(line) ||
	    state_of(caller) != 'D' || kill(server, SIGKILL))
		return 6;
	if (waitpid(caller, &status, 0) != caller || WTERMSIG(status) != SIGKILL)
		return 7;
	return waitpid(writer, &status, 0) != writer || waitpid(reader, &status, 0) != reader ||
	       waitpid(server, &status, 0) != server;
}

static pid_t start_unloading(struct knob *knob)
{
	pid_t pid;

	close(knob->parameter);
	knob->parameter = -1;
	pid = fork();
	if (pid == 0)
		_exit(!!syscall(SYS_delete_module, "rust_setns", 0));
	return pid;
}

/* Only the task that unloads waits for the call, for as long as it sleeps. */
TEST_F(knob, one_call_sleeps)
{
	struct knob *knob = &self->knob;
	int module = is_module() ? open_module() : -1;
	pid_t user, unloader = 0;
	struct stat st;
	int line, status;
	long before;

	if (stat("/dev/fuse", &st) || ~st.st_mode & 0006)
		SKIP(return, "no FUSE for everybody");
	if (access("/proc/self/clear_refs", F_OK))
		SKIP(return, "no clear_refs");
	if (is_module())
		ASSERT_GE(module, 0);
	ASSERT_EQ(switch_to(knob, RUST), 0);
	before = calls(knob, RUST);
	user = fork_with_line(&line);
	ASSERT_GE(user, 0);
	if (user == 0)
		_exit(have_call_sleep(line));
	ASSERT_TRUE(await_turn(line));
	EXPECT_GE(calls(knob, RUST), before + 2);

	for (enum impl i = C; i < IMPLS; i++) {
		ASSERT_EQ(switch_to(knob, i), 0);
		expect_served_by(_metadata, knob, i);
	}
	if (module >= 0) {
		before = calls(knob, C);
		unloader = start_unloading(knob);
		ASSERT_GT(unloader, 0);
		while (calls(knob, C) == before && !waitpid(unloader, &status, WNOHANG))
			make_calls(1);
		give_others_time();
		expect_served_by(_metadata, knob, C);
		ASSERT_EQ(waitpid(unloader, &status, WNOHANG), 0);
	}

	ASSERT_TRUE(pass_turn(line));
	expect_done(_metadata, user);
	if (module >= 0) {
		expect_done(_metadata, unloader);
		ASSERT_EQ(bring_back(knob, module), 0);
		expect_served_by(_metadata, knob, RUST);
	}
}

TEST_HARNESS_MAIN
