/* SPDX-License-Identifier: GPL-2.0 */
/* Passes descriptors in a message to another process. */
#ifndef SELFTESTS_SETNS_PASS_FD_H
#define SELFTESTS_SETNS_PASS_FD_H

#include <sys/socket.h>

#include "setns.h"

/* The C library may lack this. */
#ifndef SCM_PIDFD
#define SCM_PIDFD 4
#endif

struct message {
	int number;
	union {
		struct cmsghdr header;
		char buffer[CMSG_SPACE(16 * sizeof(int))];
	};
};

static inline int send_fds(int sock, int number, const int *fds, int count)
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
static inline int receive_fds(int sock, int type, int *fds, int count)
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

#endif
