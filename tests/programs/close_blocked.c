/*
 * close() by another thread does not wake whoever is blocked on the descriptor, and what the blocked call holds lives
 * on: data that comes later is its data. (Linux: the call took its own reference to the file.) The number may be in
 * use again by then.
 */
// threads
#include "io_test.h"
#include <sys/epoll.h>

static int fd_under_test;
static bool done;

static void *reads(void *arg)
{
	char buf[16] = "";

	(void)arg;
	SAY("blocked read", read(fd_under_test, buf, sizeof(buf)));
	printf("%s\n", buf);
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *polls(void *arg)
{
	struct pollfd p = {.fd = fd_under_test, .events = POLLIN};

	(void)arg;
	SAY("blocked poll", poll(&p, 1, -1));
	printf("revents %#x\n", p.revents);
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void *epolls(void *arg)
{
	struct epoll_event ev = {.events = EPOLLIN};
	int ep = (int)SYS(epoll_create1(0));

	(void)arg;
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, fd_under_test, &ev));
	SAY("blocked epoll_wait, 200 ms", epoll_wait(ep, &ev, 1, 200));
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	SYS(close(ep));
	return NULL;
}

static void *accepts(void *arg)
{
	int fd = accept(fd_under_test, NULL, NULL);

	(void)arg;
	printf("blocked accept: %s\n", fd >= 0 ? "a connection" : outcome(fd));
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	SYS(close(fd));
	return NULL;
}

/* The epoll itself is closed: the call goes on waiting in it. */
static void *epolls_on(void *arg)
{
	struct epoll_event ev;

	(void)arg;
	SAY("blocked epoll_wait on a closed epoll", epoll_wait(fd_under_test, &ev, 1, -1));
	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return NULL;
}

static void still_blocked(void)
{
	let_it_block();
	printf("woken by close: %s\n", __atomic_load_n(&done, __ATOMIC_ACQUIRE) ? "yes" : "no");
}

/* The number comes back at once, for another file that has data: the blocked call must not take them. */
static int reuse(void)
{
	int p[2];

	SYS(pipe(p));
	if (p[1] == fd_under_test)
		p[1] = (int)SYS(dup(p[1]));
	CHECK_EQ(dup2(p[0], fd_under_test), fd_under_test);
	if (p[0] != fd_under_test)
		SYS(close(p[0]));
	write_full(p[1], "other", 5);
	return p[1];
}

static void streams(void *(*fn)(void *), bool with_reuse)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		int sv[2], other = -1;
		char buf[16] = "", wrote[32];
		pthread_t t;

		done = false;
		kinds[k].make(sv);
		fd_under_test = sv[1];
		printf("%s%s\n", kinds[k].name, with_reuse ? ", number used again" : "");
		t = start(fn, NULL);
		let_it_block();
		SYS(close(sv[1]));
		if (with_reuse)
			other = reuse();
		still_blocked();
		snprintf(wrote, sizeof(wrote), "%s", outcome(write(sv[0], "late", 4)));
		join(t);
		printf("peer's write: %s\n", wrote);
		if (with_reuse) {
			SAY("the number's new file", read(fd_under_test, buf, sizeof(buf)));
			printf("%s\n", buf);
			SYS(close(other));
			SYS(close(fd_under_test));
		}
		SYS(close(sv[0]));
	}
}

static void listener(void)
{
	struct sockaddr_in addr;
	pthread_t t;
	int fd;

	done = false;
	puts("listener");
	fd_under_test = tcp_listen(5, &addr);
	t = start(accepts, NULL);
	let_it_block();
	SYS(close(fd_under_test));
	still_blocked();
	fd = tcp_connect(&addr);
	join(t);
	SYS(close(fd));
}

static void epoll_closed(bool with_reuse)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		struct epoll_event ev = {.events = EPOLLIN};
		int sv[2], other = -1;
		pthread_t t;

		done = false;
		kinds[k].make(sv);
		printf("epoll of a %s%s\n", kinds[k].name, with_reuse ? ", number used again" : "");
		fd_under_test = (int)SYS(epoll_create1(0));
		SYS(epoll_ctl(fd_under_test, EPOLL_CTL_ADD, sv[1], &ev));
		t = start(epolls_on, NULL);
		let_it_block();
		SYS(close(fd_under_test));
		if (with_reuse)
			other = reuse();
		still_blocked();
		write_full(sv[0], "late", 4);
		join(t);
		if (with_reuse) {
			SYS(close(other));
			SYS(close(fd_under_test));
		}
		SYS(close(sv[0]));
		SYS(close(sv[1]));
	}
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	streams(reads, false);
	streams(reads, true);
	streams(polls, false);
	streams(epolls, false);
	listener();
	epoll_closed(false);
	epoll_closed(true);
	return 0;
}
