/* A daemon's double fork from a threaded program; the daemon makes threads, all fds closed, and reports by a pipe. */
// threads
#include "test.h"

static int report[2];

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *works(void *arg)
{
	sleep_us(1000);
	return arg;
}

static void close_all_but(int keep)
{
	for (int fd = 0; fd < 1024; fd++)
		if (fd != keep)
			close(fd);
}

static void daemon_main(void)
{
	pthread_t t[20];
	char text[64];
	long sum = 0;

	close_all_but(report[1]);
	SYS(chdir("/"));
	for (int round = 0; round < 3; round++) {
		for (long i = 0; i < 20; i++)
			t[i] = start(works, (void *)i);
		for (int i = 0; i < 20; i++)
			sum += (long)join(t[i]);
		/* Again, with threads and all that they need long there. */
		close_all_but(report[1]);
	}
	snprintf(text, sizeof(text), "leader %d, sum %ld", getsid(0) == getpid(), sum);
	CHECK(write(report[1], text, strlen(text)) > 0);
	_exit(0);
}

static void *forks(void *arg)
{
	char text[64] = {0};
	pid_t pid;

	SYS(pipe(report));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		SYS(setsid());
		pid = (pid_t)SYS(fork());
		if (pid != 0)
			_exit(3);
		daemon_main();
	}
	close(report[1]);
	printf("middle: %s\n", reap(pid));
	CHECK(read(report[0], text, sizeof(text) - 1) > 0);
	CHECK_EQ(read(report[0], text + sizeof(text) - 1, 1), 0);
	printf("daemon: %s\n", text);
	close(report[0]);
	return arg;
}

/* daemon(3) itself, before any thread of the child. */
static void *by_library(void *arg)
{
	char text[64] = {0};
	pid_t pid;

	SYS(pipe(report));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		SYS(daemon(0, 0));
		daemon_main();
	}
	close(report[1]);
	printf("middle: %s\n", reap(pid));
	CHECK(read(report[0], text, sizeof(text) - 1) > 0);
	printf("daemon: %s\n", text);
	close(report[0]);
	return arg;
}

int main(void)
{
	for (int i = 0; i < 10; i++)
		start(idles, NULL);
	join(start(forks, NULL));
	join(start(by_library, NULL));
	return 0;
}
