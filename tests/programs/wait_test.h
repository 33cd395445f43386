/* What the tests of each kind of wait share: a queue of messages that is soon full, a listener that is soon full. */
#ifndef WAIT_TEST_H
#define WAIT_TEST_H

#include "test.h"

#include <mqueue.h>
#include <sys/un.h>

/* Two messages of 8 bytes; it has no name any more. */
static inline mqd_t small_queue(void)
{
	static int made;
	struct mq_attr attr = {.mq_maxmsg = 2, .mq_msgsize = 8};
	char name[64];

	snprintf(name, sizeof(name), "/%.20s.%d.%d", program_invocation_short_name, getpid(), made++);
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600, &attr);
	CHECK(q != (mqd_t)-1);
	mq_unlink(name);
	return q;
}

/* With a name of the kernel's choice: a zero byte and five others. */
#define AUTOBIND_LENGTH (sizeof(sa_family_t) + 6)

static inline int listen_briefly(struct sockaddr_un *addr)
{
	socklen_t length = sizeof(*addr);
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));

	addr->sun_family = AF_UNIX;
	SYS(bind(fd, (struct sockaddr *)addr, sizeof(sa_family_t)));
	SYS(listen(fd, 1));
	SYS(getsockname(fd, (struct sockaddr *)addr, &length));
	CHECK_EQ(length, AUTOBIND_LENGTH);
	return fd;
}

static inline int connect_there(int fd, const struct sockaddr_un *addr)
{
	return connect(fd, (const struct sockaddr *)addr, AUTOBIND_LENGTH);
}

/* Until the next to connect waits. */
static inline void fill_backlog(const struct sockaddr_un *addr)
{
	int result;

	do {
		int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
		result = connect_there(fd, addr);
		close(fd);
	} while (result == 0);
}

/* A connection that waits no longer than that. */
static inline int connect_timed(const struct sockaddr_un *addr, long ms)
{
	struct timeval timeout = {ms / 1000, ms % 1000 * 1000};
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), result, saved;

	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)));
	result = connect_there(fd, addr);
	saved = errno;
	close(fd);
	errno = saved;
	return result;
}

#endif
