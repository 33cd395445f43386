/* C11 threads: thrd, mtx, cnd, tss, call_once, thrd_sleep; they arm the library though nobody calls pthread_create. */
// threads
#include "test.h"
#include <threads.h>

#define THREADS 50
#define ROUNDS 40

static mtx_t mutex, timed;
static cnd_t cond;
static tss_t key;
static once_flag once = ONCE_FLAG_INIT;
static int turn, once_runs, destroyed;

static void run_once(void)
{
	once_runs++;
}

static void destroy(void *value)
{
	(void)value;
	__atomic_fetch_add(&destroyed, 1, __ATOMIC_SEQ_CST);
}

static int run(void *arg)
{
	int n = (int)(long)arg;

	call_once(&once, run_once);
	CHECK_EQ(tss_set(key, arg), thrd_success);
	for (int i = 0; i < ROUNDS; i++) {
		CHECK_EQ(mtx_lock(&mutex), thrd_success);
		while (turn % THREADS != n)
			CHECK_EQ(cnd_wait(&cond, &mutex), thrd_success);
		turn++;
		CHECK_EQ(cnd_broadcast(&cond), thrd_success);
		CHECK_EQ(mtx_unlock(&mutex), thrd_success);
		thrd_yield();
	}
	CHECK(tss_get(key) == arg);
	if (n % 2)
		thrd_exit(n);
	return n;
}

static int holds_timed(void *arg)
{
	struct timespec until = after_ms(CLOCK_REALTIME, 10);
	long long end = until.tv_sec * NSEC_PER_SEC + until.tv_nsec;

	(void)arg;
	CHECK_EQ(mtx_trylock(&timed), thrd_busy);
	CHECK_EQ(mtx_timedlock(&timed, &until), thrd_timedout);
	CHECK(clock_ns(CLOCK_REALTIME) >= end);
	return 7;
}

int main(void)
{
	struct timespec ms10 = {0, 10 * NSEC_PER_MSEC}, until;
	long long began = now_ns();
	thrd_t t[THREADS];
	int result;

	CHECK_EQ(mtx_init(&mutex, mtx_plain), thrd_success);
	CHECK_EQ(mtx_init(&timed, mtx_timed | mtx_recursive), thrd_success);
	CHECK_EQ(cnd_init(&cond), thrd_success);
	CHECK_EQ(tss_create(&key, destroy), thrd_success);
	for (long i = 1; i < THREADS; i++)
		CHECK_EQ(thrd_create(&t[i], run, (void *)i), thrd_success);
	/* Key value 0 has no destructor. */
	CHECK_EQ(thrd_create(&t[0], run, NULL), thrd_success);
	for (int i = 0; i < THREADS; i++) {
		CHECK_EQ(thrd_join(t[i], &result), thrd_success);
		CHECK_EQ(result, i);
	}
	printf("turns %d, once %d, destroyed %d\n", turn, once_runs, destroyed);
	mtx_lock(&timed);
	mtx_lock(&timed);
	thrd_create(&t[0], holds_timed, NULL);
	thrd_join(t[0], &result);
	printf("timed %d\n", result);
	began = now_ns();
	CHECK_EQ(thrd_sleep(&ms10, NULL), 0);
	CHECK(now_ns() - began >= 10 * NSEC_PER_MSEC);
	mtx_lock(&mutex);
	until = after_ms(CLOCK_REALTIME, 10);
	CHECK_EQ(cnd_timedwait(&cond, &mutex, &until), thrd_timedout);
	puts("timed out");
	return 0;
}
