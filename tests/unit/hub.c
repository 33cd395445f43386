/* The hub: who runs next, what others push, deadlines of parked threads. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>

#include "runtime/stats.h"
#include "tests/unit/green.h"

/* The run queue alone, on a carrier and threads made by hand. */

static struct carrier carrier;
static struct hub *hub;
static struct thread waiting[8];

static void by_hand(void)
{
	hub = hub_new(0);
	cr_assert_not_null(hub);
	carrier = (struct carrier){.self = &carrier, .hub = hub};
	set_gs(&carrier);
	for (size_t i = 0; i < ARRAY_LEN(waiting); i++)
		waiting[i].hub = hub;
}

Test(run_queue, first_in_first_out, .init = by_hand)
{
	cr_assert_null(hub_next(hub));
	for (int i = 0; i < 4; i++)
		hub_ready(&waiting[i]);
	cr_assert_eq(run_queue_length(&hub->run), 4);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(hub_next(hub), &waiting[i]);
	cr_assert_eq(run_queue_length(&hub->run), 0);
	cr_assert_null(hub_next(hub));
	hub_ready(&waiting[5]);
	cr_assert_eq(run_queue_first(&hub->run), &waiting[5]);
	cr_assert_eq(hub_next(hub), &waiting[5]);
}

Test(run_queue, the_poller_has_its_turn, .init = by_hand)
{
	int before = 0;
	hub_ready(&waiting[0]);
	while (before < 1000 && hub_next(hub) == &waiting[0]) {
		hub_ready(&waiting[0]);
		before++;
	}
	cr_assert(before > 0 && before < 200, "%d switches before a look at the poller", before);
	cr_assert_eq(run_queue_length(&hub->run), 1, "what was refused is still there");
}

Test(run_queue, owner_does_not_use_the_inbound_stack, .init = by_hand)
{
	hub_ready(&waiting[0]);
	cr_assert_null(hub->inbound);
	carrier.hub = NULL;
	hub_ready(&waiting[1]);
	cr_assert_eq(run_queue_length(&hub->run), 1);
	cr_assert_eq(hub->inbound, &waiting[1]);
}

/* A waker without the hub writes the eventfd, once, and only to a hub that sleeps. */
Test(run_queue, notice_to_a_sleeping_hub, .init = by_hand)
{
	uint64_t n = 0;
	carrier.hub = NULL;
	hub_ready(&waiting[0]);
	cr_assert_eq(read(hub->eventfd, &n, sizeof(n)), -1, "it did not sleep");
	hub->polling = 1;
	hub_ready(&waiting[1]);
	cr_assert_eq(hub->polling, 0);
	hub_ready(&waiting[2]);
	cr_assert_eq(read(hub->eventfd, &n, sizeof(n)), sizeof(n));
	cr_assert_eq(n, 1);
}

Test(run_queue, wakes_once, .init = by_hand)
{
	struct thread *t = &waiting[0];
	thread_prepare(t);
	thread_wake(t, WAKE_SIGNAL);
	cr_assert_eq(run_queue_length(&hub->run), 0, "not parked yet");
	thread_prepare(t);
	t->wake = WAKE_PARKED;
	thread_wake(t, WAKE_EVENT);
	thread_wake(t, WAKE_TIMEOUT);
	thread_wake(t, WAKE_EVENT);
	cr_assert_eq(run_queue_length(&hub->run), 1);
	cr_assert_eq(t->wake, WAKE_PARKED | WAKE_EVENT | WAKE_TIMEOUT);
}

/* The whole hub. */

#define PUSHERS 3
#define EACH 200

static struct sleeper {
	struct green_thread green;
	struct thread *thread;
	int pusher;
} sleepers[PUSHERS * EACH];
static int woken, came[PUSHERS * EACH];
static _Atomic bool go;

static void sleep_once(void *arg)
{
	struct sleeper *s = arg;
	struct carrier *c = carrier_self();
	carrier_enter(c);
	s->thread = thread_self();
	thread_prepare(s->thread);
	uint32_t why = thread_park(s->thread, NEVER);
	carrier_publish_native(carrier_self());
	came[woken++] = (int)(s - sleepers);
	cr_expect_eq(why, WAKE_EVENT);
}

/* Another kernel thread: a carrier without a hub. */
static void *pusher(void *arg)
{
	struct carrier c = {.self = &c};
	int first = (int)(intptr_t)arg * EACH;
	set_gs(&c);
	while (!go)
		sched_yield();
	for (int i = 0; i < EACH; i++) {
		thread_wake(sleepers[first + i].thread, WAKE_EVENT);
		if (i % 20 == 0)
			sched_yield();
	}
	return NULL;
}

Test(hub, inbound_from_several_kernel_threads, .init = green_begin, .timeout = 30)
{
	pthread_t p[PUSHERS];
	int last[PUSHERS], n = PUSHERS * EACH;
	for (int i = 0; i < n; i++)
		green_start(&sleepers[i].green, sleep_once, &sleepers[i]);
	green_settle();
	for (int i = 0; i < PUSHERS; i++) {
		last[i] = -1;
		cr_assert_eq(pthread_create(&p[i], NULL, pusher, (void *)(intptr_t)i), 0);
	}
	go = true;
	struct ktimespec tick = {0, MSEC};
	for (int tries = 0; woken < n && tries < 5000; tries++)
		green(SYS_nanosleep, &tick, NULL);
	cr_assert_eq(woken, n);
	for (int i = 0; i < n; i++) { /* those of one waker in its order */
		int of = came[i] / EACH;
		cr_assert(came[i] > last[of], "%d after %d", came[i], last[of]);
		last[of] = came[i];
	}
	for (int i = 0; i < PUSHERS; i++)
		pthread_join(p[i], NULL);
}

/* 20 threads with deadlines in any order wake in the order of their deadlines, none early; equal ones in turn. */
static struct nap {
	struct green_thread green;
	nsec_t until;
} naps[20];
static int nap_order[ARRAY_LEN(naps)], nap_count;

static void nap(void *arg)
{
	struct nap *n = arg;
	struct ktimespec ts = nsec_to_timespec(n->until);
	cr_expect_eq(green(SYS_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
	cr_expect(clock_now() >= n->until, "early");
	nap_order[nap_count++] = (int)(n - naps);
}

Test(hub, deadlines_in_order, .init = green_begin, .timeout = 20)
{
	nsec_t start = clock_now() + 20 * MSEC;
	for (size_t i = 0; i < ARRAY_LEN(naps); i++) {
		naps[i].until = start + (nsec_t)(i * 7 % 5) * 2 * MSEC;
		green_start(&naps[i].green, nap, &naps[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(naps); i++)
		green_join(&naps[i].green);
	for (size_t i = 1; i < ARRAY_LEN(naps); i++) {
		int a = nap_order[i - 1], b = nap_order[i];
		cr_assert(
		    naps[a].until < naps[b].until || (naps[a].until == naps[b].until && a < b), "%d before %d", a, b);
	}
	cr_assert_eq(carrier_self()->hub->deadlines.count, 0);
}

/* A thread that yields all the time does not keep timers from firing. */
static volatile bool fired;
static void fire(void *arg)
{
	(void)arg;
	struct ktimespec ts = {0, 5 * MSEC};
	green(SYS_nanosleep, &ts, NULL);
	fired = true;
}

Test(hub, timers_fire_beside_a_busy_queue, .init = green_begin, .timeout = 20)
{
	struct green_thread g;
	green_start(&g, fire, NULL);
	nsec_t until = clock_now() + 5 * NSEC_PER_SEC;
	while (!fired && clock_now() < until)
		green(SYS_sched_yield);
	cr_assert(fired);
	green_join(&g);
}

static int switched[10], switches;
static void take_turns(void *arg)
{
	for (int i = 0; i < 3; i++) {
		switched[switches++] = (int)(intptr_t)arg;
		green(SYS_sched_yield);
	}
}

Test(hub, yield_takes_turns, .init = green_begin, .timeout = 10)
{
	struct green_thread g[3];
	for (int i = 0; i < 3; i++)
		green_start(&g[i], take_turns, (void *)(intptr_t)i);
	for (int i = 0; i < 3; i++)
		green_join(&g[i]);
	for (int i = 0; i < 9; i++)
		cr_assert_eq(switched[i], i % 3);
	cr_assert_eq(threads_alive, 1);
	cr_assert_eq(stats.threads_peak, 4);
}
