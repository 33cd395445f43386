/*
 * Threads that lock, wait, post, yield, and write to each other through pipes, as their own generators say. Prints how
 * many steps there were, and a hash of their order.
 */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define THREADS 12
#define STEPS 2000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t turned = PTHREAD_COND_INITIALIZER;
static sem_t places;
static int pipes[THREADS][2];
static uint64_t hash = 14695981039346656037u;
static unsigned long steps, turn;

/* One thread at a time is here, without a lock: what the test is about. */
static void step(uint64_t who)
{
	__atomic_fetch_add(&steps, 1, __ATOMIC_RELAXED);
	__atomic_store_n(&hash, (__atomic_load_n(&hash, __ATOMIC_RELAXED) ^ who) * 1099511628211u, __ATOMIC_RELAXED);
}

static void must(int ok)
{
	if (!ok) {
		perror("deterministic");
		exit(1);
	}
}

static void take_turns(unsigned long me)
{
	pthread_mutex_lock(&lock);
	turn++;
	pthread_cond_signal(&turned);
	if (turn % THREADS != me && turn % 7)
		sched_yield();
	step(me);
	pthread_mutex_unlock(&lock);
}

static void *runs(void *arg)
{
	unsigned long me = (unsigned long)arg;
	unsigned seed = (unsigned)me + 1;
	char byte = 0;

	for (int i = 0; i < STEPS; i++) {
		step(me);
		switch (rand_r(&seed) % 4) {
		case 0:
			take_turns(me);
			break;
		case 1:
			must(!sem_wait(&places));
			step(me + THREADS);
			sched_yield();
			must(!sem_post(&places));
			break;
		case 2:
			must(write(pipes[(me + 1) % THREADS][1], &byte, 1) == 1);
			must(read(pipes[me][0], &byte, 1) == 1);
			break;
		default:
			sched_yield();
		}
	}
	/* Others may wait for as many bytes as they write themselves. */
	for (int i = 0; i < STEPS; i++)
		must(write(pipes[(me + 1) % THREADS][1], &byte, 1) == 1);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	must(!sem_init(&places, 0, 3));
	for (int i = 0; i < THREADS; i++)
		must(!pipe(pipes[i]));
	for (unsigned long i = 0; i < THREADS; i++)
		must(!pthread_create(&t[i], NULL, runs, (void *)i));
	for (int i = 0; i < THREADS; i++)
		must(!pthread_join(t[i], NULL));
	printf("%lu %016lx\n", steps, (unsigned long)hash);
	return 0;
}
