/* The futex calls of priority inheritance by themselves: the word, the order, the times, the errors, signals. */
// threads
#include "test.h"
#include <linux/futex.h>

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define WAITERS 8

static uint32_t *word, private_word;
static int flag;
static _Atomic int waiting, got;
static int order[WAITERS];
static pid_t own[WAITERS];

static int futex(int op, const struct timespec *ts)
{
	long ret = syscall(SYS_futex, word, op | flag, 0, ts, NULL, 0);

	return ret < 0 ? -errno : (int)ret;
}

static int futex_clock(int op, const struct timespec *ts)
{
	return futex(op | FUTEX_CLOCK_REALTIME, ts);
}

static void expect(int got_now, int want, const char *what)
{
	if (got_now != want) {
		fprintf(stderr, "%s: %s, not %s\n", what, strerrorname_np(-got_now), strerrorname_np(-want));
		exit(1);
	}
}

#define EXPECT(call, want) expect(call, want, #call)

static void *holds(void *arg)
{
	EXPECT(futex(FUTEX_LOCK_PI, NULL), 0);
	waiting = 1;
	WAIT_UNTIL(got);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	return arg;
}

static void *nothing(void *arg)
{
	(void)arg;
	return (void *)(long)own_tid();
}

static void errors(void)
{
	struct timespec odd = {0, 1000000000}, past = {1, 0}, soon;

	*word = 0;
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), -EPERM);
	EXPECT(futex(FUTEX_LOCK_PI, NULL), 0);
	CHECK_EQ(*word, own_tid());
	EXPECT(futex(FUTEX_LOCK_PI, NULL), -EDEADLK);
	EXPECT(futex(FUTEX_TRYLOCK_PI, NULL), -EDEADLK);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	CHECK_EQ(*word, 0);
	EXPECT(futex(FUTEX_TRYLOCK_PI, NULL), 0);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	*word = (uint32_t)(long)join(start(nothing, NULL)); /* nobody's any more */
	EXPECT(futex(FUTEX_LOCK_PI, NULL), -ESRCH);
	*word = FUTEX_OWNER_DIED;
	EXPECT(futex(FUTEX_LOCK_PI, NULL), 0);
	CHECK_EQ(*word, (uint32_t)own_tid() | FUTEX_OWNER_DIED);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	CHECK_EQ(*word, 0);
	*word = FUTEX_OWNER_DIED | FUTEX_WAITERS;
	EXPECT(futex(FUTEX_LOCK_PI, NULL), 0);
	CHECK_EQ(*word, (uint32_t)own_tid() | FUTEX_OWNER_DIED);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	*word = FUTEX_WAITERS;
	EXPECT(futex(FUTEX_LOCK_PI, NULL), 0);
	CHECK_EQ(*word, own_tid());
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	EXPECT(futex(FUTEX_LOCK_PI, &odd), -EINVAL);
	uint32_t *aligned = word;
	word = (uint32_t *)((char *)word + 1);
	EXPECT(futex(FUTEX_LOCK_PI, NULL), -EINVAL);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), -EPERM);
	word = (uint32_t *)8;
	EXPECT(futex(FUTEX_LOCK_PI, NULL), -EFAULT);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), -EFAULT);
	word = aligned;

	waiting = got = 0;
	pthread_t t = start(holds, NULL);
	WAIT_UNTIL(waiting);
	EXPECT(futex(FUTEX_TRYLOCK_PI, NULL), -EAGAIN);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), -EPERM);
	EXPECT(futex(FUTEX_LOCK_PI, &past), -ETIMEDOUT);
	EXPECT(futex(FUTEX_LOCK_PI2, &past), -ETIMEDOUT);
	soon = after_ms(CLOCK_REALTIME, 5);
	EXPECT(futex(FUTEX_LOCK_PI, &soon), -ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= soon.tv_sec * NSEC_PER_SEC + soon.tv_nsec);
	soon = after_ms(CLOCK_MONOTONIC, 5);
	EXPECT(futex(FUTEX_LOCK_PI2, &soon), -ETIMEDOUT);
	CHECK(now_ns() >= soon.tv_sec * NSEC_PER_SEC + soon.tv_nsec);
	soon = after_ms(CLOCK_REALTIME, 5);
	EXPECT(futex_clock(FUTEX_LOCK_PI2, &soon), -ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= soon.tv_sec * NSEC_PER_SEC + soon.tv_nsec);
	soon = after_ms(CLOCK_REALTIME, 20000);
	got = 1;
	EXPECT(futex(FUTEX_LOCK_PI, &soon), 0);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	join(t);
	CHECK_EQ(*word, 0);
}

static _Atomic int handled;

static void on_signal(int sig)
{
	(void)sig;
	handled++;
}

static void *queues(void *arg)
{
	int me = (int)(long)arg;
	struct timespec late = after_ms(CLOCK_REALTIME, 30000), mono = after_ms(CLOCK_MONOTONIC, 30000);

	own[me] = own_tid();
	waiting++;
	EXPECT(me % 3 == 0   ? futex(FUTEX_LOCK_PI, NULL)
	       : me % 3 == 1 ? futex(FUTEX_LOCK_PI, &late)
			     : futex(FUTEX_LOCK_PI2, &mono),
	    0);
	CHECK_EQ(*word & FUTEX_TID_MASK, own_tid());
	order[got++] = me;
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	return arg;
}

/* In the order in which they came; a signal's handler runs, and the wait goes on. */
static void in_order(void)
{
	pthread_t t[WAITERS];

	*word = 0;
	waiting = got = handled = 0;
	EXPECT(futex(FUTEX_LOCK_PI, NULL), 0);
	for (long i = 0; i < WAITERS; i++) {
		t[i] = start(queues, (void *)i);
		WAIT_UNTIL(waiting > i);
		sleep_us(2000);
		CHECK_EQ(*word, (uint32_t)own_tid() | FUTEX_WAITERS);
	}
	CHECK_EQ(syscall(SYS_futex, word, FUTEX_WAKE | flag, 1, NULL, NULL, 0), -1);
	CHECK_EQ(errno, EINVAL);
	/* Each keeps its place, as the kernel's restart does not: only the last. */
	PT(pthread_kill(t[WAITERS - 1], SIGUSR1));
	WAIT_UNTIL(handled);
	CHECK_EQ(got, 0);
	EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
	for (int i = 0; i < WAITERS; i++)
		CHECK_EQ(order[i], i);
	CHECK_EQ(*word, 0);
}

/* Times that run out while the lock is handed over. */

static long held;

static void *races(void *arg)
{
	unsigned seed = (unsigned)(long)arg;

	for (int i = 0; i < 300; i++) {
		struct timespec soon = to_timespec(clock_ns(CLOCK_REALTIME) + rnd(&seed) % 100000);
		int error = futex(FUTEX_LOCK_PI, &soon);

		if (error) {
			CHECK_EQ(error, -ETIMEDOUT);
			continue;
		}
		CHECK_EQ(held++, 0);
		if (i % 4 == 0)
			sched_yield();
		CHECK_EQ(held--, 1);
		EXPECT(futex(FUTEX_UNLOCK_PI, NULL), 0);
	}
	return arg;
}

static void *all(void *arg)
{
	pthread_t t[WAITERS];

	errors();
	in_order();
	for (long i = 0; i < WAITERS; i++)
		t[i] = start(races, (void *)(i + 1));
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
	CHECK_EQ(*word, 0);
	return arg;
}

int main(void)
{
	set_handler(SIGUSR1, on_signal, 0);
	word = &private_word;
	flag = FUTEX_PRIVATE_FLAG;
	join(start(all, NULL));
	all(NULL);
	puts("private");
	flag = 0;
	join(start(all, NULL));
	puts("not said to be private");
	return 0;
}
