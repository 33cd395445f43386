/* 1000 threads meet at a barrier, change a value each under one lock, and are joined. */
// threads
#include "test.h"

#define THREADS 1000

static pthread_barrier_t barrier;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static long total;

static void *run(void *arg)
{
	long n = (long)arg;

	pthread_barrier_wait(&barrier);
	PT(pthread_mutex_lock(&lock));
	total += n;
	PT(pthread_mutex_unlock(&lock));
	pthread_barrier_wait(&barrier);
	CHECK_EQ(total, (long)THREADS * (THREADS - 1) / 2);
	return (void *)(n * 2);
}

int main(void)
{
	pthread_t t[THREADS];

	PT(pthread_barrier_init(&barrier, NULL, THREADS));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ((long)join(t[i]), i * 2);
	printf("total %ld\n", total);
	return 0;
}
