/* Two threads hand a turn to each other through semaphores, 200,000 times. */
// threads
#include "test.h"

#define ROUNDS 100000

static sem_t to[2];
static long moves;

static void *run(void *arg)
{
	long me = (long)arg;

	for (int i = 0; i < ROUNDS; i++) {
		SYS(sem_wait(&to[me]));
		moves++;
		SYS(sem_post(&to[!me]));
	}
	return NULL;
}

int main(void)
{
	pthread_t a, b;

	SYS(sem_init(&to[0], 0, 1));
	SYS(sem_init(&to[1], 0, 0));
	a = start(run, (void *)0L);
	b = start(run, (void *)1L);
	join(a);
	join(b);
	printf("%ld moves\n", moves);
	return 0;
}
