/* 1000 threads wait for one condition; each broadcast wakes every one of them, once. */
// threads
#include "test.h"

#define THREADS 1000
#define ROUNDS 10

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t go = PTHREAD_COND_INITIALIZER, all_here = PTHREAD_COND_INITIALIZER;
static int generation, waiting;
static long woken;

static void *run(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		int mine = generation;

		if (++waiting == THREADS)
			pthread_cond_signal(&all_here);
		while (generation == mine)
			pthread_cond_wait(&go, &lock);
		woken++;
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < THREADS; i++)
		t[i] = start(run, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&lock);
		while (waiting < THREADS)
			pthread_cond_wait(&all_here, &lock);
		waiting = 0;
		generation++;
		pthread_cond_broadcast(&go);
		pthread_mutex_unlock(&lock);
	}
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("woken %ld\n", woken);
	return 0;
}
