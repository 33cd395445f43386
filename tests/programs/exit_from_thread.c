/* exit() in a thread while main and others are blocked: atexit handlers run there, in reverse, stdio is flushed. */
// threads
// exit: 7
#include "test.h"

static pthread_t exiting;

static void first(void)
{
	CHECK(pthread_equal(pthread_self(), exiting));
	puts("registered first, runs last");
}

static void second(void)
{
	/* A handler may block. */
	sleep_us(1000);
	puts("registered second, runs first");
}

static void with_code(int code, void *arg)
{
	printf("on_exit %d %s\n", code, (char *)arg);
}

static __attribute__((destructor)) void destructor(void)
{
	puts("destructor");
}

static void *idles(void *arg)
{
	for (;;)
		sleep_us(1000);
	return arg;
}

static void *exits(void *arg)
{
	(void)arg;
	exiting = pthread_self();
	printf("not flushed");
	printf(" yet\n");
	exit(7);
}

int main(void)
{
	atexit(first);
	on_exit(with_code, "argument");
	atexit(second);
	for (int i = 0; i < 20; i++)
		start(idles, NULL);
	join(start(exits, NULL));
	return 1;
}
