/* A chain of forks, each from a thread of a process that was itself forked from a thread: every generation has threads,
 * timers, signals and waits that work, and the same descriptors; mappings and memory do not pile up. */
// threads
// not-traced
#include "test.h"

#define GENERATIONS 40
#define THREADS 20

static int generation, fds_at_first;
static long maps_at_start, kib_at_start;

static void *works(void *arg)
{
	int fds[2];
	char c;

	SYS(pipe2(fds, O_CLOEXEC));
	sleep_us(200);
	CHECK_EQ(write(fds[1], "x", 1), 1);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	close(fds[0]);
	close(fds[1]);
	return arg;
}

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static long number_in(const char *path, const char *format)
{
	FILE *f = fopen(path, "r");
	long n = 0;
	int c;

	CHECK(f);
	if (format)
		CHECK_EQ(fscanf(f, format, &n), 1);
	else
		while ((c = getc(f)) != EOF)
			n += c == '\n';
	fclose(f);
	return n;
}

static _Atomic int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *lives(void *arg);

static void *forks(void *arg)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		generation++;
		CHECK_EQ(descriptors(), fds_at_first);
		lives(NULL);
		_exit(0);
	}
	CHECK(strcmp(reap(pid), "exit 0") == 0);
	return arg;
}

static void *lives(void *arg)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(works, (void *)i);
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ((long)join(t[i]), i);
	handled = 0;
	PT(pthread_kill(pthread_self(), SIGUSR1));
	SYS(kill(getpid(), SIGUSR1));
	WAIT_UNTIL(handled == 2);
	if (generation == 5) {
		maps_at_start = number_in("/proc/self/maps", NULL);
		kib_at_start = 4 * number_in("/proc/self/statm", "%*d %ld");
	}
	if (generation == GENERATIONS) {
		long maps = number_in("/proc/self/maps", NULL), kib = 4 * number_in("/proc/self/statm", "%*d %ld");

		fprintf(stderr, "maps %ld -> %ld, resident %ld -> %ld KiB\n", maps_at_start, maps, kib_at_start, kib);
		CHECK(maps <= maps_at_start + 2 * GENERATIONS);
		CHECK(kib <= kib_at_start + 40 * GENERATIONS);
		printf("generation %d\n", generation);
		fflush(stdout);
		return arg;
	}
	/* One that stays behind in each generation, and blocks when its process has to end. */
	start(idles, NULL);
	join(start(forks, NULL));
	return arg;
}

int main(void)
{
	fds_at_first = descriptors();
	set_handler(SIGUSR1, on_signal, 0);
	lives(NULL);
	return 0;
}
