/* A program that executes itself again and again from threads that are not main, while others compute, block, fork,
 * spawn and hold locks: one process id, one thread, the same descriptors each time, no child lost. */
// threads
#include "test.h"
#include <spawn.h>

#define GENERATIONS 25

extern char **environ;

static char self[4096];
static int generation, process;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct event ready = EVENT_INIT;

static void *computes(void *arg)
{
	event_post(&ready);
	for (volatile unsigned long i = 0;; i++)
		;
	return arg;
}

static void *sleeps(void *arg)
{
	event_post(&ready);
	for (;;)
		sleep_us(100);
	return arg;
}

static void *locks(void *arg)
{
	event_post(&ready);
	for (;;) {
		pthread_mutex_lock(&lock);
		sched_yield();
		pthread_mutex_unlock(&lock);
	}
	return arg;
}

static void *reads(void *arg)
{
	int fds[2];
	char c;

	SYS(pipe2(fds, O_CLOEXEC));
	event_post(&ready);
	CHECK_EQ(read(fds[0], &c, 1), 1);
	return arg;
}

static void *forks(void *arg)
{
	event_post(&ready);
	for (;;) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0)
			_exit(3);
		/* Reaped by whichever program the process is by then. */
		SYS(waitpid(pid, NULL, 0));
	}
	return arg;
}

static void *spawns(void *arg)
{
	char *argv[] = {"true", NULL};
	pid_t pid;

	event_post(&ready);
	for (;;) {
		PT(posix_spawn(&pid, "/bin/true", NULL, NULL, argv, environ));
		SYS(waitpid(pid, NULL, 0));
	}
	return arg;
}

static void *ends(void *arg)
{
	return arg;
}

static void *execs(void *arg)
{
	char number[16], id[16];

	snprintf(number, sizeof(number), "%d", generation + 1);
	snprintf(id, sizeof(id), "%d", process);
	event_wait(&ready, (int)(long)arg);
	CHECK(execl("/nonexistent", "x", NULL) == -1 && errno == ENOENT);
	execl(self, self, number, id, NULL);
	return NULL;
}

int main(int argc, char **argv)
{
	static void *(*const kinds[])(void *) = {computes, sleeps, locks, reads, forks, spawns};
	long n = 0;

	generation = argc > 1 ? atoi(argv[1]) : 0;
	process = argc > 2 ? atoi(argv[2]) : getpid();
	CHECK_EQ(getpid(), process);
	CHECK_EQ(own_tid(), process);
	CHECK_EQ(kernel_threads(), 1);
	CHECK_EQ(descriptors(), 3);
	while (waitpid(-1, NULL, 0) > 0)
		;
	CHECK_EQ(errno, ECHILD);
	if (generation == GENERATIONS) {
		join(start(ends, NULL));
		puts("the last one");
		return 0;
	}
	SYS(readlink("/proc/self/exe", self, sizeof(self) - 1));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (int k = 0; k < 1 + generation % 3; k++, n++)
			start(kinds[i], NULL);
	start(execs, (void *)n);
	pthread_exit(NULL);
}
