/* pthread_once: one of 100 threads runs a blocking routine, all the others wait for it; a canceled one is run again. */
// threads
#include "test.h"

static pthread_once_t control;
static pthread_barrier_t barrier;
static int runs, finished;
static sem_t inside;

static void slow(void)
{
	runs++;
	sleep_us(2000);
	__atomic_store_n(&finished, 1, __ATOMIC_SEQ_CST);
}

static void *run(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&barrier);
	PT(pthread_once(&control, slow));
	CHECK_EQ(__atomic_load_n(&finished, __ATOMIC_SEQ_CST), 1);
	return NULL;
}

static void blocks_first(void)
{
	if (runs++ == 0) {
		SYS(sem_post(&inside));
		for (;;)
			pause();
	}
}

static void *run_canceled(void *arg)
{
	(void)arg;
	PT(pthread_once(&control, blocks_first));
	return NULL;
}

int main(void)
{
	pthread_once_t fresh = PTHREAD_ONCE_INIT;
	pthread_t t[100], first;
	int total = 0;

	SYS(sem_init(&inside, 0, 0));
	PT(pthread_barrier_init(&barrier, NULL, 100));
	for (int round = 0; round < 20; round++) {
		control = fresh;
		finished = runs = 0;
		for (int i = 0; i < 100; i++)
			t[i] = start(run, NULL);
		for (int i = 0; i < 100; i++)
			join(t[i]);
		total += runs;
	}
	printf("20 rounds, %d runs\n", total);
	control = fresh;
	runs = 0;
	first = start(run_canceled, NULL);
	while (sem_wait(&inside) != 0)
		;
	for (int i = 0; i < 10; i++)
		t[i] = start(run_canceled, NULL);
	PT(pthread_cancel(first));
	CHECK(join(first) == PTHREAD_CANCELED);
	for (int i = 0; i < 10; i++)
		CHECK(join(t[i]) == NULL);
	printf("after a cancel: %d runs\n", runs);
	return 0;
}
