// SPDX-License-Identifier: GPL-2.0
/*
 * This file reads the trace events of setns(2), which say why a call was refused or what it has
 * joined. Each caller has a ring buffer of perf for its own calls.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/perf_event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "driver.h"

#define TRACEFS "/sys/kernel/tracing/events/setns/"

enum { REFUSED, JOINED, KINDS };

static const char *const kind_names[KINDS] = { "setns_refused", "setns_joined" };

/* What the kernel says of an event: its number, and where its fields are. */
static struct {
	int id;
	int type, reason, error, rust;	/* offsets in bytes */
} kinds[KINDS];

/* These keep the events on between two callers, as switching them on takes long. */
static int keepers[KINDS] = { -1, -1 };

/* The ring buffer of this process: a page that perf fills in, and pages of records. */
enum { RING_PAGES = 8 };
static struct perf_event_mmap_page *ring;
static int ring_fds[KINDS] = { -1, -1 };

static void read_text(const char *kind, const char *name, char *text, size_t size)
{
	char path[128];
	ssize_t length;
	int fd;

	snprintf(path, sizeof(path), TRACEFS "%s/%s", kind, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	length = fd < 0 ? -1 : read(fd, text, size - 1);
	need(length > 0, "read what the kernel says of its events of setns(2)");
	text[length] = '\0';
	close(fd);
}

/* Returns where a field is, or 0 if the event does not have it. */
static int offset_of(const char *format, const char *name)
{
	char field[32];
	const char *found;

	snprintf(field, sizeof(field), " %s;\toffset:", name);
	found = strstr(format, field);
	return found ? atoi(found + strlen(field)) : 0;
}

void find_events(void)
{
	char text[8192];
	int fd;

	for (int i = 0; i < KINDS; i++) {
		read_text(kind_names[i], "id", text, sizeof(text));
		kinds[i].id = atoi(text);
		read_text(kind_names[i], "format", text, sizeof(text));
		kinds[i].type = offset_of(text, "type");
		kinds[i].reason = offset_of(text, "reason");
		kinds[i].error = offset_of(text, "error");
		kinds[i].rust = offset_of(text, "rust");
	}
	/* Callers without rights watch themselves, too */
	fd = open("/proc/sys/kernel/perf_event_paranoid", O_WRONLY | O_CLOEXEC);
	need(fd >= 0 && write(fd, "-1", 2) == 2, "let all tasks use perf");
	close(fd);
}

static int open_event(int kind)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = kinds[kind].id,
		.sample_period = 1,
		.sample_type = PERF_SAMPLE_RAW,
		.read_format = PERF_FORMAT_LOST,
		.watermark = 1,
		.wakeup_watermark = ~0U,
	};

	return syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void switch_events(bool on)
{
	for (int i = 0; i < KINDS; i++) {
		if (keepers[i] >= 0)
			close(keepers[i]);
		keepers[i] = on ? open_event(i) : -1;
		need(!on || keepers[i] >= 0, "switch the events of setns(2) on");
	}
	set_watched(on);
}

void watch_own_calls(void)
{
	size_t size = (RING_PAGES + 1) * getpagesize();

	/* A child does not inherit it */
	ring = NULL;
	if (!shared->watched)
		return;
	for (int i = 0; i < KINDS; i++) {
		close(ring_fds[i]);
		ring_fds[i] = open_event(i);
		need(ring_fds[i] >= 0, "watch the calls of a caller");
	}
	ring = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, ring_fds[0], 0);
	need(ring != MAP_FAILED, "map the buffer of a caller");
	need(!ioctl(ring_fds[1], PERF_EVENT_IOC_SET_OUTPUT, ring_fds[0]),
	     "watch joins in the same buffer");
}

/* Copies bytes of the ring, which may be split at its end. */
static void copy_from_ring(__u64 at, void *to, size_t size)
{
	const char *data = (const char *)ring + getpagesize();
	size_t room = RING_PAGES * getpagesize();
	size_t start = at % room, first = size < room - start ? size : room - start;

	memcpy(to, data + start, first);
	memcpy((char *)to + first, data, size - first);
}

static __u32 number_at(const char *raw, int offset)
{
	__u32 number;

	memcpy(&number, raw + offset, sizeof(number));
	return number;
}

/* Adds an event to what the record says of its call. */
static void note_event(const char *raw, struct seen *seen)
{
	__u16 id;
	int kind;

	memcpy(&id, raw, sizeof(id));
	kind = id == kinds[REFUSED].id ? REFUSED : JOINED;
	if (kinds[kind].rust && raw[kinds[kind].rust] != (shared->impl == RUST) && !disturbed)
		die("an event says that %s has served the call", impl_names[!shared->impl]);
	if (kind == JOINED) {
		seen->joins++;
		seen->joined |= number_at(raw, kinds[kind].type);
		return;
	}
	seen->refusals++;
	seen->type = number_at(raw, kinds[kind].type);
	seen->reason = number_at(raw, kinds[kind].reason);
	seen->err = number_at(raw, kinds[kind].error);
}

void read_events(struct seen *seen)
{
	__u64 head, tail;

	memset(seen, 0, sizeof(*seen));
	if (!ring)
		return;
	head = __atomic_load_n(&ring->data_head, __ATOMIC_ACQUIRE);
	for (tail = ring->data_tail; tail < head;) {
		struct {
			struct perf_event_header header;
			__u32 size;
			char raw[256];
		} record;

		copy_from_ring(tail, &record.header, sizeof(record.header));
		if (record.header.type != PERF_RECORD_SAMPLE ||
		    record.header.size > sizeof(record))
			die("perf has lost events");
		copy_from_ring(tail, &record, record.header.size);
		note_event(record.raw, seen);
		tail += record.header.size;
	}
	__atomic_store_n(&ring->data_tail, tail, __ATOMIC_RELEASE);
}

/* The kernel has set aside 0 for "no reason". NO_ROOT has the errno of a lookup. */
static const int errnos[REASONS] = {
	[WHY_BAD_FD] = EBADF,
	[WHY_NOT_A_NAMESPACE] = EINVAL,
	[WHY_OTHER_TYPE] = EINVAL,
	[WHY_BAD_TYPES] = EINVAL,
	[WHY_NOT_BUILT_IN] = EINVAL,
	[WHY_NO_MEMORY] = ENOMEM,
	[WHY_REAPED] = ESRCH,
	[WHY_NOT_INSPECTABLE] = EPERM,
	[WHY_ZOMBIE] = ESRCH,
	[WHY_NO_OWNER_CAP] = EPERM,
	[WHY_NO_CAP] = EPERM,
	[WHY_NO_CHROOT_CAP] = EPERM,
	[WHY_OWN_USER_NS] = EINVAL,
	[WHY_THREADS] = EINVAL,
	[WHY_SHARED_FS] = EINVAL,
	[WHY_NO_UCOUNTS] = EINVAL,
	[WHY_NOT_BELOW] = EINVAL,
	[WHY_SHARED_MEMORY] = EUSERS,
	[WHY_NO_TARGET_CAP] = EPERM,
};

int errno_for(enum reason reason)
{
	return reason < REASONS ? errnos[reason] : 0;
}

/* Returns whether the events of this program say something of Rust as it is. */
static bool are_events_true(void)
{
	return shared->watched && !shared->wrong_shape;
}

bool well_explained(const struct attempt *attempt, int expected)
{
	const struct seen *seen = attempt->seen;

	if (!are_events_true())
		return true;
	if (!attempt->err)
		return !seen->refusals && seen->joined == (__u32)expected &&
		       seen->joins == __builtin_popcount(expected);
	return !seen->joins && seen->refusals == 1 && seen->err == (__u32)attempt->err &&
	       errno_for(seen->reason) == attempt->err;
}

bool explained(const struct attempt *attempt, enum reason reason, int type)
{
	const struct seen *seen = attempt->seen;

	return !are_events_true() || (seen->reason == reason && seen->type == (__u32)type);
}

void check_none_lost(void)
{
	struct {
		__u64 value;
		__u64 lost;
	} count;

	for (int i = 0; ring && i < KINDS; i++)
		need(read(ring_fds[i], &count, sizeof(count)) == sizeof(count) && !count.lost,
		     "read all events of a caller");
}
