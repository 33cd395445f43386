/* 500 threads, each joining the one before it; threads that end while others already wait for them, and before. */
// threads
#include "test.h"

#define THREADS 500
#define ROUNDS 10

static pthread_t threads[THREADS];
static sem_t go;

static void *run(void *arg)
{
	long n = (long)arg;

	if (n == 0) {
		while (sem_wait(&go) != 0)
			;
		return (void *)1L;
	}
	return (void *)((long)join(threads[n - 1]) + 1);
}

static void *nothing(void *arg)
{
	return arg;
}

int main(void)
{
	long sum = 0;
	pthread_t t;

	SYS(sem_init(&go, 0, 0));
	for (int round = 0; round < ROUNDS; round++) {
		for (long i = 0; i < THREADS; i++)
			threads[i] = start(run, (void *)i);
		SYS(sem_post(&go));
		sum += (long)join(threads[THREADS - 1]);
	}
	printf("chain %ld\n", sum);
	t = start(nothing, (void *)4L);
	sleep_us(20000);
	printf("joined after its end: %ld\n", (long)join(t));
	return 0;
}
