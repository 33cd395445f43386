/*
 * Futexes of several carriers: waits with deadlines, wakes, requeues in both directions, and a lock on top of them.
 * Each wake that was counted is a wait that returned 0, whatever else ended it; the lock excludes, and is handed on.
 */
#include "runtime/futex.c"

#include "tests/race/race.h"

#define HUBS 3
#define RACERS 12
#define OUTSIDE 2
#define WORDS 4

static struct one {
	struct racer racer;
	uint64_t waited; /* waits that returned 0 */
} ones[RACERS];
static _Atomic uint32_t words[WORDS], lock_word;
static uint64_t locked; /* under the lock */
static _Atomic uint64_t woken, moved, late, locked_in_all;

static uint32_t *word(uint64_t r)
{
	return (uint32_t *)&words[r % WORDS];
}

static long wait(struct one *o, uint32_t *addr, uint32_t val, nsec_t deadline)
{
	long ret = futex_wait(&o->racer.thread, addr, val, deadline, FUTEX_BITSET_MATCH_ANY);
	check(ret == 0 || ret == -EAGAIN || (ret == -ETIMEDOUT && clock_now() >= deadline), "%ld", ret);
	check(!deadline_pending(&o->racer.thread.deadline), "%d has a deadline", o->racer.id);
	o->waited += ret == 0;
	if (ret == -ETIMEDOUT)
		atomic_fetch_add_explicit(&late, 1, memory_order_relaxed);
	return ret;
}

static void wake(const uint32_t *addr, int count)
{
	atomic_fetch_add_explicit(
	    &woken, (uint64_t)futex_wake(addr, count, FUTEX_BITSET_MATCH_ANY), memory_order_relaxed);
}

/* By anybody. */
static void disturb(uint64_t r)
{
	uint32_t *from = word(r), *to = word(r / 4);
	int n = 1 + (int)(r / 16 % 3);
	switch (r / 64 % 8) {
	case 0:
		atomic_fetch_add_explicit(&moved, (uint64_t)futex_requeue(from, to, 0, n, NULL), memory_order_relaxed);
		break;
	case 1: /* *to += 1, then both, since it was not -1 */
		atomic_fetch_add_explicit(&woken,
		    (uint64_t)futex_wake_op(
			from, to, n, n, (uint32_t)(FUTEX_OP_ADD << 28 | FUTEX_OP_CMP_NE << 24 | 1 << 12 | 0xfff)),
		    memory_order_relaxed);
		break;
	case 2:
		thread_wake(&ones[r / 512 % RACERS].racer.thread, WAKE_SIGNAL); /* for nothing: none is pending */
		break;
	case 3:
		atomic_fetch_add(&words[r % WORDS], 1);
		break;
	default:
		wake(from, n);
	}
}

static void with_lock(struct one *o)
{
	uint32_t was = 0;
	if (!atomic_compare_exchange_strong(&lock_word, &was, 1))
		while (atomic_exchange(&lock_word, 2))
			wait(o, (uint32_t *)&lock_word, 2, NEVER);
	locked++;
	if (atomic_exchange(&lock_word, 0) == 2)
		wake((uint32_t *)&lock_word, 1);
	atomic_fetch_add_explicit(&locked_in_all, 1, memory_order_relaxed);
}

static void rounds(struct racer *racer)
{
	struct one *o = container_of(racer, struct one, racer);
	while (race_goes_on()) {
		uint64_t r = race_random(&racer->random);
		uint32_t *addr = word(r / 8);
		switch (r % 4) {
		case 0:
			wait(o, addr, *(_Atomic uint32_t *)addr,
			    r / 256 % 4 ? clock_now() + (nsec_t)(r / 1024 % 100000) : NEVER);
			break;
		case 1:
			disturb(r / 8);
			break;
		case 2:
			with_lock(o);
			break;
		default:
			thread_yield(&racer->thread);
		}
	}
}

static _Atomic bool over;

static void *outside(void *arg)
{
	uint64_t random = race_random_begin((int)(intptr_t)arg);
	struct carrier c;
	race_carrier_init(&c, NULL);
	while (!atomic_load(&over)) {
		uint64_t r = race_random(&random);
		disturb(r / 64);
		if (r % 32 == 0)
			usleep(r / 4096 % 64);
	}
	return NULL;
}

static void wake_the_last(void)
{
	if (!race_goes_on())
		for (uint64_t i = 0; i < WORDS; i++)
			wake(word(i), INT32_MAX);
}

int main(int argc, char **argv)
{
	struct carrier c;
	pthread_t p[OUTSIDE];
	uint64_t waited = 0;
	race_begin(argc, argv);
	race_carrier_init(&c, NULL);
	race_hubs(HUBS);
	for (int i = 0; i < RACERS; i++)
		race_start(&ones[i].racer, i, i % HUBS, rounds);
	race_outside(p, OUTSIDE, RACERS, outside);
	race_monitor_begin();
	race_end(RACERS, wake_the_last);
	atomic_store(&over, true);
	for (int i = 0; i < OUTSIDE; i++)
		pthread_join(p[i], NULL);
	for (int i = 0; i < RACERS; i++)
		waited += ones[i].waited;
	printf("%llu woken, %llu moved, %llu late, %llu times locked\n", (unsigned long long)woken,
	    (unsigned long long)moved, (unsigned long long)late, (unsigned long long)locked);
	check(waited == woken, "%llu waits were woken", (unsigned long long)waited);
	check(locked == locked_in_all, "the lock did not exclude");
	check(woken && moved && late && locked, "nothing was tried");
	for (size_t i = 0; i < BUCKETS; i++)
		check(!buckets[i].waiters.next || list_empty(&buckets[i].waiters), "somebody is left in a bucket");
	return 0;
}
