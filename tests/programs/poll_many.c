/* 1, 10 and 500 descriptors in poll, ppoll, select, pselect, epoll_wait, epoll_pwait, epoll_pwait2: one is ready. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>

#define MAX 500
#define ROUNDS 400

static int fds[MAX], count, answer[2];
static struct pollfd polled[MAX];
static int ep;

static int from_pollfds(int n)
{
	CHECK_EQ(n, 1);
	for (int i = 0; i < count; i++)
		if (polled[i].revents)
			return i;
	return -1;
}

static int by_poll(void)
{
	return from_pollfds(poll(polled, (nfds_t)count, -1));
}

static int by_ppoll(void)
{
	return from_pollfds(ppoll(polled, (nfds_t)count, NULL, NULL));
}

static int prepare(fd_set *set)
{
	FD_ZERO(set);
	for (int i = 0; i < count; i++)
		FD_SET(fds[i], set);
	return fds[count - 1] + 1;
}

static int from_set(int n, const fd_set *set)
{
	CHECK_EQ(n, 1);
	for (int i = 0; i < count; i++)
		if (FD_ISSET(fds[i], set))
			return i;
	return -1;
}

static int by_select(void)
{
	fd_set set;
	int top = prepare(&set);

	return from_set(select(top, &set, NULL, NULL, NULL), &set);
}

static int by_pselect(void)
{
	fd_set set;
	int top = prepare(&set);

	return from_set(pselect(top, &set, NULL, NULL, NULL, NULL), &set);
}

static int by_epoll(int (*wait)(struct epoll_event *))
{
	struct epoll_event ev[8];

	CHECK_EQ(wait(ev), 1);
	return (int)ev[0].data.u32;
}

static int wait_plain(struct epoll_event *ev)
{
	return epoll_wait(ep, ev, 8, -1);
}

static int wait_p(struct epoll_event *ev)
{
	return epoll_pwait(ep, ev, 8, -1, NULL);
}

static int wait_p2(struct epoll_event *ev)
{
	return epoll_pwait2(ep, ev, 8, NULL, NULL);
}

static int by_epoll_wait(void)
{
	return by_epoll(wait_plain);
}

static int by_epoll_pwait(void)
{
	return by_epoll(wait_p);
}

static int by_epoll_pwait2(void)
{
	return by_epoll(wait_p2);
}

static const struct {
	const char *name;
	int (*wait)(void);
} calls[] = {
    {"poll", by_poll},
    {"ppoll", by_ppoll},
    {"select", by_select},
    {"pselect", by_pselect},
    {"epoll_wait", by_epoll_wait},
    {"epoll_pwait", by_epoll_pwait},
    {"epoll_pwait2", by_epoll_pwait2},
};

static void *waits(void *arg)
{
	int (*wait)(void) = calls[(long)arg].wait;

	for (int i = 0; i < ROUNDS; i++) {
		int which = wait();
		uint64_t value;

		CHECK_EQ(read(fds[which], &value, sizeof(value)), sizeof(value));
		CHECK_EQ(value, which + 1);
		write_full(answer[1], &which, sizeof(which));
	}
	return NULL;
}

static void drive(size_t call)
{
	unsigned state = 99;
	pthread_t t = start(waits, (void *)call);

	for (int i = 0; i < ROUNDS; i++) {
		int which = (int)(rnd(&state) % (unsigned)count), got;
		uint64_t value = (uint64_t)which + 1;

		write_full(fds[which], &value, sizeof(value));
		CHECK_EQ(read_full(answer[0], &got, sizeof(got)), sizeof(got));
		CHECK_EQ(got, which);
	}
	join(t);
	printf("%s of %d: %d rounds\n", calls[call].name, count, ROUNDS);
}

int main(void)
{
	static const int counts[] = {1, 10, MAX};

	SYS(pipe(answer));
	for (int i = 0; i < MAX; i++) {
		fds[i] = (int)SYS(eventfd(0, 0));
		polled[i] = (struct pollfd){.fd = fds[i], .events = POLLIN};
	}
	for (size_t c = 0; c < ARRAY_LEN(counts); c++) {
		count = counts[c];
		ep = (int)SYS(epoll_create1(0));
		for (int i = 0; i < count; i++) {
			struct epoll_event ev = {.events = EPOLLIN, .data.u32 = (uint32_t)i};

			SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev));
		}
		for (size_t i = 0; i < ARRAY_LEN(calls); i++)
			drive(i);
		SYS(close(ep));
	}
	return 0;
}
