/* The futex system call by itself: counts woken, bit sets, requeue, wake-op, both clocks, private and shared, errors.
 */
// threads
#include "test.h"
#include <limits.h>
#include <linux/futex.h>

#define WAITERS 20

static uint32_t word, other;
static int waiting, woken, shared;

static long futex(uint32_t *addr, int op, uint32_t val, const void *val2, uint32_t *addr2, uint32_t val3)
{
	long result = syscall(SYS_futex, addr, op | (shared ? 0 : FUTEX_PRIVATE_FLAG), val, val2, addr2, val3);

	return result == -1 ? -errno : result;
}

static const char *text(long result)
{
	return result < 0 ? strerrorname_np((int)-result) : "ok";
}

static void *waits(void *arg)
{
	long result;

	__atomic_fetch_add(&waiting, 1, __ATOMIC_SEQ_CST);
	if (arg)
		result = futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, (uint32_t)(long)arg);
	else
		result = futex(&word, FUTEX_WAIT, 0, NULL, NULL, 0);
	CHECK_EQ(result, 0);
	__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

/* Nobody tells when a thread sleeps in a futex: requeueing to the same word counts those who do. */
static void wait_for_sleepers(uint32_t *addr, long count)
{
	WAIT_UNTIL(futex(addr, FUTEX_REQUEUE, 0, (void *)INT_MAX, addr, 0) == count);
}

static void start_waiters(pthread_t *t, long bits)
{
	waiting = woken = 0;
	for (int i = 0; i < WAITERS; i++)
		t[i] = start(waits, (void *)(bits == -1 ? 1L << (i % 2) : bits));
	wait_for_sleepers(&word, WAITERS);
}

static void end_waiters(pthread_t *t, int count)
{
	for (int i = 0; i < count; i++)
		join(t[i]);
}

static void timeouts(void)
{
	struct timespec ts = {0, 3 * NSEC_PER_MSEC}, bad = {0, -1};
	long long began = now_ns();

	CHECK_EQ(futex(&word, FUTEX_WAIT, 0, &ts, NULL, 0), -ETIMEDOUT);
	CHECK(now_ns() - began >= 3 * NSEC_PER_MSEC);
	ts = after_ms(CLOCK_MONOTONIC, 3);
	CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET, 0, &ts, NULL, FUTEX_BITSET_MATCH_ANY), -ETIMEDOUT);
	CHECK(now_ns() >= ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
	ts = after_ms(CLOCK_REALTIME, 3);
	CHECK_EQ(futex(&word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &ts, NULL, 1), -ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
	printf("bad time %s\n", text(futex(&word, FUTEX_WAIT, 0, &bad, NULL, 0)));
	printf("bad time pointer %s\n", text(futex(&word, FUTEX_WAIT, 0, (void *)8, NULL, 0)));
}

static void wakes(void)
{
	pthread_t t[WAITERS];

	start_waiters(t, 0);
	printf("wake 3: %ld\n", futex(&word, FUTEX_WAKE, 3, NULL, NULL, 0));
	WAIT_UNTIL(__atomic_load_n(&woken, __ATOMIC_SEQ_CST) == 3);
	printf("wake all: %ld\n", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	end_waiters(t, WAITERS);
	printf("wake none: %ld\n", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));

	start_waiters(t, -1);
	printf("wake bit 1: %ld\n", futex(&word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 2));
	printf("wake bit 2: %ld\n", futex(&word, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, 4));
	printf("wake any: %ld\n", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	end_waiters(t, WAITERS);
}

static void requeues(void)
{
	pthread_t t[WAITERS];

	start_waiters(t, 0);
	printf("requeue 2 woken, 5 moved: %ld\n", futex(&word, FUTEX_REQUEUE, 2, (void *)5, &other, 0));
	printf("wake at the other: %ld\n", futex(&other, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	printf("cmp_requeue, other value: %s\n", text(futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)INT_MAX, &other, 1)));
	printf("cmp_requeue: %ld\n", futex(&word, FUTEX_CMP_REQUEUE, 1, (void *)INT_MAX, &other, 0));
	printf("wake at the first: %ld\n", futex(&word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	printf("wake at the other: %ld\n", futex(&other, FUTEX_WAKE, INT_MAX, NULL, NULL, 0));
	end_waiters(t, WAITERS);
}

static void wake_ops(void)
{
	pthread_t t[WAITERS];

	start_waiters(t, 0);
	other = 5;
	printf("wake_op, add 3, was 5: %ld",
	    futex(&word, FUTEX_WAKE_OP, 2, (void *)7, &other, FUTEX_OP(FUTEX_OP_ADD, 3, FUTEX_OP_CMP_EQ, 5)));
	printf(" now %u\n", other);
	other = 0;
	printf("wake_op on one word, or 0: %ld\n",
	    futex(&word, FUTEX_WAKE_OP, 4, (void *)INT_MAX, &word, FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)));
	end_waiters(t, WAITERS);
}

int main(void)
{
	static char area[16] __attribute__((aligned(8)));

	for (shared = 0; shared < 2; shared++) {
		printf("%s\n", shared ? "shared" : "private");
		printf("other value %s\n", text(futex(&word, FUTEX_WAIT, 1, NULL, NULL, 0)));
		printf("bad pointer %s\n", text(futex((uint32_t *)16, FUTEX_WAIT, 0, NULL, NULL, 0)));
		printf("unaligned %s\n", text(futex((uint32_t *)(area + 1), FUTEX_WAIT, 0, NULL, NULL, 0)));
		printf("no bits %s\n", text(futex(&word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0)));
		printf("no such operation %s\n", text(futex(&word, 99, 0, NULL, NULL, 0)));
		timeouts();
		wakes();
		requeues();
		wake_ops();
	}
	return 0;
}
