/* Stacks of PTHREAD_STACK_MIN and of 64 MiB, used to the last pages. */
// threads
#include "test.h"
#include <limits.h>

#define SMALL 200

static __attribute__((noinline)) long use(long size)
{
	volatile char *room = __builtin_alloca((size_t)size);
	long sum = 0;

	for (long i = 0; i < size; i += 512)
		room[i] = 1;
	for (long i = 0; i < size; i += 512)
		sum += room[i];
	return sum;
}

static void *run(void *arg)
{
	sleep_us(1000);
	return (void *)use((long)arg);
}

static pthread_t start_sized(size_t size, long used)
{
	pthread_attr_t attr;
	size_t got;
	pthread_t t;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, size));
	PT(pthread_attr_getstacksize(&attr, &got));
	CHECK_EQ(got, size);
	PT(pthread_create(&t, &attr, run, (void *)used));
	PT(pthread_attr_destroy(&attr));
	return t;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t[SMALL];
	size_t size;

	for (int i = 0; i < SMALL; i++)
		t[i] = start_sized((size_t)PTHREAD_STACK_MIN, 6 << 10);
	for (int i = 0; i < SMALL; i++)
		CHECK_EQ((long)join(t[i]), 12);
	printf("min %ld\n", (long)PTHREAD_STACK_MIN);
	printf("64 MiB %ld\n", (long)join(start_sized(64 << 20, 63 << 20)));
	PT(pthread_attr_init(&attr));
	printf("too small: %s\n", strerrorname_np(pthread_attr_setstacksize(&attr, 1000)));
	PT(pthread_getattr_default_np(&attr));
	PT(pthread_attr_setstacksize(&attr, 1 << 20));
	PT(pthread_setattr_default_np(&attr));
	t[0] = start(run, (void *)(900L << 10));
	printf("default of 1 MiB %ld\n", (long)join(t[0]));
	PT(pthread_getattr_default_np(&attr));
	PT(pthread_attr_getstacksize(&attr, &size));
	printf("default is %zu\n", size);
	return 0;
}
