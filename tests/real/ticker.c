/*
 * A 1 ms ticker beside something that blocks or computes: says the worst gap between two ticks, in milliseconds.
 *
 *     ticker SECONDS hogs N | flock | fifo N | none
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static char directory[] = "/tmp/ticker.XXXXXX";

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static void *computes(void *arg)
{
	for (volatile unsigned long n = 0;; n++)
		;
	return arg;
}

static void *locks(void *arg)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "%s/lock", directory);
	fd = open(path, O_RDWR);
	flock(fd, LOCK_EX);
	fprintf(stderr, "the lock was held, and yet it was got\n");
	exit(1);
	return arg;
}

static void *opens(void *arg)
{
	char path[64];

	snprintf(path, sizeof(path), "%s/fifo%ld", directory, (long)arg);
	if (open(path, O_RDONLY) != -1)
		fprintf(stderr, "nobody writes to the FIFO, and yet it was opened\n");
	exit(1);
}

static void start(void *(*fn)(void *), long n)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, (void *)n)) {
		fprintf(stderr, "pthread_create\n");
		exit(1);
	}
}

static void set_up(const char *what, long n)
{
	char path[64];
	int fd;

	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/fifo%ld", directory, i);
		if (strcmp(what, "hogs") == 0)
			start(computes, i);
		else if (mkfifo(path, 0600) == 0)
			start(opens, i);
	}
	if (strcmp(what, "flock") == 0) {
		snprintf(path, sizeof(path), "%s/lock", directory);
		fd = open(path, O_RDWR | O_CREAT, 0600);
		flock(fd, LOCK_EX);
		start(locks, 0);
	}
}

static void *ticks(void *arg)
{
	double end = now() + *(double *)arg * 1e3, last = now(), worst = 0;
	struct timespec ms = {0, 1000000};
	long n = 0;

	for (; last < end; n++) {
		double at;

		nanosleep(&ms, NULL);
		at = now();
		if (at - last > worst)
			worst = at - last;
		last = at;
	}
	printf("%ld ticks, worst gap %.1f ms\n", n, worst);
	return NULL;
}

static void clean_up(long n)
{
	char path[64];

	for (long i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "%s/fifo%ld", directory, i);
		unlink(path);
	}
	snprintf(path, sizeof(path), "%s/lock", directory);
	unlink(path);
	rmdir(directory);
}

int main(int argc, char **argv)
{
	long n = argc > 3 ? atol(argv[3]) : 0;
	double seconds;
	pthread_t t;

	if (argc < 3 || !mkdtemp(directory))
		return 2;
	seconds = atof(argv[1]);
	pthread_create(&t, NULL, ticks, &seconds);
	set_up(argv[2], n);
	pthread_join(t, NULL);
	clean_up(n);
	return 0;
}
