/* shutdown() by another thread wakes whoever is blocked on the socket: read, write, poll, epoll_wait, accept. */
// threads
#include "io_test.h"
#include <sys/epoll.h>

static char big[16 << 20];

static void *reads(void *arg)
{
	char c;

	SAY("blocked read", read((int)(long)arg, &c, 1));
	return NULL;
}

static void *receives_all(void *arg)
{
	char buf[16];

	SAY("blocked recv MSG_WAITALL", recv((int)(long)arg, buf, sizeof(buf), MSG_WAITALL));
	return NULL;
}

static void *polls(void *arg)
{
	struct pollfd p = {.fd = (int)(long)arg, .events = POLLIN | POLLRDHUP};

	SAY("blocked poll", poll(&p, 1, -1));
	printf("revents %#x\n", p.revents);
	return NULL;
}

static void *epolls(void *arg)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLRDHUP};
	int ep = (int)SYS(epoll_create1(0));

	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, (int)(long)arg, &ev));
	SAY("blocked epoll_wait", epoll_wait(ep, &ev, 1, -1));
	printf("events %#x\n", ev.events);
	SYS(close(ep));
	return NULL;
}

/* A write that moved something answers how much; the next one tells of the shutdown. */
static void *writes(void *arg)
{
	int fd = (int)(long)arg;
	ssize_t sent = send(fd, big, sizeof(big), MSG_NOSIGNAL);

	CHECK(sent > 0 && sent < (ssize_t)sizeof(big));
	SAY("send after the blocked one", send(fd, big, sizeof(big), MSG_NOSIGNAL));
	return NULL;
}

static const struct {
	const char *name;
	void *(*fn)(void *);
	int how;
} cases[] = {
    {"SHUT_RD", reads, SHUT_RD},
    {"SHUT_RDWR", reads, SHUT_RDWR},
    {"SHUT_RD", receives_all, SHUT_RD},
    {"SHUT_RD", polls, SHUT_RD},
    {"SHUT_RDWR", polls, SHUT_RDWR},
    {"SHUT_RDWR", epolls, SHUT_RDWR},
    {"SHUT_WR", writes, SHUT_WR},
    {"SHUT_RDWR", writes, SHUT_RDWR},
};

static void *accepts(void *arg)
{
	SAY("blocked accept", accept((int)(long)arg, NULL, NULL));
	return NULL;
}

static void listeners(void)
{
	struct sockaddr_in addr;
	int fd = tcp_listen(5, &addr);
	pthread_t t[5];

	for (int i = 0; i < 5; i++)
		t[i] = start(accepts, (void *)(long)fd);
	let_it_block();
	SYS(shutdown(fd, SHUT_RDWR));
	for (int i = 0; i < 5; i++)
		join(t[i]);
	SYS(close(fd));
}

int main(void)
{
	for (size_t k = 1; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
			pthread_t t;
			int sv[2];

			printf("%s, %s\n", kinds[k].name, cases[i].name);
			kinds[k].make(sv);
			t = start(cases[i].fn, (void *)(long)sv[0]);
			let_it_block();
			SYS(shutdown(sv[0], cases[i].how));
			join(t);
			SYS(close(sv[0]));
			SYS(close(sv[1]));
		}
	listeners();
	return 0;
}
