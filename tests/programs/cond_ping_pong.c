/* Two threads hand a turn to each other 100,000 times through a condition variable. */
// threads
#include "test.h"

#define ROUNDS 50000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int turn;
static long moves;

static void *run(void *arg)
{
	int me = (int)(long)arg;

	pthread_mutex_lock(&lock);
	for (int i = 0; i < ROUNDS; i++) {
		while (turn != me)
			pthread_cond_wait(&cond, &lock);
		turn = !me;
		moves++;
		pthread_cond_signal(&cond);
	}
	pthread_mutex_unlock(&lock);
	return NULL;
}

int main(void)
{
	pthread_t a = start(run, (void *)0L), b = start(run, (void *)1L);

	join(a);
	join(b);
	printf("%ld moves\n", moves);
	return 0;
}
