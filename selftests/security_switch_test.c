// SPDX-License-Identifier: GPL-2.0
/*
 * Switching between the implementations by the parameter, and loading and unloading the
 * module. This changes which implementation serves setns(2), and nothing else. No user
 * can prevent it, or lose a call by it.
 */
#define _GNU_SOURCE
#include <linux/fuse.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "callers.h"
#include "knob.h"
#include "knob_fixture.h"
#include "links.h"
#include "module.h"
#include "ns_limits.h"
#include "setns.h"
#include "tasks.h"

#define TASKS	8
#define SWITCHES 20	/* each there and back */

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

	if (!is_built_in("user") || !is_built_in("uts"))
		SKIP(return, "no user or no uts namespaces");
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
		while (calls(knob, impl) < ours + CALLS) {
			/* None of them may have ended */
			ASSERT_EQ(waitpid(-1, NULL, WNOHANG), 0);
			sched_yield();
		}
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
	return unload();
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

	/* While Rust serves the calls, the module is in use */
	if (is_module())
		EXPECT_EQ(refusal_to_unload("rust_setns"), EWOULDBLOCK);
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

/* Waits for more grace periods than it takes to kill a task or to put a reference. */
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

/* Starts a call that sleeps in Rust. Returns 0 if it cannot be started. */
static pid_t start_sleeper(int *line)
{
	pid_t user = fork_with_line(line);

	if (user == 0)
		_exit(have_call_sleep(*line));
	return user > 0 && await_turn(*line) ? user : 0;
}

static const char *lacking_to_sleep(void)
{
	struct stat st;

	if (stat("/dev/fuse", &st) || ~st.st_mode & 0006)
		return "no FUSE for everybody";
	return access("/proc/self/clear_refs", F_OK) ? "no clear_refs" : NULL;
}

/* Without O_NONBLOCK, delete_module(2) does not wait either. */
static void expect_in_use(struct __test_metadata *_metadata)
{
	if (!is_module())
		return;
	EXPECT_EQ(syscall(SYS_delete_module, "rust_setns", 0), -1);
	EXPECT_EQ(errno, EWOULDBLOCK);
}

static void expect_to_unload(struct __test_metadata *_metadata, struct knob *knob, int module)
{
	if (module < 0)
		return;
	ASSERT_EQ(take_away(knob), 0);
	expect_served_by(_metadata, knob, C);
	ASSERT_EQ(bring_back(knob, module), 0);
	expect_served_by(_metadata, knob, RUST);
}

/* Nobody waits for the call. The module stays loaded until the call returns. */
TEST_F(knob, one_call_sleeps)
{
	int line, module = is_module() ? open_module() : -1;
	struct knob *knob = &self->knob;
	pid_t user;
	long before;

	if (lacking_to_sleep())
		SKIP(return, "%s", lacking_to_sleep());
	if (is_module())
		ASSERT_GE(module, 0);
	ASSERT_EQ(switch_to(knob, RUST), 0);
	before = calls(knob, RUST);
	user = start_sleeper(&line);
	ASSERT_GT(user, 0);
	EXPECT_GE(calls(knob, RUST), before + 2);

	for (enum impl i = C; i < IMPLS; i++) {
		ASSERT_EQ(switch_to(knob, i), 0);
		expect_served_by(_metadata, knob, i);
	}
	expect_in_use(_metadata);
	ASSERT_EQ(switch_to(knob, C), 0);
	give_others_time();
	expect_in_use(_metadata);
	expect_served_by(_metadata, knob, C);

	ASSERT_TRUE(pass_turn(line));
	expect_done(_metadata, user);
	expect_to_unload(_metadata, knob, module);
}

/*
 * The second call begins after a switch to C and back, while the first one sleeps. The
 * end of the first one is not enough.
 */
TEST_F(knob, two_calls_sleep)
{
	int lines[2], module = is_module() ? open_module() : -1;
	struct knob *knob = &self->knob;
	pid_t users[2];

	if (lacking_to_sleep())
		SKIP(return, "%s", lacking_to_sleep());
	if (is_module())
		ASSERT_GE(module, 0);
	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(switch_to(knob, RUST), 0);
		users[i] = start_sleeper(&lines[i]);
		ASSERT_GT(users[i], 0);
		ASSERT_EQ(switch_to(knob, C), 0);
	}
	for (int i = 0; i < 2; i++) {
		give_others_time();
		expect_in_use(_metadata);
		expect_served_by(_metadata, knob, C);
		ASSERT_TRUE(pass_turn(lines[i]));
		expect_done(_metadata, users[i]);
	}
	expect_to_unload(_metadata, knob, module);
}

/* After a switch to C and back at once, the module is in use. */
TEST_F(knob, back_at_once)
{
	struct knob *knob = &self->knob;

	ASSERT_EQ(switch_to(knob, RUST), 0);
	ASSERT_EQ(switch_to(knob, C), 0);
	ASSERT_EQ(switch_to(knob, RUST), 0);
	give_others_time();
	expect_in_use(_metadata);
	expect_served_by(_metadata, knob, RUST);
}

TEST_HARNESS_MAIN
