/* Threads in pairs that ask and answer until standard input ends: how many exchanges there were, how many failed. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define PAIRS 50

static atomic_bool stop;
static atomic_ulong done, failed;

static void *answers(void *arg)
{
	int fd = *(int *)arg;
	unsigned n;

	while (read(fd, &n, sizeof(n)) == sizeof(n)) {
		n++;
		if (write(fd, &n, sizeof(n)) != sizeof(n))
			failed++;
	}
	return NULL;
}

static void *asks(void *arg)
{
	int fd = *(int *)arg;
	struct timespec ts = {0, 500000};

	for (unsigned n = 0, got; !stop; n += 2, done++) {
		if (write(fd, &n, sizeof(n)) != sizeof(n) || read(fd, &got, sizeof(got)) != sizeof(got) || got != n + 1)
			failed++;
		if (nanosleep(&ts, NULL))
			failed++;
	}
	shutdown(fd, SHUT_RDWR);
	return NULL;
}

int main(void)
{
	pthread_t t[2 * PAIRS];
	int pairs[PAIRS][2];
	char c;

	for (int i = 0; i < PAIRS; i++) {
		if (socketpair(AF_UNIX, SOCK_STREAM, 0, pairs[i]) ||
		    pthread_create(&t[2 * i], NULL, answers, &pairs[i][0]) ||
		    pthread_create(&t[2 * i + 1], NULL, asks, &pairs[i][1]))
			return 2;
	}
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) == 1)
		;
	stop = true;
	for (int i = 0; i < 2 * PAIRS; i++)
		pthread_join(t[i], NULL);
	printf("%lu %lu\n", done, failed);
	return 0;
}
