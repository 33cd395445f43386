/* A thread that has locked what other processes may lock too goes on with locks of its own process, of every kind: it
 * waits for threads that have not, they for it, and each takes over from the other when it ends. */
// threads
#include "test.h"

#define ROUNDS 300
#define THREADS 3

enum { ROBUST = 1, INHERIT = 2, SHARED = 4, RECURSIVE = 8, KINDS = 16 };
static pthread_mutex_t lock[KINDS], *far;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int inside[KINDS];
static long sum[KINDS];
static sem_t held, leave;

static void init(pthread_mutex_t *m, int kind)
{
	pthread_mutexattr_t a;

	PT(pthread_mutexattr_init(&a));
	PT(pthread_mutexattr_setrobust(&a, kind & ROBUST ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED));
	PT(pthread_mutexattr_setprotocol(&a, kind & INHERIT ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE));
	PT(pthread_mutexattr_setpshared(&a, kind & SHARED ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE));
	PT(pthread_mutexattr_settype(&a, kind & RECURSIVE ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_ERRORCHECK));
	PT(pthread_mutex_init(m, &a));
}

static void meets_others(bool does)
{
	if (!does)
		return;
	PT(pthread_mutex_lock(far));
	PT(pthread_mutex_unlock(far));
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		CHECK_EQ(errno, EINTR);
}

static void *counts(void *arg)
{
	meets_others((long)arg % 2);
	for (int i = 0; i < ROUNDS; i++) {
		for (int k = 0; k < KINDS; k++) {
			struct timespec soon = after_ms(CLOCK_REALTIME, 20000);

			if (i % 3)
				PT(pthread_mutex_lock(&lock[k]));
			else
				PT(pthread_mutex_timedlock(&lock[k], &soon));
			CHECK_EQ(inside[k]++, 0);
			sum[k]++;
			if (i % 8 == 0)
				sched_yield();
			CHECK_EQ(--inside[k], 0);
			PT(pthread_mutex_unlock(&lock[k]));
		}
	}
	return arg;
}

static void *waits(void *arg)
{
	int k = (int)(long)arg & (KINDS - 1);

	meets_others((long)arg & KINDS);
	int error = pthread_mutex_lock(&lock[k]);
	if (error == EOWNERDEAD)
		PT(pthread_mutex_consistent(&lock[k]));
	PT(pthread_mutex_unlock(&lock[k]));
	return (void *)(long)error;
}

static void *ends_with_it(void *arg)
{
	int k = (int)(long)arg & (KINDS - 1);

	meets_others((long)arg & KINDS);
	PT(pthread_mutex_lock(&lock[k]));
	SYS(sem_post(&held));
	wait_sem(&leave);
	return NULL;
}

static void ends(int k, bool owner_meets, bool waiter_meets)
{
	pthread_t o = start(ends_with_it, (void *)(long)(k | (owner_meets ? KINDS : 0))), w;

	wait_sem(&held);
	w = start(waits, (void *)(long)(k | (waiter_meets ? KINDS : 0)));
	sleep_us(500);
	SYS(sem_post(&leave));
	join(o);
	CHECK_EQ((long)join(w), EOWNERDEAD);
}

static int turn;

static void *alternates(void *arg)
{
	int me = (int)(long)arg & 1, k = (int)(long)arg >> 1;

	meets_others(me);
	PT(pthread_mutex_lock(&lock[k]));
	for (int i = 0; i < 50; i++) {
		while (turn % 2 != me)
			PT(pthread_cond_wait(&cond, &lock[k]));
		turn++;
		PT(pthread_cond_broadcast(&cond));
	}
	PT(pthread_mutex_unlock(&lock[k]));
	return arg;
}

int main(void)
{
	pthread_t t[2 * THREADS];

	far = mmap(NULL, sizeof(*far), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(far != MAP_FAILED);
	init(far, ROBUST | SHARED);
	SYS(sem_init(&held, 0, 0));
	SYS(sem_init(&leave, 0, 0));
	for (int k = 0; k < KINDS; k++)
		init(&lock[k], k);
	for (long i = 0; i < 2 * THREADS; i++)
		t[i] = start(counts, (void *)i);
	for (int i = 0; i < 2 * THREADS; i++)
		join(t[i]);
	for (int k = 0; k < KINDS; k++)
		CHECK_EQ(sum[k], 2 * THREADS * ROUNDS);
	puts("counted");
	for (int k = 0; k < KINDS; k++) {
		for (int i = 0; i < 2; i++)
			t[i] = start(alternates, (void *)(long)(k << 1 | i));
		for (int i = 0; i < 2; i++)
			join(t[i]);
	}
	puts("took turns");
	for (int k = 0; k < KINDS; k++)
		if (k & ROBUST)
			for (int i = 0; i < 4; i++)
				ends(k, i & 1, i & 2);
	puts("took over");
	return 0;
}
