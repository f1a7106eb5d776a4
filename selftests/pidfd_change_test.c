// SPDX-License-Identifier: GPL-2.0
/*
 * What becomes of a process after its pidfd was opened. Each call looks at the process
 * anew: at the namespaces that it has by then, and whether the caller may look at it.
 * Another process may have got its pid, which does not matter.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "calls.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/*
 * A process has two threads, each in a UTS namespace of its own. Through pipes, the
 * test tells the leader to exit, or the other thread to execute a program.
 */

static int stay(void)
{
	char c;

	return read(STDIN_FILENO, &c, 1) ? 1 : 0;
}

/* Executes this program again. It then only calls stay(). */
static int execute(int program)
{
	char *const argv[] = { "pidfd_change_test", "stay", NULL }, *const envp[] = { NULL };

	return syscall(SYS_execveat, program, "", argv, envp, AT_EMPTY_PATH);
}

struct thread {
	int told, says;
	int program;
};

static int live_as_thread(void *arg)
{
	struct thread *thread = arg;
	char c;

	if (syscall(SYS_unshare, CLONE_NEWUTS))
		return 1;
	while (write(thread->says, "s", 1) == 1 && read(thread->told, &c, 1) == 1) {
		if (c == 'x')
			execute(thread->program);
	}
	syscall(SYS_exit_group, 1);
	return 1;
}

static void live_as_leader(struct thread *leader, struct thread *other)
{
	static max_align_t stack[1 << 12];
	pid_t tid;
	char c;

	if (unshare(CLONE_NEWUTS))
		_exit(1);
	tid = clone(live_as_thread, stack + ARRAY_SIZE(stack), THREAD | CLONE_FILES, other);
	if (write(leader->says, &tid, sizeof(tid)) != sizeof(tid))
		_exit(1);
	if (read(leader->told, &c, 1) == 1 && c == 'e')
		syscall(SYS_exit, 0);
	_exit(0);
}

FIXTURE(threads)
{
	pid_t pid, tid;
	int leader, other;	/* pidfds */
	int tell_leader, tell_other;
	int other_says;
	struct ns_links leaders, others;
};

FIXTURE_SETUP(threads)
{
	int pipes[4][2];
	char path[64], c;
	int dir;

	/* The third pipe becomes the stdin of the program that the other thread executes */
	for (int i = 0; i < 4; i++)
		ASSERT_EQ(pipe2(pipes[i], O_CLOEXEC), 0);
	self->pid = fork();
	ASSERT_GE(self->pid, 0);
	if (self->pid == 0) {
		struct thread leader = { .told = pipes[0][0], .says = pipes[1][1] };
		struct thread other = { .told = pipes[2][0], .says = pipes[3][1] };

		close(pipes[0][1]);
		close(pipes[2][1]);
		dup2(pipes[2][0], STDIN_FILENO);
		other.program = open("/proc/self/exe", O_PATH | O_CLOEXEC);
		live_as_leader(&leader, &other);
	}
	close(pipes[0][0]);
	close(pipes[1][1]);
	close(pipes[2][0]);
	close(pipes[3][1]);
	self->tell_leader = pipes[0][1];
	self->tell_other = pipes[2][1];
	self->other_says = pipes[3][0];
	ASSERT_EQ(read(pipes[1][0], &self->tid, sizeof(self->tid)), sizeof(self->tid));
	ASSERT_EQ(read(self->other_says, &c, 1), 1);

	self->leader = pidfd_open(self->pid);
	self->other = syscall(SYS_pidfd_open, self->tid, O_EXCL);
	ASSERT_GE(self->leader, 0);
	ASSERT_GE(self->other, 0);
	self->leaders = links_of(self->pid);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/ns", self->pid, self->tid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	self->others = read_links(dir);
	close(dir);
}

FIXTURE_TEARDOWN(threads)
{
	kill(self->pid, SIGKILL);
}

/* To setns(2), the pidfd of a process means its leader. */
TEST_F(threads, both_alive)
{
	ASSERT_NE(ino_in(&self->leaders, "uts"), ino_in(&self->others, "uts"));
	expect_join(_metadata, (struct call){
		.fd = self->leader, .nstype = CLONE_NEWUTS,
	}, &self->leaders);
	expect_join(_metadata, (struct call){
		.fd = self->other, .nstype = CLONE_NEWUTS,
	}, &self->others);
}

/* The process lives on, but its leader has no namespaces any more. */
TEST_F(threads, leader_gone)
{
	char path[64], c;

	ASSERT_EQ(write(self->tell_leader, "e", 1), 1);
	snprintf(path, sizeof(path), "/proc/%d/task/%d/ns/uts", self->pid, self->pid);
	while (readlink(path, &c, 1) == 1)
		sched_yield();
	expect_refusal(_metadata, (struct call){
		.fd = self->leader, .nstype = CLONE_NEWUTS,
	}, ESRCH);
	expect_join(_metadata, (struct call){
		.fd = self->other, .nstype = CLONE_NEWUTS,
	}, &self->others);
}

/* A thread that executes a program becomes the leader. Its own pidfd is then dead. */
TEST_F(threads, other_executes)
{
	char c;

	ASSERT_EQ(write(self->tell_other, "x", 1), 1);
	ASSERT_EQ(read(self->other_says, &c, 1), 0);
	expect_join(_metadata, (struct call){
		.fd = self->leader, .nstype = CLONE_NEWUTS,
	}, &self->others);
	expect_refusal(_metadata, (struct call){
		.fd = self->other, .nstype = CLONE_NEWUTS,
	}, ESRCH);
}

/*
 * The user has a pidfd of a process, which then hides from the user. Both are in the same user
 * namespace. So joining that one is EINVAL if the user may look at the process, and
 * EPERM if not.
 */

static int copy_program(mode_t mode)
{
	int from = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	int to = open("/tmp/program", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	struct stat st;

	if (fstat(from, &st))
		return -1;
	for (off_t done = 0; done < st.st_size;) {
		if (sendfile(to, from, &done, st.st_size - done) <= 0)
			return -1;
	}
	if (fchmod(to, mode) || close(to))
		return -1;
	return open("/tmp/program", O_PATH | O_CLOEXEC);
}

static int be_not_dumpable(int program)
{
	return prctl(PR_SET_DUMPABLE, 0);
}

static int be_dumpable_again(int program)
{
	return prctl(PR_SET_DUMPABLE, 0) || prctl(PR_SET_DUMPABLE, 1);
}

FIXTURE(hiding)
{
	int fd;
	int go, says;
};

FIXTURE_VARIANT(hiding)
{
	mode_t mode;
	int (*hide)(int program);
	int err;
};

FIXTURE_SETUP(hiding)
{
	int go[2], says[2];
	int program;
	pid_t pid;
	char c;

	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount_tmp(), 0);
	program = copy_program(variant->mode);
	ASSERT_GE(program, 0);
	ASSERT_EQ(pipe2(go, O_CLOEXEC), 0);
	ASSERT_EQ(pipe2(says, O_CLOEXEC), 0);
	pid = clone3_in(CLONE_NEWUTS, &self->fd);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		dup2(go[0], STDIN_FILENO);
		close(go[1]);
		if (become_owner() || write(says[1], "r", 1) != 1 ||
		    read(STDIN_FILENO, &c, 1) != 1 || variant->hide(program))
			_exit(1);
		close(says[1]);
		_exit(stay());
	}
	close(go[0]);
	close(says[1]);
	self->go = go[1];
	self->says = says[0];
	ASSERT_EQ(read(says[0], &c, 1), 1);
}

FIXTURE_TEARDOWN(hiding)
{
	close(self->go);
}

/* For comparison: these two variants do not hide the process. */
FIXTURE_VARIANT_ADD(hiding, not_by_executing)
{
	.mode = 0755,
	.hide = execute,
	.err = EINVAL,
};

FIXTURE_VARIANT_ADD(hiding, not_for_ever)
{
	.mode = 0755,
	.hide = be_dumpable_again,
	.err = EINVAL,
};

FIXTURE_VARIANT_ADD(hiding, not_dumpable)
{
	.mode = 0755,
	.hide = be_not_dumpable,
	.err = EPERM,
};

FIXTURE_VARIANT_ADD(hiding, executing_unreadable)
{
	.mode = 0711,
	.hide = execute,
	.err = EPERM,
};

FIXTURE_VARIANT_ADD(hiding, executing_setuid)
{
	.mode = 04755,
	.hide = execute,
	.err = EPERM,
};

TEST_F(hiding, from_its_user)
{
	struct call by_user = {
		.fd = self->fd, .nstype = CLONE_NEWUSER, .become = become_owner,
	};
	struct ns_links there;
	char c;

	expect_refusal(_metadata, by_user, EINVAL);
	ASSERT_EQ(write(self->go, "h", 1), 1);
	/* The process has closed it, or has executed the program */
	ASSERT_EQ(read(self->says, &c, 1), 0);
	expect_refusal(_metadata, by_user, variant->err);
	/* No process hides from root */
	expect_refusal(_metadata, (struct call){
		.fd = self->fd, .nstype = CLONE_NEWUSER,
	}, EINVAL);
	there = links_to(ioctl(self->fd, IOC_PIDFD_GET_NS(10), 0));
	expect_join(_metadata, (struct call){ .fd = self->fd, .nstype = CLONE_NEWUTS }, &there);
}

/*
 * The call joins the namespaces of the process by now, not those when the pidfd was
 * opened.
 */
TEST(pidfd_of_one_who_moves)
{
	int go[2], says[2], pidfd, nsfd;
	struct ns_links before, after;
	pid_t pid;
	char c;

	ASSERT_EQ(pipe(go), 0);
	ASSERT_EQ(pipe(says), 0);
	pid = clone3_in(CLONE_NEWUTS, &pidfd);
	ASSERT_GE(pid, 0);
	if (pid == 0) {
		close(go[1]);
		if (read(go[0], &c, 1) != 1 || unshare(CLONE_NEWUTS) ||
		    write(says[1], "m", 1) != 1)
			_exit(1);
		_exit(read(go[0], &c, 1) ? 1 : 0);
	}
	close(go[0]);
	close(says[1]);
	nsfd = open_ns_of(pid, "uts");
	before = links_of(pid);
	expect_join(_metadata, (struct call){ .fd = pidfd, .nstype = CLONE_NEWUTS }, &before);

	ASSERT_EQ(write(go[1], "m", 1), 1);
	ASSERT_EQ(read(says[0], &c, 1), 1);
	after = links_of(pid);
	ASSERT_NE(ino_in(&after, "uts"), ino_in(&before, "uts"));
	expect_join(_metadata, (struct call){ .fd = pidfd, .nstype = CLONE_NEWUTS }, &after);
	expect_join(_metadata, (struct call){ .fd = nsfd, .nstype = CLONE_NEWUTS }, &before);
}

static pid_t target_numbered(pid_t pid, int *go, int *pidfd)
{
	struct clone_args args = {
		.flags = CLONE_NEWUTS | CLONE_PIDFD,
		.pidfd = (__u64)(unsigned long)pidfd,
		.exit_signal = SIGCHLD,
		.set_tid = pid ? (__u64)(unsigned long)&pid : 0,
		.set_tid_size = pid ? 1 : 0,
	};
	int fds[2];
	char c;

	if (pipe(fds))
		return -1;
	*go = fds[1];
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid == 0) {
		close(fds[1]);
		_exit(read(fds[0], &c, 1) ? 1 : 0);
	}
	return pid;
}

/* Another process has got the pid of a dead one. The pidfd still means the dead one. */
TEST(pidfd_with_the_number_of_another)
{
	int dead, alive, go;
	struct ns_links there;
	pid_t pid;

	pid = target_numbered(0, &go, &dead);
	ASSERT_GT(pid, 0);
	close(go);
	ASSERT_EQ(waitpid(pid, NULL, 0), pid);
	expect_refusal(_metadata, (struct call){ .fd = dead, .nstype = CLONE_NEWUTS }, ESRCH);

	ASSERT_EQ(target_numbered(pid, &go, &alive), pid);
	there = links_of(pid);
	expect_refusal(_metadata, (struct call){ .fd = dead, .nstype = CLONE_NEWUTS }, ESRCH);
	expect_join(_metadata, (struct call){ .fd = alive, .nstype = CLONE_NEWUTS }, &there);
}

int main(int argc, char **argv)
{
	if (argc == 2 && !strcmp(argv[1], "stay"))
		return stay();
	return test_harness_run(argc, argv);
}
