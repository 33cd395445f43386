/* Threads that stay kernel threads share locks with green ones: every kind of mutex, condition variables, rwlocks,
 * barriers, semaphores, once. Each is fought for thousands of times by both kinds. */
// threads
// env: GREEN_EXCLUDE=kernel*
#include "exclude_test.h"

#define THREADS 6 /* half of each kind */
#define TIMES 2000
#define TURNS 3000

static pthread_mutex_t mutex;
static long count;
static bool recursive;

static void run_all(void *(*fn)(void *))
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start_as(i % 2, fn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
}

static void lock(long way)
{
	struct timespec later;
	int err;

	switch (way % 4) {
	case 0:
		err = pthread_mutex_trylock(&mutex);
		if (err == EBUSY)
			err = pthread_mutex_lock(&mutex);
		break;
	case 1:
		later = after_ms(CLOCK_REALTIME, 100000);
		err = pthread_mutex_timedlock(&mutex, &later);
		break;
	case 2:
		later = after_ms(CLOCK_MONOTONIC, 100000);
		err = pthread_mutex_clocklock(&mutex, CLOCK_MONOTONIC, &later);
		break;
	default:
		err = pthread_mutex_lock(&mutex);
	}
	PT(err);
}

static void *counts(void *arg)
{
	for (long i = 0; i < TIMES; i++) {
		lock(i + (long)arg);
		if (recursive)
			PT(pthread_mutex_lock(&mutex));
		long seen = count;
		if (i % 64 == 0)
			sched_yield(); /* the others run into it */
		count = seen + 1;
		if (recursive)
			PT(pthread_mutex_unlock(&mutex));
		PT(pthread_mutex_unlock(&mutex));
	}
	return arg;
}

static void *dies_with_it(void *arg)
{
	PT(pthread_mutex_lock(&mutex));
	return arg;
}

/* The lock of one that died goes to one of the other kind, which waits for it or comes later. */
static void *recovers(void *arg)
{
	int err = pthread_mutex_lock(&mutex);

	CHECK_EQ(err, EOWNERDEAD);
	PT(pthread_mutex_consistent(&mutex));
	PT(pthread_mutex_unlock(&mutex));
	return arg;
}

static void hand_on(void)
{
	for (int i = 0; i < 200; i++) {
		pthread_t waiter;

		PT(pthread_mutex_lock(&mutex));
		waiter = start_as(i % 2, dies_with_it, NULL);
		if (i % 4 < 2)
			sched_yield();
		PT(pthread_mutex_unlock(&mutex));
		join(waiter);
		join(start_as(!(i % 2), recovers, NULL));
	}
}

static void mutexes(void)
{
	static const struct {
		const char *name;
		int type, protocol, robust;
	} kinds[] = {
	    {"normal", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED},
	    {"recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED},
	    {"errorcheck", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED},
	    {"adaptive", PTHREAD_MUTEX_ADAPTIVE_NP, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_STALLED},
	    {"robust", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ROBUST},
	    {"inherit", PTHREAD_MUTEX_NORMAL, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED},
	    {"inherit, recursive", PTHREAD_MUTEX_RECURSIVE, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_STALLED},
	    {"inherit, robust", PTHREAD_MUTEX_ERRORCHECK, PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ROBUST},
	};

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		pthread_mutexattr_t attr;

		PT(pthread_mutexattr_init(&attr));
		PT(pthread_mutexattr_settype(&attr, kinds[i].type));
		PT(pthread_mutexattr_setprotocol(&attr, kinds[i].protocol));
		PT(pthread_mutexattr_setrobust(&attr, kinds[i].robust));
		PT(pthread_mutex_init(&mutex, &attr));
		recursive = kinds[i].type == PTHREAD_MUTEX_RECURSIVE;
		count = 0;
		run_all(counts);
		if (kinds[i].robust == PTHREAD_MUTEX_ROBUST)
			hand_on();
		printf("%s: %ld\n", kinds[i].name, count);
		PT(pthread_mutex_destroy(&mutex));
	}
}

/* Condition variables: one passes the turn to the next, of the other kind. */

static pthread_mutex_t plain = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int turn;

static int wait_some_way(int way)
{
	struct timespec later;

	switch (way % 3) {
	case 0:
		return pthread_cond_wait(&changed, &plain);
	case 1:
		later = after_ms(CLOCK_REALTIME, 100000);
		return pthread_cond_timedwait(&changed, &plain, &later);
	default:
		later = after_ms(CLOCK_MONOTONIC, 100000);
		return pthread_cond_clockwait(&changed, &plain, CLOCK_MONOTONIC, &later);
	}
}

static void *takes_turns(void *arg)
{
	int self = (int)(long)arg;

	PT(pthread_mutex_lock(&plain));
	for (int i = 0; i < TURNS / THREADS; i++) {
		while (turn % THREADS != self)
			PT(wait_some_way(i));
		turn++;
		PT(pthread_cond_broadcast(&changed));
	}
	PT(pthread_mutex_unlock(&plain));
	return arg;
}

/* Who waits in vain comes back in time, whoever it is. */
static void *in_vain(void *arg)
{
	static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
	const clockid_t clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC};

	PT(pthread_mutex_lock(&plain));
	for (int i = 0; i < 20; i++) {
		struct timespec soon = after_ms(clocks[i % 2], 1);

		CHECK_EQ(pthread_cond_clockwait(&never, &plain, clocks[i % 2], &soon), ETIMEDOUT);
		CHECK(clock_ns(clocks[i % 2]) >= soon.tv_sec * NSEC_PER_SEC + soon.tv_nsec);
	}
	PT(pthread_mutex_unlock(&plain));
	return arg;
}

static void conditions(void)
{
	run_all(takes_turns);
	printf("turns %d\n", turn);
	run_all(in_vain);
}

/* The rest. */

static pthread_rwlock_t rwlock = PTHREAD_RWLOCK_INITIALIZER;
static pthread_barrier_t barrier;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static sem_t full, empty;
static volatile int first, second;
static int lucky, ran;

static void *reads_and_writes(void *arg)
{
	for (long i = 0; i < TIMES; i++) {
		if ((i + (long)arg) % 5 == 0) {
			PT(pthread_rwlock_wrlock(&rwlock));
			first++;
			if (i % 64 == 0)
				sched_yield();
			second++;
		} else {
			PT(pthread_rwlock_rdlock(&rwlock));
			CHECK_EQ(first, second);
		}
		PT(pthread_rwlock_unlock(&rwlock));
	}
	return arg;
}

static void *meets(void *arg)
{
	for (int i = 0; i < TIMES / 4; i++) {
		int result = pthread_barrier_wait(&barrier);

		CHECK(result == 0 || result == PTHREAD_BARRIER_SERIAL_THREAD);
		if (result)
			__atomic_fetch_add(&lucky, 1, __ATOMIC_RELAXED);
	}
	return arg;
}

static void down(sem_t *sem)
{
	while (sem_wait(sem) == -1)
		CHECK_EQ(errno, EINTR);
}

static void *produces_or_consumes(void *arg)
{
	bool produces = (long)arg / 2 % 2; /* two pairs of both kinds, and one of either that does both */

	for (int i = 0; i < TIMES; i++) {
		if ((long)arg >= 4)
			produces = !produces;
		down(produces ? &empty : &full);
		SYS(sem_post(produces ? &full : &empty));
	}
	return arg;
}

static void runs_once(void)
{
	sleep_us(1000);
	ran++;
}

static void *comes_once(void *arg)
{
	PT(pthread_once(&once, runs_once));
	CHECK_EQ(ran, 1);
	return arg;
}

int main(void)
{
	int left;

	mutexes();
	conditions();
	run_all(reads_and_writes);
	printf("written %d\n", first);
	PT(pthread_barrier_init(&barrier, NULL, THREADS));
	run_all(meets);
	printf("met %d times\n", lucky);
	SYS(sem_init(&full, 0, 2));
	SYS(sem_init(&empty, 0, 2));
	run_all(produces_or_consumes);
	SYS(sem_getvalue(&full, &left));
	printf("in the store %d\n", left);
	run_all(comes_once);
	return 0;
}
