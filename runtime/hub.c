/* The hub: who runs next, and what the scheduler does when nobody can. */
#include "hub.h"

#include <sys/eventfd.h>

#include "balance.h"
#include "bound.h"
#include "carrier.h"
#include "clock.h"
#include "compute.h"
#include "gather.h"
#include "loop.h"
#include "mem.h"
#include "monitor.h"
#include "poller.h"
#include "signal_core.h"
#include "stats.h"

/* Switches between two looks at the poller while threads are ready: a thread that became ready by I/O waits for at most
 * this many others. */
#define POLL_EVERY 61

/* That many threads that give way are put behind others at a time. */
#define GIVE_WAY_MOST 8

struct hub *hubs[MAX_HUBS];
int hub_count;

struct hub *hub_new(int id)
{
	struct hub *h = pages_alloc(sizeof(*h));
	if (!h)
		return NULL;
	h->id = id;
	if (poller_open(h) < 0) {
		poller_close(h);
		pages_free(h, sizeof(*h));
		return NULL;
	}
	hubs[id] = h;
	hub_count = id + 1;
	return h;
}

void hub_drop(struct hub *h)
{
	hub_count--;
	poller_close(h);
	pages_free(h, sizeof(*h));
}

void hub_count_turn(struct hub *h)
{
	h->count.switches++;
	h->calls_in_turn = 0;
	atomic_store_explicit(
	    &h->turns, atomic_load_explicit(&h->turns, memory_order_relaxed) + 1, memory_order_relaxed);
	if (unlikely(atomic_load_explicit(&h->preempt, memory_order_relaxed)))
		atomic_store_explicit(&h->preempt, 0, memory_order_relaxed);
}

static void lock_deadlines(struct hub *h)
{
	if (hubs_several())
		spin_lock(&h->deadlines_lock);
}

static void unlock_deadlines(struct hub *h)
{
	if (hubs_several())
		spin_unlock(&h->deadlines_lock);
}

void hub_add_deadline(struct hub *h, struct thread *t, nsec_t deadline)
{
	lock_deadlines(h);
	deadline_add(&h->deadlines, &t->deadline, deadline);
	unlock_deadlines(h);
}

void hub_forget_deadline(struct hub *h, struct thread *t)
{
	if (!deadline_pending(&t->deadline))
		return;
	lock_deadlines(h);
	deadline_remove(&h->deadlines, &t->deadline);
	unlock_deadlines(h);
}

nsec_t hub_first_deadline(struct hub *h)
{
	lock_deadlines(h);
	nsec_t first = deadline_first(&h->deadlines);
	unlock_deadlines(h);
	return first;
}

/* Who is ready has no deadline any more: a thief could not take it from here. */
static void run_push(struct hub *h, struct thread *t)
{
	hub_forget_deadline(h, t);
	run_queue_push(&h->run, t);
}

static struct thread *run_pop(struct hub *h)
{
	if (unlikely(h->passed_over))
		h->passed_over--;
	return run_queue_pop(&h->run);
}

void hub_notify(struct hub *h)
{
	/* Pairs with the fence in sleep(): either we see polling, or the hub sees what we did before. */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load(&h->polling) && atomic_exchange(&h->polling, 0)) {
		uint64_t one = 1;
		sys(SYS_write, hub_eventfd(h), &one, sizeof(one));
		hub_eventfd_done(h);
	}
}

static void push_inbound(struct hub *h, struct thread *t)
{
	atomic_fetch_add_explicit(&h->pushes, 1, memory_order_relaxed);
	struct thread *head = atomic_load(&h->inbound);
	do
		t->next = head;
	while (!atomic_compare_exchange_weak(&h->inbound, &head, t));
	hub_notify(h);
}

void hub_push(struct thread *t)
{
	struct hub *h = t->hub;
	if (carrier_self()->hub == h)
		run_push(h, t);
	else
		push_inbound(h, t);
}

/* With the lock in any case: its hub may have found its time come, and be about to wake it (tests/models/gather.pml).
 */
static void take_to(struct hub *home, struct thread *t)
{
	lock_deadlines(t->hub);
	deadline_remove(&t->hub->deadlines, &t->deadline);
	unlock_deadlines(t->hub);
	t->hub = home;
}

void hub_ready(struct thread *t)
{
	struct hub *home = hubs_several() ? balance_home(t) : t->hub;
	if (unlikely(home != t->hub))
		take_to(home, t);
	hub_push(t);
}

/* It gathers with others elsewhere (balance.c). */
static void move_on(struct hub *h, struct thread *t)
{
	hub_forget_deadline(h, t);
	t->hub = t->goes_to;
	t->goes_to = NULL;
	push_inbound(t->hub, t);
}

/* Takes what others pushed, oldest first. */
static void drain_inbound(struct hub *h)
{
	if (!atomic_load_explicit(&h->inbound, memory_order_relaxed))
		return;
	struct thread *t = atomic_exchange(&h->inbound, NULL), *in_order = NULL;
	while (t) {
		struct thread *next = t->next;
		t->next = in_order;
		in_order = t;
		t = next;
	}
	while (in_order) {
		struct thread *next = in_order->next;
		if (unlikely(in_order->dead)) {
			bound_await_end(in_order);
			thread_bury(in_order);
		} else if (unlikely(in_order->goes_to && in_order->goes_to != h)) {
			move_on(h, in_order);
		} else {
			in_order->goes_to = NULL;
			run_push(h, in_order);
		}
		in_order = next;
	}
}

/* The first whose time has come; NULL: nobody's. It is claimed, or found claimed by somebody else, under the lock: who
 * takes it elsewhere waits for that. */
static struct thread *expire_first(struct hub *h, nsec_t now, bool *parked)
{
	struct thread *t = NULL;
	lock_deadlines(h);
	if (deadline_first(&h->deadlines) <= now) {
		t = container_of(h->deadlines.root, struct thread, deadline);
		deadline_remove(&h->deadlines, &t->deadline);
		*parked = thread_claim(t, WAKE_TIMEOUT);
	}
	unlock_deadlines(h);
	return t;
}

static void expire(struct hub *h)
{
	bool parked;
	nsec_t first = hub_first_deadline(h);
	if (first == NEVER)
		return;
	nsec_t now = clock_now();
	if (first > now)
		return;
	for (struct thread *t; (t = expire_first(h, now, &parked));)
		if (parked)
			thread_go_on(t);
}

void hub_ask_look(struct hub *h)
{
	atomic_store_explicit(&h->look_due, 1, memory_order_relaxed);
}

static bool look_due(struct hub *h)
{
	return h->since_poll > POLL_EVERY || atomic_load_explicit(&h->look_due, memory_order_relaxed);
}

static void look(struct hub *h, nsec_t deadline)
{
	h->since_poll = 0;
	atomic_store_explicit(&h->look_due, 0, memory_order_relaxed);
	atomic_fetch_add_explicit(&h->looks, 1, memory_order_relaxed);
	poller_poll(h, deadline);
}

struct thread *hub_next(struct hub *h)
{
	h->since_poll++;
	struct thread *t = run_queue_first(&h->run);
	if (look_due(h) || !t || compute_until(t))
		return NULL;
	t = run_pop(h);
	if (hubs_several())
		balance_help(h);
	if (!t) /* stolen */
		return NULL;
	if (atomic_load_explicit(&t->on_cpu, memory_order_acquire) && t != carrier_current())
		thread_await_off_cpu(t);
	return t;
}

/* Nobody is ready: until an event, a deadline, or a notice from another carrier. */
static void sleep_until_event(struct hub *h)
{
	/* Who parks with a mask of its own (sigsuspend, ppoll) does not leave by the door, which tells the kernel. */
	carrier_sync_mask(carrier_self());
	atomic_store(&h->polling, 1);
	atomic_thread_fence(memory_order_seq_cst); /* pairs with hub_notify */
	if (atomic_load(&h->inbound) || atomic_load(&h->signals)) {
		atomic_store(&h->polling, 0);
		return;
	}
	nsec_t start = clock_now();
	carrier_hub_idle(true);
	look(h, hub_first_deadline(h));
	carrier_hub_idle(false);
	atomic_store(&h->polling, 0);
	h->count.poll_ns += clock_now() - start;
}

static void run(struct hub *h, struct thread *t)
{
	struct carrier *c = carrier_self();
	thread_await_off_cpu(t);
	hub_count_turn(h);
	c->left = h->scheduler;
	c->current = t;
	atomic_store_explicit(&t->carrier, c, memory_order_relaxed);
	context_switch(&h->scheduler->ctx, &t->ctx);
	carrier_arrived();
}

/* The next to run, when the poller has been looked at. NULL: stolen meanwhile. */
static struct thread *choose(struct hub *h)
{
	uint32_t others = run_queue_length(&h->run);
	struct thread *t = run_pop(h);
	if (others > GIVE_WAY_MOST)
		others = GIVE_WAY_MOST;
	while (t && others-- > 1 && compute_gives_way(t)) {
		run_queue_push(&h->run, t);
		t = run_queue_pop(&h->run);
	}
	if (t)
		compute_goes_first(t);
	return t;
}

/* Natively they would have taken the CPU from one that computes as soon as they woke; others that compute, of which
 * each would hold them up anew, may be ready. Nobody is passed over twice. */
static void wake_first(struct hub *h)
{
	uint32_t before = run_queue_length(&h->run);
	h->woken_first = false;
	if (h->passed_over)
		return;
	look(h, 0);
	expire(h);
	uint32_t woken = run_queue_length(&h->run) - before;
	if (!before || (int32_t)woken <= 0) /* others may have stolen meanwhile */
		return;
	for (struct thread *t; before && (t = run_queue_pop(&h->run)); before--)
		run_queue_push(&h->run, t);
	h->passed_over = woken + 1;
}

void hub_scheduler(struct hub *h)
{
	h->scheduler_fs = h->scheduler->ctx.fs;
	h->scheduler->ctx.fs = 0; /* start_thread() is behind it; from here on libuv alone uses TLS (loop.c) */
	for (;;) {
		if (unlikely(h->woken_first))
			wake_first(h);
		drain_inbound(h);
		if (atomic_load_explicit(&h->signals, memory_order_relaxed))
			signals_route(h);
		expire(h);
		struct thread *first = run_queue_first(&h->run);
		if (!first) {
			if (!hubs_several() || !balance_steal(h))
				sleep_until_event(h);
			continue;
		}
		if (look_due(h) || compute_until(first))
			look(h, 0);
		struct thread *t = choose(h);
		if (hubs_several())
			balance_help(h);
		if (t)
			run(h, t);
	}
}

void hubs_reset(void)
{
	for (int i = 0; i < hub_count; i++)
		pages_free(hubs[i], sizeof(*hubs[i]));
	hub_count = 0;
	gather_reset();
}
