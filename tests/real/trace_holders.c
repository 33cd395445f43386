/* Threads that keep others waiting, and for how long, in the way that it is told:
 *
 *     trace_holders computes|flock    all others wait, main too, until it is killed
 *     trace_holders ticks             one sleeps again and again, one makes calls all the time, until it is killed
 *     trace_holders alarm             computes for 0.4 s, a signal's handler in the middle
 *     trace_holders fork              of a process with many mappings
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WAITING 3
#define MAPPINGS 4000
#define PAGE 4096UL

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_barrier_t there;
static volatile unsigned long sum;
static volatile sig_atomic_t alarms;

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void compute(double seconds)
{
	for (double end = now() + seconds; now() < end;)
		for (int i = 0; i < 10000; i++)
			sum += (unsigned long)i;
}

static void *waits(void *arg)
{
	pthread_barrier_wait(&there);
	pthread_mutex_lock(&mutex);
	for (;;)
		pthread_cond_wait(&never, &mutex);
	return arg;
}

static void *computes(void *arg)
{
	pthread_barrier_wait(&there);
	for (;;)
		compute(1);
	return arg;
}

static void *locks(void *arg)
{
	int fd = open("/proc/self/exe", O_RDONLY);

	pthread_barrier_wait(&there);
	flock(fd, LOCK_EX);
	return arg;
}

static void *ticks(void *arg)
{
	const struct timespec pause = {.tv_nsec = 300000};

	for (;;)
		nanosleep(&pause, NULL);
	return arg;
}

static void *calls(void *arg)
{
	for (;;) {
		compute(0.0002);
		getppid();
	}
	return arg;
}

static pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	if (pthread_create(&t, NULL, fn, arg))
		abort();
	return t;
}

static void ready(void)
{
	puts("ready");
	fflush(stdout);
}

static void all_wait_but(void *(*fn)(void *))
{
	pthread_barrier_init(&there, NULL, WAITING + 2);
	flock(open("/proc/self/exe", O_RDONLY), LOCK_EX);
	for (int i = 0; i < WAITING; i++)
		start(waits, NULL);
	pthread_t t = start(fn, NULL);
	pthread_barrier_wait(&there);
	usleep(50000);
	ready();
	pthread_join(t, NULL);
}

static void on_alarm(int sig)
{
	alarms += sig == SIGALRM;
}

static void is_interrupted(void)
{
	const struct itimerval in = {.it_value = {.tv_usec = 200000}};

	signal(SIGALRM, on_alarm);
	start(ticks, NULL);
	setitimer(ITIMER_REAL, &in, NULL);
	compute(0.4);
	getppid();
	printf("%d\n", (int)alarms);
}

/* Each is copied by itself. */
static void forks(void)
{
	char *p = mmap(NULL, 2 * MAPPINGS * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	for (unsigned long i = 0; i < MAPPINGS; i++) {
		p[2 * i * PAGE] = 1;
		mprotect(p + 2 * i * PAGE, PAGE, PROT_READ);
	}
	start(ticks, NULL);
	double begin = now();
	pid_t pid = fork();
	double took = now() - begin;
	if (!pid)
		_exit(0);
	waitpid(pid, NULL, 0);
	printf("%f\n", took);
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (!strcmp(how, "computes"))
		all_wait_but(computes);
	if (!strcmp(how, "flock"))
		all_wait_but(locks);
	if (!strcmp(how, "ticks")) {
		start(calls, NULL);
		ready();
		ticks(NULL);
	}
	if (!strcmp(how, "alarm"))
		is_interrupted();
	if (!strcmp(how, "fork"))
		forks();
	return 0;
}
