// SPDX-License-Identifier: GPL-2.0
/*
 * System calls and /proc show the joined cgroup, UTS, IPC and network namespace. Sockets
 * stay where they are.
 */
#define _GNU_SOURCE
#include <net/if.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "setns.h"
#include "tasks.h"

/* Older versions of <asm/socket.h> lack this. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* /proc/self/cgroup shows paths relative to the root of the cgroup namespace. */

#define CGROUP2 "/tmp/cgroup2"

FIXTURE(cgroup)
{
	pid_t target;
	char here[64];
	char there[64];
};

static int move_to_cgroup(const char *dir)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	return write_file(path, "0");
}

FIXTURE_SETUP(cgroup)
{
	if (!is_built_in("cgroup"))
		SKIP(return, "no cgroup namespaces");
	ASSERT_EQ(unshare(CLONE_NEWNS), 0);
	ASSERT_EQ(mount_tmp(), 0);
	ASSERT_EQ(mkdir(CGROUP2, 0755), 0);
	if (mount("setns", CGROUP2, "cgroup2", 0, NULL))
		SKIP(return, "no cgroup2: %s", strerror(errno));
	snprintf(self->here, sizeof(self->here), CGROUP2 "/setns_here.%d", getpid());
	snprintf(self->there, sizeof(self->there), CGROUP2 "/setns_there.%d", getpid());
	ASSERT_EQ(mkdir(self->here, 0755), 0);
	ASSERT_EQ(mkdir(self->there, 0755), 0);
}

FIXTURE_TEARDOWN(cgroup)
{
	end_target(self->target);
	move_to_cgroup(CGROUP2);
	rmdir(self->here);
	rmdir(self->there);
}

static const char *own_cgroup(char *line, size_t size)
{
	FILE *file = fopen("/proc/self/cgroup", "re");
	const char *path = "";

	if (!file)
		return path;
	while (!*path && fgets(line, size, file)) {
		line[strcspn(line, "\n")] = 0;
		if (!strncmp(line, "0::", 3))
			path = line + 3;
	}
	fclose(file);
	return path;
}

TEST_F(cgroup, paths)
{
	int home = open_ns("cgroup"), fds[2];
	char home_path[256], away_path[256], path[256];

	/* The cgroup of its creator is the root of the namespace */
	ASSERT_EQ(move_to_cgroup(self->there), 0);
	self->target = target_in(CLONE_NEWCGROUP, &fds[0]);
	ASSERT_GT(self->target, 0);
	fds[1] = open_ns_of(self->target, "cgroup");
	ASSERT_EQ(move_to_cgroup(self->here), 0);
	own_cgroup(home_path, sizeof(home_path));
	snprintf(away_path, sizeof(away_path), "0::/..%s", strrchr(self->here, '/'));

	for (int i = 0; i < ARRAY_SIZE(fds); i++) {
		ASSERT_EQ(setns(fds[i], CLONE_NEWCGROUP), 0);
		own_cgroup(path, sizeof(path));
		EXPECT_STREQ(path, away_path);
		ASSERT_EQ(move_to_cgroup(self->there), 0);
		EXPECT_STREQ(own_cgroup(path, sizeof(path)), "/");
		ASSERT_EQ(move_to_cgroup(self->here), 0);
		ASSERT_EQ(setns(home, CLONE_NEWCGROUP), 0);
		own_cgroup(path, sizeof(path));
		EXPECT_STREQ(path, home_path);
	}
}

/*
 * The system calls show the joined namespace. Each case marks something in a namespace,
 * leaves it, joins it again, and must find the mark.
 */

static int mark_uts(void)
{
	return sethostname("setns-mark", 10);
}

static bool uts_is_marked(void)
{
	char name[64] = "";

	return !gethostname(name, sizeof(name)) && !strcmp(name, "setns-mark");
}

#define MARK_KEY 0x5e7115

static int mark_ipc(void)
{
	return shmget(MARK_KEY, 1, IPC_CREAT | IPC_EXCL | 0600) < 0 ? -1 : 0;
}

static bool ipc_is_marked(void)
{
	return shmget(MARK_KEY, 0, 0) >= 0;
}

/* The loopback device is down in a new network namespace. */
static int loopback(int request, struct ifreq *ifr)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	int err = ioctl(sock, request, ifr);

	close(sock);
	return err;
}

static int mark_net(void)
{
	struct ifreq ifr = { .ifr_name = "lo", .ifr_flags = IFF_UP };

	return loopback(SIOCSIFFLAGS, &ifr);
}

static bool net_is_marked(void)
{
	struct ifreq ifr = { .ifr_name = "lo" };

	return !loopback(SIOCGIFFLAGS, &ifr) && ifr.ifr_flags & IFF_UP;
}

FIXTURE(view)
{
	int fds[2];	/* a pidfd and a namespace file */
	int other;
	pid_t target;
};

FIXTURE_VARIANT(view)
{
	int flag;
	int (*mark)(void);
	bool (*is_marked)(void);
};

FIXTURE_SETUP(view)
{
	const char *name = name_of(variant->flag);

	if (!is_built_in(name))
		SKIP(return, "no %s namespaces", name);
	ASSERT_EQ(unshare(variant->flag), 0);
	ASSERT_EQ(variant->mark(), 0);
	self->target = target_in(0, &self->fds[0]);
	ASSERT_GT(self->target, 0);
	self->fds[1] = open_ns(name);
	ASSERT_EQ(unshare(variant->flag), 0);
	self->other = open_ns(name);
	/* A new UTS namespace copies the old name, and so the mark */
	if (variant->flag == CLONE_NEWUTS)
		sethostname("other", 5);
}

FIXTURE_TEARDOWN(view)
{
	end_target(self->target);
}

FIXTURE_VARIANT_ADD(view, uts)
{
	.flag = CLONE_NEWUTS,
	.mark = mark_uts,
	.is_marked = uts_is_marked,
};

FIXTURE_VARIANT_ADD(view, ipc)
{
	.flag = CLONE_NEWIPC,
	.mark = mark_ipc,
	.is_marked = ipc_is_marked,
};

FIXTURE_VARIANT_ADD(view, net)
{
	.flag = CLONE_NEWNET,
	.mark = mark_net,
	.is_marked = net_is_marked,
};

TEST_F(view, changes)
{
	ASSERT_FALSE(variant->is_marked());
	for (int i = 0; i < ARRAY_SIZE(self->fds); i++) {
		ASSERT_EQ(setns(self->fds[i], variant->flag), 0);
		EXPECT_TRUE(variant->is_marked());
		ASSERT_EQ(setns(self->other, variant->flag), 0);
		EXPECT_FALSE(variant->is_marked());
	}
}

static __u64 netns_cookie(int sock)
{
	__u64 cookie = 0;
	socklen_t size = sizeof(cookie);

	getsockopt(sock, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &size);
	return cookie;
}

/* A socket belongs to the network namespace in which it was made. */
TEST(sockets_stay_where_they_are)
{
	__u64 here, there;
	int home, sock;

	if (!is_built_in("net"))
		SKIP(return, "no net namespaces");
	home = open_ns("net");
	here = netns_cookie(socket(AF_UNIX, SOCK_STREAM, 0));
	ASSERT_EQ(unshare(CLONE_NEWNET), 0);
	sock = socket(AF_UNIX, SOCK_STREAM, 0);
	there = netns_cookie(sock);
	ASSERT_NE(here, 0);
	ASSERT_NE(there, 0);
	ASSERT_NE(here, there);

	ASSERT_EQ(setns(home, CLONE_NEWNET), 0);
	EXPECT_EQ(netns_cookie(sock), there);
	EXPECT_EQ(netns_cookie(socket(AF_UNIX, SOCK_STREAM, 0)), here);
}

TEST_HARNESS_MAIN
