/* 20,000 threads alive at once, all blocked in one condition wait, all woken by one broadcast, all joined. */
// threads
// timeout: 120
#include "test.h"

#define THREADS 20000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all_here = PTHREAD_COND_INITIALIZER, go = PTHREAD_COND_INITIALIZER;
static int waiting;
static bool released;
static pthread_t threads[THREADS];

static void *run(void *arg)
{
	pthread_mutex_lock(&lock);
	if (++waiting == THREADS)
		pthread_cond_signal(&all_here);
	while (!released)
		pthread_cond_wait(&go, &lock);
	waiting--;
	pthread_mutex_unlock(&lock);
	return (void *)((long)arg ^ 0x5555);
}

int main(void)
{
	pthread_attr_t attr;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, 64 << 10));
	for (long i = 0; i < THREADS; i++)
		if (pthread_create(&threads[i], &attr, run, (void *)i) != 0)
			test_skip("this machine does not let a process have 20,000 threads");
	pthread_mutex_lock(&lock);
	while (waiting < THREADS)
		pthread_cond_wait(&all_here, &lock);
	printf("waiting %d\n", waiting);
	released = true;
	pthread_cond_broadcast(&go);
	pthread_mutex_unlock(&lock);
	for (long i = 0; i < THREADS; i++)
		CHECK_EQ((long)join(threads[i]), i ^ 0x5555);
	printf("left %d\n", waiting);
	return 0;
}
