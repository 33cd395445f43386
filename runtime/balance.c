/* Several hubs: who runs where. */
#include "balance.h"

#include "carrier.h"
#include "clock.h"
#include "gather.h"
#include "monitor.h"
#include "stats.h"

/* A queue that has not been empty for that long is stolen from: to move a thread and its caches, and to wake a hub's
 * carrier for it, costs some 10 us. */
#define HELP_AFTER (30 * 1000)

/* Who parks so soon after waking another thread handed something over to it, rather than to work beside it. */
#define HANDS_OVER (20 * 1000)
#define HANDS_OVER_OFTEN 4

#define load(p) atomic_load_explicit(p, memory_order_relaxed)
#define store(p, value) atomic_store_explicit(p, value, memory_order_relaxed)

static struct hub *idle_hub(void)
{
	for (int i = 0; i < hub_count; i++)
		if (load(&hubs[i]->polling))
			return hubs[i];
	return NULL;
}

static void call_idle(void)
{
	struct hub *h = idle_hub();
	if (h)
		hub_notify(h);
}

struct hub *balance_home(const struct thread *t)
{
	/* Who still stands on its stack might wait for another in a switch, and that one for it. */
	return !gathered() || atomic_load_explicit(&t->on_cpu, memory_order_acquire) ? t->hub : hubs[0];
}

void balance_help(struct hub *h)
{
	if (gathered())
		return;
	nsec_t since = load(&h->pressed_since);
	if (likely(!run_queue_length(&h->run))) {
		if (since)
			store(&h->pressed_since, 0);
		return;
	}
	if (since && !monitor_hubs_idle())
		return;
	nsec_t now = clock_now();
	if (!since)
		store(&h->pressed_since, now);
	else if (now - since >= HELP_AFTER && now - h->called_at >= HELP_AFTER) {
		h->called_at = now;
		call_idle();
	}
}

void balance_look(struct hub *h)
{
	nsec_t since = load(&h->pressed_since), now = clock_now();
	if (gathered() || !run_queue_length(&h->run))
		return;
	if (!since)
		atomic_compare_exchange_strong(&h->pressed_since, &since, now);
	else if (now - since >= HELP_AFTER)
		call_idle();
}

/* To its end, on the stack of a scheduler context, on which nobody waits: a thread that was ready before it was off its
 * carrier must not be met by thread_switch_out. */
static void take(struct hub *h, struct thread *t)
{
	thread_await_off_cpu(t);
	t->hub = h;
	run_queue_push(&h->run, t);
}

static bool steal_from(struct hub *h, struct hub *from)
{
	struct thread *batch[RUN_RING];
	nsec_t since = load(&from->pressed_since);
	if (!since || clock_now() - since < HELP_AFTER)
		return false;
	uint32_t n = run_queue_steal(&from->run, batch);
	store(&from->pressed_since, 0);
	for (uint32_t i = 0; i < n; i++)
		take(h, batch[i]);
	STAT_ADD(steals, n);
	return n;
}

bool balance_steal(struct hub *h)
{
	if (gathered())
		return false;
	for (int i = 1; i < hub_count; i++)
		if (steal_from(h, hubs[(h->id + i) % hub_count]))
			return true;
	return false;
}

void balance_wakes(struct thread *t)
{
	struct carrier *c = carrier_self();
	struct thread *waker = c->current;
	if (!c->hub || !waker || t->hub == c->hub || t->bound)
		return;
	waker->woke_at = clock_now();
	if (waker->hands_over >= HANDS_OVER_OFTEN)
		t->goes_to = c->hub;
}

void balance_parks(struct thread *t)
{
	if (likely(!t->woke_at))
		return;
	if (clock_now() - t->woke_at >= HANDS_OVER)
		t->hands_over = 0;
	else if (t->hands_over < HANDS_OVER_OFTEN)
		t->hands_over++;
	t->woke_at = 0;
}

void balance_rejoins(struct thread *t)
{
	struct hub *idle = gathered() ? hubs[0] : load(&t->hub->polling) ? NULL : idle_hub();
	if (idle)
		t->hub = idle;
}
