// A thread that computes again and again, 20 ms each time it is woken, does not hold the others up each time: most of
// the time a neighbour's sleep of 1 ms ends long before.
// threads
#include "test.h"

#define TURNS 30
#define COMPUTE (20 * NSEC_PER_MSEC)
#define LATE (4 * NSEC_PER_MSEC)

static sem_t begin, done;

static void *compute(void *arg)
{
	(void)arg;
	for (int i = 0; i < TURNS; i++) {
		SYS(sem_wait(&begin));
		for (long long until = now_ns() + COMPUTE; now_ns() < until;)
			;
		SYS(sem_post(&done));
	}
	return NULL;
}

int main(void)
{
	pthread_t t;
	int in_time = 0;
	SYS(sem_init(&begin, 0, 0));
	SYS(sem_init(&done, 0, 0));
	PT(pthread_create(&t, NULL, compute, NULL));
	for (int i = 0; i < TURNS; i++) {
		struct timespec ms = {.tv_nsec = NSEC_PER_MSEC};
		long long start = now_ns();
		SYS(sem_post(&begin));
		SYS(nanosleep(&ms, NULL));
		in_time += now_ns() - start < LATE;
		SYS(sem_wait(&done));
	}
	PT(pthread_join(t, NULL));
	/* The machine may have other things to do, but not all the time. */
	printf("in time: %s\n", in_time >= TURNS / 4 ? "often" : "seldom");
	return 0;
}
