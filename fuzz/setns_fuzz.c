// SPDX-License-Identifier: GPL-2.0
/*
 * A differential fuzzer of setns(2): makes small programs of random calls, runs
 * each on the core in C and on the one in Rust, and compares what came of every
 * call. Where the program's target acts meanwhile, so that two runs may differ, a
 * model of setns(2) says what may come of the call. See docs/fuzzing.md.
 *
 * The tasks are:
 *
 *	driver	this process. Switches between C and Rust, compares, shrinks.
 *	targets	of the world: live as long as the driver, and do nothing.
 *	caller	runs one program, and is the driver's child. May have mates, with
 *		whom it shares something.
 *	racer	a target of one program, which acts while the caller calls.
 *
 * All is bounded in count, and nothing waits for time to pass.
 */
#define _GNU_SOURCE
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x00000080
#endif

/* These of linux/memfd.h and linux/pidfd.h, which do not go with fcntl.h */
#ifndef MFD_EXEC
#define MFD_NOEXEC_SEAL	0x0008U
#define MFD_EXEC	0x0010U
#endif
#define PIDFD_GET(n)	_IO(0xFF, n)

#define ARRAY_SIZE(a)	((int)(sizeof(a) / sizeof((a)[0])))
#define BIT(n)		(1ULL << (n))

enum { C, RUST, IMPLS };

static const char *const impl_names[] = { "C", "Rust" };

/* The links in /proc/PID/ns/, in the order in which setns(2) installs their types */
enum { USER, MNT, UTS, IPC, PID, PID_CHILDREN, CGROUP, NET, TIME, TIME_CHILDREN, LINKS };

static const struct {
	const char *name;
	int flag;
	unsigned int get;
} links[LINKS] = {
	[USER] = { "user", CLONE_NEWUSER, PIDFD_GET(9) },
	[MNT] = { "mnt", CLONE_NEWNS, PIDFD_GET(3) },
	[UTS] = { "uts", CLONE_NEWUTS, PIDFD_GET(10) },
	[IPC] = { "ipc", CLONE_NEWIPC, PIDFD_GET(2) },
	[PID] = { "pid", CLONE_NEWPID, PIDFD_GET(5) },
	[PID_CHILDREN] = { "pid_for_children", CLONE_NEWPID, PIDFD_GET(6) },
	[CGROUP] = { "cgroup", CLONE_NEWCGROUP, PIDFD_GET(1) },
	[NET] = { "net", CLONE_NEWNET, PIDFD_GET(4) },
	[TIME] = { "time", CLONE_NEWTIME, PIDFD_GET(7) },
	[TIME_CHILDREN] = { "time_for_children", CLONE_NEWTIME, PIDFD_GET(8) },
};

/* One link for each type */
static const int types[] = { USER, MNT, UTS, IPC, PID, CGROUP, NET, TIME };

enum { TYPES = ARRAY_SIZE(types) };

static const int all_types = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC |
			     CLONE_NEWPID | CLONE_NEWCGROUP | CLONE_NEWNET | CLONE_NEWTIME;

struct options {
	long calls;
	__u64 seed;
	long long program;	/* the only one to run, or -1 */
	int wrong_shape;
	const char *again;	/* ends the line that runs a program again */
};

/* Programs */

enum {
	MAX_OPS = 64,
	MAX_RACING_OPS = 24,
	MAX_ACTS = 12,
};

/*
 * Targets of which there is only a pidfd, and the one that a program brings. Those
 * which live are numbered from 0, and 0 has the namespaces of the driver.
 */
enum { TARGETS = 12, ZOMBIE = TARGETS, REAPED, RACER, ALL_TARGETS };

enum op_kind { SETNS, UNSHARE, DROP, FORFEIT, RESTORE, MATE, PART, FORK, LET_GO, EXEC };

/* What the descriptor is that is given to setns(2) */
enum fd_kind { NSFD, PIDFD, DERIVED, HANDLE, OWN_NSFD, OWN_PIDFD, WRONG };

/* What somebody shares with the caller */
enum { THREAD, FS, MM, MATES };

static const char *const mate_names[] = { "a thread", "CLONE_FS", "CLONE_VM" };
static const int mate_flags[] = {
	CLONE_THREAD | CLONE_SIGHAND | CLONE_VM | CLONE_FILES, CLONE_FS, CLONE_VM,
};

struct op {
	enum op_kind kind;
	enum fd_kind fd;
	int target;
	int which;	/* link, wrong descriptor, capability or mate */
	int flags;
};

struct program {
	int nr_ops;
	struct op ops[MAX_OPS];

	/* The racer: the namespaces it is born with, what it does, whether it then stays */
	bool races;
	bool stays;
	int born;
	int nr_acts;
	struct op acts[MAX_ACTS];
};

/* State of a task */

struct state {
	__u64 ns[LINKS];	/* 0 if the link leads nowhere */
	__u64 root;		/* IDs of the mounts */
	__u64 cwd;
	__u64 effective;
	__u64 permitted;
	__u64 inheritable;
	__u64 uid;
	__u64 gid;
};

static const char *const item_names[] = {
	"user", "mnt", "uts", "ipc", "pid", "pid_for_children", "cgroup", "net", "time",
	"time_for_children", "root", "cwd", "effective", "permitted", "inheritable", "uid", "gid",
};

/* Of these, the first ones are identities, which are another number in each run */
enum { ITEMS = ARRAY_SIZE(item_names), IDENTITIES = LINKS + 2 };

static_assert(sizeof(struct state) == ITEMS * sizeof(__u64), "an item has no name");

/* What came of one operation */
struct record {
	int err;
	int open_err;	/* where a descriptor had to be opened first */
	struct state state;
};

/* Namespaces by key_of_link(), and who owns them: of a user namespace, its parent */
struct facts {
	int nr;
	struct {
		__u64 key;
		__u64 owner;
		int target;
		int link;
	} of[256];
};

/* The errnos from 512 on are the kernel's own, ERESTARTSYS and the like */
enum { MAX_STATES = MAX_ACTS + 2, MAX_ERR = 134, ERESTARTSYS = 512 };

/* What came of all calls that were compared, on one of the two */
struct stats {
	long calls;
	long racing;
	long racing_joined;
	long outcome[MAX_ERR];
	long joined_by_type[TYPES];
	long joined_by_fd[WRONG + 1];
	bool joined_set[1 << TYPES];
};

/* All that more than one task knows */
static struct shared {
	struct facts world;
	__u64 world_ns[TARGETS][LINKS];
	int pidfds[ALL_TARGETS];
	int nsfds[TARGETS][LINKS];
	pid_t pids[TARGETS];
	int parents[TARGETS];
	int own[TARGETS];
	__u64 all_caps;
	int wrong_shape;

	int self_fd;	/* of this program */

	/* The program that runs, who serves it, and how many calls they have served */
	struct program program;
	int impl;
	long served;

	/* The racer's states, and namespaces that it or the caller has made */
	struct state states[MAX_STATES];
	int nr_states;
	struct facts made[2];
	int go;
	int racer_links;

	/* First operation with an outcome that the model does not allow, or -1 */
	int broken;
} *shared;

static int shared_fd;
static int proc_fd;

/* Programs run in several processes at a time, each of which shares with its children */
enum { LANES = 2 };

static struct {
	struct shared *shared;
	int fd;
} lanes[LANES];

static void take_lane(int lane)
{
	shared = lanes[lane].shared;
	shared_fd = lanes[lane].fd;
}

#define die(format, ...)							\
	do {									\
		fprintf(stderr, "setns_fuzz: " format ".\n", ##__VA_ARGS__);	\
		_exit(2);							\
	} while (0)

static void need(bool ok, const char *what)
{
	if (!ok)
		die("cannot %s (errno is %s)", what, strerrorname_np(errno));
}

/* Who fails has said why. */
static void expect_success(int status, const char *who)
{
	if (WIFSIGNALED(status))
		die("signal %d has ended %s", WTERMSIG(status), who);
	if (WEXITSTATUS(status))
		_exit(2);
}

/* Randomness: splitmix64, and the same on every architecture */

static __u64 random_state;

static __u32 random_bits(void)
{
	__u64 z = random_state += 0x9e3779b97f4a7c15;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return (z ^ (z >> 31)) >> 32;
}

static int below(int n)
{
	return random_bits() % n;
}

static bool one_in(int n)
{
	return below(n) == 0;
}

static void seed_random(__u64 seed, __u64 index)
{
	random_state = seed * 0x2545f4914f6cdd1d + index;
	random_bits();
}

/* Making programs */

static int random_type(void)
{
	return links[types[below(TYPES)]].flag;
}

/* User namespaces seldom, as there is no way back from them. */
static int random_set(void)
{
	int flags = random_bits() & all_types & ~CLONE_NEWUSER;

	return one_in(8) ? flags | CLONE_NEWUSER : flags;
}

/* A network namespace takes a hundred times longer to make than the others. */
static int random_set_to_make(void)
{
	return random_set() & ~(one_in(64) ? 0 : CLONE_NEWNET);
}

static int random_nstype_of_process(void)
{
	switch (below(16)) {
	case 0:
		return one_in(2) ? 0 : random_bits();
	case 1:
		return random_set() | 1U << below(32);
	case 2 ... 6:
		return random_type();
	default:
		return random_set();
	}
}

static int random_nstype_of_link(int link)
{
	switch (below(16)) {
	case 0:
		return random_type();
	case 1:
		return links[link].flag | (one_in(2) ? random_type() : 1U << below(32));
	case 2 ... 8:
		return links[link].flag;
	default:
		return 0;
	}
}

static int random_target(int favourite)
{
	if (one_in(2))
		return favourite;
	return below(one_in(8) ? RACER : TARGETS);
}

static enum fd_kind random_fd_kind(void)
{
	static const enum fd_kind kinds[] = {
		NSFD, NSFD, NSFD, NSFD, NSFD, PIDFD, PIDFD, PIDFD, PIDFD, PIDFD, PIDFD,
		DERIVED, DERIVED, HANDLE, HANDLE, OWN_NSFD, OWN_PIDFD, WRONG,
	};

	return kinds[below(ARRAY_SIZE(kinds))];
}

/* In the order of open_wrong_fds() */
static const struct {
	const char *name;
	int err;
} wrongs[] = {
	{ "/dev/null", EINVAL }, { "-1", EBADF }, { "INT_MIN", EBADF }, { "9999", EBADF },
	{ "AT_FDCWD", EBADF }, { "PIDFD_SELF_THREAD", EBADF },
	{ "PIDFD_SELF_THREAD_GROUP", EBADF }, { "FD_NSFS_ROOT", EBADF },
	{ "pipe to read", EINVAL }, { "pipe to write", EINVAL }, { "memfd", EINVAL },
	{ "socket", EINVAL }, { "O_PATH of its uts", EBADF }, { "/proc/1", EINVAL },
	{ "/proc/1/ns", EINVAL },
};

enum { WRONGS = ARRAY_SIZE(wrongs) };

static struct op random_setns(int favourite)
{
	struct op op = {
		.kind = SETNS,
		.fd = random_fd_kind(),
		.target = random_target(favourite),
		.which = below(LINKS),
	};

	/* Of those which are gone, there is only a pidfd */
	if (op.target >= TARGETS && (op.fd == NSFD || op.fd == HANDLE))
		op.fd = PIDFD;
	if (op.which == USER && !one_in(4))
		op.which = 1 + below(LINKS - 1);
	if (op.fd == PIDFD || op.fd == OWN_PIDFD)
		op.flags = random_nstype_of_process();
	else
		op.flags = random_nstype_of_link(op.which);
	if (op.fd == WRONG)
		op.which = below(WRONGS);
	return op;
}

static struct op random_drop(void)
{
	static const int checked[] = { CAP_SYS_ADMIN, CAP_SYS_CHROOT, CAP_SYS_PTRACE };

	return (struct op){
		.kind = one_in(8) ? FORFEIT : DROP,
		.which = one_in(2) ? checked[below(ARRAY_SIZE(checked))] : below(CAP_LAST_CAP + 1),
	};
}

/* What changes the state of the caller, other than by setns(2) */
static struct op random_change(void)
{
	switch (below(16)) {
	case 0 ... 1:
		return (struct op){ .kind = UNSHARE, .flags = random_set_to_make() };
	case 2 ... 5:
		return random_drop();
	case 6:
		return (struct op){ .kind = MATE, .which = below(MATES) };
	case 7 ... 8:
		return (struct op){ .kind = PART };
	case 9:
		return (struct op){ .kind = FORK };
	default:
		return (struct op){ .kind = RESTORE };
	}
}

static struct op random_act(void)
{
	switch (below(8)) {
	case 0 ... 3:
		return (struct op){ .kind = UNSHARE, .flags = random_set_to_make() };
	case 4:
		return (struct op){ .kind = EXEC };
	default:
		return (struct op){
			.kind = SETNS,
			.fd = PIDFD,
			.target = below(TARGETS),
			.flags = random_set(),
		};
	}
}

/* Calls that go for the racer, now and then one that does not */
static struct op random_racing_setns(int favourite)
{
	struct op op = random_setns(favourite);

	if (op.fd != PIDFD && op.fd != DERIVED && op.fd != NSFD)
		return op;
	op.target = one_in(8) ? op.target : RACER;
	if (op.fd == NSFD && one_in(2)) {
		op.fd = PIDFD;
		op.flags = random_set();
	}
	/* The model does not know where the racer's children would be */
	if (op.which == PID_CHILDREN || op.which == TIME_CHILDREN)
		op.which--;
	return op;
}

static void make_racing(struct program *program, int favourite)
{
	program->races = true;
	program->stays = one_in(2);
	program->born = random_set_to_make() & ~(one_in(2) ? 0 : CLONE_NEWNS);
	program->born |= one_in(3) ? CLONE_NEWUSER : 0;
	program->nr_acts = 1 + below(MAX_ACTS);
	for (int i = 0; i < program->nr_acts; i++)
		program->acts[i] = random_act();
	program->nr_ops = 4 + below(MAX_RACING_OPS - 3);
	for (int i = 0; i < program->nr_ops; i++) {
		struct op *op = &program->ops[i];

		*op = one_in(8) ? random_change() : random_racing_setns(favourite);
		if (op->kind == FORK || op->kind == FORFEIT)
			op->kind = RESTORE;
	}
	program->ops[below(program->nr_ops / 2)] = (struct op){ .kind = LET_GO };
}

static struct program make_program(__u64 seed, __u64 index)
{
	struct program program = {};
	int favourite;

	seed_random(seed, index);
	favourite = below(TARGETS);
	if (one_in(3)) {
		make_racing(&program, favourite);
		return program;
	}
	program.nr_ops = one_in(4) ? 1 + below(MAX_OPS) : MAX_OPS;
	for (int i = 0; i < program.nr_ops; i++)
		program.ops[i] = one_in(6) ? random_change() : random_setns(favourite);
	return program;
}

static int calls_in(const struct program *program)
{
	int calls = 0;

	for (int i = 0; i < program->nr_ops; i++)
		calls += program->ops[i].kind == SETNS;
	return calls;
}

/* Showing programs */

static const char *flags_text(unsigned int flags)
{
	static char text[256];
	char *end = text;

	for (int i = 0; i < TYPES; i++) {
		if (flags & links[types[i]].flag)
			end += sprintf(end, "|%s", links[types[i]].name);
		flags &= ~links[types[i]].flag;
	}
	if (flags || end == text)
		sprintf(end, "|%#x", flags);
	return text + 1;
}

static const char *target_text(int target)
{
	static char text[16];

	if (target == ZOMBIE)
		return "zombie";
	if (target == REAPED)
		return "reaped";
	if (target == RACER)
		return "racer";
	sprintf(text, "T%d", target);
	return text;
}

static const char *fd_text(const struct op *op)
{
	static char text[64];

	switch (op->fd) {
	case NSFD:
		sprintf(text, "%s of %s", links[op->which].name, target_text(op->target));
		break;
	case PIDFD:
		sprintf(text, "pidfd of %s", target_text(op->target));
		break;
	case DERIVED:
		sprintf(text, "%s by the pidfd of %s", links[op->which].name,
			target_text(op->target));
		break;
	case HANDLE:
		sprintf(text, "%s of %s by its handle", links[op->which].name,
			target_text(op->target));
		break;
	case OWN_NSFD:
		sprintf(text, "its own %s", links[op->which].name);
		break;
	case OWN_PIDFD:
		sprintf(text, "its own pidfd");
		break;
	case WRONG:
		return wrongs[op->which].name;
	}
	return text;
}

static const char *op_text(const struct op *op)
{
	static char text[256];

	switch (op->kind) {
	case SETNS:
		sprintf(text, "setns(%s, %s)", fd_text(op), flags_text(op->flags));
		break;
	case UNSHARE:
		sprintf(text, "unshare(%s)", flags_text(op->flags));
		break;
	case DROP:
		sprintf(text, "drop capability %d", op->which);
		break;
	case FORFEIT:
		sprintf(text, "drop capability %d for good", op->which);
		break;
	case RESTORE:
		return "restore the capabilities";
	case MATE:
		sprintf(text, "from now on, share with another task: %s", mate_names[op->which]);
		break;
	case PART:
		return "end the tasks that share something";
	case FORK:
		return "fork, and go on as the child";
	case LET_GO:
		return "let the racer act";
	case EXEC:
		return "execute this program again";
	}
	return text;
}

/* Facts: who owns what */

static bool find_owner(const struct facts *facts, __u64 key, __u64 *owner)
{
	for (int i = 0; i < facts->nr; i++) {
		if (facts->of[i].key == key) {
			*owner = facts->of[i].owner;
			return true;
		}
	}
	return false;
}

static __u64 owner_of(__u64 key)
{
	__u64 owner = 0;

	if (!find_owner(&shared->world, key, &owner) &&
	    !find_owner(&shared->made[0], key, &owner))
		find_owner(&shared->made[1], key, &owner);
	return owner;
}

static void add_fact(struct facts *facts, __u64 key, __u64 owner, int target, int link)
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

/* What a task has made is owned by the user namespace that it is in since. */
static void add_facts(struct facts *facts, const struct state *before, const struct state *now,
		      int target)
{
	for (int i = 0; i < LINKS; i++) {
		__u64 owner = (i == USER ? before : now)->ns[USER];

		if (now->ns[i] != before->ns[i])
			add_fact(facts, now->ns[i], owner, target, i);
	}
}

/* Looking at a task: itself */

static int own_links = -1;

static void open_own_links(void)
{
	if (own_links >= 0)
		close(own_links);
	own_links = openat(proc_fd, "thread-self/ns", O_PATH | O_DIRECTORY);
	need(own_links >= 0, "open the links of a task");
}

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

static __u64 read_id(int link)
{
	__u64 id = 0;
	int fd = openat(own_links, links[link].name, O_RDONLY);

	if (fd >= 0 && ioctl(fd, NS_GET_ID, &id))
		id = 0;
	close(fd);
	return id;
}

/*
 * What identifies a namespace. Those of the world stay, and have their inode numbers.
 * Others may have that of one which is gone, so they are known by their IDs.
 */
static __u64 key_of_link(int link)
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

static __u64 mount_key(int folder, const char *path)
{
	struct statx st;

	if (statx(folder, path, AT_STATX_DONT_SYNC, STATX_MNT_ID_UNIQUE, &st))
		return 0;
	return st.stx_mnt_id | BIT(63);
}

static void read_capabilities(struct state *state)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	need(!syscall(SYS_capget, &header, data), "read capabilities");
	state->effective = data[0].effective | (__u64)data[1].effective << 32;
	state->permitted = data[0].permitted | (__u64)data[1].permitted << 32;
	state->inheritable = data[0].inheritable | (__u64)data[1].inheritable << 32;
}

static void look(struct state *state)
{
	for (int i = 0; i < LINKS; i++)
		state->ns[i] = key_of_link(i);
	state->root = mount_key(AT_FDCWD, "/");
	state->cwd = mount_key(AT_FDCWD, ".");
	read_capabilities(state);
	state->uid = getuid();
	state->gid = getgid();
}

/* Identities: those of the world by their place there, others by when they appear */

enum { OWN = 1 << 16 };

static __u64 symbols[MAX_OPS * IDENTITIES];
static int nr_symbols;

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

static const __u64 *items_of(const struct state *state)
{
	return (const __u64 *)state;
}

/* Most of a state is as it was before, and that is known already. */
static void symbolise(const struct state *state, struct state *symbolic)
{
	static struct state last, last_symbolic;
	__u64 *out = (__u64 *)&last_symbolic;

	for (int i = 0; i < ITEMS; i++) {
		if (i >= IDENTITIES)
			out[i] = items_of(state)[i];
		else if (items_of(state)[i] != items_of(&last)[i])
			out[i] = symbol_of(items_of(state)[i]);
	}
	last = *state;
	*symbolic = last_symbolic;
}

static const char *item_text(int item, __u64 value)
{
	static char text[64];
	int i = value - 1;

	if (item >= IDENTITIES)
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

/* The model */

/* A call of setns(2), with what was there before and after it */
struct attempt {
	const struct op *op;
	bool shares[MATES];
	int err;
	int open_err;
	struct state before;
	struct state after;
};

/* The user namespaces of the world are all made by the same user, as is the caller. */
static bool capable(const struct state *of, __u64 user, int cap)
{
	while (user != of->ns[USER]) {
		__u64 parent = owner_of(user);

		if (!parent || parent == of->ns[USER])
			return parent;
		user = parent;
	}
	return of->effective & BIT(cap);
}

static int install(const struct attempt *attempt, int link, __u64 ns, __u64 *user)
{
	const struct state *of = &attempt->before;
	const bool *shares = attempt->shares;

	switch (link) {
	case USER:
		if (ns == of->ns[USER] || shares[THREAD] || shares[FS])
			return -EINVAL;
		*user = ns;
		return capable(of, ns, CAP_SYS_ADMIN) ? 0 : -EPERM;
	case TIME:
		if (shares[THREAD] || shares[MM])
			return -EUSERS;
		break;
	case MNT:
		if (!capable(of, *user, CAP_SYS_CHROOT))
			return -EPERM;
		break;
	}
	if (!capable(of, owner_of(ns), CAP_SYS_ADMIN) || !capable(of, *user, CAP_SYS_ADMIN))
		return -EPERM;
	return link == MNT && shares[FS] ? -EINVAL : 0;
}

/* Joins those of the namespaces @found that @flags ask for, or refuses. */
static int join(const struct attempt *attempt, int flags, const __u64 *found,
		struct state *joined)
{
	__u64 user = attempt->before.ns[USER];

	*joined = attempt->before;
	for (int i = 0; i < TYPES; i++) {
		int link = types[i], err;

		if (!(flags & links[link].flag))
			continue;
		err = install(attempt, link, found[link], &user);
		if (err)
			return err;
		joined->ns[link == PID ? PID_CHILDREN : link] = found[link];
		if (link == TIME)
			joined->ns[TIME_CHILDREN] = found[link];
	}
	return 0;
}

/* What the model knows no more of than that a call may change it */
static void allow_changes(struct state *expected, int flags, const struct state *after)
{
	if (flags & CLONE_NEWUSER) {
		expected->effective = shared->all_caps;
		expected->permitted = shared->all_caps;
		expected->inheritable = 0;
		expected->uid = after->uid;
		expected->gid = after->gid;
	}
	if (flags & CLONE_NEWNS) {
		expected->root = after->root;
		expected->cwd = after->root;
	}
}

static bool same_state(const struct state *a, const struct state *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool refused(const struct attempt *attempt, int err)
{
	return attempt->err == err && same_state(&attempt->before, &attempt->after);
}

/* Is the outcome that of joining these namespaces? */
static bool outcome_is(const struct attempt *attempt, int flags, const __u64 *found)
{
	struct state expected;
	int err = join(attempt, flags, found, &expected);

	if (err)
		return refused(attempt, -err);
	allow_changes(&expected, flags, &attempt->after);
	return !attempt->err && same_state(&expected, &attempt->after);
}

/* By the rules of ptrace(2), to read. All tasks have the same user IDs, seen from outside. */
static bool may_look(const struct attempt *attempt, __u64 user)
{
	return user == attempt->before.ns[USER] ||
	       capable(&attempt->before, user, CAP_SYS_PTRACE);
}

static bool fits_process(int flags)
{
	return flags && !(flags & ~all_types);
}

/* One state of the racer for each user namespace that it has been in */
static bool is_first_with_user(int state)
{
	for (int i = 0; i < state; i++) {
		if (shared->states[i].ns[USER] == shared->states[state].ns[USER])
			return false;
	}
	return true;
}

static bool allowed_with_user(const struct attempt *attempt, __u64 user)
{
	for (int i = 0; i < shared->nr_states; i++) {
		struct state found = shared->states[i];

		found.ns[USER] = user;
		if (outcome_is(attempt, attempt->op->flags, found.ns))
			return true;
	}
	return false;
}

/* While it does, there is a moment in which the kernel takes it for not dumpable. */
static bool racer_executes(void)
{
	const struct program *program = &shared->program;

	for (int i = 0; i < program->nr_acts; i++) {
		if (program->acts[i].kind == EXEC)
			return true;
	}
	return false;
}

static bool racer_may_hide(const struct attempt *attempt, __u64 user)
{
	return !may_look(attempt, user) ||
	       (racer_executes() && !capable(&attempt->before, user, CAP_SYS_PTRACE));
}

/*
 * A call with the racer's pidfd reads, one after the other, whether it may look at
 * the racer at all, its nsproxy, and its user namespace. The racer may have
 * changed in between.
 */
static bool racer_pidfd_allowed(const struct attempt *attempt)
{
	bool looks = false;

	if (!fits_process(attempt->op->flags))
		return refused(attempt, EINVAL);
	for (int i = 0; i < shared->nr_states; i++) {
		__u64 user = shared->states[i].ns[USER];

		if (!is_first_with_user(i))
			continue;
		if (racer_may_hide(attempt, user) && refused(attempt, EPERM))
			return true;
		looks |= may_look(attempt, user);
	}
	if (looks && !shared->program.stays && refused(attempt, ESRCH))
		return true;
	for (int i = 0; looks && i < shared->nr_states; i++) {
		if (is_first_with_user(i) &&
		    allowed_with_user(attempt, shared->states[i].ns[USER]))
			return true;
	}
	return false;
}

/* Those which are gone were where the driver is. */
static bool pidfd_allowed(const struct attempt *attempt)
{
	int target = attempt->op->target;
	const __u64 *found = shared->world_ns[target < TARGETS ? target : 0];

	if (!fits_process(attempt->op->flags))
		return refused(attempt, EINVAL);
	if (target == REAPED)
		return refused(attempt, ESRCH);
	if (!may_look(attempt, found[USER]))
		return refused(attempt, EPERM);
	if (target == ZOMBIE)
		return refused(attempt, ESRCH);
	return outcome_is(attempt, attempt->op->flags, found);
}

static bool own_pidfd_allowed(const struct attempt *attempt)
{
	if (!fits_process(attempt->op->flags))
		return refused(attempt, EINVAL);
	return outcome_is(attempt, attempt->op->flags, attempt->before.ns);
}

/* A descriptor of one namespace, to which a link of a task with these leads */
static bool nsfd_allowed(const struct attempt *attempt, const __u64 *ns)
{
	int which = attempt->op->which, flag = links[which].flag;
	__u64 found[LINKS] = {};	/* but the one that is asked for, no one looks at them */

	if (attempt->open_err)
		return refused(attempt, EBADF);
	if (attempt->op->flags && attempt->op->flags != flag)
		return refused(attempt, EINVAL);
	found[PID] = ns[which];
	found[TIME] = ns[which];
	found[which] = ns[which];
	return outcome_is(attempt, flag, found);
}

/* One of the racer: it has, or has had it. */
static bool racer_nsfd_allowed(const struct attempt *attempt)
{
	int nr_states = attempt->op->fd == NSFD ? 1 : shared->nr_states;

	for (int i = 0; i < nr_states; i++) {
		if (nsfd_allowed(attempt, shared->states[i].ns))
			return true;
	}
	return false;
}

/* Where nothing races, C and Rust are compared, and may agree on anything but this. */
static bool allowed(const struct attempt *attempt)
{
	const struct op *op = attempt->op;

	if (attempt->err >= MAX_ERR)
		return false;
	if (!shared->program.races)
		return true;
	switch (op->fd) {
	case WRONG:
		return refused(attempt, wrongs[op->which].err);
	case OWN_NSFD:
		return nsfd_allowed(attempt, attempt->before.ns);
	case OWN_PIDFD:
		return own_pidfd_allowed(attempt);
	case PIDFD:
		return op->target == RACER ? racer_pidfd_allowed(attempt) : pidfd_allowed(attempt);
	case NSFD:
	case DERIVED:
	case HANDLE:
		break;
	}
	if (op->target == RACER)
		return racer_nsfd_allowed(attempt);
	return nsfd_allowed(attempt, shared->world_ns[op->target < TARGETS ? op->target : 0]);
}

/* Making the calls */

static struct caller {
	bool shares[MATES];
	pid_t mates[MATES];
	int younger_mate;
	int line[2];	/* the mates live until it is closed */
	bool has_line;

	pid_t racer;
	int racer_pidfd;
	int racer_nsfds[LINKS];
	int go;
} caller = { .younger_mate = FS };

/* For trying out whether a wrong answer is found: what Rust is said to have answered */
static int falsify(const struct op *op, int err)
{
	if (shared->impl != RUST || op->kind != SETNS)
		return err;
	switch (shared->wrong_shape) {
	case 1:
		return op->fd == PIDFD && op->flags & CLONE_NEWPID && err == ESRCH ? EPERM : err;
	case 2:
		return err == EUSERS && op->flags & CLONE_NEWUTS ? EINVAL : err;
	case 3:
		return op->target == RACER && err == ESRCH ? EAGAIN : err;
	case 5:
		return err == EBADF ? ERESTARTSYS : err;
	case 6:
		return shared->program.races && op->target != RACER && err == EPERM ? EINVAL : err;
	}
	return err;
}

/* The same with what Rust is said to have joined: all that was asked for but uts */
static void falsify_state(struct attempt *attempt)
{
	if (shared->wrong_shape != 4 || shared->impl != RUST || attempt->op->kind != SETNS)
		return;
	if (!attempt->err && attempt->op->flags & ~CLONE_NEWUTS)
		attempt->after.ns[UTS] = attempt->before.ns[UTS];
}

static int counted_setns(int fd, int nstype)
{
	__atomic_fetch_add(&shared->served, 1, __ATOMIC_RELAXED);
	return setns(fd, nstype) ? errno : 0;
}

union ns_handle {
	struct file_handle handle;
	char space[sizeof(struct file_handle) + MAX_HANDLE_SZ];
};

static union ns_handle handles[TARGETS][LINKS];
static int wrong_fds[WRONGS];

/* Returns a descriptor that is to be closed again, or the negative errno. */
static int open_for(const struct op *op)
{
	int fd = -1;

	errno = EBADF;
	switch (op->fd) {
	case DERIVED:
		fd = ioctl(op->target == RACER ? caller.racer_pidfd : shared->pidfds[op->target],
			   links[op->which].get, 0);
		break;
	case HANDLE:
		fd = open_by_handle_at(shared->nsfds[0][UTS],
				       &handles[op->target][op->which].handle, O_RDONLY);
		break;
	case OWN_NSFD:
		fd = openat(own_links, links[op->which].name, O_RDONLY);
		break;
	case OWN_PIDFD:
		fd = syscall(SYS_pidfd_open, getpid(), 0);
		break;
	default:
		break;
	}
	return fd < 0 ? -errno : fd;
}

static int run_setns(const struct op *op, int *open_err)
{
	int fd, err;

	switch (op->fd) {
	case NSFD:
		return counted_setns(op->target == RACER ? caller.racer_nsfds[op->which] :
				     shared->nsfds[op->target][op->which], op->flags);
	case PIDFD:
		return counted_setns(op->target == RACER ? caller.racer_pidfd :
				     shared->pidfds[op->target], op->flags);
	case WRONG:
		return counted_setns(wrong_fds[op->which], op->flags);
	default:
		break;
	}
	fd = open_for(op);
	*open_err = fd < 0 ? -fd : 0;
	err = counted_setns(fd < 0 ? -1 : fd, op->flags);
	if (fd >= 0)
		close(fd);
	return err;
}

static int set_capabilities(__u64 effective, __u64 permitted, __u64 inheritable)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[] = {
		{ effective, permitted, inheritable },
		{ effective >> 32, permitted >> 32, inheritable >> 32 },
	};

	return syscall(SYS_capset, &header, data) ? errno : 0;
}

static int change_capabilities(const struct op *op)
{
	struct state now;

	read_capabilities(&now);
	if (op->kind == RESTORE)
		now.effective = now.permitted;
	else
		now.effective &= ~BIT(op->which);
	if (op->kind == FORFEIT)
		now.permitted &= ~BIT(op->which);
	return set_capabilities(now.effective, now.permitted, now.inheritable);
}

/*
 * Mates live until the caller closes its end of the line. A thread lives as long as
 * the caller: it counts for a moment after its end, and nobody can wait for that.
 */
static int mate_main(void *arg)
{
	int *mate = arg;
	char c;

	if (*mate == THREAD) {
		for (;;)
			pause();
	}
	close(caller.line[1]);
	return read(caller.line[0], &c, 1);
}

/* A racer that exits kills all that are in its pid namespace. */
static bool may_be_killed(void)
{
	__u64 owner;

	return shared->program.races &&
	       !find_owner(&shared->world, key_of_link(PID_CHILDREN), &owner);
}

static int start_mate(int mate)
{
	static alignas(16) char stacks[MATES][1 << 14];
	static int numbers[MATES] = { THREAD, FS, MM };
	int signal = mate == THREAD ? 0 : SIGCHLD;
	pid_t pid;

	if (caller.mates[mate] || may_be_killed())
		return 0;
	if (!caller.has_line)
		need(!pipe(caller.line), "make a pipe");
	caller.has_line = true;
	pid = clone(mate_main, stacks[mate] + sizeof(stacks[mate]), mate_flags[mate] | signal,
		    &numbers[mate]);
	if (pid < 0)
		return errno;
	caller.mates[mate] = pid;
	caller.shares[mate] = true;
	if (mate != THREAD)
		caller.younger_mate = mate;
	return 0;
}

static void hang_up(void)
{
	if (caller.has_line) {
		close(caller.line[0]);
		close(caller.line[1]);
	}
	caller.has_line = false;
}

static void await_mate(int mate)
{
	if (caller.mates[mate])
		waitpid(caller.mates[mate], NULL, 0);
	caller.mates[mate] = 0;
	caller.shares[mate] = false;
}

/* The older one may be the init process of the younger one, and waits for its end. */
static int part_from_mates(void)
{
	hang_up();
	await_mate(caller.younger_mate);
	await_mate(caller.younger_mate == FS ? MM : FS);
	return 0;
}

/* The child takes the caller's place. Its mates are not those of the child. */
static int go_on_as_child(void)
{
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return errno;
	if (pid > 0) {
		waitpid(pid, &status, 0);
		part_from_mates();
		_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 2);
	}
	hang_up();
	memset(caller.mates, 0, sizeof(caller.mates));
	memset(caller.shares, 0, sizeof(caller.shares));
	open_own_links();
	return 0;
}

/* The racer */

static void publish(const struct state *before)
{
	struct state *state = &shared->states[shared->nr_states];

	for (int i = 0; i < LINKS; i++)
		state->ns[i] = key_of_link(i);
	add_facts(&shared->made[1], before, state, RACER);
	shared->nr_states++;
}

static void publish_next(void)
{
	publish(&shared->states[shared->nr_states - 1]);
}

static void act(const struct op *op, int next)
{
	char fd[16], number[16];
	char *const args[] = { "setns_fuzz", "--racer", fd, number, NULL };

	switch (op->kind) {
	case UNSHARE:
		unshare(op->flags);
		break;
	case SETNS:
		counted_setns(shared->pidfds[op->target], op->flags);
		break;
	case EXEC:
		sprintf(fd, "%d", shared_fd);
		sprintf(number, "%d", next);
		syscall(SYS_execveat, shared->self_fd, "", args, NULL, AT_EMPTY_PATH);
		_exit(2);
	default:
		break;
	}
}

static void race(int from)
{
	const struct program *program = &shared->program;
	char c;

	for (int i = from; i < program->nr_acts; i++) {
		act(&program->acts[i], i + 1);
		publish_next();
	}
	_exit(program->stays && read(shared->go, &c, 1) ? 2 : 0);
}

/* Again, after having executed this program */
static void go_on_racing(int fd, int from)
{
	shared_fd = fd;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (shared == MAP_FAILED)
		_exit(2);
	own_links = shared->racer_links;
	publish_next();
	race(from);
}

static void racer_main(int go, int ready)
{
	struct state parent = { .ns = { shared->world.of[0].key } };
	char c;

	open_own_links();
	shared->racer_links = own_links;
	shared->go = go;
	publish(&parent);
	if (write(ready, "r", 1) != 1)
		_exit(2);
	close(ready);
	if (read(go, &c, 1) != 1)
		_exit(0);
	race(0);
}

static pid_t clone_into(int flags, int *pidfd)
{
	struct clone_args args = {
		.flags = (unsigned int)flags | (pidfd ? CLONE_PIDFD : 0),
		.pidfd = (__u64)(unsigned long)pidfd,
		.exit_signal = flags & CLONE_PARENT ? 0 : SIGCHLD,
	};

	return syscall(SYS_clone3, &args, sizeof(args));
}

static int open_link_of(pid_t pid, int link)
{
	char path[64];

	sprintf(path, "%d/ns/%s", pid, links[link].name);
	return openat(proc_fd, path, O_RDONLY);
}

/* Its first state is known when this returns. */
static void start_racer(void)
{
	int go[2], ready[2];
	char c;

	shared->nr_states = 0;
	shared->made[0].nr = 0;
	shared->made[1].nr = 0;
	need(!pipe(go) && !pipe(ready), "make a pipe");
	caller.racer = clone_into(shared->program.born, &caller.racer_pidfd);
	if (caller.racer == 0) {
		close(go[1]);
		close(ready[0]);
		racer_main(go[0], ready[1]);
	}
	close(go[0]);
	close(ready[1]);
	need(caller.racer > 0 && read(ready[0], &c, 1) == 1, "start a racer");
	close(ready[0]);
	caller.go = go[1];
	for (int i = 0; i < LINKS; i++)
		caller.racer_nsfds[i] = open_link_of(caller.racer, i);
}

static void end_racer(void)
{
	int status;

	close(caller.go);
	waitpid(caller.racer, &status, 0);
	need(WIFEXITED(status) && !WEXITSTATUS(status), "run a racer to its end");
}

/* The caller */

static struct record *results[IMPLS];

static int run_unshare(int flags)
{
	if (unshare(flags))
		return errno;
	/* These imply CLONE_FS */
	if (flags & (CLONE_NEWNS | CLONE_NEWUSER))
		caller.shares[FS] = false;
	return 0;
}

static int run_op(const struct op *op, int *open_err)
{
	switch (op->kind) {
	case SETNS:
		return falsify(op, run_setns(op, open_err));
	case UNSHARE:
		return run_unshare(op->flags);
	case DROP:
	case FORFEIT:
	case RESTORE:
		return change_capabilities(op);
	case MATE:
		return start_mate(op->which);
	case PART:
		return part_from_mates();
	case FORK:
		return go_on_as_child();
	case LET_GO:
		return write(caller.go, "g", 1) == 1 ? 0 : errno;
	case EXEC:	/* is for racers */
		break;
	}
	return 0;
}

static void judge(const struct attempt *attempts)
{
	for (int i = 0; i < shared->program.nr_ops; i++) {
		if (attempts[i].op->kind == SETNS && !allowed(&attempts[i])) {
			shared->broken = i;
			return;
		}
	}
}

static void run_op_and_look(struct attempt *attempt, struct record *record)
{
	memcpy(attempt->shares, caller.shares, sizeof(caller.shares));
	attempt->open_err = 0;
	attempt->err = run_op(attempt->op, &attempt->open_err);
	look(&attempt->after);
	falsify_state(attempt);
	record->err = attempt->err;
	record->open_err = attempt->open_err;
	symbolise(&attempt->after, &record->state);
}

static void run_ops(struct record *records, struct attempt *attempts)
{
	const struct program *program = &shared->program;

	look(&attempts[0].before);
	for (int i = 0; i < program->nr_ops; i++) {
		struct attempt *attempt = &attempts[i];

		attempt->op = &program->ops[i];
		if (i > 0)
			attempt->before = attempts[i - 1].after;
		run_op_and_look(attempt, &records[i]);
		if (program->races && attempt->op->kind == UNSHARE)
			add_facts(&shared->made[0], &attempt->before, &attempt->after, RACER);
	}
}

static void caller_main(struct record *record)
{
	static struct attempt attempts[MAX_OPS];

	open_own_links();
	if (shared->program.races)
		start_racer();
	run_ops(record, attempts);
	part_from_mates();
	if (shared->program.races)
		end_racer();
	judge(attempts);
	_exit(0);
}

/* The world */

/* A namespace is as good as its parent, or whoever made it, has it. */
static void map_root(void)
{
	static const char *const files[][2] = {
		{ "self/setgroups", "deny" },
		{ "self/uid_map", "0 0 1" },
		{ "self/gid_map", "0 0 1" },
	};

	for (int i = 0; i < ARRAY_SIZE(files); i++) {
		int fd = openat(proc_fd, files[i][0], O_WRONLY);
		ssize_t length = strlen(files[i][1]);

		if (fd < 0 || write(fd, files[i][1], length) != length)
			die("cannot write to %s", files[i][0]);
		close(fd);
	}
}

/* The number of this process where /proc is mounted */
static pid_t own_pid(void)
{
	char text[16] = "";

	need(readlinkat(proc_fd, "self", text, sizeof(text) - 1) > 0, "read /proc/self");
	return atoi(text);
}

static void be_target(int target, int ready)
{
	if (shared->own[target] & CLONE_NEWUSER && target % 4 != 1)
		map_root();
	shared->pids[target] = own_pid();
	need(write(ready, "r", 1) == 1, "write to the driver");
	close(ready);
	for (;;)
		pause();
}

/*
 * A target is a child of the driver, but born in the namespaces of its parent. Only
 * who is in a pid namespace may make one below it, hence another process between.
 */
static void spawn_target(int target, int ready)
{
	int parent = shared->parents[target];
	pid_t pid;

	if (parent) {
		need(!setns(shared->pidfds[parent], all_types), "join the parent of a target");
		pid = clone_into(CLONE_PARENT, NULL);
		need(pid >= 0, "be born in the namespaces of the parent of a target");
		if (pid > 0)
			_exit(0);
	}
	pid = clone_into(shared->own[target] | CLONE_PARENT, NULL);
	need(pid >= 0, "make a target");
	if (pid == 0)
		be_target(target, ready);
	_exit(0);
}

static __u64 inode_of(int fd)
{
	struct stat st;

	need(!fstat(fd, &st), "look at a namespace");
	return st.st_ino;
}

static void get_handle(int fd, union ns_handle *handle)
{
	int mount_id;

	handle->handle.handle_bytes = MAX_HANDLE_SZ;
	need(!name_to_handle_at(fd, "", &handle->handle, &mount_id, AT_EMPTY_PATH),
	     "get the handle of a namespace");
}

/* One descriptor for each namespace, as each fork has to copy them all. */
static int only_descriptor(int fd, __u64 inode)
{
	for (int i = 0; i < shared->world.nr; i++) {
		if (shared->world.of[i].key == inode) {
			close(fd);
			return shared->nsfds[shared->world.of[i].target][shared->world.of[i].link];
		}
	}
	return fd;
}

static void look_at_target(int target)
{
	struct state state = {}, before = {};
	char path[64];

	for (int i = 0; i < LINKS; i++) {
		int fd = open_link_of(shared->pids[target], i);

		state.ns[i] = inode_of(fd);
		get_handle(fd, &handles[target][i]);
		shared->nsfds[target][i] = only_descriptor(fd, state.ns[i]);
	}
	if (target)
		before.ns[USER] = inode_of(shared->nsfds[shared->parents[target]][USER]);
	memcpy(shared->world_ns[target], state.ns, sizeof(state.ns));
	add_facts(&shared->world, &before, &state, target);
	sprintf(path, "%d/root", shared->pids[target]);
	add_fact(&shared->world, mount_key(proc_fd, path), 0, target, LINKS);
}

static void make_target(int target)
{
	int ready[2];
	char c;

	need(!pipe(ready), "make a pipe");
	if (fork() == 0)
		spawn_target(target, ready[1]);
	close(ready[1]);
	for (int i = 0; i < (shared->parents[target] ? 2 : 1); i++)
		wait(NULL);
	need(read(ready[0], &c, 1) == 1, "make a target");
	close(ready[0]);
	shared->pidfds[target] = syscall(SYS_pidfd_open, shared->pids[target], 0);
	look_at_target(target);
}

static void choose_targets(__u64 seed)
{
	static const int parents[] = { 0, 0, 2, 3 };

	seed_random(seed, -1);
	for (int i = 1; i < TARGETS; i++) {
		shared->parents[i] = i < 3 ? 0 : i == 3 ? 2 : parents[below(ARRAY_SIZE(parents))];
		shared->own[i] = random_bits() & all_types;
	}
	/* These are always there, as others are born in them */
	shared->own[1] = all_types & ~CLONE_NEWUSER;
	shared->own[2] = all_types;
	shared->own[3] = all_types;
}

static int pidfd_of_dead(bool reaped)
{
	siginfo_t info;
	int pidfd;
	pid_t pid = clone_into(0, &pidfd);

	if (pid == 0)
		_exit(0);
	need(pid > 0, "make a process");
	waitid(P_PID, pid, &info, WEXITED | (reaped ? 0 : WNOWAIT));
	return pidfd;
}

/* The first one was opened when there was a /dev. */
static void open_wrong_fds(void)
{
	int ends[2], n = 1;

	need(!pipe(ends), "make a pipe");
	wrong_fds[n++] = -1;
	wrong_fds[n++] = INT_MIN;
	wrong_fds[n++] = 9999;
	wrong_fds[n++] = AT_FDCWD;
	wrong_fds[n++] = -10000;
	wrong_fds[n++] = -10001;
	wrong_fds[n++] = -10003;
	wrong_fds[n++] = ends[0];
	wrong_fds[n++] = ends[1];
	wrong_fds[n++] = shared_fd;
	wrong_fds[n++] = socket(AF_UNIX, SOCK_STREAM, 0);
	wrong_fds[n++] = openat(proc_fd, "self/ns/uts", O_PATH);
	wrong_fds[n++] = openat(proc_fd, "1", O_RDONLY | O_DIRECTORY);
	wrong_fds[n++] = openat(proc_fd, "1/ns", O_RDONLY | O_DIRECTORY);
	need(n == WRONGS && wrong_fds[n - 1] >= 0, "open wrong descriptors");
}

static void make_world(__u64 seed)
{
	struct state state;

	read_capabilities(&state);
	shared->all_caps = state.permitted;
	choose_targets(seed);
	for (int i = 0; i < TARGETS; i++)
		make_target(i);
	shared->pidfds[ZOMBIE] = pidfd_of_dead(false);
	shared->pidfds[REAPED] = pidfd_of_dead(true);
	open_wrong_fds();
}

static void end_world(void)
{
	for (int t = TARGETS - 1; t >= 0; t--) {
		kill(shared->pids[t], SIGKILL);
		waitpid(shared->pids[t], NULL, 0);
		close(shared->pidfds[t]);
		for (int i = 0; i < LINKS; i++)
			close(shared->nsfds[t][i]);
	}
	waitpid(-1, NULL, 0);	/* the zombie */
}

/* The kernel's own accounts */

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		die("cannot write to %s", path);
	close(fd);
}

/* Opened before the driver has a root of its own */
static int parameter_fd;
static int counter_fds[IMPLS];

/*
 * Others do as they like: they switch, at any time, may take the switch away, and have
 * fault_test fill a memory cgroup. See scripts/guest/load.
 */
static bool disturbed;

static void open_switch(void)
{
	if (disturbed)
		return;
	parameter_fd = open("/sys/module/rust_setns/parameters/enabled", O_WRONLY | O_CLOEXEC);
	counter_fds[C] = open("/sys/kernel/setns/calls_c", O_RDONLY | O_CLOEXEC);
	counter_fds[RUST] = open("/sys/kernel/setns/calls_rust", O_RDONLY | O_CLOEXEC);
	need(parameter_fd >= 0 && counter_fds[C] >= 0 && counter_fds[RUST] >= 0,
	     "find the switch between C and Rust");
}

static long calls_served(int impl)
{
	char text[32] = "";

	need(pread(counter_fds[impl], text, sizeof(text) - 1, 0) > 0, "read a counter");
	return atol(text);
}

/* Namespaces are freed some time after their end, and must not run out meanwhile. */
static void raise_limits(void)
{
	static const char *const names[] = {
		"user", "mnt", "uts", "ipc", "pid", "cgroup", "net", "time",
	};
	char path[64];

	for (int i = 0; i < ARRAY_SIZE(names); i++) {
		sprintf(path, "/proc/sys/user/max_%s_namespaces", names[i]);
		write_text(path, "1000000");
	}
}

enum { MAX_LIVE = 4096 };

/* A handle needs the ID of its namespace, and no more. */
static int open_namespace(__u64 id)
{
	static int nsfs = -1;
	static union ns_handle handle;
	struct nsfs_file_handle file = { .ns_id = id };

	if (nsfs < 0) {
		nsfs = open("/proc/self/ns/uts", O_RDONLY | O_CLOEXEC);
		get_handle(nsfs, &handle);
		handle.handle.handle_bytes = sizeof(file);
	}
	memcpy(handle.handle.f_handle, &file, sizeof(file));
	return open_by_handle_at(nsfs, &handle.handle, O_RDONLY | O_CLOEXEC);
}

/*
 * All tasks of this program are root, seen from outside, wherever they are: so are the
 * owners of their user namespaces, which own what else they make. fault_test makes its
 * namespaces as somebody else.
 */
static bool made_by_root(__u64 id)
{
	int fd = open_namespace(id), user;
	uid_t owner;

	need(fd >= 0 || errno == ESTALE, "open a namespace");
	if (fd < 0)
		return false;	/* it has just gone */
	if (ioctl(fd, NS_GET_OWNER_UID, &owner)) {
		user = ioctl(fd, NS_GET_USERNS);
		need(user >= 0 && !ioctl(user, NS_GET_OWNER_UID, &owner), "find an owner");
		close(user);
	}
	close(fd);
	return owner == 0;
}

static int list_namespaces(__u64 *ids)
{
	struct ns_id_req request = { .size = sizeof(request) };
	long nr = syscall(__NR_listns, &request, ids, MAX_LIVE, 0);
	int listed = 0;

	need(nr > 0 && nr < MAX_LIVE, "list the live namespaces");
	for (int i = 0; i < nr; i++) {
		if (!disturbed || made_by_root(ids[i]))
			ids[listed++] = ids[i];
	}
	need(listed > 0, "find the namespaces of root");
	return listed;
}

/* What was the last of a namespace may go a moment after the task that it was of. */
static bool same_namespaces(const __u64 *before, int nr_before)
{
	static __u64 now[MAX_LIVE];
	enum { TRIES = 1000, MEMBARRIER_CMD_GLOBAL = 1 };

	for (int i = 0; i < TRIES; i++) {
		int nr = list_namespaces(now);

		if (nr == nr_before && !memcmp(now, before, nr * sizeof(*now)))
			return true;
		syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0);
	}
	printf("%d namespaces were alive before, and %d are now.\n", nr_before,
	       list_namespaces(now));
	return false;
}

static int open_kernel_log(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK);

	need(fd >= 0 && lseek(fd, 0, SEEK_END) >= 0, "open the kernel's log");
	return fd;
}

/* Some warnings say that the machine is slow, which it may be. */
static bool is_about_time(const char *text)
{
	static const char *const starts[] = {
		"clocksource:", "hrtimer:", "perf:", "sched_clock:", "workqueue:",
		/* A CPU that has come, and whose timers are not seen to be right in time */
		"Could not switch to high resolution mode",
	};

	for (int i = 0; i < ARRAY_SIZE(starts); i++) {
		if (!strncmp(text, starts[i], strlen(starts[i])))
			return true;
	}
	return false;
}

/*
 * At the limit of its memory cgroup, fault_test is killed, again and again. What it is
 * that has a call trace is said before it, so that lines of one mean nothing alone.
 */
static bool is_about_limit(const char *text)
{
	static const struct {
		const char *start;
		const char *part;
	} lines[] = {
		{ "fault_test invoked oom-killer: ", "" },
		{ "oom_kill_process: ", " callbacks suppressed" },
		{ "Memory cgroup min protection ", "" },
		{ "Memory cgroup out of memory: Killed process ", " (fault_test) " },
		{ "CPU: ", " Comm: fault_test " },
		{ "Tainted: ", "" }, { "Hardware name: ", "" },
		{ "Call Trace:", "" }, { "Call trace:", "" }, { " ", "" }, { "[<", "" },
		{ "RIP: ", "" }, { "Code: ", "" }, { "RSP: ", "" }, { "RAX: ", "" },
		{ "RDX: ", "" }, { "RBP: ", "" }, { "R10: ", "" }, { "R13: ", "" },
	};

	for (int i = 0; i < ARRAY_SIZE(lines); i++) {
		if (!strncmp(text, lines[i].start, strlen(lines[i].start)) &&
		    strstr(text, lines[i].part))
			return true;
	}
	return false;
}

/* Of each record, the lowest three bits of the first number are the level. */
static bool warned(int log)
{
	enum { WARNING = 4 };
	char record[8192];
	bool any = false;
	ssize_t length;

	while ((length = read(log, record, sizeof(record) - 1)) > 0 || errno == EPIPE) {
		const char *text = "its log has overflowed";

		if (length > 0) {
			record[length] = 0;
			text = strchr(record, ';');
			if (!text || (atoi(record) & 7) > WARNING || is_about_time(++text) ||
			    (disturbed && is_about_limit(text)))
				continue;
		}
		printf("the kernel warns: %.*s\n", (int)strcspn(text, "\n"), text);
		any = true;
	}
	return any;
}

/* Reads as the log grows, which has room for the messages of a few seconds only. */
static bool warned_until_end(int log, pid_t driver)
{
	struct pollfd fds[] = {
		{ .fd = syscall(SYS_pidfd_open, driver, 0), .events = POLLIN },
		{ .fd = log, .events = POLLIN },
	};
	bool any = false;

	need(fds[0].fd >= 0, "open the driver");
	while (!fds[0].revents) {
		need(poll(fds, ARRAY_SIZE(fds), -1) > 0, "wait for the driver");
		any |= warned(log);
	}
	close(fds[0].fd);
	return any;
}

/* Running programs */

static void switch_to(int impl)
{
	need(disturbed || pwrite(parameter_fd, impl == RUST ? "1" : "0", 1, 0) == 1, "switch");
	for (int i = 0; i < LANES; i++) {
		lanes[i].shared->impl = impl;
		lanes[i].shared->served = 0;
	}
}

/* Returns whether the model has nothing to object. */
static bool run_program(const struct program *program, struct record *record)
{
	int status = -1;
	pid_t pid;

	shared->program = *program;
	shared->broken = -1;
	memset(record, 0, program->nr_ops * sizeof(*record));
	pid = fork();
	if (pid == 0)
		caller_main(record);
	need(pid > 0 && waitpid(pid, &status, 0) == pid, "start a caller");
	expect_success(status, "a caller");
	return shared->broken < 0;
}

static int first_difference(const struct program *program, int offset)
{
	for (int i = 0; i < program->nr_ops; i++) {
		if (memcmp(&results[C][offset + i], &results[RUST][offset + i],
			   sizeof(struct record)))
			return i;
	}
	return -1;
}

/* A program that failed: where, and, if it is the model that objects, on which one */
struct failure {
	int op;
	int impl;
};

enum { RACES = 40 };

/* Of a race that was lost once, it is not known how often it has to be tried. */
static bool fails_on(int impl, const struct program *program, struct failure *failure)
{
	int tries = program->races ? RACES : 1;

	switch_to(impl);
	for (int i = 0; i < tries; i++) {
		if (!run_program(program, results[impl])) {
			*failure = (struct failure){ shared->broken, impl };
			return true;
		}
	}
	return false;
}

static bool fails(const struct program *program, struct failure *failure)
{
	if (fails_on(C, program, failure) || fails_on(RUST, program, failure))
		return true;
	if (program->races)
		return false;
	*failure = (struct failure){ first_difference(program, 0), IMPLS };
	return failure->op >= 0;
}

/* Showing what failed */

static const char *err_text(int impl, int op)
{
	static char numbers[IMPLS][16];
	int err = results[impl][op].err;
	const char *name = err ? strerrorname_np(err) : NULL;

	sprintf(numbers[impl], "%d", err);
	return name ? name : numbers[impl];
}

static void show_items(const struct record *a, const char *a_name, const struct record *b,
		       const char *b_name)
{
	for (int i = 0; i < ITEMS; i++) {
		__u64 value = items_of(&a->state)[i], other = items_of(&b->state)[i];

		if (value == other)
			continue;
		printf("\t\t%s: %s %s, ", item_names[i], a_name, item_text(i, value));
		printf("%s %s\n", b_name, item_text(i, other));
	}
}

static void show_op(const struct program *program, const struct failure *failure, int i)
{
	const char *mark = i == failure->op ? "-->" : "   ";

	printf("%s %3d  %s: ", mark, i, op_text(&program->ops[i]));
	if (failure->impl != IMPLS) {
		printf("%s\n", err_text(failure->impl, i));
		if (i == failure->op && i > 0)
			show_items(&results[failure->impl][i - 1], "before",
				   &results[failure->impl][i], "after");
		return;
	}
	printf("C %s, Rust %s\n", err_text(C, i), err_text(RUST, i));
	if (i == failure->op)
		show_items(&results[C][i], "C", &results[RUST][i], "Rust");
}

static void show_racer(const struct program *program)
{
	printf("The racer is born with its own %s.\n",
	       program->born ? flags_text(program->born) : "nothing");
	for (int i = 0; i < program->nr_acts; i++)
		printf("    %3d  %s\n", i, op_text(&program->acts[i]));
	printf("         %s\n", program->stays ? "stay" : "exit");
}

static void show_targets(void)
{
	for (int i = 1; i < TARGETS; i++) {
		printf("T%d is born in the namespaces of T%d, with its own %s.\n", i,
		       shared->parents[i], flags_text(shared->own[i]));
	}
}

static void show_program(const struct program *program, const struct failure *failure)
{
	if (program->races)
		show_racer(program);
	if (failure->op < 0)
		printf("The caller, on which C and Rust agree, or at least the model with both:\n");
	else if (failure->impl == IMPLS)
		printf("The caller, on which C and Rust differ:\n");
	else
		printf("The caller, on %s, of which the model expects something else:\n",
		       impl_names[failure->impl]);
	for (int i = 0; i < program->nr_ops; i++)
		show_op(program, failure, i);
}

/* Shrinking */

static void remove_ops(struct op *ops, int *nr, int at, int n)
{
	memmove(ops + at, ops + at + n, (*nr - at - n) * sizeof(*ops));
	*nr -= n;
}

/* What has come of the shortest program that has failed so far */
static struct record kept[IMPLS][MAX_OPS];

/* Takes the candidate for the program, if it fails too. */
static bool keep(struct program *program, const struct program *candidate,
		 struct failure *failure)
{
	struct failure now;

	if (!fails(candidate, &now))
		return false;
	*program = *candidate;
	*failure = now;
	for (int i = 0; i < IMPLS; i++)
		memcpy(kept[i], results[i], sizeof(kept[i]));
	return true;
}

static bool try_without(struct program *program, bool acts, int at, int n,
			struct failure *failure)
{
	struct program candidate = *program;

	if (acts)
		remove_ops(candidate.acts, &candidate.nr_acts, at, n);
	else
		remove_ops(candidate.ops, &candidate.nr_ops, at, n);
	return keep(program, &candidate, failure);
}

static void shorten(struct program *program, bool acts, struct failure *failure)
{
	const int *nr = acts ? &program->nr_acts : &program->nr_ops;

	for (int n = *nr; n > 0; n /= 2) {
		int at = 0;

		while (at + n <= *nr) {
			if (!try_without(program, acts, at, n, failure))
				at += n;
		}
	}
}

/* @flags is a member of the program, and loses all bits that it can do without. */
static void clear_bits(struct program *program, int *flags, struct failure *failure)
{
	size_t offset = (char *)flags - (char *)program;

	for (int bit = 0; bit < 32; bit++) {
		struct program candidate = *program;

		if (!((unsigned int)*flags & 1U << bit))
			continue;
		*(int *)((char *)&candidate + offset) &= ~(1U << bit);
		keep(program, &candidate, failure);
	}
}

/* Returns whether the program fails again. */
static bool shrink(struct program *program, struct failure *failure)
{
	struct program same = *program;

	if (!keep(program, &same, failure))
		return false;
	shorten(program, false, failure);
	shorten(program, true, failure);
	for (int i = 0; i < program->nr_ops; i++)
		clear_bits(program, &program->ops[i].flags, failure);
	for (int i = 0; i < program->nr_acts; i++)
		clear_bits(program, &program->acts[i].flags, failure);
	clear_bits(program, &program->born, failure);
	for (int i = 0; i < IMPLS; i++)
		memcpy(results[i], kept[i], sizeof(kept[i]));
	return true;
}

/* Shows the program that failed, and the smallest one that fails like it. */
static void report(struct program *program, struct failure *failure,
		   const struct options *options, __u64 index)
{
	printf("\nA program fails: scripts/fuzz --seed %llu --program %llu%s\n",
	       (unsigned long long)options->seed, (unsigned long long)index, options->again);
	show_targets();
	show_program(program, failure);
	if (!shrink(program, failure)) {
		printf("\nIt passes when it is run again.\n");
		return;
	}
	printf("\nIt shrinks to %d operation%s:\n", program->nr_ops, program->nr_ops == 1 ? "" : "s");
	show_program(program, failure);
}

/* Batches: as many programs as there is room for the results of */

enum { BATCH_RECORDS = 16384, BATCH_PROGRAMS = 2048 };

static struct batch {
	__u64 first;
	int nr;
	int offset[BATCH_PROGRAMS + 1];
	long calls;
} batch;

/* For each program, shared->broken */
static int *broken[IMPLS];

static struct stats stats[IMPLS];

static void plan_batch(__u64 seed, __u64 first, long calls)
{
	batch.first = first;
	batch.calls = 0;
	for (batch.nr = 0; batch.nr < BATCH_PROGRAMS && batch.calls < calls; batch.nr++) {
		struct program program = make_program(seed, first + batch.nr);
		int end = batch.offset[batch.nr] + program.nr_ops;

		if (end > BATCH_RECORDS)
			break;
		batch.offset[batch.nr + 1] = end;
		batch.calls += calls_in(&program);
	}
}

/* The lanes take turns. */
static void run_lane(__u64 seed, int impl, int lane)
{
	take_lane(lane);
	for (int i = lane; i < batch.nr; i += LANES) {
		struct program program = make_program(seed, batch.first + i);

		run_program(&program, results[impl] + batch.offset[i]);
		broken[impl][i] = shared->broken;
	}
	_exit(0);
}

static void run_lanes(__u64 seed, int impl)
{
	pid_t pids[LANES];
	int status = -1;

	for (int i = 0; i < LANES; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			run_lane(seed, impl, i);
	}
	for (int i = 0; i < LANES; i++) {
		need(pids[i] > 0 && waitpid(pids[i], &status, 0) == pids[i], "run a batch");
		expect_success(status, "a batch");
	}
}

/* Whoever is in charge has served all calls since, and nobody else has. */
static void check_served(int impl, const long *before)
{
	long made = 0;

	for (int i = 0; i < LANES; i++)
		made += lanes[i].shared->served;
	for (int i = 0; i < IMPLS; i++) {
		long served = calls_served(i) - before[i];
		long expected = i == impl ? made : 0;

		if (served != expected)
			die("%s served %ld calls instead of %ld", impl_names[i], served, expected);
	}
}

static void run_batch(__u64 seed, int impl)
{
	long before[IMPLS];

	switch_to(impl);
	if (disturbed) {
		run_lanes(seed, impl);
		return;
	}
	for (int i = 0; i < IMPLS; i++)
		before[i] = calls_served(i);
	run_lanes(seed, impl);
	check_served(impl, before);
}

static bool batch_failed(int i, const struct program *program, struct failure *failure)
{
	for (int impl = 0; impl < IMPLS; impl++) {
		if (broken[impl][i] >= 0) {
			*failure = (struct failure){ broken[impl][i], impl };
			return true;
		}
	}
	if (program->races)
		return false;
	*failure = (struct failure){ first_difference(program, batch.offset[i]), IMPLS };
	return failure->op >= 0;
}

static int flags_joined(const struct op *op)
{
	bool process = op->fd == PIDFD || op->fd == OWN_PIDFD;

	return process ? op->flags : links[op->which].flag;
}

static void count_joined(struct stats *of, const struct op *op)
{
	int flags = flags_joined(op), set = 0;

	of->joined_by_fd[op->fd]++;
	for (int i = 0; i < TYPES; i++) {
		if (flags & links[types[i]].flag) {
			of->joined_by_type[i]++;
			set |= 1 << i;
		}
	}
	of->joined_set[set] = true;
}

static void count_call(struct stats *of, const struct program *program, const struct op *op,
		       const struct record *record)
{
	bool racing = program->races && op->target == RACER;

	/* judge() has not let pass what there is no place for */
	of->calls++;
	of->outcome[record->err]++;
	of->racing += racing;
	of->racing_joined += racing && !record->err;
	if (!record->err)
		count_joined(of, op);
}

static void count_program(const struct program *program, int offset)
{
	for (int impl = 0; impl < IMPLS; impl++) {
		for (int i = 0; i < program->nr_ops; i++) {
			if (program->ops[i].kind == SETNS)
				count_call(&stats[impl], program, &program->ops[i],
					   &results[impl][offset + i]);
		}
	}
}

/* Returns whether all programs have passed. */
static bool check_batch(const struct options *options)
{
	for (int i = 0; i < batch.nr; i++) {
		struct program program = make_program(options->seed, batch.first + i);
		struct failure failure;

		if (batch_failed(i, &program, &failure)) {
			for (int impl = 0; impl < IMPLS; impl++)
				memmove(results[impl], results[impl] + batch.offset[i],
					program.nr_ops * sizeof(struct record));
			report(&program, &failure, options, batch.first + i);
			return false;
		}
		count_program(&program, batch.offset[i]);
	}
	return true;
}

static long seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec;
}

/* The summary */

static void show_outcomes(void)
{
	printf("%-12s %10s %10s\n", "outcome", impl_names[C], impl_names[RUST]);
	for (int err = 0; err < MAX_ERR; err++) {
		if (stats[C].outcome[err] || stats[RUST].outcome[err])
			printf("%-12s %10ld %10ld\n", err ? strerrorname_np(err) : "joined",
			       stats[C].outcome[err], stats[RUST].outcome[err]);
	}
	printf("%-12s %10ld %10ld\n", "racing", stats[C].racing, stats[RUST].racing);
	printf("%-12s %10ld %10ld\n", "and joined", stats[C].racing_joined,
	       stats[RUST].racing_joined);
}

static void show_joined(void)
{
	static const char *const fd_names[] = {
		"nsfs", "pidfd", "derived", "handle", "own nsfs", "own pidfd",
	};
	int sets = 0;

	printf("joined by type:");
	for (int i = 0; i < TYPES; i++)
		printf(" %s %ld", links[types[i]].name, stats[RUST].joined_by_type[i]);
	printf("\njoined by descriptor:");
	for (int i = 0; i < WRONG; i++)
		printf(" %s %ld,", fd_names[i], stats[RUST].joined_by_fd[i]);
	for (int i = 0; i < 1 << TYPES; i++)
		sets += stats[RUST].joined_set[i];
	printf(" %d sets of types\n", sets);
}

/* So many calls should have tried everything */
enum { ENOUGH = 100000 };

/* Where every call is refused, there is no difference either */
static bool all_joined(void)
{
	for (int impl = 0; impl < IMPLS; impl++) {
		for (int i = 0; i < TYPES; i++) {
			if (!stats[impl].joined_by_type[i])
				return false;
		}
		for (int i = 0; i < WRONG; i++) {
			if (!stats[impl].joined_by_fd[i])
				return false;
		}
		if (!stats[impl].racing_joined)
			return false;
	}
	return true;
}

/* Running everything */

static int fuzz(const struct options *options)
{
	long start = seconds(), told = 0, calls = options->calls;
	__u64 next = 0, seed = options->seed;

	while (stats[RUST].calls < calls) {
		plan_batch(seed, next, calls - stats[RUST].calls);
		run_batch(seed, C);
		run_batch(seed, RUST);
		if (!check_batch(options))
			return 1;
		next += batch.nr;
		if (stats[RUST].calls - told >= calls / 20) {
			told = stats[RUST].calls;
			printf("%ld of %ld calls on each, %llu programs, %ld s\n", told, calls,
			       (unsigned long long)next, seconds() - start);
		}
	}
	show_outcomes();
	show_joined();
	if (calls >= ENOUGH && !all_joined()) {
		printf("FAILED: none of so many calls has joined a type, by a kind of descriptor, or the racer\n");
		return 1;
	}
	printf("%ld calls on C, %ld on Rust, in %llu programs: no difference, in %ld s\n",
	       stats[C].calls, stats[RUST].calls, (unsigned long long)next, seconds() - start);
	return 0;
}

static int replay(const struct options *options)
{
	struct program program = make_program(options->seed, options->program);
	struct failure failure = { -1, IMPLS };

	if (fails(&program, &failure)) {
		report(&program, &failure, options, options->program);
		return 1;
	}
	show_targets();
	show_program(&program, &failure);
	return 0;
}

static void *share(int *fd, size_t size)
{
	void *memory;

	*fd = memfd_create("setns_fuzz", MFD_NOEXEC_SEAL);
	need(*fd >= 0 && !ftruncate(*fd, size), "make shared memory");
	memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	need(memory != MAP_FAILED, "map shared memory");
	return memory;
}

/* In memory, so that executing it takes no file system. Nobody may write to it then. */
static int copy_self(void)
{
	int self = open("/proc/self/exe", O_RDONLY);
	int copy = memfd_create("setns_fuzz", MFD_EXEC);
	char path[64];
	struct stat st;

	need(self >= 0 && copy >= 0 && !fstat(self, &st), "open this program");
	need(sendfile(copy, self, NULL, st.st_size) == st.st_size, "copy this program");
	sprintf(path, "/proc/self/fd/%d", copy);
	self = open(path, O_RDONLY);
	close(copy);
	return self;
}

/*
 * A mount namespace with little in it is quickly copied, and a root in memory quickly
 * looked at. The current directory is elsewhere, so that joining changes it, too.
 */
static void make_root(void)
{
	need(!unshare(CLONE_NEWNS) && !mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL),
	     "make a mount namespace");
	need(!mount("setns_fuzz", "/tmp", "tmpfs", 0, NULL) && !chdir("/tmp") &&
	     !mkdir("proc", 0755) && !mount("setns_fuzz", "proc", "proc", 0, NULL),
	     "make a root directory");
	need(!syscall(SYS_pivot_root, ".", ".") && !umount2(".", MNT_DETACH) && !chdir("/proc"),
	     "change the root directory");
	proc_fd = open("/proc", O_PATH | O_DIRECTORY);
	need(proc_fd >= 0, "open /proc");
}

static void prepare(__u64 seed, int wrong_shape)
{
	size_t size = BATCH_RECORDS * sizeof(struct record);
	int fd;

	open_switch();
	for (int i = 0; i < LANES; i++)
		lanes[i].shared = share(&lanes[i].fd, sizeof(*shared));
	take_lane(0);
	shared->wrong_shape = wrong_shape;
	shared->self_fd = copy_self();
	wrong_fds[0] = open("/dev/null", O_RDWR);
	make_root();
	for (int i = 0; i < IMPLS; i++) {
		results[i] = share(&fd, size);
		close(fd);
		broken[i] = share(&fd, BATCH_PROGRAMS * sizeof(int));
		close(fd);
	}
	raise_limits();
	make_world(seed);
	for (int i = 1; i < LANES; i++)
		*lanes[i].shared = *shared;
}

static struct options parse(int argc, char **argv)
{
	struct options options = { .calls = 1000000, .seed = 1, .program = -1, .again = "" };

	for (int i = 1; i + 1 < argc; i += 2) {
		long long value = strtoll(argv[i + 1], NULL, 10);

		if (!strcmp(argv[i], "--calls"))
			options.calls = value;
		else if (!strcmp(argv[i], "--seed"))
			options.seed = value;
		else if (!strcmp(argv[i], "--program"))
			options.program = value;
		else if (!strcmp(argv[i], "--wrong"))
			options.wrong_shape = value;
		else if (!strcmp(argv[i], "--disturbed"))
			disturbed = value;
		else if (!strcmp(argv[i], "--again"))
			options.again = argv[i + 1];
		else
			die("unknown option %s", argv[i]);
	}
	return options;
}

/* The driver is a child, of which nothing must be left. */
static int drive(const struct options *options)
{
	int rc;

	prepare(options->seed, options->wrong_shape);
	if (options->program >= 0)
		rc = replay(options);
	else
		rc = fuzz(options);
	end_world();
	return rc;
}

int main(int argc, char **argv)
{
	static __u64 live[MAX_LIVE];
	struct options options;
	int nr_live, log, status = -1;
	pid_t driver;
	bool noisy;

	if (argc == 4 && !strcmp(argv[1], "--racer"))
		go_on_racing(atoi(argv[2]), atoi(argv[3]));
	setvbuf(stdout, NULL, _IOLBF, 0);
	options = parse(argc, argv);
	log = open_kernel_log();
	nr_live = list_namespaces(live);
	driver = fork();
	if (driver == 0)
		exit(drive(&options));
	need(driver > 0, "start the driver");
	noisy = warned_until_end(log, driver);
	need(waitpid(driver, &status, 0) == driver, "wait for the driver");
	if (WIFSIGNALED(status))
		die("signal %d has ended the driver", WTERMSIG(status));
	if (WEXITSTATUS(status) > 1)
		return 2;
	if (!same_namespaces(live, nr_live) || warned(log) || noisy)
		return 1;
	return WEXITSTATUS(status);
}
