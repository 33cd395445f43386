/* sched_yield lets the others on: threads that spin on a turn with nothing but yields get round. */
// threads
#include "test.h"

#define THREADS 5
#define ROUNDS 2000

static int turn;

static void *run(void *arg)
{
	int n = (int)(long)arg;

	for (int i = 0; i < ROUNDS; i++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) % THREADS != n)
			sched_yield();
		__atomic_fetch_add(&turn, 1, __ATOMIC_RELEASE);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	printf("%d turns\n", turn);
	return 0;
}
