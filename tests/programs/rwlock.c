/* Read-write locks of each preference: writers are alone, readers share, misuse is answered. */
// threads
#include "test.h"

#define READERS 16
#define WRITERS 4
#define ROUNDS 300

static pthread_rwlock_t lock;
static pthread_barrier_t all_reading;
static int readers, writers;
static long value;

static void *read_side(void *arg)
{
	unsigned random = (unsigned)(long)arg + 99;

	/* All of them at once: a reader must not keep another out. */
	PT(pthread_rwlock_rdlock(&lock));
	pthread_barrier_wait(&all_reading);
	PT(pthread_rwlock_unlock(&lock));
	pthread_barrier_wait(&all_reading);
	for (int i = 0; i < ROUNDS; i++) {
		PT(pthread_rwlock_rdlock(&lock));
		__atomic_fetch_add(&readers, 1, __ATOMIC_SEQ_CST);
		CHECK_EQ(__atomic_load_n(&writers, __ATOMIC_SEQ_CST), 0);
		if (rnd(&random) % 16 == 0)
			sleep_us(10);
		__atomic_fetch_sub(&readers, 1, __ATOMIC_SEQ_CST);
		PT(pthread_rwlock_unlock(&lock));
	}
	return NULL;
}

static void *write_side(void *arg)
{
	unsigned random = (unsigned)(long)arg + 7;

	pthread_barrier_wait(&all_reading);
	pthread_barrier_wait(&all_reading);
	for (int i = 0; i < ROUNDS; i++) {
		PT(pthread_rwlock_wrlock(&lock));
		CHECK_EQ(__atomic_fetch_add(&writers, 1, __ATOMIC_SEQ_CST), 0);
		CHECK_EQ(__atomic_load_n(&readers, __ATOMIC_SEQ_CST), 0);
		value++;
		if (rnd(&random) % 8 == 0)
			sched_yield();
		__atomic_fetch_sub(&writers, 1, __ATOMIC_SEQ_CST);
		PT(pthread_rwlock_unlock(&lock));
	}
	return NULL;
}

static void *try_both(void *arg)
{
	int error = pthread_rwlock_tryrdlock(&lock);

	(void)arg;
	printf(" tryrdlock %s,", strerrorname_np(error));
	if (error == 0)
		PT(pthread_rwlock_unlock(&lock));
	printf(" trywrlock %s", strerrorname_np(pthread_rwlock_trywrlock(&lock)));
	return NULL;
}

static void one(const char *name, int preference)
{
	pthread_rwlockattr_t attr;
	pthread_t t[READERS + WRITERS];

	PT(pthread_rwlockattr_init(&attr));
	PT(pthread_rwlockattr_setkind_np(&attr, preference));
	PT(pthread_rwlock_init(&lock, &attr));
	PT(pthread_barrier_init(&all_reading, NULL, READERS + WRITERS));
	value = 0;
	for (long i = 0; i < READERS + WRITERS; i++)
		t[i] = start(i < READERS ? read_side : write_side, (void *)i);
	for (long i = 0; i < READERS + WRITERS; i++)
		join(t[i]);
	printf("%s: %ld; while read:", name, value);
	PT(pthread_rwlock_rdlock(&lock));
	join(start(try_both, NULL));
	PT(pthread_rwlock_unlock(&lock));
	printf("; while written:");
	PT(pthread_rwlock_wrlock(&lock));
	join(start(try_both, NULL));
	printf("; again by its writer: %s\n", strerrorname_np(pthread_rwlock_wrlock(&lock)));
	PT(pthread_rwlock_unlock(&lock));
	PT(pthread_rwlock_destroy(&lock));
	PT(pthread_barrier_destroy(&all_reading));
}

int main(void)
{
	one("prefer readers", PTHREAD_RWLOCK_PREFER_READER_NP);
	one("prefer writers", PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
	return 0;
}
