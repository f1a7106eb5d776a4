// SPDX-License-Identifier: GPL-2.0
/*
 * Descriptors that come from somebody else, or in an indirect way.
 *
 * setns(2) checks which namespace or process a descriptor stands for, what nstype says,
 * and who the caller is. It does not check how the caller got the descriptor. It does
 * not check who opened it either, what the opener was allowed to do, or what became of
 * the opener:
 *
 * - A descriptor of nsfs keeps its namespace. It may come from a link in /proc, a bind
 *   mount, an ioctl, a socket or a file handle. The namespace can be joined even if no
 *   task is left in it.
 * - A descriptor of pidfs keeps the identity of a process, but not the process. Each
 *   call looks at the process anew: at the namespaces that it has by then, and whether
 *   the caller may look at it. Another process may have got its pid, and it may have no
 *   pid where the caller is: neither matters.
 * - An O_PATH descriptor stands for neither, until it is opened by its link in
 *   /proc/self/fd/. By that link, the holder of a descriptor of nsfs may open it again,
 *   for reading. Only root may open a pidfd again, because all files of pidfs belong to
 *   root and have mode 0700.
 *
 * Each call is made in a child of its own. The tests expect more than an errno. After a
 * call, the links in /proc/self/ns/ of the requested types must lead to the new
 * namespaces, and all other links must lead to where they led before.
 */
#define _GNU_SOURCE
#include <linux/sched.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "callers.h"
#include "calls.h"
#include "links.h"
#include "setns.h"
#include "tasks.h"

/* The headers of the C library may lack these, or conflict with the kernel's. */
#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#ifndef SO_PASSPIDFD
#define SO_PASSPIDFD 76
#endif
#ifndef SO_PEERPIDFD
#define SO_PEERPIDFD 77
#endif
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif
#define NSFS_ROOT		-10003
#define PIDFS_ROOT		-10002
#define IOC_NS_GET_USERNS	_IO(0xb7, 1)
#define IOC_NS_GET_PARENT	_IO(0xb7, 2)
#define IOC_NS_MNT_GET_NEXT	_IOR(0xb7, 11, struct mnt_info)
#define IOC_NS_MNT_GET_PREV	_IOR(0xb7, 12, struct mnt_info)
#define FLAG_TREE_CLONE		1
#define FLAG_TREE_NAMESPACE	2
#define FLAG_MOUNT_NAMESPACE	2
#define COMMAND_CREATE		6

struct mnt_info {
	__u32 size;
	__u32 nr_mounts;
	__u64 id;
};

enum { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME, TYPES };

/* These functions pass descriptors in a message. */

struct message {
	int number;
	union {
		struct cmsghdr header;
		char buffer[CMSG_SPACE(16 * sizeof(int))];
	};
};

static int send_fds(int sock, int number, const int *fds, int count)
{
	struct message message = { .number = number };
	struct iovec iov = { &message.number, sizeof(message.number) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (count) {
		msg.msg_control = message.buffer;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		message.header.cmsg_level = SOL_SOCKET;
		message.header.cmsg_type = SCM_RIGHTS;
		message.header.cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(&message.header), fds, count * sizeof(int));
	}
	return sendmsg(sock, &msg, 0) == sizeof(message.number) ? 0 : -1;
}

/*
 * @type is SCM_RIGHTS for the descriptors in the message, or SCM_PIDFD for a pidfd of
 * the sender.
 */
static int receive_fds(int sock, int type, int *fds, int count)
{
	struct message message = {};
	struct iovec iov = { &message.number, sizeof(message.number) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = message.buffer,
		.msg_controllen = sizeof(message.buffer),
	};

	if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) != sizeof(message.number) ||
	    message.header.cmsg_type != type ||
	    message.header.cmsg_len != CMSG_LEN(count * sizeof(int)))
		return -1;
	memcpy(fds, CMSG_DATA(&message.header), count * sizeof(int));
	return message.number;
}

/*
 * The gift: descriptors of a process and of all its namespaces. The giver is the parent
 * of the process and an ordinary user. It is root in its own user namespace, with a
 * mount namespace in which the namespaces of the process are mounted as well.
 */
struct gift {
	int sock;			/* giver and process live until it is closed */
	pid_t giver;
	pid_t pid;
	int fds[TYPES + 1];
	int numbers[TYPES + 1];		/* of the same descriptors in the giver */
	struct ns_links there;
};

enum { PIDFD = TYPES };

static int bind_fd(int fd, const char *path)
{
	char source[64];

	if (mknod(path, S_IFREG | 0600, 0) && errno != EEXIST)
		return -1;
	snprintf(source, sizeof(source), "/proc/self/fd/%d", fd);
	return mount(source, path, NULL, MS_BIND, NULL);
}

static int give(int sock)
{
	int fds[TYPES + 1];
	char path[64], c;
	pid_t pid;

	if (become_owner() || unshare_user(CLONE_NEWNS) || mount_tmp())
		return 1;
	pid = target_in(all_types, &fds[PIDFD]);
	for (int i = 0; i < TYPES; i++) {
		fds[i] = open_ns_of(pid, types[i].name);
		snprintf(path, sizeof(path), "/tmp/%s", types[i].name);
		if (fds[i] < 0 || bind_fd(fds[i], path))
			return 2;
	}
	if (send_fds(sock, pid, fds, TYPES + 1))
		return 3;
	if (send(sock, fds, sizeof(fds), 0) != sizeof(fds))
		return 4;
	return read(sock, &c, 1) ? 5 : 0;
}

static int receive_gift(struct gift *gift)
{
	int sock[2];

	/* Only younger mount namespaces can be mounted in a mount namespace */
	if (unshare(CLONE_NEWNS) || mount_tmp())
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return -1;
	gift->giver = fork();
	if (gift->giver == 0) {
		close(sock[0]);
		_exit(give(sock[1]));
	}
	close(sock[1]);
	gift->sock = sock[0];
	gift->pid = receive_fds(gift->sock, SCM_RIGHTS, gift->fds, TYPES + 1);
	if (gift->pid <= 0)
		return -1;
	if (recv(gift->sock, gift->numbers, sizeof(gift->numbers), 0) != sizeof(gift->numbers))
		return -1;
	gift->there = links_of(gift->pid);
	return 0;
}

static int wait_until_dead(int pidfd)
{
	struct pollfd dead = { .fd = pidfd, .events = POLLIN };

	return poll(&dead, 1, -1) == 1 ? 0 : -1;
}

static void end_giver(struct gift *gift)
{
	if (gift->sock < 0)
		return;
	close(gift->sock);
	gift->sock = -1;
	waitpid(gift->giver, NULL, 0);
	wait_until_dead(gift->fds[PIDFD]);
}

/* Each function gets a descriptor of what gift->fds[@which] stands for, in its own way. */

static int as_received(struct gift *gift, int which)
{
	return gift->fds[which];
}

static int opened_by_root(struct gift *gift, int which)
{
	if (which == PIDFD)
		return pidfd_open(gift->pid);
	return open_ns_of(gift->pid, types[which].name);
}

static int duplicated(struct gift *gift, int which)
{
	return dup(gift->fds[which]);
}

static int duplicated_to_a_high_number(struct gift *gift, int which)
{
	return fcntl(gift->fds[which], F_DUPFD_CLOEXEC, 1000);
}

static int open_fd_of(const char *task, int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%s/fd/%d", task, fd);
	return open(path, flags | O_CLOEXEC);
}

static int opened_again(struct gift *gift, int which)
{
	return open_fd_of("self", gift->fds[which], O_RDONLY);
}

static int opened_again_from_o_path(struct gift *gift, int which)
{
	return open_fd_of("self", open_fd_of("self", gift->fds[which], O_PATH), O_RDONLY);
}

static int opened_again_where_it_came_from(struct gift *gift, int which)
{
	char task[16];

	snprintf(task, sizeof(task), "%d", gift->giver);
	return open_fd_of(task, gift->numbers[which], O_RDONLY);
}

static int got_by_pidfd_getfd(struct gift *gift, int which)
{
	return syscall(SYS_pidfd_getfd, pidfd_open(gift->giver), gift->numbers[which], 0);
}

/* Opens it by a mount that is in no mount namespace. */
static int mounted_nowhere(struct gift *gift, int which)
{
	int mount = syscall(SYS_open_tree, gift->fds[which], "",
			    FLAG_TREE_CLONE | AT_EMPTY_PATH | O_CLOEXEC);

	return open_fd_of("self", mount, O_RDONLY);
}

static int mounted(struct gift *gift, int which)
{
	if (bind_fd(gift->fds[which], "/tmp/fd"))
		return -1;
	return open("/tmp/fd", O_RDONLY | O_CLOEXEC);
}

static int mounted_no_more(struct gift *gift, int which)
{
	int fd = mounted(gift, which);

	if (umount2("/tmp/fd", 0) != -1 || errno != EBUSY)
		return -1;
	return umount2("/tmp/fd", MNT_DETACH) || unlink("/tmp/fd") ? -1 : fd;
}

static int mounted_by_the_giver(struct gift *gift, int which)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/root/tmp/%s", gift->giver, types[which].name);
	return open(path, O_RDONLY | O_CLOEXEC);
}

union handle {
	struct file_handle header;
	char buffer[sizeof(struct file_handle) + 128];
};

static int found_by_handle(struct gift *gift, int which)
{
	union handle handle = { .header.handle_bytes = 128 };
	int mount_id;

	if (name_to_handle_at(gift->fds[which], "", &handle.header, &mount_id, AT_EMPTY_PATH))
		return -1;
	return open_by_handle_at(which == PIDFD ? PIDFS_ROOT : NSFS_ROOT, &handle.header,
				 O_RDONLY | O_CLOEXEC);
}

/* Opens it by a handle in which only the id of the namespace is left. */
static int found_by_id(struct gift *gift, int which)
{
	union handle handle = { .header.handle_bytes = 128 };
	int mount_id;

	if (name_to_handle_at(gift->fds[which], "", &handle.header, &mount_id, AT_EMPTY_PATH))
		return -1;
	/* struct nsfs_file_handle: __u64 ns_id, __u32 ns_type, __u32 ns_inum */
	memset(handle.header.f_handle + sizeof(__u64), 0, 2 * sizeof(__u32));
	return open_by_handle_at(NSFS_ROOT, &handle.header, O_RDONLY | O_CLOEXEC);
}

static int got_from_pidfd(struct gift *gift, int which)
{
	return ioctl(gift->fds[PIDFD], IOC_PIDFD_GET_NS(types[which].get), 0);
}

/* The process and the giver have both died. */
static int kept_after_all_died(struct gift *gift, int which)
{
	end_giver(gift);
	return gift->fds[which];
}

static int opened_as_a_thread(struct gift *gift, int which)
{
	/* O_EXCL is PIDFD_THREAD */
	return syscall(SYS_pidfd_open, gift->pid, O_EXCL);
}

static int opened_nonblocking(struct gift *gift, int which)
{
	/* O_NONBLOCK is PIDFD_NONBLOCK */
	return syscall(SYS_pidfd_open, gift->pid, O_NONBLOCK);
}

FIXTURE(way)
{
	struct gift gift;
};

FIXTURE_VARIANT(way)
{
	int (*get)(struct gift *gift, int which);
	enum { ALSO_PIDFD, NO_PIDFD, ONLY_PIDFD } what;
};

FIXTURE_SETUP(way)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	ASSERT_EQ(receive_gift(&self->gift), 0);
}

FIXTURE_TEARDOWN(way)
{
	end_giver(&self->gift);
}

FIXTURE_VARIANT_ADD(way, as_received)
{
	.get = as_received,
};

FIXTURE_VARIANT_ADD(way, opened_by_root)
{
	.get = opened_by_root,
};

FIXTURE_VARIANT_ADD(way, duplicated)
{
	.get = duplicated,
};

FIXTURE_VARIANT_ADD(way, duplicated_to_a_high_number)
{
	.get = duplicated_to_a_high_number,
};

FIXTURE_VARIANT_ADD(way, opened_again)
{
	.get = opened_again,
};

FIXTURE_VARIANT_ADD(way, opened_again_from_o_path)
{
	.get = opened_again_from_o_path,
};

FIXTURE_VARIANT_ADD(way, opened_again_where_it_came_from)
{
	.get = opened_again_where_it_came_from,
};

FIXTURE_VARIANT_ADD(way, got_by_pidfd_getfd)
{
	.get = got_by_pidfd_getfd,
};

FIXTURE_VARIANT_ADD(way, mounted_nowhere)
{
	.get = mounted_nowhere,
};

FIXTURE_VARIANT_ADD(way, found_by_handle)
{
	.get = found_by_handle,
};

FIXTURE_VARIANT_ADD(way, mounted)
{
	.get = mounted,
	.what = NO_PIDFD,
};

FIXTURE_VARIANT_ADD(way, mounted_no_more)
{
	.get = mounted_no_more,
	.what = NO_PIDFD,
};

FIXTURE_VARIANT_ADD(way, mounted_by_the_giver)
{
	.get = mounted_by_the_giver,
	.what = NO_PIDFD,
};

FIXTURE_VARIANT_ADD(way, found_by_id)
{
	.get = found_by_id,
	.what = NO_PIDFD,
};

FIXTURE_VARIANT_ADD(way, got_from_pidfd)
{
	.get = got_from_pidfd,
	.what = NO_PIDFD,
};

FIXTURE_VARIANT_ADD(way, kept_after_all_died)
{
	.get = kept_after_all_died,
	.what = NO_PIDFD,
};

FIXTURE_VARIANT_ADD(way, opened_as_a_thread)
{
	.get = opened_as_a_thread,
	.what = ONLY_PIDFD,
};

FIXTURE_VARIANT_ADD(way, opened_nonblocking)
{
	.get = opened_nonblocking,
	.what = ONLY_PIDFD,
};

static void expect_process(struct __test_metadata *_metadata, int fd, struct gift *gift)
{
	expect_join(_metadata, (struct call){ .fd = fd, .nstype = all_types }, &gift->there);
	expect_refusal(_metadata, (struct call){ .fd = fd }, EINVAL);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = all_types, .become = become_someone_else,
	}, EPERM);
	/* The descriptor keeps neither the process nor its namespaces */
	end_giver(gift);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = all_types }, ESRCH);
}

TEST_F(way, leads_there)
{
	int first = variant->what == ONLY_PIDFD ? PIDFD : 0;
	int last = variant->what == NO_PIDFD ? TYPES - 1 : PIDFD;

	for (int i = first; i <= last; i++) {
		int fd = variant->get(&self->gift, i);

		ASSERT_GE(fd, 0) {
			TH_LOG("%s: %s", i == PIDFD ? "pidfd" : types[i].name, strerror(errno));
		}
		EXPECT_EQ(ino_of(fd), ino_of(self->gift.fds[i]));
		if (i == PIDFD)
			expect_process(_metadata, fd, &self->gift);
		else if (i == UTS)
			expect_checked_nsfd(_metadata, fd, types[i].flag);
		else
			expect_nsfd(_metadata, fd, types[i].flag);
	}
}

FIXTURE(given)
{
	struct gift gift;
};

FIXTURE_SETUP(given)
{
	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	ASSERT_EQ(receive_gift(&self->gift), 0);
}

FIXTURE_TEARDOWN(given)
{
	end_giver(&self->gift);
}

/* The caller must be capable. The opener of the descriptor does not matter. */

static const struct {
	int (*become)(void);
	int user;	/* the errno for the user namespace alone */
	int others;	/* the errno for another type alone */
	int all;	/* the errno for all types at once */
} receivers[] = {
	{ NULL, 0, 0, 0 },
	{ become_owner, 0, EPERM, 0 },
	{ become_someone_else, EPERM, EPERM, EPERM },
	{ become_root_elsewhere, EPERM, EPERM, EPERM },
};

static void expect_receivers_checked(struct __test_metadata *_metadata, int fd, int nstype,
				     const struct ns_links *there)
{
	for (int i = 0; i < ARRAY_SIZE(receivers); i++) {
		struct call call = { .fd = fd, .nstype = nstype, .become = receivers[i].become };
		int err = nstype == all_types ? receivers[i].all :
			  nstype == CLONE_NEWUSER ? receivers[i].user : receivers[i].others;

		expect_call(_metadata, call, err, err ? 0 : nstype, there);
	}
}

TEST_F(given, nsfd_to_several)
{
	struct gift *gift = &self->gift;

	for (int i = 0; i < TYPES; i++) {
		int by_root = opened_by_root(gift, i);

		expect_receivers_checked(_metadata, by_root, types[i].flag, &gift->there);
		expect_receivers_checked(_metadata, gift->fds[i], types[i].flag, &gift->there);
	}
}

TEST_F(given, pidfd_to_several)
{
	const int nstypes[] = { CLONE_NEWUSER, CLONE_NEWUTS, all_types };
	struct gift *gift = &self->gift;
	int by_root = opened_by_root(gift, PIDFD);

	for (int i = 0; i < ARRAY_SIZE(nstypes); i++) {
		expect_receivers_checked(_metadata, by_root, nstypes[i], &gift->there);
		expect_receivers_checked(_metadata, gift->fds[PIDFD], nstypes[i], &gift->there);
	}
}

/* nstype protects the caller: the giver may have sent a namespace of another type. */
TEST_F(given, every_pair_of_types)
{
	const struct ns_links *there = &self->gift.there;

	for (int i = 0; i < TYPES; i++) {
		struct call call = { .fd = self->gift.fds[i] };

		for (int j = 0; j < TYPES; j++) {
			call.nstype = types[j].flag;
			if (i == j)
				expect_join(_metadata, call, there);
			else
				expect_refusal(_metadata, call, EINVAL);
		}
		/* A caller that accepts any type passes 0 */
		call.nstype = 0;
		expect_call(_metadata, call, 0, types[i].flag, there);
	}
}

/* One child makes these calls. Its capabilities change in between. */
struct attempts {
	struct gift *gift;
	int err[3];
};

static struct attempts *new_attempts(struct gift *gift)
{
	struct attempts *attempts = shared_alloc(sizeof(*attempts));

	*attempts = (struct attempts){ gift, { -1, -1, -1 } };
	return attempts;
}

static int gain_capabilities(void *arg)
{
	struct attempts *attempts = arg;
	int fd;

	if (become_owner())
		return 1;
	fd = opened_by_root(attempts->gift, UTS);
	attempts->err[0] = refusal(fd, CLONE_NEWUTS);
	attempts->err[1] = refusal(attempts->gift->fds[USER], CLONE_NEWUSER);
	attempts->err[2] = refusal(fd, CLONE_NEWUTS);
	return 0;
}

static int lose_capabilities(void *arg)
{
	struct attempts *attempts = arg;
	int fd = opened_by_root(attempts->gift, UTS);

	attempts->err[0] = refusal(fd, CLONE_NEWUTS);
	if (setresuid(-1, 2000, -1))
		return 1;
	attempts->err[1] = refusal(fd, CLONE_NEWUTS);
	if (setresuid(-1, 0, -1))
		return 1;
	attempts->err[2] = refusal(fd, CLONE_NEWUTS);
	return 0;
}

/* The capabilities of the caller count at the call, not when the descriptor was opened. */
TEST_F(given, opened_with_fewer_capabilities)
{
	struct attempts *attempts = new_attempts(&self->gift);

	run_in_child(0, gain_capabilities, attempts);
	EXPECT_EQ(attempts->err[0], EPERM);
	EXPECT_EQ(attempts->err[1], 0);
	EXPECT_EQ(attempts->err[2], 0);
}

TEST_F(given, opened_with_more_capabilities)
{
	struct attempts *attempts = new_attempts(&self->gift);

	run_in_child(0, lose_capabilities, attempts);
	EXPECT_EQ(attempts->err[0], 0);
	EXPECT_EQ(attempts->err[1], EPERM);
	EXPECT_EQ(attempts->err[2], 0);
}

static int refusal_to_fork(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : 0;
}

static int fork_in_dead_pid_namespace(void *arg)
{
	struct attempts *attempts = arg;

	attempts->err[0] = refusal(attempts->gift->fds[PID], CLONE_NEWPID);
	attempts->err[1] = refusal_to_fork();
	/* The caller is still in its own pid namespace, and may return to it */
	if (!refusal(open_ns("pid"), CLONE_NEWPID))
		attempts->err[2] = refusal_to_fork();
	return 0;
}

/* A pid namespace whose init is gone can be joined, but no child can be created in it. */
TEST_F(given, pid_namespace_without_init)
{
	struct attempts *attempts = new_attempts(&self->gift);

	end_giver(&self->gift);
	run_in_child(0, fork_in_dead_pid_namespace, attempts);
	EXPECT_EQ(attempts->err[0], 0);
	EXPECT_EQ(attempts->err[1], ENOMEM);
	EXPECT_EQ(attempts->err[2], 0);
}

/* These cases use descriptors that lead from one namespace to another. */

TEST_F(given, owner)
{
	struct gift *gift = &self->gift;
	struct ns_links owner = links_of(gift->pid), owners_owner = links_of(gift->giver);

	for (int i = 0; i < TYPES; i++) {
		int fd = ioctl(gift->fds[i], IOC_NS_GET_USERNS);
		struct call call = { .fd = fd, .nstype = CLONE_NEWUSER };

		ASSERT_GE(fd, 0);
		expect_join(_metadata, call, i == USER ? &owners_owner : &owner);
		call.nstype = i == USER ? CLONE_NEWNS : types[i].flag;
		expect_refusal(_metadata, call, EINVAL);
		call.nstype = CLONE_NEWUSER;
		call.become = become_someone_else;
		expect_refusal(_metadata, call, EPERM);
	}
}

TEST_F(given, parent)
{
	struct gift *gift = &self->gift;
	struct ns_links parent = links_of(gift->giver);

	expect_join(_metadata, (struct call){
		.fd = ioctl(gift->fds[USER], IOC_NS_GET_PARENT), .nstype = CLONE_NEWUSER,
	}, &parent);
	expect_join(_metadata, (struct call){
		.fd = ioctl(gift->fds[PID], IOC_NS_GET_PARENT), .nstype = CLONE_NEWPID,
		.become = leave_all_but_user,
	}, &parent);
	expect_refusal(_metadata, (struct call){
		.fd = ioctl(gift->fds[PID], IOC_NS_GET_PARENT), .nstype = CLONE_NEWUSER,
	}, EINVAL);
}

/* Walks from the older of two mount namespaces to the younger one, and back. */
TEST_F(given, next_mount_namespace)
{
	struct gift *gift = &self->gift;
	int fd = open_ns("mnt"), last = -1;
	ino_t home = ino_of(fd);
	struct mnt_info info;

	while (fd >= 0 && ino_of(fd) != ino_of(gift->fds[MNT])) {
		last = fd;
		fd = ioctl(last, IOC_NS_MNT_GET_NEXT, &info);
		close(last);
	}
	ASSERT_GE(fd, 0);
	expect_checked_nsfd(_metadata, fd, CLONE_NEWNS);

	while (fd >= 0 && ino_of(fd) != home) {
		last = fd;
		fd = ioctl(last, IOC_NS_MNT_GET_PREV, &info);
		close(last);
	}
	ASSERT_GE(fd, 0);
	expect_nsfd(_metadata, fd, CLONE_NEWNS);
}

/* A socket stays in the network namespace in which it was made. */
TEST_F(given, namespace_of_a_socket)
{
	struct gift *gift = &self->gift;
	int home = open_ns("net"), sock, fd;

	ASSERT_EQ(setns(gift->fds[NET], CLONE_NEWNET), 0);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	ASSERT_EQ(setns(home, CLONE_NEWNET), 0);

	fd = ioctl(sock, SIOCGSKNS);
	ASSERT_GE(fd, 0);
	EXPECT_EQ(ino_of(fd), ino_of(gift->fds[NET]));
	expect_checked_nsfd(_metadata, fd, CLONE_NEWNET);
	/* The socket itself does not stand for that namespace */
	expect_refusal(_metadata, (struct call){ .fd = sock, .nstype = CLONE_NEWNET }, EINVAL);
}

/* The holder of a pidfd may use it, but not open it again. */
TEST_F(given, pidfd_not_opened_again_by_others)
{
	int fd = self->gift.fds[PIDFD];

	ASSERT_EQ(become_owner(), 0);
	EXPECT_EQ(open_fd_of("self", fd, O_RDONLY), -1);
	EXPECT_EQ(errno, EACCES);
	EXPECT_EQ(open_fd_of("self", fd, O_RDWR), -1);
	EXPECT_EQ(errno, EACCES);
	expect_join(_metadata, (struct call){ .fd = fd, .nstype = all_types }, &self->gift.there);
}

/* Files of nsfs are immutable, even for root. */
TEST_F(given, nsfd_only_for_reading)
{
	for (int i = 0; i < TYPES; i++) {
		EXPECT_EQ(open_fd_of("self", self->gift.fds[i], O_RDWR), -1);
		EXPECT_EQ(errno, EPERM);
		EXPECT_EQ(open_fd_of("self", self->gift.fds[i], O_WRONLY), -1);
		EXPECT_EQ(errno, EPERM);
	}
}

/* No task has ever been in these mount namespaces. */

static int new_tree(void)
{
	return syscall(SYS_open_tree, AT_FDCWD, "/",
		       FLAG_TREE_NAMESPACE | AT_RECURSIVE | O_CLOEXEC);
}

static int new_mount(void)
{
	int fs = syscall(SYS_fsopen, "tmpfs", 1);

	if (syscall(SYS_fsconfig, fs, COMMAND_CREATE, NULL, NULL, 0))
		return -1;
	return syscall(SYS_fsmount, fs, FLAG_MOUNT_NAMESPACE | 1, 0);
}

static void expect_new_mnt(struct __test_metadata *_metadata, int fd)
{
	if (fd < 0 && errno == EINVAL)
		SKIP(return, "not in this kernel");
	ASSERT_GE(fd, 0);
	expect_checked_nsfd(_metadata, fd, CLONE_NEWNS);
	expect_nsfd(_metadata, open_fd_of("self", fd, O_RDONLY), CLONE_NEWNS);
}

TEST(new_mnt_by_open_tree)
{
	expect_new_mnt(_metadata, new_tree());
}

TEST(new_mnt_by_fsmount)
{
	expect_new_mnt(_metadata, new_mount());
}

/* These namespaces are only for the children of a process. */

TEST(for_children)
{
	int go, fd, pid_fd, time_fd;
	struct ns_links own;
	pid_t pid;

	if (!is_built_in("pid") || !is_built_in("time"))
		SKIP(return, "no pid or no time namespaces");
	pid = child_in(CLONE_NEWPID | CLONE_NEWTIME, &go);
	ASSERT_GT(pid, 0);
	fd = pidfd_open(pid);
	own = links_of_caller();

	/* A pidfd leads to the namespaces that the process itself is in */
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWPID | CLONE_NEWTIME, .become = leave_all_but_user,
	}, &own);

	/* The namespaces for children have links and ioctls of their own */
	pid_fd = open_ns_of(pid, "pid_for_children");
	time_fd = open_ns_of(pid, "time_for_children");
	ASSERT_NE(ino_of(pid_fd), ns_ino("pid"));
	ASSERT_NE(ino_of(time_fd), ns_ino("time"));
	expect_nsfd(_metadata, pid_fd, CLONE_NEWPID);
	expect_nsfd(_metadata, time_fd, CLONE_NEWTIME);

	EXPECT_EQ(ino_of(ioctl(fd, IOC_PIDFD_GET_NS(6), 0)), ino_of(pid_fd));
	EXPECT_EQ(ino_of(ioctl(fd, IOC_PIDFD_GET_NS(8), 0)), ino_of(time_fd));
	expect_nsfd(_metadata, ioctl(fd, IOC_PIDFD_GET_NS(6), 0), CLONE_NEWPID);
	expect_nsfd(_metadata, ioctl(fd, IOC_PIDFD_GET_NS(8), 0), CLONE_NEWTIME);
}

/* A socket gives pidfds of its creator and of the sender of a message. */

static int offer_socket(int by)
{
	int on = 1, sock[2];
	char c;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock))
		return 1;
	if (setsockopt(sock[0], SOL_SOCKET, SO_PASSPIDFD, &on, sizeof(on)))
		return 2;
	if (send_fds(sock[1], 0, NULL, 0) || send_fds(by, 0, sock, 1))
		return 3;
	close(sock[0]);
	return read(by, &c, 1) ? 4 : 0;
}

FIXTURE(peer)
{
	int sock;	/* a message waits in it */
	int by;		/* the process lives until this is closed */
	int pidfd;
	pid_t pid;
	struct ns_links there;
};

FIXTURE_SETUP(peer)
{
	int by[2];

	if (!is_built_in("uts") || !is_built_in("pid"))
		SKIP(return, "no uts or no pid namespaces");
	ASSERT_EQ(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, by), 0);
	self->pid = clone3_in(CLONE_NEWUTS | CLONE_NEWPID, &self->pidfd);
	ASSERT_GE(self->pid, 0);
	if (self->pid == 0) {
		close(by[0]);
		_exit(offer_socket(by[1]));
	}
	close(by[1]);
	self->by = by[0];
	ASSERT_EQ(receive_fds(self->by, SCM_RIGHTS, &self->sock, 1), 0);
	self->there = links_of(self->pid);
}

FIXTURE_TEARDOWN(peer)
{
	close(self->by);
}

static int peer_of(int sock)
{
	int fd = -1;
	socklen_t size = sizeof(fd);

	if (getsockopt(sock, SOL_SOCKET, SO_PEERPIDFD, &fd, &size))
		return -1;
	return fd;
}

static int sender_to(int sock)
{
	int fd;

	return receive_fds(sock, SCM_PIDFD, &fd, 1) ? -1 : fd;
}

static void expect_peer(struct __test_metadata *_metadata, int fd, int pidfd,
			const struct ns_links *there)
{
	ASSERT_GE(fd, 0);
	EXPECT_EQ(ino_of(fd), ino_of(pidfd));
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS | CLONE_NEWPID,
	}, there);
	expect_refusal(_metadata, (struct call){ .fd = fd }, EINVAL);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS, .become = become_someone_else,
	}, EPERM);
}

TEST_F(peer, of_socket)
{
	expect_peer(_metadata, peer_of(self->sock), self->pidfd, &self->there);
}

TEST_F(peer, of_message)
{
	expect_peer(_metadata, sender_to(self->sock), self->pidfd, &self->there);
}

/* The socket gives both pidfds even if the process is dead. */
TEST_F(peer, dead)
{
	int fds[2];

	close(self->by);
	ASSERT_EQ(waitpid(self->pid, NULL, 0), self->pid);
	fds[0] = peer_of(self->sock);
	fds[1] = sender_to(self->sock);
	for (int i = 0; i < 2; i++) {
		ASSERT_GE(fds[i], 0);
		EXPECT_EQ(ino_of(fds[i]), ino_of(self->pidfd));
		expect_refusal(_metadata, (struct call){
			.fd = fds[i], .nstype = CLONE_NEWUTS,
		}, ESRCH);
	}
}

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
	char *const argv[] = { "fd_test", "stay", NULL }, *const envp[] = { NULL };

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
	ASSERT_NE(self->leaders.ino[UTS], self->others.ino[UTS]);
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

/* These processes are special in other ways. */

TEST(pidfd_of_oneself)
{
	struct ns_links own, now;
	int fd;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	/* The caller is a child, which has left these namespaces */
	ASSERT_EQ(unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET), 0);
	own = links_of_caller();
	fd = pidfd_open(getpid());
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = all_types & ~CLONE_NEWUSER, .become = leave_all_but_user,
	}, &own);

	/* The caller is the process itself, and nothing changes */
	ASSERT_EQ(leave_all_but_user(), 0);
	own = links_of_caller();
	EXPECT_EQ(refusal(fd, CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET), 0);
	now = links_of_caller();
	EXPECT_EQ(memcmp(&now, &own, sizeof(own)), 0);
	EXPECT_EQ(refusal(fd, CLONE_NEWUTS | CLONE_NEWUSER), EINVAL);
	now = links_of_caller();
	EXPECT_EQ(memcmp(&now, &own, sizeof(own)), 0);
}

/* A kernel thread has the initial namespaces. */
TEST(pidfd_of_kernel_thread)
{
	char name[16] = "";
	struct ns_links there;
	int fd;

	if (missing_type())
		SKIP(return, "no %s namespaces", missing_type());
	fd = open("/proc/2/comm", O_RDONLY | O_CLOEXEC);
	if (read(fd, name, sizeof(name) - 1) < 0 || strcmp(name, "kthreadd\n"))
		SKIP(return, "not in the initial pid namespace");
	fd = pidfd_open(2);
	ASSERT_GE(fd, 0);
	there = links_of(2);
	expect_join(_metadata, (struct call){
		.fd = fd, .nstype = all_types & ~CLONE_NEWUSER, .become = leave_all_but_user,
	}, &there);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = CLONE_NEWUSER }, EINVAL);
	expect_refusal(_metadata, (struct call){ .fd = fd, .nstype = all_types }, EINVAL);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS, .become = become_someone_else,
	}, EPERM);
	expect_refusal(_metadata, (struct call){
		.fd = fd, .nstype = CLONE_NEWUTS, .become = become_root_elsewhere,
	}, EPERM);
	/* The new root directory is that of the namespace, not that of the kernel thread */
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(refusal(fd, CLONE_NEWNS), 0);
	EXPECT_EQ(access("/proc/self/ns", F_OK), 0);
}

/*
 * The process has no pid in the caller's pid namespace: it is in a sibling of it, or
 * above it.
 */
TEST(pidfd_without_a_number)
{
	int pidfds[2];

	if (!is_built_in("pid"))
		SKIP(return, "no pid namespaces");
	ASSERT_GT(target_in(CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET, &pidfds[0]), 0);
	ASSERT_GT(target_in(CLONE_NEWUTS | CLONE_NEWNET, &pidfds[1]), 0);
	for (int i = 0; i < 2; i++) {
		struct call call = {
			.fd = pidfds[i], .nstype = CLONE_NEWUTS, .how = CLONE_NEWPID,
		};
		struct ns_links there = links_to(ioctl(call.fd, IOC_PIDFD_GET_NS(10), 0));

		expect_join(_metadata, call, &there);
		/* Its pid namespace cannot be joined, alone or with others */
		call.nstype = CLONE_NEWPID;
		expect_refusal(_metadata, call, EINVAL);
		call.nstype = CLONE_NEWPID | CLONE_NEWUTS | CLONE_NEWNET;
		expect_refusal(_metadata, call, EINVAL);
	}
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
	ASSERT_NE(after.ino[UTS], before.ino[UTS]);
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
