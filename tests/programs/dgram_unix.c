/* Unix datagrams: a sender blocks while its peer's queue is full, connected or not; boundaries and order are kept. */
// threads
#include "io_test.h"
#include <stddef.h>

#define EACH 3000
#define SENDERS 5

static struct sockaddr_un addr = {.sun_family = AF_UNIX, .sun_path = "\0green-test-dgram"};
static int receiver;

struct datagram {
	int sender, number;
	unsigned char data[100];
};

static void *sends(void *arg)
{
	struct datagram d = {.sender = (int)(long)arg};
	int fd = (int)SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
	bool connected = d.sender % 2;

	if (connected)
		SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	for (d.number = 0; d.number < EACH; d.number++) {
		size_t n = sizeof(d) - (size_t)d.number % 50;

		pattern_fill(d.data, sizeof(d.data), (unsigned)d.sender, (uint64_t)d.number);
		if (connected)
			CHECK_EQ(send(fd, &d, n, 0), n);
		else
			CHECK_EQ(sendto(fd, &d, n, 0, (struct sockaddr *)&addr, sizeof(addr)), n);
	}
	SYS(close(fd));
	return NULL;
}

static void *sends_one(void *arg)
{
	return (void *)sendto((int)(long)arg, "last", 4, 0, (struct sockaddr *)&addr, sizeof(addr));
}

/* Until the kernel says that the queue is full. */
static int fill(int fd)
{
	int n = 0;

	while (sendto(fd, "x", 1, MSG_DONTWAIT, (struct sockaddr *)&addr, sizeof(addr)) == 1)
		n++;
	CHECK_EQ(errno, EAGAIN);
	return n;
}

static void full_queue(bool connected)
{
	int fd = (int)SYS(socket(AF_UNIX, SOCK_DGRAM, 0)), n;
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	struct timeval tv = {0, 100000};
	char buf[16];
	pthread_t t;

	if (connected)
		SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	n = fill(fd);
	/* An unconnected sender's poll cannot know whose queue is meant: always writable. */
	printf("%s, full after %d: poll %d\n", connected ? "connected" : "unconnected", n, poll(&p, 1, 0));
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	SAY("with SO_SNDTIMEO", (long)sends_one((void *)(long)fd));
	tv.tv_usec = 0;
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	t = start(sends_one, (void *)(long)fd);
	let_it_block();
	for (int i = 0; i < n; i++)
		CHECK_EQ(recv(receiver, buf, sizeof(buf), 0), 1);
	CHECK_EQ(recv(receiver, buf, sizeof(buf), 0), 4);
	printf("the blocked one: %ld\n", (long)join(t));
	SYS(close(fd));
}

static void *body(void *arg)
{
	int next[SENDERS] = {0};
	pthread_t t[SENDERS];

	snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "green-test-dgram-%d", getpid());
	receiver = (int)SYS(socket(AF_UNIX, SOCK_DGRAM, 0));
	SYS(bind(receiver, (struct sockaddr *)&addr, sizeof(addr)));
	full_queue(true);
	full_queue(false);
	for (long i = 0; i < SENDERS; i++)
		t[i] = start(sends, (void *)i);
	for (int i = 0; i < SENDERS * EACH; i++) {
		struct datagram d;
		size_t n = (size_t)SYS(recv(receiver, &d, sizeof(d), 0));

		CHECK_EQ(d.number, next[d.sender]);
		CHECK_EQ(n, sizeof(d) - (size_t)d.number % 50);
		pattern_check(d.data, n - offsetof(struct datagram, data), (unsigned)d.sender, (uint64_t)d.number);
		next[d.sender]++;
	}
	for (int i = 0; i < SENDERS; i++)
		join(t[i]);
	printf("%d datagrams\n", SENDERS * EACH);
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
