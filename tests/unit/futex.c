/* The futex table. */
#include <linux/futex.h>
#include <sched.h>
#include <signal.h>

#include "runtime/futex.h"
#include "runtime/signal_core.h"
#include "tests/unit/green.h"

#define PRIVATE FUTEX_PRIVATE_FLAG
#define RESULTS 64

static uint32_t word, other;
static int results, who[RESULTS];

struct waiter {
	struct green_thread green;
	int id;
	uint32_t *addr, bitset;
	long ret;
	bool done;
};

static struct waiter w[RESULTS];

static void wait_on(void *arg)
{
	struct waiter *me = arg;
	me->ret = green(SYS_futex, me->addr, FUTEX_WAIT_BITSET | PRIVATE, 0, NULL, NULL, me->bitset);
	me->done = true;
	who[results++] = me->id;
}

static void start_waiters(int from, int to, uint32_t *addr, uint32_t bitset)
{
	for (int i = from; i < to; i++) {
		w[i] = (struct waiter){.id = i, .addr = addr, .bitset = bitset};
		green_start(&w[i].green, wait_on, &w[i]);
	}
	green_settle();
}

static long wake(uint32_t *addr, int n)
{
	long ret = green(SYS_futex, addr, FUTEX_WAKE | PRIVATE, n);
	green_settle();
	return ret;
}

static void began(void)
{
	green_begin();
	word = other = 0;
}

TestSuite(futex, .init = began, .timeout = 20);

Test(futex, wakes_in_order)
{
	start_waiters(0, 5, &word, ~0U);
	cr_assert_eq(results, 0);
	cr_assert_eq(wake(&other, 5), 0, "another word");
	cr_assert_eq(wake(&word, 2), 2);
	cr_assert_eq(results, 2);
	cr_assert_eq(wake(&word, 100), 3);
	cr_assert_eq(wake(&word, 100), 0);
	for (int i = 0; i < 5; i++) {
		cr_assert_eq(who[i], i);
		cr_assert_eq(w[i].ret, 0);
	}
}

/* The kernel looks at the count after it has woken one. */
Test(futex, wake_of_zero_wakes_one)
{
	start_waiters(0, 2, &word, ~0U);
	cr_assert_eq(wake(&word, 0), 1);
	cr_assert(w[0].done && !w[1].done);
	cr_assert_eq(wake(&word, 1), 1);
}

Test(futex, another_value)
{
	word = 7;
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAIT | PRIVATE, 8, NULL), -EAGAIN);
	cr_assert_eq(wake(&word, 1), 0, "it is not queued");
}

Test(futex, wrong_arguments)
{
	uint32_t *odd = (uint32_t *)((char *)&word + 1);
	struct ktimespec ts = {0, 1000000000}, minus = {-1, 0};
	cr_assert_eq(green(SYS_futex, odd, FUTEX_WAIT | PRIVATE, 0, NULL), -EINVAL);
	cr_assert_eq(green(SYS_futex, odd, FUTEX_WAKE | PRIVATE, 1), -EINVAL);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAIT_BITSET | PRIVATE, 0, NULL, NULL, 0), -EINVAL);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAKE_BITSET | PRIVATE, 1, NULL, NULL, 0), -EINVAL);
	cr_assert_eq(green(SYS_futex, 16, FUTEX_WAIT | PRIVATE, 0, NULL), -EFAULT);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAIT | PRIVATE, 0, &ts), -EINVAL);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAIT | PRIVATE, 0, &minus), -EINVAL);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAIT | PRIVATE, 0, (void *)16), -EFAULT);
	cr_assert_eq(green(SYS_futex, odd, FUTEX_CMP_REQUEUE | PRIVATE, 1, 1, &other, 0), -EINVAL);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_CMP_REQUEUE | PRIVATE, -1, 1, &other, 0), -EINVAL);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_CMP_REQUEUE | PRIVATE, 1, -1, &other, 0), -EINVAL);
	cr_assert_eq(green(SYS_futex, 16, FUTEX_CMP_REQUEUE | PRIVATE, 1, 1, &other, 0), -EFAULT);
	cr_assert_eq(green(SYS_futex, &word, 0x70 | PRIVATE, 0, 0, 0, 0), -ENOSYS);
}

Test(futex, bitsets)
{
	start_waiters(0, 1, &word, 1);
	start_waiters(1, 2, &word, 2);
	start_waiters(2, 3, &word, 3);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAKE_BITSET | PRIVATE, 10, NULL, NULL, 4), 0);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAKE_BITSET | PRIVATE, 10, NULL, NULL, 2), 2);
	green_settle();
	cr_assert(!w[0].done && w[1].done && w[2].done);
	cr_assert_eq(wake(&word, 10), 1, "FUTEX_WAKE is for every bit");
}

/* Neighbours in one bucket are told apart: 9000 words in 4096 buckets. */
Test(futex, many_words)
{
	static uint32_t words[9000];
	start_waiters(0, 1, &words[4500], ~0U);
	for (int i = 0; i < 9000; i++) {
		if (i != 4500)
			cr_assert_eq(green(SYS_futex, &words[i], FUTEX_WAKE | PRIVATE, 1), 0);
	}
	cr_assert_eq(wake(&words[4500], 1), 1);
	cr_assert(w[0].done);
}

Test(futex, relative_and_absolute_timeouts)
{
	const struct {
		int op, clock; /* clock -1: relative */
	} way[] = {{FUTEX_WAIT, -1}, {FUTEX_WAIT_BITSET, CLOCK_MONOTONIC},
	    {FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, CLOCK_REALTIME}};
	for (size_t i = 0; i < ARRAY_LEN(way); i++) {
		nsec_t start = clock_now();
		struct ktimespec ts = nsec_to_timespec(15 * MSEC + (way[i].clock < 0 ? 0 : clock_read(way[i].clock)));
		cr_assert_eq(green(SYS_futex, &word, way[i].op | PRIVATE, 0, &ts, NULL, ~0U), -ETIMEDOUT);
		cr_assert_geq(clock_now() - start, 15 * MSEC, "way %zu: early", i);
		cr_assert_leq(clock_now() - start, 5 * NSEC_PER_SEC);
		cr_assert_eq(wake(&word, 1), 0, "who timed out swallows no wake");
	}
	struct ktimespec past = {1, 0};
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAIT_BITSET | PRIVATE, 0, &past, NULL, ~0U), -ETIMEDOUT);
	cr_assert_eq(carrier_self()->hub->deadlines.count, 0);
}

static void wait_10ms(void *arg)
{
	struct waiter *me = arg;
	struct ktimespec ts = {0, 10 * MSEC};
	me->ret = green(SYS_futex, me->addr, FUTEX_WAIT | PRIVATE, 0, &ts);
	me->done = true;
}

/* It was woken, and its time passed before it ran: the wake counted, so it must not say that it timed out. */
Test(futex, a_wake_before_the_timeout_counts)
{
	w[0].addr = &word;
	green_start(&w[0].green, wait_10ms, &w[0]);
	green_settle();
	long n = green(SYS_futex, &word, FUTEX_WAKE | PRIVATE, 1);
	for (nsec_t until = clock_now() + 20 * MSEC; clock_now() < until;)
		;
	green_join(&w[0].green);
	cr_assert_eq(n, 1);
	cr_assert_eq(w[0].ret, 0);
}

Test(futex, requeue)
{
	start_waiters(0, 6, &word, ~0U);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_CMP_REQUEUE | PRIVATE, 1, 3, &other, 1), -EAGAIN);
	green_settle();
	cr_assert_eq(results, 0);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_CMP_REQUEUE | PRIVATE, 1, 3, &other, 0), 4, "woken and moved");
	green_settle();
	cr_assert(results == 1 && who[0] == 0);
	cr_assert_eq(wake(&word, 10), 2, "who was not moved");
	cr_assert(results == 3 && who[1] == 4 && who[2] == 5);
	cr_assert_eq(wake(&other, 10), 3);
	cr_assert(who[3] == 1 && who[4] == 2 && who[5] == 3);
}

Test(futex, requeue_without_comparison)
{
	start_waiters(0, 3, &word, ~0U);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_REQUEUE | PRIVATE, 0, INT32_MAX, &other, 99), 3);
	cr_assert_eq(wake(&word, 10), 0);
	cr_assert_eq(wake(&other, 10), 3);
}

/* To a word in the same bucket, and to the same word: no waiter is lost or met twice. */
Test(futex, requeue_within_one_bucket)
{
	start_waiters(0, 3, &word, ~0U);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_CMP_REQUEUE | PRIVATE, 1, 10, &word, 0), 3);
	green_settle();
	cr_assert_eq(results, 1);
	cr_assert_eq(wake(&word, 10), 2);

	static uint32_t words[8192];
	uint32_t *near = NULL;
	for (size_t i = 0; i < ARRAY_LEN(words) && !near; i++)
		if (((uint64_t)&words[i] >> 2) * 0x9e3779b97f4a7c15ULL >> 52 ==
		    ((uint64_t)&word >> 2) * 0x9e3779b97f4a7c15ULL >> 52)
			near = &words[i];
	if (!near)
		cr_skip_test("no neighbour among %zu words", ARRAY_LEN(words));
	results = 0;
	start_waiters(0, 3, &word, ~0U);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_CMP_REQUEUE | PRIVATE, 0, 2, near, 0), 2);
	cr_assert_eq(wake(near, 10), 2);
	cr_assert_eq(wake(&word, 10), 1);
}

static void wait_requeued(void *arg)
{
	struct waiter *me = arg;
	struct ktimespec ts = {0, 30 * MSEC};
	me->ret = green(SYS_futex, &word, FUTEX_WAIT | PRIVATE, 0, &ts);
}

/* The timeout of one who was moved takes it off the word to which it was moved. */
Test(futex, timeout_after_requeue)
{
	green_start(&w[0].green, wait_requeued, &w[0]);
	green_settle();
	cr_assert_eq(green(SYS_futex, &word, FUTEX_REQUEUE | PRIVATE, 0, 1, &other), 1);
	green_join(&w[0].green);
	cr_assert_eq(w[0].ret, -ETIMEDOUT);
	cr_assert_eq(wake(&other, 1), 0);
	cr_assert_eq(wake(&word, 1), 0);
}

/* linux/futex.h's FUTEX_OP, but unsigned. */
#define OP(op, arg, cmp, cmparg) \
	((uint32_t)(op) << 28 | (uint32_t)(cmp) << 24 | ((uint32_t)(arg)&0xfff) << 12 | ((uint32_t)(cmparg)&0xfff))

Test(futex, wake_op)
{
	const struct {
		int op, arg, cmp, cmparg;
		uint32_t before, after;
		bool holds;
	} c[] = {
	    {FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 3, 3, 5, true},
	    {FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 4, 3, 5, false},
	    {FUTEX_OP_ADD, 2, FUTEX_OP_CMP_NE, 0, 40, 42, true},
	    {FUTEX_OP_ADD, -1, FUTEX_OP_CMP_NE, 40, 40, 39, false},
	    {FUTEX_OP_OR, 6, FUTEX_OP_CMP_LT, 10, 9, 15, true},
	    {FUTEX_OP_OR, 6, FUTEX_OP_CMP_LT, 9, 9, 15, false},
	    {FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_LE, 7, 7, 4, true},
	    {FUTEX_OP_ANDN, 3, FUTEX_OP_CMP_LE, 6, 7, 4, false},
	    {FUTEX_OP_XOR, 5, FUTEX_OP_CMP_GT, 5, 6, 3, true},
	    {FUTEX_OP_XOR, 5, FUTEX_OP_CMP_GT, 6, 6, 3, false},
	    {FUTEX_OP_SET, 0, FUTEX_OP_CMP_GE, -1, (uint32_t)-1, 0, true},
	    {FUTEX_OP_SET, 0, FUTEX_OP_CMP_GE, 0, (uint32_t)-1, 0, false}, /* signed */
	    {FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 4, FUTEX_OP_CMP_EQ, 0, 0, 16, true},
	    {FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT, 31, FUTEX_OP_CMP_EQ, 0, 0, 1U << 31, true},
	};
	for (size_t i = 0; i < ARRAY_LEN(c); i++) {
		word = other = 0;
		start_waiters(0, 2, &word, ~0U);
		start_waiters(2, 4, &other, ~0U);
		other = c[i].before;
		results = 0;
		long n = green(SYS_futex, &word, FUTEX_WAKE_OP | PRIVATE, 1, 1, &other,
		    OP(c[i].op, c[i].arg, c[i].cmp, c[i].cmparg));
		green_settle();
		cr_assert_eq(n, c[i].holds ? 2 : 1, "case %zu", i);
		cr_assert_eq(other, c[i].after, "case %zu: %u", i, other);
		cr_assert(w[0].done && !w[1].done && w[2].done == c[i].holds && !w[3].done, "case %zu", i);
		wake(&word, 10);
		wake(&other, 10);
	}
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAKE_OP | PRIVATE, 1, 1, &other, OP(7, 0, 0, 0)), -ENOSYS);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAKE_OP | PRIVATE, 1, 1, &other, OP(0, 0, 9, 0)), -ENOSYS);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_WAKE_OP | PRIVATE, 1, 1, 16, 0), -EFAULT);
}

/* Priority inheritance: the hand-over. */

static void lock_pi(void *arg)
{
	struct waiter *me = arg;
	me->ret = green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, NULL);
	who[results++] = me->id;
	cr_expect_eq(word & FUTEX_TID_MASK, (uint32_t)me->green.tid, "mine");
	green_yield(1);
	cr_expect_eq(green(SYS_futex, &word, FUTEX_UNLOCK_PI | PRIVATE), 0);
}

static uint32_t tid(void)
{
	return (uint32_t)thread_self()->tid;
}

Test(futex, pi_is_handed_over_in_order)
{
	cr_assert_eq(green(SYS_futex, &word, FUTEX_UNLOCK_PI | PRIVATE), -EPERM);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_TRYLOCK_PI | PRIVATE), 0);
	cr_assert_eq(word, tid());
	cr_assert_eq(green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, NULL), -EDEADLK);
	for (int i = 0; i < 3; i++) {
		w[i].id = i;
		green_start(&w[i].green, lock_pi, &w[i]);
	}
	green_settle();
	cr_assert_eq(results, 0);
	cr_assert_eq(word, tid() | FUTEX_WAITERS);
	cr_assert_eq(wake(&word, 10), -EINVAL, "a plain wake is not for them");
	cr_assert_eq(green(SYS_futex, &word, FUTEX_REQUEUE | PRIVATE, 0, 10, &other), 0);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_UNLOCK_PI | PRIVATE), 0);
	cr_assert_eq(word, (uint32_t)w[0].green.tid | FUTEX_WAITERS);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_TRYLOCK_PI | PRIVATE), -EAGAIN);
	for (int i = 0; i < 3; i++) {
		green_join(&w[i].green);
		cr_assert_eq(who[i], i);
		cr_assert_eq(w[i].ret, 0);
	}
	cr_assert_eq(word, 0);
}

Test(futex, pi_of_nobody)
{
	word = 4194303 + 5000; /* a tid of ours that nobody has */
	cr_assert_eq(green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, NULL), -ESRCH);
	word = FUTEX_OWNER_DIED | FUTEX_WAITERS;
	cr_assert_eq(green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, NULL), 0);
	cr_assert_eq(word, tid() | FUTEX_OWNER_DIED, "the heir learns of it, and nobody waits");
	cr_assert_eq(green(SYS_futex, &word, FUTEX_UNLOCK_PI | PRIVATE), 0);
	cr_assert_eq(word, 0);
}

static void lock_pi_timed(void *arg)
{
	struct waiter *me = arg;
	nsec_t start = clock_now();
	struct ktimespec ts = nsec_to_timespec(clock_read(CLOCK_REALTIME) + 10 * MSEC);
	me->ret = green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, &ts);
	cr_expect_geq(clock_now() - start, 10 * MSEC);
}

Test(futex, pi_timeout_is_real_time)
{
	cr_assert_eq(green(SYS_futex, &word, FUTEX_LOCK_PI | PRIVATE, 0, NULL), 0);
	green_start(&w[0].green, lock_pi_timed, &w[0]);
	green_join(&w[0].green);
	cr_assert_eq(w[0].ret, -ETIMEDOUT);
	cr_assert_eq(green(SYS_futex, &word, FUTEX_UNLOCK_PI | PRIVATE), 0);
	cr_assert_eq(word, 0, "nobody waits any more");
}

/* Robust lists: laid out as glibc does, futex word behind the entry. */

struct robust_mutex {
	void *next;
	uint32_t lock;
};
static struct {
	void *next;
	long offset;
	void *pending;
} head;
static struct robust_mutex held[4];

static void die_holding(void *arg)
{
	uint32_t me = tid();
	(void)arg;
	head.offset = offsetof(struct robust_mutex, lock);
	cr_expect_eq(green(SYS_set_robust_list, &head, sizeof(head)), 0);
	cr_expect_eq(green(SYS_set_robust_list, &head, 8), -EINVAL);
	head.next = &held[0];
	held[0] = (struct robust_mutex){&held[1], me | FUTEX_WAITERS};
	held[1] = (struct robust_mutex){(char *)&held[2] + 1, me}; /* the next one is a PI lock */
	held[2] = (struct robust_mutex){&head, me | FUTEX_WAITERS};
	held[3].lock = me; /* being locked or unlocked: not in the list */
	head.pending = &held[3];
}

static void lock_held_pi(void *arg)
{
	struct waiter *me = arg;
	me->ret = green(SYS_futex, &held[2].lock, FUTEX_LOCK_PI | PRIVATE, 0, NULL);
}

Test(futex, robust_list_is_walked)
{
	held[2].lock = tid();
	green_start(&w[1].green, lock_held_pi, &w[1]);
	start_waiters(0, 1, &held[0].lock, ~0U);
	green_start(&w[2].green, die_holding, NULL);
	green_join(&w[2].green);
	green_settle();
	cr_assert_eq(held[0].lock, FUTEX_OWNER_DIED | FUTEX_WAITERS);
	cr_assert(w[0].done && w[0].ret == 0, "one waiter is woken");
	cr_assert_eq(held[1].lock, FUTEX_OWNER_DIED);
	cr_assert_eq(held[3].lock, FUTEX_OWNER_DIED);
	green_join(&w[1].green);
	cr_assert_eq(w[1].ret, 0);
	cr_assert_eq(held[2].lock, FUTEX_OWNER_DIED | (uint32_t)w[1].green.tid, "the PI lock is handed over");
}

static void die_between_unlock_and_wake(void *arg)
{
	(void)arg;
	head.offset = offsetof(struct robust_mutex, lock);
	head.next = &head;
	head.pending = &held[0]; /* unlocked already */
	green(SYS_set_robust_list, &head, sizeof(head));
}

Test(futex, robust_pending_unlock)
{
	start_waiters(0, 1, &held[0].lock, ~0U);
	green_start(&w[1].green, die_between_unlock_and_wake, NULL);
	green_join(&w[1].green);
	green_settle();
	cr_assert(w[0].done);
	cr_assert_eq(held[0].lock, 0);
}

/* A list that is no list: others' locks, a ring, a bad pointer, an odd address. The exit ends all the same. */
static void die_with_rubbish(void *arg)
{
	head.offset = offsetof(struct robust_mutex, lock);
	green(SYS_set_robust_list, &head, sizeof(head));
	held[0] = (struct robust_mutex){&held[0], 12345};
	head.next = arg ? arg : &held[0];
	head.pending = (void *)16;
}

Test(futex, robust_rubbish)
{
	void *bad[] = {NULL, (void *)16, (char *)&held[1] + 2};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		green_start(&w[0].green, die_with_rubbish, bad[i]);
		green_join(&w[0].green);
		cr_assert_eq(held[0].lock, 12345, "another's lock");
	}
}

/* Several words. */
struct several {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

static uint32_t words[3];
static void wait_several(void *arg)
{
	struct waiter *me = arg;
	struct several v[3];
	for (int i = 0; i < 3; i++)
		v[i] = (struct several){0, (uint64_t)&words[i], 2 | PRIVATE, 0};
	struct ktimespec ts = nsec_to_timespec(clock_now() + 20 * MSEC);
	me->ret = green(449 /* futex_waitv */, v, 3, 0, me->id ? &ts : NULL, CLOCK_MONOTONIC);
	me->done = true;
}

Test(futex, waitv)
{
	green_start(&w[0].green, wait_several, &w[0]);
	green_settle();
	cr_assert(!w[0].done);
	cr_assert_eq(wake(&words[1], 10), 1);
	cr_assert(w[0].done && w[0].ret == 1);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(wake(&words[i], 10), 0, "it left the others");
	words[2] = 5;
	green_start(&w[1].green, wait_several, &w[1]);
	green_join(&w[1].green);
	cr_assert_eq(w[1].ret, -EAGAIN);
	words[2] = 0;
	w[2].id = 1;
	green_start(&w[2].green, wait_several, &w[2]);
	green_join(&w[2].green);
	cr_assert_eq(w[2].ret, -ETIMEDOUT);
	cr_assert_eq(wake(&words[0], 10), 0);
}

/* A signal ends a wait; the wait is off the queue. Blocked and ignored ones do not. */
static void wait_for_signal(void *arg)
{
	struct waiter *me = arg;
	struct ktimespec ts = {10, 0};
	me->ret = green(SYS_futex, &word, FUTEX_WAIT | PRIVATE, 0, &ts);
	me->done = true;
}

static int handled;
static void on_signal(int sig)
{
	handled = sig;
}

void restorer(void);
__asm__(".text\n.globl restorer\nrestorer:\n\tmov $15, %eax\n\tlea 1f(%rip), %rcx\n\tjmp green_entry\n1:\n\tud2");

Test(futex, a_signal_interrupts)
{
	struct kaction a = {
	    .handler = (uint64_t)on_signal, .flags = 0x04000000 | SA_RESTART, .restorer = (uint64_t)restorer};
	cr_assert_eq(green(SYS_rt_sigaction, SIGUSR1, &a, NULL, 8), 0);
	green_start(&w[0].green, wait_for_signal, &w[0]);
	green_settle();
	cr_assert_eq(green(SYS_tgkill, getpid(), w[0].green.tid, SIGCHLD), 0);
	green_settle();
	cr_assert(!w[0].done, "ignored");
	cr_assert_eq(green(SYS_tgkill, getpid(), w[0].green.tid, SIGUSR1), 0);
	green_join(&w[0].green);
	cr_assert_eq(handled, SIGUSR1);
	cr_assert_eq(w[0].ret, -EINTR, "a timed wait is not restarted");
	cr_assert_eq(wake(&word, 1), 0);
}

/* A mutex over the table: nobody is lost, nobody is in twice. */
static uint32_t lock;
static int inside, turns;

static void take_lock(void)
{
	uint32_t c = 0;
	if (__atomic_compare_exchange_n(&lock, &c, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
		return;
	while (__atomic_exchange_n(&lock, 2, __ATOMIC_ACQUIRE))
		green(SYS_futex, &lock, FUTEX_WAIT | PRIVATE, 2, NULL);
}

static void contend(void *arg)
{
	unsigned state = (unsigned)(uintptr_t)arg;
	for (int i = 0; i < 200; i++) {
		take_lock();
		cr_expect_eq(inside++, 0);
		if (rand_r(&state) % 3 == 0)
			green_yield(1);
		inside--;
		turns++;
		if (__atomic_exchange_n(&lock, 0, __ATOMIC_RELEASE) == 2)
			green(SYS_futex, &lock, FUTEX_WAKE | PRIVATE, 1);
	}
}

Test(futex, mutex)
{
	for (int i = 0; i < 40; i++)
		green_start(&w[i].green, contend, (void *)(uintptr_t)(i + 1));
	for (int i = 0; i < 40; i++)
		green_join(&w[i].green);
	cr_assert_eq(turns, 40 * 200);
}

Test(futex, forgotten_in_a_child)
{
	start_waiters(0, 3, &word, ~0U);
	futex_reset_in_child();
	cr_assert_eq(wake(&word, 10), 0);
}
