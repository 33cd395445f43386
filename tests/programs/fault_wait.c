/*
 * Bad pointers to the calls that wait: poll, select, epoll, nanosleep, futex, accept and the like. Through syscall()
 * where libc would touch the argument itself.
 */
// threads
#include "io_test.h"
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static char *bad, *read_only;
static void *volatile nowhere = (void *)8;
static struct sockaddr_in addr;

static void polls(void)
{
	struct pollfd p = {.fd = 0, .events = POLLIN};
	struct timespec zero = {0, 0};
	fd_set set;

	FD_ZERO(&set);
	SHOW(poll(nowhere, 1, 0));
	SHOW(poll((struct pollfd *)bad, 1, -1));
	SHOW(poll((struct pollfd *)read_only, 1, 0));
	SHOW(syscall(SYS_ppoll, &p, 1, bad, NULL, 8));
	SHOW(syscall(SYS_ppoll, &p, 1, &zero, bad, 8));
	SHOW(syscall(SYS_ppoll, &p, 1, &zero, &set, 7));
	SHOW(syscall(SYS_select, 1, bad, NULL, NULL, NULL));
	SHOW(syscall(SYS_select, 1, NULL, NULL, bad, NULL));
	SHOW(syscall(SYS_select, 1, &set, NULL, NULL, bad));
	SHOW(syscall(SYS_pselect6, 1, &set, NULL, NULL, bad, NULL));
	SHOW(syscall(SYS_pselect6, 1, &set, NULL, NULL, &zero, bad));
}

static void epolls(void)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = (int)SYS(epoll_create1(0)), fd = (int)SYS(eventfd(1, 0));

	SHOW(epoll_ctl(ep, EPOLL_CTL_ADD, fd, nowhere));
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev));
	SHOW(epoll_wait(ep, nowhere, 1, 0));
	SHOW(epoll_wait(ep, (struct epoll_event *)bad, 1, -1));
	SHOW(epoll_wait(ep, (struct epoll_event *)read_only, 1, -1));
	SHOW(syscall(SYS_epoll_pwait, ep, &ev, 1, 0, bad, 8));
	SHOW(syscall(SYS_epoll_pwait2, ep, &ev, 1, bad, NULL, 8));
	SAY("the event is there still", epoll_wait(ep, &ev, 1, 0));
	SYS(close(ep));
	SYS(close(fd));
}

static void sleeps(void)
{
	struct timespec ms = {0, 1000000};

	SHOW(nanosleep(nowhere, NULL));
	SHOW(nanosleep((struct timespec *)bad, NULL));
	SAY("nanosleep, bad remainder, not interrupted", nanosleep(&ms, (struct timespec *)bad));
	SHOW(syscall(SYS_clock_nanosleep, CLOCK_MONOTONIC, 0, bad, NULL));
	SHOW(syscall(SYS_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, bad, NULL));
	SHOW(syscall(SYS_futex, bad, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	SHOW(syscall(SYS_futex, bad, FUTEX_WAIT, 0, NULL, NULL, 0));
	SHOW(syscall(SYS_futex, read_only, FUTEX_WAIT_PRIVATE, 0, bad, NULL, 0));
	SHOW(syscall(SYS_futex, read_only + 1, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0));
	SHOW(syscall(SYS_futex, read_only, FUTEX_WAIT_PRIVATE, 1, NULL, NULL, 0));
	SHOW(syscall(SYS_futex, read_only + 2, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
	SHOW(syscall(SYS_wait4, -1, bad, 0, NULL));
	SHOW(timerfd_settime(0, 0, nowhere, NULL));
}

static void accepts(void)
{
	int listener = tcp_listen(10, &addr), clients[4], fd;
	socklen_t len = sizeof(addr);

	for (int i = 0; i < 4; i++)
		clients[i] = tcp_connect(&addr);
	SAY("accept, address nowhere", accept(listener, nowhere, &len));
	SAY("accept, length nowhere", accept(listener, (struct sockaddr *)&addr, nowhere));
	SAY("accept4, address in a closed page", accept4(listener, (struct sockaddr *)bad, &len, 0));
	/* Each of the three took a connection off the queue and lost it. */
	fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
	printf("the fourth: %s\n", fd >= 0 ? "accepted" : outcome(fd));
	SYS(fcntl(listener, F_SETFL, O_NONBLOCK));
	SAY("a fifth", accept(listener, NULL, NULL));
	for (int i = 0; i < 4; i++)
		SYS(close(clients[i]));
	fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
	SHOW(connect(fd, nowhere, sizeof(addr)));
	SHOW(bind(fd, nowhere, sizeof(addr)));
	SHOW(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, nowhere, sizeof(struct timeval)));
	SHOW(getsockopt(fd, SOL_SOCKET, SO_ERROR, nowhere, &len));
	SYS(close(fd));
	SYS(close(listener));
}

static void *body(void *arg)
{
	polls();
	epolls();
	sleeps();
	accepts();
	return arg;
}

int main(void)
{
	read_only = mmap(NULL, 8192, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(read_only != MAP_FAILED);
	bad = read_only + 4096;
	SYS(mprotect(bad, 4096, PROT_NONE));
	join(start(body, NULL));
	return 0;
}
