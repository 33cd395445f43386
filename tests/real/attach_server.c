/*
 * A server under load for attach.py: threads, each with a connection of its own to a client thread, answer numbers;
 * every answer is checked. SIGUSR1 handlers, timed waits and fsync go on beside. "exchanges N, lost N" (signals) at the
 * end, on SIGTERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 20

static _Atomic int stop;
static _Atomic long exchanges, handled;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static long guarded, lost;

static void fail(const char *what)
{
	fprintf(stderr, "failed: %s: %s\n", what, strerror(errno));
	_exit(1);
}

/* An interrupted call is natural (signal(7): SIGCONT, and a debugger's attach, end some without a handler). */
static void move(ssize_t (*how)(int, void *, size_t), int fd, void *buf, size_t n)
{
	for (size_t done = 0; done < n;) {
		ssize_t got = how(fd, (char *)buf + done, n - done);

		if (got > 0)
			done += (size_t)got;
		else if (got == 0 || errno != EINTR)
			fail(got == 0 ? "end of file" : how == read ? "read" : "write");
	}
}

static ssize_t put(int fd, void *buf, size_t n)
{
	return write(fd, buf, n);
}

static void *serves(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t x;

	for (;;) {
		move(read, fd, &x, sizeof(x));
		if (x == UINT64_MAX)
			return NULL;
		x = x * 2654435761u + 1;
		pthread_mutex_lock(&lock);
		guarded++;
		pthread_mutex_unlock(&lock);
		move(put, fd, &x, sizeof(x));
	}
}

static void *asks(void *arg)
{
	int fd = (int)(intptr_t)arg;
	uint64_t x = 1, answer, end = UINT64_MAX;

	while (!stop) {
		move(put, fd, &x, sizeof(x));
		move(read, fd, &answer, sizeof(answer));
		if (answer != x * 2654435761u + 1)
			fail("answer");
		x++;
		exchanges++;
	}
	move(put, fd, &end, sizeof(end));
	return NULL;
}

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

/* A sleep is never short, whoever stops or attaches. */
static void *sleeps(void *arg)
{
	while (!stop) {
		struct timespec before, after, ts = {0, 3000000};

		clock_gettime(CLOCK_MONOTONIC, &before);
		while (nanosleep(&ts, &ts) && errno == EINTR)
			;
		clock_gettime(CLOCK_MONOTONIC, &after);
		if ((after.tv_sec - before.tv_sec) * 1000000000L + after.tv_nsec - before.tv_nsec < 3000000)
			fail("slept too short");
	}
	return arg;
}

static void *waits(void *arg)
{
	pthread_mutex_lock(&lock);
	while (!stop) {
		struct timespec until;

		clock_gettime(CLOCK_REALTIME, &until);
		until.tv_nsec += 2000000;
		if (until.tv_nsec >= 1000000000L) {
			until.tv_sec++;
			until.tv_nsec -= 1000000000L;
		}
		int error = pthread_cond_timedwait(&cond, &lock, &until);
		if (error && error != ETIMEDOUT)
			fail("pthread_cond_timedwait");
	}
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *writes(void *arg)
{
	FILE *f = tmpfile();

	while (f && !stop) {
		if (fprintf(f, "%ld\n", (long)exchanges) < 0 || fflush(f) || fsync(fileno(f)))
			fail("file");
		usleep(1000);
	}
	return arg;
}

static void *computes(void *arg)
{
	volatile unsigned long x = 1;

	while (!stop)
		x = x * 3 + 1;
	return arg;
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* One signal at a time. A tracer may lose one: strace 6.1 does, natively too, that of a thread that stands at a signal
 * when it leaves it. */
static void *signals(void *arg)
{
	pthread_t *to = arg;

	for (long sent = 0; !stop;) {
		long long since = now_ms();

		if (pthread_kill(*to, SIGUSR1))
			fail("pthread_kill");
		sent++;
		while (handled + lost < sent && now_ms() - since < 5000)
			usleep(500);
		if (handled + lost < sent)
			lost++;
	}
	return NULL;
}

int main(void)
{
	pthread_t server[PAIRS], client[PAIRS], other[5];
	struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	sigset_t term;
	int got;

	alarm(600);
	prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY); /* Yama lets only ancestors attach otherwise */
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &term, NULL);
	sigaction(SIGUSR1, &sa, NULL);
	for (int i = 0; i < PAIRS; i++) {
		int sv[2];

		if (socketpair(AF_UNIX, SOCK_STREAM, 0, sv))
			fail("socketpair");
		pthread_create(&server[i], NULL, serves, (void *)(intptr_t)sv[0]);
		pthread_create(&client[i], NULL, asks, (void *)(intptr_t)sv[1]);
	}
	pthread_create(&other[0], NULL, sleeps, NULL);
	pthread_create(&other[1], NULL, waits, NULL);
	pthread_create(&other[2], NULL, writes, NULL);
	pthread_create(&other[3], NULL, computes, NULL);
	pthread_create(&other[4], NULL, signals, &server[0]);
	puts("ready");
	fflush(stdout);
	while (sigwait(&term, &got) == 0 && got != SIGTERM)
		;
	stop = 1;
	for (int i = 0; i < 5; i++)
		pthread_join(other[i], NULL);
	for (int i = 0; i < PAIRS; i++) {
		pthread_join(client[i], NULL);
		pthread_join(server[i], NULL);
	}
	if (guarded != exchanges)
		fail("the guarded count");
	printf("exchanges %ld, lost %ld\n", (long)exchanges, lost);
	return 0;
}
