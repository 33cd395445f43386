/* Spin locks, also held across sched_yield and a sleep: those who spin must not keep the holder from running. */
// threads
#include "test.h"

#define THREADS 6
#define ROUNDS 300

static pthread_spinlock_t lock;
static int inside;
static long count;

static void *run(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		PT(pthread_spin_lock(&lock));
		CHECK_EQ(__atomic_fetch_add(&inside, 1, __ATOMIC_SEQ_CST), 0);
		count++;
		if (i % 50 == 0)
			sched_yield();
		if (i == 100 && (long)arg < 2)
			sleep_us(100);
		__atomic_fetch_sub(&inside, 1, __ATOMIC_SEQ_CST);
		PT(pthread_spin_unlock(&lock));
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	PT(pthread_spin_init(&lock, PTHREAD_PROCESS_PRIVATE));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	PT(pthread_spin_lock(&lock));
	printf("%ld, trylock %s\n", count, strerrorname_np(pthread_spin_trylock(&lock)));
	return 0;
}
