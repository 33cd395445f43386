/* Mutexes of every type and protocol, under contention and across blocking calls, and what each answers to misuse. */
// threads
#include "test.h"

#define THREADS 20
#define ROUNDS 500

struct kind {
	const char *name;
	int type, protocol;
};

static const struct kind kinds[] = {
    {"normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE},
    {"recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE},
    {"errorcheck", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE},
    {"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE},
    {"normal, priority inheritance", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT},
    {"recursive, priority inheritance", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT},
    {"errorcheck, priority inheritance", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT},
};

static pthread_mutex_t mutex;
static bool recursive;
static int inside;
static long count;

static void *contend(void *arg)
{
	unsigned random = (unsigned)(long)arg * 2654435761u + 1;

	for (int i = 0; i < ROUNDS; i++) {
		int depth = recursive ? 1 + (int)(rnd(&random) % 3) : 1;

		for (int d = 0; d < depth; d++)
			PT(pthread_mutex_lock(&mutex));
		CHECK_EQ(__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST), 0);
		count++;
		if (rnd(&random) % 64 == 0)
			sleep_us(10);
		else if (rnd(&random) % 8 == 0)
			sched_yield();
		CHECK_EQ(__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST), 0);
		for (int d = 0; d < depth; d++)
			PT(pthread_mutex_unlock(&mutex));
	}
	return NULL;
}

static void *try_and_unlock(void *arg)
{
	const struct kind *k = arg;

	printf(" trylock by another %s,", strerrorname_np(pthread_mutex_trylock(&mutex)));
	if (k->type == PTHREAD_MUTEX_ERRORCHECK || k->type == PTHREAD_MUTEX_RECURSIVE)
		printf(" unlock by another %s,", strerrorname_np(pthread_mutex_unlock(&mutex)));
	return NULL;
}

static void misuse(const struct kind *k)
{
	PT(pthread_mutex_lock(&mutex));
	join(start(try_and_unlock, (void *)k));
	if (k->type == PTHREAD_MUTEX_ERRORCHECK)
		printf(" lock again %s,", strerrorname_np(pthread_mutex_lock(&mutex)));
	printf(" trylock again %s,", strerrorname_np(pthread_mutex_trylock(&mutex)));
	printf(" destroy while held %s", strerrorname_np(pthread_mutex_destroy(&mutex)));
	PT(pthread_mutex_unlock(&mutex));
	if (k->type == PTHREAD_MUTEX_RECURSIVE)
		PT(pthread_mutex_unlock(&mutex));
	if (k->type == PTHREAD_MUTEX_ERRORCHECK)
		printf(", unlock unlocked %s", strerrorname_np(pthread_mutex_unlock(&mutex)));
	putchar('\n');
}

int main(void)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		pthread_mutexattr_t attr;
		pthread_t t[THREADS];

		PT(pthread_mutexattr_init(&attr));
		PT(pthread_mutexattr_settype(&attr, kinds[i].type));
		PT(pthread_mutexattr_setprotocol(&attr, kinds[i].protocol));
		PT(pthread_mutex_init(&mutex, &attr));
		recursive = kinds[i].type == PTHREAD_MUTEX_RECURSIVE;
		count = 0;
		for (long k = 0; k < THREADS; k++)
			t[k] = start(contend, (void *)k);
		for (long k = 0; k < THREADS; k++)
			join(t[k]);
		printf("%s: %ld;", kinds[i].name, count);
		misuse(&kinds[i]);
		PT(pthread_mutex_destroy(&mutex));
	}
	return 0;
}
