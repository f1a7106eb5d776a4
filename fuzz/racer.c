// SPDX-License-Identifier: GPL-2.0
/*
 * This file has both sides of the racer: what the racer does, from publish() to
 * racer_main(), and what the caller does with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "caller.h"

/* An older C library does not have this flag. */
#ifndef MFD_EXEC
#define MFD_EXEC	0x0010U
#endif

/* The caller knows this of the racer. */
static struct {
	pid_t pid;
	int pidfd;
	int nsfds[LINKS];
	int go;
} racer;

/*
 * Executing a copy in memory takes no file system. Linux executes no file that is open
 * for writing, so the copy is opened again, only for reading.
 */
void copy_self(void)
{
	int self = open("/proc/self/exe", O_RDONLY);
	int copy = memfd_create("setns_fuzz", MFD_EXEC);
	char path[64];
	struct stat st;

	need(self >= 0 && copy >= 0 && !fstat(self, &st), "open this program");
	need(sendfile(copy, self, NULL, st.st_size) == st.st_size, "copy this program");
	sprintf(path, "/proc/self/fd/%d", copy);
	shared->self_fd = open(path, O_RDONLY);
	close(copy);
}

/* Adds the namespaces that the racer is in now to shared->states. */
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

/* Does one act. A racer that executes this program again goes on at act number @next. */
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

/* Does the acts from number @from on, and exits. */
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

void go_on_racing(int fd, int from)
{
	take_lane_again(fd);
	use_own_links(shared->racer_links);
	publish_next();
	race(from);
}

static void racer_main(int go, int ready)
{
	struct state parent = { .ns = { shared->world.of[0].key } };
	char c;

	shared->racer_links = open_own_links();
	shared->go = go;
	publish(&parent);
	if (write(ready, "r", 1) != 1)
		_exit(2);
	close(ready);
	if (read(go, &c, 1) != 1)
		_exit(0);
	race(0);
}

void start_racer(void)
{
	int go[2], ready[2];
	char c;

	shared->nr_states = 0;
	shared->made[0].nr = 0;
	shared->made[1].nr = 0;
	need(!pipe(go) && !pipe(ready), "make a pipe");
	racer.pid = clone_into(shared->program.born, &racer.pidfd);
	if (racer.pid == 0) {
		close(go[1]);
		close(ready[0]);
		racer_main(go[0], ready[1]);
	}
	close(go[0]);
	close(ready[1]);
	need(racer.pid > 0 && read(ready[0], &c, 1) == 1, "start a racer");
	close(ready[0]);
	racer.go = go[1];
	for (int i = 0; i < LINKS; i++)
		racer.nsfds[i] = open_link_of(racer.pid, i);
}

int let_racer_go(void)
{
	return write(racer.go, "g", 1) == 1 ? 0 : errno;
}

void end_racer(void)
{
	int status;

	close(racer.go);
	waitpid(racer.pid, &status, 0);
	need(WIFEXITED(status) && !WEXITSTATUS(status), "run a racer to its end");
}

int racer_pidfd(void)
{
	return racer.pidfd;
}

int racer_nsfd(int link)
{
	return racer.nsfds[link];
}
