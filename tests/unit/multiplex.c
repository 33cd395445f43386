/* poll, select and epoll_wait of green threads. */
#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/select.h>

#include "runtime/stats.h"
#include "tests/unit/green.h"

static int p[2], q[2];

static void began(void)
{
	green_begin();
	cr_assert_eq(pipe(p), 0);
	cr_assert_eq(pipe(q), 0);
}

TestSuite(poll, .init = began, .timeout = 20);
TestSuite(select, .init = began, .timeout = 20);
TestSuite(epoll, .init = began, .timeout = 20);

static void put_soon(void *fd)
{
	struct ktimespec ts = {0, 5 * MSEC};
	green(SYS_nanosleep, &ts, NULL);
	cr_expect_eq(write((int)(intptr_t)fd, "x", 1), 1);
}

static struct green_thread helper;

static void soon(int fd)
{
	green_start(&helper, put_soon, (void *)(intptr_t)fd);
}

Test(poll, looks_waits_and_times_out)
{
	struct pollfd f[3] = {{p[0], POLLIN, -1}, {q[0], POLLIN, -1}, {-1, POLLIN, -1}};
	nsec_t start = clock_now();
	cr_assert_eq(green(SYS_poll, f, 3, 0), 0);
	cr_assert(f[0].revents == 0 && f[1].revents == 0 && f[2].revents == 0);
	cr_assert_eq(green(SYS_poll, f, 3, 15), 0);
	cr_assert_geq(clock_now() - start, 15 * MSEC);
	soon(q[1]);
	cr_assert_eq(green(SYS_poll, f, 3, -1), 1);
	cr_assert(f[0].revents == 0 && f[1].revents == POLLIN && f[2].revents == 0);
	uint64_t parks = carrier_self()->hub->count.parks;
	cr_assert_eq(green(SYS_poll, f, 3, -1), 1, "level, not edge");
	cr_assert_eq(carrier_self()->hub->count.parks, parks);
}

Test(poll, many)
{
	struct pollfd f[40];
	for (int i = 0; i < 40; i++)
		f[i] = (struct pollfd){i == 39 ? q[0] : p[0], POLLIN, 0};
	soon(q[1]);
	cr_assert_eq(green(SYS_poll, f, 40, 5000), 1);
	cr_assert_eq(f[39].revents, POLLIN);
	soon(p[1]);
	f[39].fd = -1;
	cr_assert_eq(green(SYS_poll, f, 40, 5000), 39);
}

Test(poll, wrong_arguments)
{
	struct pollfd f = {777, POLLIN, 0};
	struct ktimespec bad = {0, -1};
	cr_assert_eq(green(SYS_poll, &f, 1, -1), 1);
	cr_assert_eq(f.revents, POLLNVAL);
	cr_assert_eq(green(SYS_poll, 16, 1, -1), -EFAULT);
	cr_assert_eq(green(SYS_poll, &f, 1 << 30, -1), -EINVAL);
	cr_assert_eq(green(SYS_ppoll, &f, 1, &bad, NULL, 8), -EINVAL);
	cr_assert_eq(green(SYS_ppoll, &f, 1, 16, NULL, 8), -EFAULT);
	f.fd = p[0];
	uint64_t mask = 0;
	cr_assert_eq(green(SYS_ppoll, &f, 1, NULL, &mask, 4), -EINVAL);
}

Test(poll, the_rest_of_ppolls_time)
{
	struct pollfd f = {p[0], POLLIN, 0};
	struct ktimespec ts = {10, 0};
	soon(p[1]);
	cr_assert_eq(green(SYS_ppoll, &f, 1, &ts, NULL, 8), 1);
	cr_assert(ts.sec == 9 && ts.nsec <= 995 * MSEC, "%ld.%09ld", (long)ts.sec, (long)ts.nsec);
	char c;
	cr_assert_eq(read(p[0], &c, 1), 1);
	ts = (struct ktimespec){0, 3 * MSEC};
	cr_assert_eq(green(SYS_ppoll, &f, 1, &ts, NULL, 8), 0);
	cr_assert(ts.sec == 0 && ts.nsec == 0);
}

/* What cannot be watched is always ready; beside it nothing waits. */
Test(poll, a_file_is_ready)
{
	struct pollfd f[2] = {{p[0], POLLIN, 0}, {open("/proc/self/exe", O_RDONLY), POLLIN, 0}};
	cr_assert_eq(green(SYS_poll, f, 2, -1), 1);
	cr_assert_eq(f[1].revents, POLLIN);
}

Test(select, sets_and_rest_of_time)
{
	fd_set in, out;
	struct timeval tv = {5, 0};
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(q[0], &in);
	soon(q[1]);
	cr_assert_eq(green(SYS_select, q[1] + 1, &in, NULL, NULL, &tv), 1);
	cr_assert(FD_ISSET(q[0], &in) && !FD_ISSET(p[0], &in));
	cr_assert(tv.tv_sec == 4 && tv.tv_usec < 1000000);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	cr_assert_eq(green(SYS_select, q[1] + 1, &in, &out, NULL, NULL), 2);
	cr_assert(FD_ISSET(q[0], &in) && !FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
}

/* Bits at n and above are neither asked for nor changed but for those that share a word. */
Test(select, no_further_than_n)
{
	fd_set in;
	struct timeval tv = {0, 12000};
	memset(&in, 0xff, sizeof(in));
	for (int i = 0; i < p[0]; i++)
		FD_CLR(i, &in);
	nsec_t start = clock_now();
	uint64_t parks = carrier_self()->hub->count.parks;
	cr_assert_eq(green(SYS_select, p[0] + 1, &in, NULL, NULL, &tv), 0);
	cr_assert_gt(carrier_self()->hub->count.parks, parks, "numbers that are not open are none of its business");
	cr_assert_geq(clock_now() - start, 12 * MSEC);
	cr_assert(!FD_ISSET(p[0], &in) && FD_ISSET(1000, &in));
}

Test(select, high_numbers)
{
	fd_set in;
	struct timeval tv = {5, 0};
	int high = fcntl(p[0], F_DUPFD, 700);
	FD_ZERO(&in);
	FD_SET(high, &in);
	soon(p[1]);
	cr_assert_eq(green(SYS_select, high + 1, &in, NULL, NULL, &tv), 1);
	cr_assert(FD_ISSET(high, &in));
}

Test(select, wrong_arguments)
{
	fd_set in;
	struct timeval tv = {0, -1};
	FD_ZERO(&in);
	cr_assert_eq(green(SYS_select, -1, &in, NULL, NULL, NULL), -EINVAL);
	cr_assert_eq(green(SYS_select, 1, &in, NULL, NULL, &tv), -EINVAL);
	cr_assert_eq(green(SYS_select, 1, 16, NULL, NULL, NULL), -EFAULT);
	FD_SET(300, &in);
	cr_assert_eq(green(SYS_select, 301, &in, NULL, NULL, NULL), -EBADF);
	tv.tv_usec = 11000; /* select as a sleep */
	nsec_t start = clock_now();
	cr_assert_eq(green(SYS_select, 0, NULL, NULL, NULL, &tv), 0);
	cr_assert_geq(clock_now() - start, 11 * MSEC);
}

static int ep;

static void add_soon(void *arg)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = 22};
	struct ktimespec ts = {0, 5 * MSEC};
	green(SYS_nanosleep, &ts, NULL);
	cr_expect_eq(green(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, (int)(intptr_t)arg, &ev), 0);
}

static void watch(int fd, uint32_t events, uint64_t data)
{
	struct epoll_event ev = {.events = events, .data.u64 = data};
	cr_assert_eq(green(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, fd, &ev), 0);
}

Test(epoll, waits_for_its_members)
{
	struct epoll_event ev;
	ep = epoll_create1(0);
	watch(p[0], EPOLLIN, 11);
	nsec_t start = clock_now();
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 15), 0);
	cr_assert_geq(clock_now() - start, 15 * MSEC);
	soon(p[1]);
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, -1), 1);
	cr_assert(ev.data.u64 == 11 && ev.events == EPOLLIN);
}

Test(epoll, a_member_that_comes_while_it_waits)
{
	struct epoll_event ev;
	ep = epoll_create1(0);
	watch(p[0], EPOLLIN, 11);
	cr_assert_eq(write(q[1], "x", 1), 1);
	green_start(&helper, add_soon, (void *)(intptr_t)q[0]);
	nsec_t start = clock_now();
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 5000), 1);
	cr_assert_eq(ev.data.u64, 22);
	cr_assert_leq(clock_now() - start, 900 * MSEC, "found when it looked for itself");
	soon(p[1]); /* the one that was there before still counts */
	cr_assert_eq(read(q[0], &ev, 1), 1);
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 5000), 1);
	cr_assert_eq(ev.data.u64, 11);
}

/* More members than are watched one by one: the epoll's own fd is. */
Test(epoll, many_members)
{
	struct epoll_event ev;
	int r[2];
	ep = epoll_create1(0);
	for (int i = 0; i < 30; i++) {
		cr_assert_eq(pipe(r), 0);
		watch(r[0], EPOLLIN, (uint64_t)i);
		if (i % 10 == 9) {
			soon(r[1]);
			cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 5000), 1);
			cr_assert_eq(ev.data.u64, (uint64_t)i);
			char c;
			cr_assert_eq(read(r[0], &c, 1), 1);
		}
	}
}

/* Each edge once. */
Test(epoll, edge_triggered)
{
	struct epoll_event ev;
	ep = epoll_create1(0);
	watch(p[0], EPOLLIN | EPOLLET, 5);
	for (int i = 0; i < 3; i++) {
		soon(p[1]);
		cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 5000), 1);
		cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 5), 0);
	}
}

Test(epoll, a_member_whose_number_is_another_file_now)
{
	struct epoll_event ev;
	ep = epoll_create1(0);
	watch(p[0], EPOLLIN, 1);
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 1), 0);
	cr_assert_eq(green(SYS_dup2, q[0], p[0]), p[0]); /* the member is gone with its last number */
	watch(p[0], EPOLLIN, 2);
	soon(q[1]);
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 1, 5000), 1);
	cr_assert_eq(ev.data.u64, 2);
}

Test(epoll, wrong_arguments)
{
	struct epoll_event ev = {0};
	struct ktimespec bad = {0, -1};
	ep = epoll_create1(0);
	cr_assert_eq(green(SYS_epoll_wait, ep, &ev, 0, -1), -EINVAL);
	cr_assert_eq(green(SYS_epoll_wait, p[0], &ev, 1, -1), -EINVAL);
	cr_assert_eq(green(SYS_epoll_wait, 900, &ev, 1, -1), -EBADF);
	cr_assert_eq(green(441 /* epoll_pwait2 */, ep, &ev, 1, &bad, NULL, 8), -EINVAL);
	cr_assert_eq(green(SYS_epoll_ctl, ep, EPOLL_CTL_DEL, p[0], &ev), -ENOENT);
	int ours = carrier_self()->hub->eventfd;
	cr_assert_eq(green(SYS_epoll_ctl, ep, EPOLL_CTL_ADD, ours, &ev), -EBADF);
	cr_assert_eq(green(SYS_epoll_ctl, carrier_self()->hub->epoll, EPOLL_CTL_ADD, p[0], &ev), -EBADF);
}
