/* One epoll shared by 16 threads, 64 one-shot sockets: each message is handled by one thread, none is lost. */
// threads
#include "io_test.h"
#include <sys/epoll.h>

#define THREADS 16
#define SOCKETS 64
#define MESSAGES 100

static int ep, pairs[SOCKETS][2], quit[2];
static long handled;

static void arm(int op, int i)
{
	struct epoll_event ev = {.events = EPOLLIN | EPOLLONESHOT, .data.u32 = (uint32_t)i};

	SYS(epoll_ctl(ep, op, pairs[i][0], &ev));
}

static void *handles(void *arg)
{
	for (;;) {
		struct epoll_event ev;
		unsigned i;
		int message;

		if (epoll_wait(ep, &ev, 1, -1) != 1)
			continue;
		i = ev.data.u32;
		if (i == SOCKETS)
			return arg;
		CHECK_EQ(recv(pairs[i][0], &message, sizeof(message), MSG_DONTWAIT), sizeof(message));
		message = ~message;
		write_full(pairs[i][0], &message, sizeof(message));
		__atomic_fetch_add(&handled, 1, __ATOMIC_RELAXED);
		arm(EPOLL_CTL_MOD, (int)i);
	}
}

static void *asks(void *arg)
{
	int fd = pairs[(long)arg][1];

	for (int i = 0; i < MESSAGES; i++) {
		int answer;

		write_full(fd, &i, sizeof(i));
		CHECK_EQ(read_full(fd, &answer, sizeof(answer)), sizeof(answer));
		CHECK_EQ(answer, ~i);
	}
	return NULL;
}

int main(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = SOCKETS};
	pthread_t h[THREADS], a[SOCKETS];

	ep = (int)SYS(epoll_create1(0));
	SYS(pipe(quit));
	for (int i = 0; i < SOCKETS; i++) {
		unix_pair(pairs[i]);
		arm(EPOLL_CTL_ADD, i);
	}
	for (int i = 0; i < THREADS; i++)
		h[i] = start(handles, NULL);
	for (long i = 0; i < SOCKETS; i++)
		a[i] = start(asks, (void *)i);
	for (int i = 0; i < SOCKETS; i++)
		join(a[i]);
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, quit[0], &ev));
	write_full(quit[1], "x", 1);
	for (int i = 0; i < THREADS; i++)
		join(h[i]);
	printf("%ld messages\n", handled);
	return 0;
}
