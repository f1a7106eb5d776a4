// SPDX-License-Identifier: GPL-2.0
/* This file reads the state of a task, and remembers which namespace owns which. */
#define _GNU_SOURCE
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "shared.h"

const char *const item_names[ITEMS] = {
	"user", "mnt", "uts", "ipc", "pid", "pid_for_children", "cgroup", "net", "time",
	"time_for_children", "root", "cwd", "effective", "permitted", "inheritable", "uid", "gid",
};

int proc_fd;

static int own_links = -1;

bool find_owner(const struct facts *facts, __u64 key, __u64 *owner)
{
	for (int i = 0; i < facts->nr; i++) {
		if (facts->of[i].key == key) {
			*owner = facts->of[i].owner;
			return true;
		}
	}
	return false;
}

__u64 owner_of(__u64 key)
{
	__u64 owner = 0;

	if (!find_owner(&shared->world, key, &owner) &&
	    !find_owner(&shared->made[0], key, &owner))
		find_owner(&shared->made[1], key, &owner);
	return owner;
}

void add_fact(struct facts *facts, __u64 key, __u64 owner, int target, int link)
{
	__u64 known;

	if (!key || find_owner(&shared->world, key, &known) || find_owner(facts, key, &known))
		return;
	need(facts->nr < ARRAY_SIZE(facts->of), "remember so many namespaces");
	facts->of[facts->nr].key = key;
	facts->of[facts->nr].owner = owner;
	facts->of[facts->nr].target = target;
	facts->of[facts->nr].link = link;
	facts->nr++;
}

/*
 * The user namespace that a task is in afterwards owns what the task has made. Only a new
 * user namespace itself belongs to the one that the task was in before.
 */
void add_facts(struct facts *facts, const struct state *before, const struct state *now,
	       int target)
{
	for (int i = 0; i < LINKS; i++) {
		__u64 owner = (i == USER ? before : now)->ns[USER];

		if (now->ns[i] != before->ns[i])
			add_fact(facts, now->ns[i], owner, target, i);
	}
}

int open_own_links(void)
{
	if (own_links >= 0)
		close(own_links);
	own_links = openat(proc_fd, "thread-self/ns", O_PATH | O_DIRECTORY);
	need(own_links >= 0, "open the links of a task");
	return own_links;
}

void use_own_links(int fd)
{
	own_links = fd;
}

int open_own_link(int link)
{
	return openat(own_links, links[link].name, O_RDONLY);
}

int open_link_of(pid_t pid, int link)
{
	char path[64];

	sprintf(path, "%d/ns/%s", pid, links[link].name);
	return openat(proc_fd, path, O_RDONLY);
}

/* Returns the inode number that the link names, or 0. */
static __u64 read_link(int link)
{
	char text[64];
	ssize_t length = readlinkat(own_links, links[link].name, text, sizeof(text) - 1);
	char *number;

	if (length < 0)
		return 0;
	text[length] = 0;
	number = strchr(text, '[');
	return number ? strtoull(number + 1, NULL, 10) : 0;
}

/* Returns the kernel's ID of the namespace, or 0. */
static __u64 read_id(int link)
{
	__u64 id = 0;
	int fd = open_own_link(link);

	if (fd >= 0 && ioctl(fd, NS_GET_ID, &id))
		id = 0;
	close(fd);
	return id;
}

/*
 * A namespace of the world lives on, so its inode number is its key. Another namespace
 * may get the inode number of one that has gone, so its ID is its key.
 */
__u64 key_of_link(int link)
{
	static __u64 last_inode[LINKS], last_key[LINKS];
	__u64 inode = read_link(link), owner;

	if (inode != last_inode[link]) {
		last_inode[link] = inode;
		last_key[link] = inode;
		if (inode && !find_owner(&shared->world, inode, &owner))
			last_key[link] = read_id(link) | BIT(62);
	}
	return last_key[link];
}

__u64 mount_key(int folder, const char *path)
{
	struct statx st;

	if (statx(folder, path, AT_STATX_DONT_SYNC, STATX_MNT_ID_UNIQUE, &st))
		return 0;
	return st.stx_mnt_id | BIT(63);
}

void read_capabilities(struct state *state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	need(!syscall(SYS_capget, &header, data), "read capabilities");
	state->effective = data[0].effective | (__u64)data[1].effective << 32;
	state->permitted = data[0].permitted | (__u64)data[1].permitted << 32;
	state->inheritable = data[0].inheritable | (__u64)data[1].inheritable << 32;
}

void look(struct state *state)
{
	for (int i = 0; i < LINKS; i++)
		state->ns[i] = key_of_link(i);
	state->root = mount_key(AT_FDCWD, "/");
	state->cwd = mount_key(AT_FDCWD, ".");
	read_capabilities(state);
	state->uid = getuid();
	state->gid = getgid();
}

/* Symbols that are not places in the world begin here. */
enum { OWN = 1 << 16 };

static __u64 symbols[MAX_OPS * KEYS];
static int nr_symbols;

/* Returns the symbol of a key, and makes one if there is none. The symbol of 0 is 0. */
static __u64 symbol_of(__u64 key)
{
	if (!key)
		return 0;
	for (int i = 0; i < shared->world.nr; i++) {
		if (shared->world.of[i].key == key)
			return 1 + i;
	}
	for (int i = 0; i < nr_symbols; i++) {
		if (symbols[i] == key)
			return OWN + i;
	}
	symbols[nr_symbols] = key;
	return OWN + nr_symbols++;
}

/* An operation leaves most items as they were. Their symbols are known already. */
void symbolise(const struct state *state, struct state *symbolic)
{
	static struct state last, last_symbolic;
	__u64 *out = (__u64 *)&last_symbolic;

	for (int i = 0; i < ITEMS; i++) {
		if (i >= KEYS)
			out[i] = items_of(state)[i];
		else if (items_of(state)[i] != items_of(&last)[i])
			out[i] = symbol_of(items_of(state)[i]);
	}
	last = *state;
	*symbolic = last_symbolic;
}

const char *item_text(int item, __u64 value)
{
	static char text[64];
	int i = value - 1;

	if (item >= KEYS)
		sprintf(text, "%#llx", (unsigned long long)value);
	else if (value >= OWN)
		sprintf(text, "new %llu", (unsigned long long)value - OWN);
	else if (value)
		sprintf(text, "%s of T%d", item_names[shared->world.of[i].link],
			shared->world.of[i].target);
	else
		return "none";
	return text;
}
