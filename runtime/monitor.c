/*
 * The monitor: looks at every hub each few milliseconds, and soon again where somebody waits for the thread that runs.
 * Whoever is found to sleep in the kernel loses the hub at once, to a spare carrier; who is still there at the second
 * look loses it too, or, if it makes calls, is told to give the hub away at the next one.
 */
#include "monitor.h"

#include <linux/futex.h>

#include "balance.h"
#include "carrier.h"
#include "clock.h"
#include "gather.h"
#include "helper.h"
#include "hub.h"
#include "proc.h"
#include "say.h"
#include "signal_core.h"
#include "stats.h"
#include "trace.h"

#define TICK (4 * NSEC_PER_MSEC)
#define SOON (1 * NSEC_PER_MSEC)    /* somebody waits for the thread that was seen to run, or may have to */
#define HOT (50 * NSEC_PER_MSEC)    /* after a rescue, of SOON looks: where one computes others may */
#define QUIET (100 * NSEC_PER_MSEC) /* of looks at nothing but sleeping hubs: the monitor goes to sleep itself */

bool monitor_runs;

static _Atomic uint32_t busy_hubs; /* hubs that are not asleep in their poller */
static nsec_t hot_until;           /* it looks SOON until then */

/* 1 = the monitor sleeps. `green trace` wakes it too, so it may be in memory that is shared. */
static _Atomic uint32_t *monitor_word(void)
{
	return __atomic_load_n(&monitor_asleep, __ATOMIC_SEQ_CST);
}

void carrier_hub_idle(bool idle)
{
	if (idle) {
		atomic_fetch_sub(&busy_hubs, 1);
		return;
	}
	atomic_fetch_add(&busy_hubs, 1);
	_Atomic uint32_t *asleep = monitor_word();
	if (unlikely(atomic_load(asleep)) && atomic_exchange(asleep, 0))
		sys(SYS_futex, asleep, FUTEX_WAKE, 1);
}

bool monitor_hubs_idle(void)
{
	return atomic_load_explicit(&busy_hubs, memory_order_relaxed) < (uint32_t)hub_count;
}

static void rest(void)
{
	_Atomic uint32_t *asleep = monitor_word();
	atomic_store(asleep, 1);
	while (atomic_load(asleep)) {
		if (atomic_load(&busy_hubs) && atomic_exchange(asleep, 0))
			return;
		sys(SYS_futex, asleep, FUTEX_WAIT, 1, 0);
	}
}

/* What a hub was seen to do at a look. */
struct seen {
	struct carrier *c;
	uint64_t state, turns, looks;
	nsec_t since; /* the thread that runs was first seen then */
	bool runs;    /* a thread does */
	bool known;   /* ... that has computed lately */
	bool stays;   /* ... in the same turn as at the last look */
	bool stuck;   /* ... without a call */
	bool rescued; /* the hub was given to c, which has not begun yet */
};

/* Somebody is held up: ready, or past a deadline. Racy, but a node of the heap is never unmapped. */
static bool somebody_waits(struct hub *h)
{
	struct deadline *first = __atomic_load_n(&h->deadlines.root, __ATOMIC_RELAXED);
	return run_queue_length(&h->run) || atomic_load(&h->inbound) || atomic_load(&h->signals) ||
	       (first && __atomic_load_n(&first->when, __ATOMIC_RELAXED) <= clock_now());
}

/* Or may be: of descriptors it is not known without asking the poller. */
static bool somebody_may_wait(void)
{
	return atomic_load(&threads_alive) > 1;
}

/* There is no other carrier: the thread is interrupted, and takes turns with the others. */
static void preempt(struct hub *h, struct carrier *c)
{
	static bool said;
	if (carriers_all_made() && !said) {
		say("%u kernel threads are all in use: threads that compute take turns", max_carriers);
		said = true;
	}
	atomic_store(&h->preempt, 1);
	signal_interrupt(c);
}

/* true: somebody else has the hub. */
static bool rescue(struct hub *h, struct carrier *c, uint64_t state)
{
	struct carrier *spare = spare_take();
	if (!spare) {
		preempt(h, c);
		return false;
	}
	c->stolen_at = cpu_time_of_carrier(c->tid);
	c->rescued_at = clock_now();
	c->rescue_waiting = run_queue_length(&h->run);
	if (!atomic_compare_exchange_strong(&c->state, &state, (state & ~(uint64_t)MODE_MASK) | MODE_STOLEN)) {
		spare_put(spare);
		return false;
	}
	STAT_ADD(rescues, 1);
	hot_until = clock_now() + HOT;
	h->woken_first = true;
	spare_give(spare, h);
	return true;
}

/* Who is there now, and whether it was there at the last look. A hub that was given away since then has had one turn.
 */
static struct seen see(struct hub *h, const struct seen *last)
{
	struct seen now = {
	    .c = atomic_load(&h->owner), .turns = atomic_load(&h->turns), .looks = atomic_load(&h->looks)};
	now.state = atomic_load(&now.c->state);
	struct thread *t = __atomic_load_n(&now.c->current, __ATOMIC_RELAXED);
	now.runs = t;
	now.known = t && atomic_load_explicit(&t->computes, memory_order_relaxed);
	now.stays = now.runs && now.c == last->c && now.turns == last->turns;
	now.stuck = now.stays && (now.state == last->state || last->rescued);
	now.since = now.stays ? last->since : clock_now();
	now.rescued = last->rescued && now.c == last->c && !now.runs && !atomic_load(&h->polling);
	return now;
}

static bool in_program(const struct seen *now)
{
	return (now->state & MODE_MASK) == MODE_USER;
}

/* Where it is, for a trace. */
static void show(struct hub *h, const struct seen *now)
{
	if (now->runs && in_program(now) && !now->c->trace_sampled_at)
		trace_sample(now->c, now->since, proc_sleeps(now->c->tid), run_queue_length(&h->run));
}

/* After how long the hub is to be looked at again. */
static nsec_t look_at(struct hub *h, struct seen *last)
{
	struct seen now = see(h, last);
	bool waited_for = now.runs && somebody_waits(h);
	if (!atomic_load(&h->polling) && now.looks == last->looks)
		hub_ask_look(h);
	*last = now;
	if (tracing() && now.stuck && clock_now() - now.since >= TICK)
		show(h, &now);
	if (!waited_for && !(now.stays && somebody_may_wait() && clock_now() - now.since >= TICK))
		return now.stays || now.rescued ? SOON : TICK;
	if (in_program(&now) && (now.stuck || now.known || proc_sleeps(now.c->tid))) {
		if (tracing())
			show(h, &now);
		if (rescue(h, now.c, now.state))
			*last = (struct seen){
			    .c = atomic_load(&h->owner), .turns = now.turns + 1, .since = clock_now(), .rescued = true};
	} else if (now.stays) {
		atomic_store(&h->preempt, 1);
	}
	return SOON;
}

static void monitor_main(struct carrier *self)
{
	struct seen last[MAX_HUBS] = {0};
	nsec_t tick = TICK, quiet = 0;
	(void)self;
	for (;;) {
		nsec_t slept = tick;
		struct ktimespec time = {0, slept};
		sys(SYS_nanosleep, &time, 0);
		quiet = atomic_load(&busy_hubs) ? 0 : quiet + slept;
		tick = clock_now() < hot_until ? SOON : TICK;
		trace_look(slept);
		if (hubs_several())
			gather_judge(clock_now());
		for (int i = 0; i < hub_count; i++) {
			if (!atomic_load(&hubs[i]->owner))
				continue; /* it is being made */
			if (hubs_several())
				balance_look(hubs[i]);
			nsec_t next = look_at(hubs[i], &last[i]);
			if (next < tick)
				tick = next;
		}
		if (quiet > QUIET) {
			rest();
			quiet = 0;
		}
	}
}

void monitor_hub_begins(void)
{
	carrier_hub_idle(false);
}

int monitor_start(void)
{
	atomic_store(&busy_hubs, 1);
	int err = helper_start(monitor_main);
	monitor_runs = !err;
	return err;
}
