/*
 * The monitor: looks twice, a tick apart. A thread that stayed on its hub all the time while there was work is told to
 * yield at its next call; if there was not even a call, the hub goes to a spare carrier.
 */
#include "monitor.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>

#include "carrier.h"
#include "clock.h"
#include "hub.h"
#include "mem.h"
#include "say.h"
#include "signal_core.h"
#include "stats.h"

#define TICK (5 * NSEC_PER_MSEC)
#define QUIET_TICKS 200 /* looks at nothing but sleeping hubs before the monitor goes to sleep itself */
#define MONITOR_STACK (64 * 1024)

static _Atomic uint32_t busy_hubs; /* hubs that are not asleep in their poller */
static _Atomic uint32_t asleep;    /* futex word: 1 = the monitor sleeps */

void carrier_hub_idle(struct hub *h, bool idle)
{
	(void)h;
	if (idle) {
		atomic_fetch_sub(&busy_hubs, 1);
		return;
	}
	atomic_fetch_add(&busy_hubs, 1);
	if (unlikely(atomic_load(&asleep)) && atomic_exchange(&asleep, 0))
		sys(SYS_futex, &asleep, FUTEX_WAKE_PRIVATE, 1);
}

static void rest(void)
{
	atomic_store(&asleep, 1);
	while (atomic_load(&asleep)) {
		if (atomic_load(&busy_hubs) && atomic_exchange(&asleep, 0))
			return;
		sys(SYS_futex, &asleep, FUTEX_WAIT_PRIVATE, 1, 0);
	}
}

/* Is there anybody to be held up? Readiness of fds is known only by polling, so any other thread counts. */
static bool has_work(struct hub *h)
{
	return h->run_length || atomic_load(&h->inbound) || atomic_load(&h->signals) || atomic_load(&threads_alive) > 1;
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

static void rescue(struct hub *h, struct carrier *c, uint64_t seen)
{
	struct carrier *spare = spare_take();
	if (!spare) {
		preempt(h, c);
		return;
	}
	c->stolen_at = cpu_time_of_carrier(c->tid);
	if (atomic_compare_exchange_strong(&c->state, &seen, (seen & ~(uint64_t)MODE_MASK) | MODE_STOLEN)) {
		STAT_ADD(rescues, 1);
		spare_give(spare, h);
	} else {
		spare_put(spare);
	}
}

static void monitor_main(struct carrier *self)
{
	struct {
		struct carrier *c;
		uint64_t state, turns, looks;
	} last[MAX_HUBS] = {0};
	int quiet = 0;
	carrier_block_signals(self); /* but kicks: set*id is repeated here too */
	for (;;) {
		struct ktimespec tick = {0, TICK};
		sys(SYS_nanosleep, &tick, 0);
		quiet = atomic_load(&busy_hubs) ? 0 : quiet + 1;
		for (int i = 0; i < hub_count; i++) {
			struct hub *h = hubs[i];
			struct carrier *c = atomic_load(&h->owner);
			uint64_t state = atomic_load(&c->state);
			uint64_t turns = atomic_load(&h->turns);
			bool stays = c == last[i].c && turns == last[i].turns && c->current;
			bool stuck = stays && state == last[i].state && (state & MODE_MASK) == MODE_USER;
			last[i].c = c;
			last[i].state = state;
			last[i].turns = turns;
			if (!atomic_load(&h->polling) && atomic_load(&h->looks) == last[i].looks)
				hub_ask_look(h);
			last[i].looks = atomic_load(&h->looks);
			if (!stays || !has_work(h))
				continue;
			if (stuck)
				rescue(h, c, state);
			else
				atomic_store(&h->preempt, 1);
		}
		if (quiet > QUIET_TICKS) {
			rest();
			quiet = 0;
		}
	}
}

int monitor_start(void)
{
	struct carrier *c = pages_alloc(4096 + MONITOR_STACK);
	if (!c)
		return -ENOMEM;
	c->self = c;
	c->mapped = 4096 + MONITOR_STACK;
	c->alive = 1;
	c->state = MODE_SPARE;
	c->kernel_mask = ~0UL;
	c->stack = (char *)c + 4096;
	atomic_store(&busy_hubs, (uint32_t)hub_count);
	atomic_store(&asleep, 0);
	ksigset_t all = ~0UL, old;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	long tid = carrier_clone(CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
	    (char *)c->stack + MONITOR_STACK - 64, c, monitor_main, &c->alive);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8);
	c->tid = (int)tid;
	if (tid > 0)
		carrier_list(c);
	return tid < 0 ? (int)tid : 0;
}
