/* epoll_ctl by other threads while one waits: additions wake it, changes too, and what is deleted is silent. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define ROUNDS 3000

static int ep, answers[2];

static void *waits(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct epoll_event ev;
		uint64_t value;

		CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
		CHECK_EQ(read(ev.data.fd, &value, sizeof(value)), sizeof(value));
		SYS(epoll_ctl(ep, EPOLL_CTL_DEL, ev.data.fd, NULL));
		SYS(close(ev.data.fd));
		write_full(answers[1], "k", 1);
	}
	return arg;
}

/* Ready when added, made ready later, or changed into what is ready. */
static void one(int i)
{
	int fd = (int)SYS(eventfd(i % 3 != 1, 0));
	struct epoll_event ev = {.events = i % 3 == 2 ? 0 : EPOLLIN, .data.fd = fd};
	uint64_t value = 1;
	char c;

	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	if (i % 7 == 0)
		sched_yield();
	if (i % 3 == 1)
		write_full(fd, &value, sizeof(value));
	ev.events = EPOLLIN;
	if (i % 3 == 2)
		SYS(epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev));
	CHECK_EQ(read(answers[0], &c, 1), 1);
}

int main(void)
{
	pthread_t t;

	ep = (int)SYS(epoll_create1(0));
	SYS(pipe(answers));
	t = start(waits, NULL);
	for (int i = 0; i < ROUNDS; i++)
		one(i);
	join(t);
	printf("%d rounds\n", ROUNDS);
	return 0;
}
