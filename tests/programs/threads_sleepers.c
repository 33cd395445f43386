/* 1000 threads sleep for 1 s at the same time: none less than a second, all together not much more. */
// threads
#include "test.h"

#define THREADS 1000

static void *run(void *arg)
{
	struct timespec second = {1, 0};
	long long began = now_ns();

	(void)arg;
	SYS(nanosleep(&second, NULL));
	CHECK(now_ns() - began >= NSEC_PER_SEC);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	long long began = now_ns();

	for (int i = 0; i < THREADS; i++)
		t[i] = start(run, NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK(now_ns() - began < 5 * NSEC_PER_SEC);
	puts("all slept");
	return 0;
}
