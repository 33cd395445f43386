/* How a threaded process ends by a signal, as its parent sees it: faults, abort, signals sent from in- and outside. */
// threads
#include "test.h"
#include <sys/resource.h>

static int *nowhere;

static void *segv(void *arg)
{
	*(volatile int *)nowhere = 1;
	return arg;
}

static void *aborts(void *arg)
{
	abort();
	return arg;
}

static void *divides(void *arg)
{
	int a = 1, b = 0;

	/* Not in C, where the compiler finds a way around the division. */
	__asm__ volatile("cltd\n	idivl %1" : "+a"(a) : "r"(b) : "rdx");
	return arg;
}

static void *raises_term(void *arg)
{
	raise(SIGTERM);
	return arg;
}

static void *kills_process(void *arg)
{
	kill(getpid(), SIGHUP);
	for (;;)
		pause();
	return arg;
}

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *kills_thread(void *arg)
{
	pthread_kill(start(idles, NULL), SIGUSR1);
	for (;;)
		pause();
	return arg;
}

static void *computes_until_killed(void *arg)
{
	volatile unsigned long work = 0;

	kill(getpid(), SIGKILL);
	for (;;)
		work++;
	return arg;
}

/* Blocked: it does not end the process until it is unblocked. */
static void *unblocks(void *arg)
{
	block_signal(SIGUSR2);
	raise(SIGUSR2);
	sleep_us(1000);
	unblock_signal(SIGUSR2);
	return arg;
}

static void *ignores(void *arg)
{
	raise(SIGCHLD);
	raise(SIGWINCH);
	raise(SIGURG);
	return arg;
}

static void in_child(const char *what, void *(*fn)(void *))
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		for (int i = 0; i < 3; i++)
			start(idles, NULL);
		join(start(fn, NULL));
		_exit(9);
	}
	printf("%s: %s\n", what, reap(pid));
}

static void killed_by_parent(int sig)
{
	int fds[2];
	char c;
	pid_t pid;

	SYS(pipe(fds));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		start(idles, NULL);
		CHECK_EQ(write(fds[1], "", 1), 1);
		idles(NULL);
	}
	CHECK_EQ(read(fds[0], &c, 1), 1);
	SYS(kill(pid, sig));
	printf("killed by the parent: %s\n", reap(pid));
	close(fds[0]);
	close(fds[1]);
}

int main(void)
{
	in_child("segmentation fault", segv);
	in_child("abort", aborts);
	in_child("division by zero", divides);
	in_child("raise", raises_term);
	in_child("kill", kills_process);
	in_child("pthread_kill", kills_thread);
	in_child("SIGKILL", computes_until_killed);
	in_child("unblocked", unblocks);
	in_child("ignored by default", ignores);
	fflush(stdout);
	killed_by_parent(SIGTERM);
	killed_by_parent(SIGINT);
	killed_by_parent(SIGRTMIN + 3);
	/* This process had none so far. */
	join(start(ignores, NULL));
	return 0;
}
