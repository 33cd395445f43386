/* RLIMIT_NOFILE used up: EMFILE from every maker of descriptors, accept among them, and recovery afterwards. */
// threads
#include "io_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static struct sockaddr_in addr;

static void *idles(void *arg)
{
	char c;

	return (void *)read((int)(long)arg, &c, 1);
}

static void *body(void *arg)
{
	int listener = tcp_listen(10, &addr), client = tcp_connect(&addr), full[256], n = 0, fd, p[2], idle[2];
	pthread_t t;

	SYS(pipe(idle));
	t = start(idles, (void *)(long)idle[0]);
	while ((fd = open("/dev/null", O_RDONLY)) != -1)
		full[n++] = fd;
	SHOW(open("/dev/null", O_RDONLY));
	SHOW(accept(listener, NULL, NULL));
	SHOW(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	SHOW(socket(AF_INET, SOCK_STREAM, 0));
	SHOW(socketpair(AF_UNIX, SOCK_STREAM, 0, p));
	SHOW(pipe(p));
	SHOW(dup(0));
	SHOW(fcntl(0, F_DUPFD, 3));
	SHOW(epoll_create1(0));
	SHOW(eventfd(0, 0));
	SHOW(timerfd_create(CLOCK_MONOTONIC, 0));
	SYS(close(full[--n]));
	fd = accept(listener, NULL, NULL);
	printf("accept with one free: %s\n", fd == full[n] ? "that one" : outcome(fd));
	write_full(client, "x", 1);
	printf("it reads %ld\n", (long)idles((void *)(long)fd));
	sleep_us(1000);
	SYS(close(fd));
	/* A child is waited for, and the free one is free again. */
	for (int i = 0; i < 20; i++) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0) {
			sleep_us(2000); /* it is alive when the wait begins */
			_exit(7);
		}
		CHECK(strcmp(reap(pid), "exit 7") == 0);
		full[n] = (int)SYS(open("/dev/null", O_RDONLY));
		CHECK(open("/dev/null", O_RDONLY) == -1 && errno == EMFILE);
		SYS(close(full[n]));
	}
	write_full(idle[1], "x", 1);
	printf("the idle one reads %ld\n", (long)join(t));
	while (n)
		SYS(close(full[--n]));
	return arg;
}

int main(void)
{
	struct rlimit limit;
	pthread_t t;
	int p[2];

	/* Lowered only once there are threads. */
	SYS(pipe(p));
	t = start(idles, (void *)(long)p[0]);
	SYS(getrlimit(RLIMIT_NOFILE, &limit));
	limit.rlim_cur = 100;
	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	join(start(body, NULL));
	write_full(p[1], "x", 1);
	join(t);
	return 0;
}
