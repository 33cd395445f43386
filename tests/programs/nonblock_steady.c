/* Blocking calls never change F_GETFL, seen from another thread and from a child that shares the descriptions. */
// threads
#include "io_test.h"

#define ROUNDS 2000

static int sv[3][2], listener, stop_pipe[2];
static struct sockaddr_in addr;
static bool stop;

/* How often a description was seen with flags other than at first. A call that changed them would leave them changed
 * for as long as it blocks, and below they block all the time: a look now and then finds it, and does not take the
 * processors from those who are looked at. */
static long watch(bool (*stopped)(void))
{
	int fds[7] = {listener}, first[7];
	long strange = 0;

	for (int i = 0; i < 6; i++)
		fds[1 + i] = sv[i / 2][i % 2];
	for (int i = 0; i < 7; i++)
		first[i] = (int)SYS(fcntl(fds[i], F_GETFL));
	while (!stopped()) {
		for (int i = 0; i < 7; i++)
			strange += fcntl(fds[i], F_GETFL) != first[i];
		sleep_us(100);
	}
	return strange;
}

static bool thread_stopped(void)
{
	return __atomic_load_n(&stop, __ATOMIC_ACQUIRE);
}

static bool child_stopped(void)
{
	struct pollfd p = {.fd = stop_pipe[0], .events = POLLIN};

	return poll(&p, 1, 0) != 0;
}

static void *watches(void *arg)
{
	(void)arg;
	return (void *)watch(thread_stopped);
}

static void *writes(void *arg)
{
	static char big[100000];

	for (int i = 0; i < ROUNDS / 10; i++)
		write_full(*(int *)arg, big, sizeof(big));
	return NULL;
}

static void *reads(void *arg)
{
	char buf[9000];

	for (size_t left = ROUNDS / 10 * 100000; left;)
		left -= (size_t)SYS(read(*(int *)arg, buf, sizeof(buf)));
	return NULL;
}

static void *accepts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		SYS(close((int)SYS(accept(listener, NULL, NULL))));
	return arg;
}

static void *connects(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0)), before = (int)SYS(fcntl(fd, F_GETFL));
		char c;

		SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
		CHECK_EQ(fcntl(fd, F_GETFL), before);
		/* Not faster than they are accepted: a full backlog costs a second. */
		CHECK_EQ(read(fd, &c, 1), 0);
		SYS(close(fd));
	}
	return arg;
}

int main(void)
{
	pthread_t t[8], watcher;
	pid_t pid;
	int n = 0;

	listener = tcp_listen(20, &addr);
	for (int i = 0; i < 3; i++)
		kinds[i].make(sv[i]);
	SYS(pipe(stop_pipe));
	pid = SYS(fork());
	if (pid == 0) {
		SYS(close(stop_pipe[1]));
		_exit(watch(child_stopped) != 0);
	}
	SYS(close(stop_pipe[0]));
	watcher = start(watches, NULL);
	for (int i = 0; i < 3; i++) {
		t[n++] = start(writes, &sv[i][0]);
		t[n++] = start(reads, &sv[i][1]);
	}
	t[n++] = start(accepts, NULL);
	t[n++] = start(connects, NULL);
	for (int i = 0; i < n; i++)
		join(t[i]);
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	SYS(close(stop_pipe[1]));
	printf("seen changed by a thread: %ld, by a child: %s\n", (long)join(watcher), reap(pid));
	return 0;
}
