/* Each way for a threaded process to end: return from main, exit, _exit, quick_exit, abort, last thread's end. */
// threads
#include "test.h"
#include <sys/resource.h>

static void say_exit(void)
{
	puts("    atexit");
}

static void say_quick(void)
{
	puts("    at_quick_exit");
	fflush(stdout);
}

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *exits(void *arg)
{
	(void)arg;
	exit(300 + 11);
}

static void *exits_at_once(void *arg)
{
	(void)arg;
	_exit(12);
}

static void *exits_quickly(void *arg)
{
	(void)arg;
	quick_exit(13);
}

static void *aborts(void *arg)
{
	(void)arg;
	abort();
}

static void *two_exit(void *arg)
{
	start(exits_at_once, NULL);
	return exits_at_once(arg);
}

static void *ends(void *arg)
{
	return arg;
}

static void in_child(const char *what, void *(*fn)(void *), bool idle)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		atexit(say_exit);
		at_quick_exit(say_quick);
		for (int i = 0; i < 5 && idle; i++)
			start(idles, NULL);
		start(fn, NULL);
		pthread_exit(NULL);
	}
	printf("%s: %s\n", what, reap(pid));
}

static void main_returns(void)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		atexit(say_exit);
		for (int i = 0; i < 5; i++)
			start(idles, NULL);
		exit(14);
	}
	printf("exit in main: %s\n", reap(pid));
}

int main(void)
{
	in_child("exit", exits, true);
	in_child("_exit", exits_at_once, true);
	in_child("two at once", two_exit, true);
	in_child("quick_exit", exits_quickly, true);
	in_child("abort", aborts, true);
	in_child("the last thread ends", ends, false);
	main_returns();
	join(start(ends, NULL));
	return 0;
}
