/*
 * 1100 threads with an epoll each, all on one listening socket, taking turns under a mutex (as uWSGI's threads do):
 * every connection is accepted once and answered, whoever's turn it is.
 */
// threads
// timeout: 120
#include "io_test.h"
#include <sys/epoll.h>

#define THREADS 1100
#define CLIENTS 50
#define CONNECTIONS 5000

static struct sockaddr_in addr;
static int listener, quit[2];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;
static int accepted, threads_used;

static int own_epoll(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = listener};
	int ep = (int)SYS(epoll_create1(EPOLL_CLOEXEC));

	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, listener, &ev));
	ev.data.fd = quit[0];
	SYS(epoll_ctl(ep, EPOLL_CTL_ADD, quit[0], &ev));
	return ep;
}

static void answer(int fd)
{
	int id;

	CHECK_EQ(read_full(fd, &id, sizeof(id)), sizeof(id));
	id = -id;
	write_full(fd, &id, sizeof(id));
	SYS(close(fd));
}

static void *serves(void *arg)
{
	int ep = own_epoll(), served = 0;

	for (;;) {
		struct epoll_event ev;
		int fd = -1;

		PT(pthread_mutex_lock(&turn));
		CHECK_EQ(epoll_wait(ep, &ev, 1, -1), 1);
		if (ev.data.fd == listener) {
			fd = (int)SYS(accept4(listener, NULL, NULL, SOCK_CLOEXEC));
			accepted++;
			threads_used += served++ == 0;
		}
		PT(pthread_mutex_unlock(&turn));
		if (fd == -1)
			break;
		answer(fd);
	}
	SYS(close(ep));
	return arg;
}

static void *asks(void *arg)
{
	for (int id = 1 + (int)(long)arg; id <= CONNECTIONS; id += CLIENTS) {
		int fd = tcp_connect(&addr), got;

		write_full(fd, &id, sizeof(id));
		CHECK_EQ(read_full(fd, &got, sizeof(got)), sizeof(got));
		CHECK_EQ(got, -id);
		SYS(close(fd));
	}
	return NULL;
}

int main(void)
{
	static pthread_t t[THREADS], c[CLIENTS];
	pthread_attr_t attr;

	need_files(THREADS + 4 * CLIENTS + 100);
	listener = tcp_listen(1000, &addr);
	SYS(pipe(quit));
	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, 64 << 10));
	for (int i = 0; i < THREADS; i++)
		PT(pthread_create(&t[i], &attr, serves, NULL));
	for (long i = 0; i < CLIENTS; i++)
		c[i] = start(asks, (void *)i);
	for (int i = 0; i < CLIENTS; i++)
		join(c[i]);
	SYS(close(quit[1]));
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	fprintf(stderr, "%d threads served\n", threads_used);
	printf("%d accepted\n", accepted);
	return 0;
}
