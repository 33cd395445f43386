/*
 * Small measurements of threads, each a line of JSON:
 *
 *     threads yield N      two threads yield N times each; nanoseconds a yield
 *     threads semaphore N  two threads hand a turn over N times each; nanoseconds a switch
 *     threads create N     N threads created and joined one after the other; microseconds each
 *     threads park N       N threads blocked at once; memory of each; seconds to create, wake and join
 *     threads sleep N      N threads that sleep 1 s each; seconds for all
 *     threads answer N     one thread asks another, N times, and makes calls that never park until it is answered;
 *                          microseconds a round
 *     threads compute N    N threads share a computation, without a call; seconds
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static long rounds;
static sem_t turn[2], gate, arrived;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_attr_t attr;
	pthread_t t;
	int error;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	error = pthread_create(&t, &attr, fn, arg);
	if (error) {
		fprintf(stderr, "pthread_create: %s\n", strerror(error));
		exit(1);
	}
	return t;
}

static void *yields(void *arg)
{
	for (long i = 0; i < rounds; i++)
		sched_yield();
	return arg;
}

static void *takes_turns(void *arg)
{
	long me = (long)arg;

	for (long i = 0; i < rounds; i++) {
		sem_wait(&turn[me]);
		sem_post(&turn[!me]);
	}
	return NULL;
}

static void two(void *(*fn)(void *), const char *name)
{
	pthread_t a, b;
	double began = now();

	sem_init(&turn[0], 0, 1);
	sem_init(&turn[1], 0, 0);
	a = start(fn, (void *)0L);
	b = start(fn, (void *)1L);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	printf("{\"%s_ns\": %.1f}\n", name, (now() - began) * 1e9 / (2.0 * (double)rounds));
}

static void *nothing(void *arg)
{
	return arg;
}

static void create(void)
{
	double began = now();

	for (long i = 0; i < rounds; i++)
		pthread_join(start(nothing, NULL), NULL);
	printf("{\"create_us\": %.2f}\n", (now() - began) * 1e6 / (double)rounds);
}

/* KiB that /proc says after `name`. */
static long kib(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	char line[256];
	long value = 0;

	while (f && fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			value = atol(line + strlen(name));
	if (f)
		fclose(f);
	return value;
}

static void *parks(void *arg)
{
	sem_post(&arrived);
	sem_wait(&gate);
	return arg;
}

static void park(void)
{
	pthread_t *t = calloc((size_t)rounds, sizeof(*t));
	double began, created, done;
	long rss, tables, stacks;

	sem_init(&gate, 0, 0);
	sem_init(&arrived, 0, 0);
	pthread_join(start(nothing, NULL), NULL);
	memset(t, 1, (size_t)rounds * sizeof(*t));
	rss = kib("/proc/self/status", "VmRSS:");
	tables = kib("/proc/self/status", "VmPTE:");
	stacks = kib("/proc/meminfo", "KernelStack:");
	began = now();
	for (long i = 0; i < rounds; i++)
		t[i] = start(parks, NULL);
	for (long i = 0; i < rounds; i++)
		sem_wait(&arrived);
	created = now();
	rss = kib("/proc/self/status", "VmRSS:") - rss;
	tables = kib("/proc/self/status", "VmPTE:") - tables;
	stacks = kib("/proc/meminfo", "KernelStack:") - stacks;
	done = now();
	for (long i = 0; i < rounds; i++)
		sem_post(&gate);
	for (long i = 0; i < rounds; i++)
		pthread_join(t[i], NULL);
	printf("{\"create_s\": %.3f, \"wake_join_s\": %.3f, \"rss_kib\": %.2f, \"page_tables_kib\": %.2f, "
	       "\"kernel_stack_kib\": %.2f}\n",
	    created - began, now() - done, (double)rss / (double)rounds, (double)tables / (double)rounds,
	    (double)stacks / (double)rounds);
	free(t);
}

static void *sleeps(void *arg)
{
	sleep(1);
	return arg;
}

static void sleepers(void)
{
	pthread_t *t = calloc((size_t)rounds, sizeof(*t));
	double began = now();

	for (long i = 0; i < rounds; i++)
		t[i] = start(sleeps, NULL);
	for (long i = 0; i < rounds; i++)
		pthread_join(t[i], NULL);
	printf("{\"sleep_s\": %.4f}\n", now() - began);
	free(t);
}

static atomic_int answered;

static void *answers(void *arg)
{
	for (long i = 0; i < rounds; i++) {
		sem_wait(&gate);
		atomic_store(&answered, 1);
	}
	return arg;
}

static void answer(void)
{
	int fd = open("/dev/zero", O_RDONLY);
	double began;
	pthread_t t;
	char c;

	sem_init(&gate, 0, 0);
	t = start(answers, NULL);
	began = now();
	for (long i = 0; i < rounds; i++) {
		atomic_store(&answered, 0);
		sem_post(&gate);
		while (!atomic_load(&answered) && read(fd, &c, 1) == 1)
			;
	}
	printf("{\"answer_us\": %.2f}\n", (now() - began) * 1e6 / (double)rounds);
	pthread_join(t, NULL);
	close(fd);
}

#define STEPS 12000000000L

static void *computes(void *arg)
{
	unsigned long n = (unsigned long)arg;

	for (long i = 0; i < STEPS / rounds; i++)
		__asm__ volatile("lea 1(%0), %0" : "+r"(n));
	return NULL;
}

static void compute(void)
{
	pthread_t *t = calloc((size_t)rounds, sizeof(*t));
	double began = now();

	for (long i = 0; i < rounds; i++)
		t[i] = start(computes, NULL);
	for (long i = 0; i < rounds; i++)
		pthread_join(t[i], NULL);
	printf("{\"compute_s\": %.4f}\n", now() - began);
	free(t);
}

int main(int argc, char **argv)
{
	if (argc != 3 || (rounds = atol(argv[2])) <= 0)
		return 2;
	if (strcmp(argv[1], "yield") == 0)
		two(yields, "yield");
	else if (strcmp(argv[1], "semaphore") == 0)
		two(takes_turns, "semaphore");
	else if (strcmp(argv[1], "create") == 0)
		create();
	else if (strcmp(argv[1], "park") == 0)
		park();
	else if (strcmp(argv[1], "sleep") == 0)
		sleepers();
	else if (strcmp(argv[1], "answer") == 0)
		answer();
	else if (strcmp(argv[1], "compute") == 0)
		compute();
	else
		return 2;
	return 0;
}
