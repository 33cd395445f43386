/* Timeouts of 0, 50 us, 1 ms and 1 s of every call of the poll family: 0 comes back, and never early. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/select.h>

static int quiet[2], ep;

static int by_poll(long long ns)
{
	struct pollfd p = {.fd = quiet[0], .events = POLLIN};

	return poll(&p, 1, (int)(ns / NSEC_PER_MSEC));
}

static int by_ppoll(long long ns)
{
	struct pollfd p = {.fd = quiet[0], .events = POLLIN};
	struct timespec ts = to_timespec(ns);

	return ppoll(&p, 1, &ts, NULL);
}

static int by_select(long long ns)
{
	struct timeval tv = {ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000};
	fd_set set;
	int n;

	FD_ZERO(&set);
	FD_SET(quiet[0], &set);
	n = select(quiet[0] + 1, &set, NULL, NULL, &tv);
	CHECK(!FD_ISSET(quiet[0], &set));
	/* Linux writes back what is left. */
	CHECK(tv.tv_sec == 0 && tv.tv_usec == 0);
	return n;
}

static int by_pselect(long long ns)
{
	struct timespec ts = to_timespec(ns);
	fd_set set;
	int n;

	FD_ZERO(&set);
	FD_SET(quiet[0], &set);
	n = pselect(quiet[0] + 1, &set, NULL, NULL, &ts, NULL);
	CHECK(ts.tv_sec == ns / NSEC_PER_SEC && ts.tv_nsec == ns % NSEC_PER_SEC);
	return n;
}

static int by_epoll_wait(long long ns)
{
	struct epoll_event ev;

	return epoll_wait(ep, &ev, 1, (int)(ns / NSEC_PER_MSEC));
}

static int by_epoll_pwait(long long ns)
{
	struct epoll_event ev;

	return epoll_pwait(ep, &ev, 1, (int)(ns / NSEC_PER_MSEC), NULL);
}

static int by_epoll_pwait2(long long ns)
{
	struct timespec ts = to_timespec(ns);
	struct epoll_event ev;

	return epoll_pwait2(ep, &ev, 1, &ts, NULL);
}

static int by_poll_none(long long ns)
{
	return poll(NULL, 0, (int)(ns / NSEC_PER_MSEC));
}

static int by_select_none(long long ns)
{
	struct timeval tv = {ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000};

	return select(0, NULL, NULL, NULL, &tv);
}

static const struct call {
	const char *name;
	int (*wait)(long long ns);
	bool coarse;
} calls[] = {
    {"poll", by_poll, true},
    {"ppoll", by_ppoll, false},
    {"select", by_select, false},
    {"pselect", by_pselect, false},
    {"epoll_wait", by_epoll_wait, true},
    {"epoll_pwait", by_epoll_pwait, true},
    {"epoll_pwait2", by_epoll_pwait2, false},
    {"poll of none", by_poll_none, true},
    {"select of none", by_select_none, false},
};

static void repeat(const struct call *call, long long ns, int times)
{
	if (call->coarse)
		ns -= ns % NSEC_PER_MSEC;
	for (int i = 0; i < times; i++) {
		long long began = now_ns();

		CHECK_EQ(call->wait(ns), 0);
		CHECK(now_ns() - began >= ns);
	}
}

static void *waits(void *arg)
{
	const struct call *call = arg;

	repeat(call, 0, 500);
	repeat(call, 50 * 1000, 200);
	repeat(call, 1234 * 1000, 100);
	repeat(call, NSEC_PER_SEC, 1);
	return NULL;
}

int main(void)
{
	pthread_t t[4 * ARRAY_LEN(calls)];
	struct epoll_event ev = {.events = EPOLLIN};

	SYS(pipe(quiet));
	ep = (int)SYS(epoll_create1(0));
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, quiet[0], &ev));
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		t[i] = start(waits, (void *)&calls[i % ARRAY_LEN(calls)]);
	for (size_t i = 0; i < ARRAY_LEN(t); i++)
		join(t[i]);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		printf("%s: never early\n", calls[i].name);
	return 0;
}
