/*
 * A thread that ticks each millisecond beside others that compute or block. Says how the ticks came, as a line of JSON:
 * how many there were, the worst gap between two, how many gaps were longer than 10 ms; the same two without what the
 * machine took away from everybody (stalls.h).
 *
 *     ticker SECONDS DIRECTORY none
 *     ticker SECONDS DIRECTORY hogs N      N threads compute and make no call
 *     ticker SECONDS DIRECTORY calls N     N threads make calls that answer at once
 *     ticker SECONDS DIRECTORY openmp N    a parallel loop of N threads, again and again
 *     ticker SECONDS DIRECTORY flock N     N threads wait for a lock that another process holds
 *     ticker SECONDS DIRECTORY fifo N      N threads open FIFOs that nobody writes to
 *     ticker SECONDS DIRECTORY fsync N     N threads write and sync
 *     ticker SECONDS DIRECTORY cold N      N threads read files of 1 GiB / N, none of it in the page cache
 *     ticker SECONDS DIRECTORY aio N       N threads wait for events of libaio, of which there are none
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <libaio.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "stalls.h"

#define GAPS 100000 /* that are looked at again */
#define COLD_BYTES (1L << 30)
#define BLOCK (1L << 20)

static const char *directory;
static double seconds;
static long threads;

static void check(int fine, const char *what)
{
	if (fine)
		return;
	perror(what);
	exit(1);
}

/* A file of thread i's, or of all (-1). */
static int file(const char *name, long i, int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s/%s%ld", directory, name, i);
	if (flags & O_CREAT)
		unlink(path);
	fd = open(path, flags | O_CLOEXEC, 0600);
	check(fd >= 0, path);
	return fd;
}

static void *hogs(void *arg)
{
	for (volatile unsigned long n = 0;; n++)
		;
	return arg;
}

static void *calls(void *arg)
{
	char block[512];
	int fd = open("/dev/zero", O_RDONLY);

	while (read(fd, block, sizeof(block)) == sizeof(block))
		;
	check(0, "read");
	return arg;
}

static void *openmp(void *arg)
{
	static double sum[1 << 16];

	for (;;) {
#pragma omp parallel for num_threads(threads)
		for (int i = 0; i < 1 << 16; i++)
			sum[i] = sum[i] * 0.5 + i;
	}
	return arg;
}

static void *locks(void *arg)
{
	flock(file("lock", -1, O_RDWR), LOCK_EX);
	check(0, "the lock was held, and yet it was got");
	return arg;
}

static void *opens(void *arg)
{
	file("fifo", (long)arg, O_RDONLY);
	check(0, "nobody writes to the FIFO, and yet it was opened");
	return arg;
}

static void *syncs(void *arg)
{
	static char block[64 << 10];
	int fd = file("synced", (long)arg, O_RDWR | O_CREAT);

	for (long i = 0;; i++) {
		check(pwrite(fd, block, sizeof(block), i % 64 * (long)sizeof(block)) == sizeof(block), "write");
		check(fsync(fd) == 0, "fsync");
	}
	return arg;
}

static void *reads(void *arg)
{
	char *block = malloc(BLOCK);
	int fd = file("cold", (long)arg, O_RDONLY);

	for (;;) {
		ssize_t n;

		check(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 && lseek(fd, 0, SEEK_SET) == 0, "cold");
		while ((n = read(fd, block, BLOCK)) > 0)
			;
		check(n == 0, "read");
	}
	return arg;
}

static void *events(void *arg)
{
	struct io_event event;
	io_context_t context = NULL;

	check(io_setup(1, &context) == 0, "io_setup");
	io_getevents(context, 1, 1, &event, NULL);
	check(0, "io_getevents");
	return arg;
}

static void make_fifos(void)
{
	char path[4096];

	for (long i = 0; i < threads; i++) {
		snprintf(path, sizeof(path), "%s/fifo%ld", directory, i);
		unlink(path);
		check(mkfifo(path, 0600) == 0, path);
	}
}

static void make_cold(void)
{
	char *block = calloc(1, BLOCK);

	for (long i = 0; i < threads; i++) {
		int fd = file("cold", i, O_RDWR | O_CREAT);

		for (long done = 0; done < COLD_BYTES / threads; done += BLOCK)
			check(write(fd, block, BLOCK) == BLOCK, "write");
		check(fsync(fd) == 0, "fsync");
		close(fd);
	}
	free(block);
}

/* A child of its own holds it until we end. */
static void hold_lock(void)
{
	int fd = file("lock", -1, O_RDWR | O_CREAT), ready[2];
	char c;

	check(pipe(ready) == 0, "pipe");
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		close(fd);
		check(flock(file("lock", -1, O_RDWR), LOCK_EX) == 0, "flock");
		check(write(ready[1], "", 1) == 1, "write");
		pause();
		_exit(0);
	}
	check(read(ready[0], &c, 1) == 1, "read");
}

static const struct {
	const char *name;
	void *(*fn)(void *);
	void (*prepare)(void);
} cases[] = {
    {"hogs", hogs, NULL},
    {"calls", calls, NULL},
    {"openmp", openmp, NULL},
    {"flock", locks, hold_lock},
    {"fifo", opens, make_fifos},
    {"fsync", syncs, NULL},
    {"cold", reads, make_cold},
    {"aio", events, NULL},
};

static struct {
	double from, to;
} gaps[GAPS];

static void *ticks(void *arg)
{
	struct timespec ms = {0, 1000000};
	double last = stalls_now(), end = last + seconds * 1e3, worst = 0, worst_own = 0;
	long n = 0, over = 0, over_own = 0, gap_count = 0;

	for (; last < end; n++) {
		double at;

		nanosleep(&ms, NULL);
		at = stalls_now();
		if (at - last > worst)
			worst = at - last;
		over += at - last > 10;
		if (at - last > 3 && gap_count < GAPS) {
			gaps[gap_count].from = last;
			gaps[gap_count++].to = at;
		}
		last = at;
	}
	for (long i = 0; i < gap_count; i++) {
		double own = gaps[i].to - gaps[i].from - stalls_in(gaps[i].from, gaps[i].to);
		if (own > worst_own)
			worst_own = own;
		over_own += own > 10;
	}
	printf("{\"ticks\": %ld, \"worst_ms\": %.2f, \"over_10\": %ld, \"worst_own_ms\": %.2f, \"over_10_own\": %ld}\n",
	    n, worst, over, worst_own, over_own);
	return arg;
}

static pthread_t start(void *(*fn)(void *), long i)
{
	pthread_t t;

	check(pthread_create(&t, NULL, fn, (void *)i) == 0, "pthread_create");
	return t;
}

int main(int argc, char **argv)
{
	pthread_t ticker;
	size_t i = 0;

	if (argc < 4)
		return 2;
	seconds = atof(argv[1]);
	directory = argv[2];
	threads = argc > 4 ? atol(argv[4]) : 0;
	while (i < sizeof(cases) / sizeof(cases[0]) && strcmp(cases[i].name, argv[3]) != 0)
		i++;
	if (i == sizeof(cases) / sizeof(cases[0]) && strcmp(argv[3], "none") != 0)
		return 2;
	if (threads && cases[i].prepare)
		cases[i].prepare();
	stalls_begin();
	ticker = start(ticks, 0);
	for (long n = 0; n < (cases[i].fn == openmp ? 1 : threads); n++)
		start(cases[i].fn, n);
	pthread_join(ticker, NULL);
	fflush(stdout);
	_exit(0);
}
