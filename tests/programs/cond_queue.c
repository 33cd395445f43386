/* Producers and consumers on a bounded queue under one mutex and two conditions: nothing lost, nothing twice. */
// threads
#include "test.h"

#define PRODUCERS 10
#define CONSUMERS 15
#define EACH 3000
#define SLOTS 7

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t not_full = PTHREAD_COND_INITIALIZER, not_empty = PTHREAD_COND_INITIALIZER;
static int queue[SLOTS], head, length;
static unsigned char seen[PRODUCERS * EACH];

static void put(int value)
{
	pthread_mutex_lock(&lock);
	while (length == SLOTS)
		pthread_cond_wait(&not_full, &lock);
	queue[(head + length++) % SLOTS] = value;
	pthread_mutex_unlock(&lock);
	pthread_cond_signal(&not_empty);
}

static int take(void)
{
	int value;

	pthread_mutex_lock(&lock);
	while (length == 0)
		pthread_cond_wait(&not_empty, &lock);
	value = queue[head];
	head = (head + 1) % SLOTS;
	length--;
	pthread_cond_signal(&not_full);
	pthread_mutex_unlock(&lock);
	return value;
}

static void *produce(void *arg)
{
	for (int i = 0; i < EACH; i++)
		put((int)(long)arg * EACH + i);
	return NULL;
}

static void *consume(void *arg)
{
	long got = 0;

	(void)arg;
	for (int value; (value = take()) >= 0; got++)
		CHECK_EQ(__atomic_fetch_add(&seen[value], 1, __ATOMIC_RELAXED), 0);
	return (void *)got;
}

int main(void)
{
	pthread_t p[PRODUCERS], c[CONSUMERS];
	long total = 0;

	for (long i = 0; i < CONSUMERS; i++)
		c[i] = start(consume, NULL);
	for (long i = 0; i < PRODUCERS; i++)
		p[i] = start(produce, (void *)i);
	for (int i = 0; i < PRODUCERS; i++)
		join(p[i]);
	for (int i = 0; i < CONSUMERS; i++)
		put(-1);
	for (int i = 0; i < CONSUMERS; i++)
		total += (long)join(c[i]);
	for (int i = 0; i < PRODUCERS * EACH; i++)
		CHECK_EQ(seen[i], 1);
	printf("%ld items\n", total);
	return 0;
}
