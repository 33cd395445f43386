/* TCP out-of-band data: POLLPRI and exceptfds wake, MSG_OOB reads the byte, SIOCATMARK, SO_OOBINLINE. */
// threads
#include "io_test.h"
#include <sys/select.h>

static int sv[2];

static void *polls(void *arg)
{
	struct pollfd p = {.fd = sv[1], .events = POLLPRI};

	(void)arg;
	CHECK_EQ(poll(&p, 1, -1), 1);
	return (void *)(long)p.revents;
}

static void *selects(void *arg)
{
	fd_set except;

	(void)arg;
	FD_ZERO(&except);
	FD_SET(sv[1], &except);
	CHECK_EQ(select(sv[1] + 1, NULL, NULL, &except, NULL), 1);
	return (void *)(long)FD_ISSET(sv[1], &except);
}

static void *reads(void *arg)
{
	char buf[16] = "";

	(void)arg;
	return (void *)recv(sv[1], buf, sizeof(buf), 0);
}

static void urgent(void *(*waits)(void *), const char *name)
{
	pthread_t t = start(waits, NULL);
	int at_mark;
	char c;

	let_it_block();
	CHECK_EQ(send(sv[0], "abc", 3, MSG_OOB), 3);
	CHECK((long)join(t) != 0);
	SYS(ioctl(sv[1], SIOCATMARK, &at_mark));
	printf("%s woken, at mark: %d\n", name, at_mark);
	SAY("MSG_OOB", recv(sv[1], &c, 1, MSG_OOB));
	printf("%c\n", c);
	printf("before the mark: %ld\n", (long)join(start(reads, NULL)));
	SYS(ioctl(sv[1], SIOCATMARK, &at_mark));
	printf("at mark: %d\n", at_mark);
	CHECK_EQ(send(sv[0], "d", 1, 0), 1);
	printf("behind it: %ld\n", (long)join(start(reads, NULL)));
}

int main(void)
{
	int one = 1;
	char c;

	tcp_pair(sv);
	SAY("MSG_OOB, none", recv(sv[1], &c, 1, MSG_OOB));
	urgent(polls, "poll");
	urgent(selects, "select");
	SYS(setsockopt(sv[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one)));
	CHECK_EQ(send(sv[0], "ab", 2, MSG_OOB), 2);
	printf("inline: %ld then %ld\n", (long)join(start(reads, NULL)), (long)join(start(reads, NULL)));
	return 0;
}
