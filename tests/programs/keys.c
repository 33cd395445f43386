/* Thread-specific data: per thread, destructors at exit and cancel, repeated while they set values again, deleted keys.
 */
// threads
#include "test.h"
#include <limits.h>

#define THREADS 200

static pthread_key_t plain, again, deleted, extra[64];
static int plain_runs, again_runs, deleted_runs;

static void plain_ends(void *value)
{
	CHECK(pthread_getspecific(plain) == NULL);
	sleep_us(100);
	__atomic_fetch_add(&plain_runs, (int)(long)value, __ATOMIC_SEQ_CST);
}

/* Sets itself again each time: the library gives up after PTHREAD_DESTRUCTOR_ITERATIONS rounds. */
static void again_ends(void *value)
{
	__atomic_fetch_add(&again_runs, 1, __ATOMIC_SEQ_CST);
	PT(pthread_setspecific(again, value));
}

static void deleted_ends(void *value)
{
	(void)value;
	deleted_runs++;
}

static void *run(void *arg)
{
	long n = (long)arg;

	PT(pthread_setspecific(plain, (void *)1L));
	PT(pthread_setspecific(again, (void *)1L));
	for (size_t i = 0; i < ARRAY_LEN(extra); i++)
		PT(pthread_setspecific(extra[i], (void *)(n * 1000 + (long)i)));
	sleep_us(100);
	for (size_t i = 0; i < ARRAY_LEN(extra); i++)
		CHECK_EQ((long)pthread_getspecific(extra[i]), n * 1000 + (long)i);
	if (n % 3 == 0)
		for (;;)
			pause();
	if (n % 3 == 1)
		pthread_exit(NULL);
	return NULL;
}

static void *sets_deleted(void *arg)
{
	(void)arg;
	PT(pthread_setspecific(deleted, (void *)1L));
	PT(pthread_key_delete(deleted));
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	PT(pthread_key_create(&plain, plain_ends));
	PT(pthread_key_create(&again, again_ends));
	PT(pthread_key_create(&deleted, deleted_ends));
	for (size_t i = 0; i < ARRAY_LEN(extra); i++)
		PT(pthread_key_create(&extra[i], NULL));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i += 3)
		PT(pthread_cancel(t[i]));
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK(plain_runs >= THREADS - (THREADS + 2) / 3 && plain_runs <= THREADS);
	CHECK_EQ(again_runs, plain_runs * PTHREAD_DESTRUCTOR_ITERATIONS);
	join(start(sets_deleted, NULL));
	printf("%d rounds, deleted key %d\n", PTHREAD_DESTRUCTOR_ITERATIONS, deleted_runs);
	return 0;
}
