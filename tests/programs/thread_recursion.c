/* Deep recursion with blocking calls on the way down, on stacks of 200 MiB; and on main's own stack. */
// threads
#include "test.h"

static __attribute__((noinline)) long sum(long n)
{
	volatile char frame[900];

	frame[0] = (char)n;
	if (n % 10000 == 0)
		sleep_us(50);
	return n == 0 ? 0 : n + sum(n - 1) + (frame[0] - (char)n);
}

static void *run(void *arg)
{
	return (void *)sum((long)arg);
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t[2];

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, 200 << 20));
	for (int i = 0; i < 2; i++)
		PT(pthread_create(&t[i], &attr, run, (void *)100000L));
	printf("main %ld\n", sum(5000));
	for (int i = 0; i < 2; i++)
		printf("thread %ld\n", (long)join(t[i]));
	return 0;
}
