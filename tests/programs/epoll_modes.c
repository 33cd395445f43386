/* epoll inside threads: level and edge triggered, one-shot, exclusive bits, HUP, data kept, more events than room. */
// threads
#include "io_test.h"
#include <sys/epoll.h>

static int ep, p[2];

static void add(int op, int fd, unsigned events)
{
	struct epoll_event ev = {.events = events, .data.u64 = 0x123456789abcdef0ull + (unsigned)fd};

	SYS(epoll_ctl(ep, op, fd, &ev));
}

static void *waits(void *arg)
{
	struct epoll_event ev = {0};
	int n = epoll_wait(ep, &ev, 1, (int)(long)arg);

	printf("  %d", n);
	if (n == 1)
		printf(" %x %s", ev.events, ev.data.u64 - 0x123456789abcdef0ull < 4096 ? "data" : "wrong data");
	puts("");
	return NULL;
}

static void blocked(const char *what)
{
	pthread_t t;

	puts(what);
	t = start(waits, (void *)-1L);
	let_it_block();
	write_full(p[1], "x", 1);
	join(t);
}

static void now(const char *what)
{
	puts(what);
	waits(0);
}

static void drain(void)
{
	char buf[64];

	SYS(read(p[0], buf, sizeof(buf)));
}

static void *body(void *arg)
{
	struct epoll_event ev[4];
	int sv[2];

	SYS(pipe(p));
	ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	add(EPOLL_CTL_ADD, p[0], EPOLLIN);
	blocked("level");
	now("still there");
	drain();
	now("drained");
	add(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLET);
	blocked("edge");
	now("not again");
	blocked("edge, more data");
	drain();
	add(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT);
	blocked("one-shot");
	write_full(p[1], "x", 1);
	now("not again");
	add(EPOLL_CTL_MOD, p[0], EPOLLIN | EPOLLONESHOT);
	now("re-armed");
	drain();
	add(EPOLL_CTL_DEL, p[0], 0);
	unix_pair(sv);
	add(EPOLL_CTL_ADD, sv[0], EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
	add(EPOLL_CTL_ADD, p[0], EPOLLIN);
	add(EPOLL_CTL_ADD, p[1], EPOLLOUT);
	write_full(p[1], "x", 1);
	SAY("three ready, room for two", epoll_wait(ep, ev, 2, -1));
	SAY("then", epoll_wait(ep, ev, 4, -1));
	SYS(close(sv[1]));
	SAY("peer gone", epoll_wait(ep, ev, 4, -1));
	SYS(close(p[1]));
	SYS(close(sv[0]));
	SAY("closed ones leave", epoll_wait(ep, ev, 4, -1));
	printf("events %x\n", ev[0].events);
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
