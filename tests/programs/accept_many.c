/* 16 threads accept on one listener: each of 2000 connections is accepted once; shutdown wakes them all at the end. */
// threads
#include "io_test.h"

#define ACCEPTERS 16
#define CLIENTS 10
#define CONNECTIONS 2000

static struct sockaddr_in addr;
static int listener;
static unsigned char seen[CONNECTIONS];

static void *accepts(void *arg)
{
	long n = 0;

	(void)arg;
	for (;; n++) {
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		int fd = accept4(listener, (struct sockaddr *)&from, &len, SOCK_CLOEXEC), id;

		if (fd == -1) {
			CHECK_EQ(errno, EINVAL);
			return (void *)n;
		}
		CHECK(len == sizeof(from) && from.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
		CHECK_EQ(read_full(fd, &id, sizeof(id)), sizeof(id));
		CHECK_EQ(__atomic_fetch_add(&seen[id], 1, __ATOMIC_RELAXED), 0);
		write_full(fd, &id, sizeof(id));
		SYS(close(fd));
	}
}

static void *connects(void *arg)
{
	for (int id = (int)(long)arg; id < CONNECTIONS; id += CLIENTS) {
		int fd = tcp_connect(&addr), answer;

		write_full(fd, &id, sizeof(id));
		CHECK_EQ(read_full(fd, &answer, sizeof(answer)), sizeof(answer));
		CHECK_EQ(answer, id);
		SYS(close(fd));
	}
	return NULL;
}

int main(void)
{
	pthread_t a[ACCEPTERS], c[CLIENTS];
	long n = 0;

	listener = tcp_listen(100, &addr);
	for (int i = 0; i < ACCEPTERS; i++)
		a[i] = start(accepts, NULL);
	for (long i = 0; i < CLIENTS; i++)
		c[i] = start(connects, (void *)i);
	for (int i = 0; i < CLIENTS; i++)
		join(c[i]);
	SYS(shutdown(listener, SHUT_RD));
	for (int i = 0; i < ACCEPTERS; i++)
		n += (long)join(a[i]);
	printf("%ld accepted\n", n);
	return 0;
}
