/* An epoll within an epoll within poll: an event at the bottom wakes whoever waits at the top. */
// threads
#include "io_test.h"
#include <sys/epoll.h>

static int inner, middle, p[2];

static void nest(int outer, int fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

	SYS(epoll_ctl(outer, EPOLL_CTL_ADD, fd, &ev));
}

static void *waits(void *arg)
{
	for (int i = 0; i < 1000; i++) {
		struct pollfd top = {.fd = middle, .events = POLLIN};
		struct epoll_event ev;
		char c;

		if (i % 2)
			CHECK_EQ(poll(&top, 1, -1), 1);
		CHECK(epoll_wait(middle, &ev, 1, -1) == 1 && ev.data.fd == inner);
		CHECK(epoll_wait(inner, &ev, 1, 0) == 1 && ev.data.fd == p[0]);
		CHECK_EQ(read(p[0], &c, 1), 1);
		CHECK_EQ(epoll_wait(middle, &ev, 1, 0), 0);
		write_full(*(int *)arg, "k", 1);
	}
	return NULL;
}

int main(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int answers[2];
	pthread_t t;
	char c;

	SYS(pipe(p));
	SYS(pipe(answers));
	inner = (int)SYS(epoll_create1(0));
	middle = (int)SYS(epoll_create1(0));
	nest(middle, inner);
	nest(inner, p[0]);
	t = start(waits, &answers[1]);
	for (int i = 0; i < 1000; i++) {
		write_full(p[1], "x", 1);
		CHECK_EQ(read(answers[0], &c, 1), 1);
	}
	join(t);
	SAY("a loop", epoll_ctl(inner, EPOLL_CTL_ADD, middle, &ev));
	puts("1000 events from the bottom");
	return 0;
}
