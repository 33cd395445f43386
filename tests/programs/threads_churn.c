/* Thousands of threads are created and joined, a few at a time: stacks and ids are used again (100,000 by default). */
// threads
// args: 30000
#include "test.h"

#define EACH 4

static long done;

static void *run(void *arg)
{
	char page[2048];

	memset(page, (int)(long)arg, sizeof(page));
	__asm__ volatile("" ::"r"(page) : "memory");
	__atomic_fetch_add(&done, 1, __ATOMIC_RELAXED);
	return arg;
}

int main(int argc, char **argv)
{
	long rounds = (argc > 1 ? atol(argv[1]) : 100000) / EACH;
	pthread_t t[EACH];

	for (long i = 0; i < rounds; i++) {
		for (long k = 0; k < EACH; k++)
			t[k] = start(run, (void *)(i + k));
		for (long k = 0; k < EACH; k++)
			CHECK_EQ((long)join(t[k]), i + k);
	}
	printf("%ld threads\n", done);
	return 0;
}
