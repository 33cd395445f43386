/* Green threads: creation, parking, exit, and the table of their tids. */
#include "thread.h"

#include <linux/prctl.h>
#include <linux/sched.h>
#include <sched.h>

#include "alone.h"
#include "balance.h"
#include "bound.h"
#include "calls.h"
#include "carrier.h"
#include "clock.h"
#include "compute.h"
#include "exclude.h"
#include "futex.h"
#include "hub.h"
#include "mem.h"
#include "stats.h"
#include "trace.h"
#include "trap.h"

#define TID_CHUNK 4096
#define TID_CHUNKS 4096

struct list threads = {&threads, &threads};
struct spin threads_lock;
_Atomic uint32_t threads_alive;

static struct slab thread_slab = SLAB_INIT(struct thread);
static struct thread *_Atomic *tids[TID_CHUNKS]; /* under threads_lock; a chunk is never freed */
static uint32_t tid_next;
static uint32_t tid_span =
    16 * TID_CHUNK;  /* how many are in use, in turn: the table's memory; twice the threads alive */
static int tid_base; /* by chance: processes that share a lock tell its owners apart by their tids */
static struct thread *main_thread;
static struct list left_over = {&left_over, &left_over}; /* of the process that forked us */

#define ADOPTED 256                     /* a power of two */
static struct thread *adopted[ADOPTED]; /* those with a tid of the kernel's, by that; under threads_lock */

/* A tid that has not been used for long: the table is walked round and round. Called with threads_lock. */
static int tid_take(struct thread *t)
{
	while (atomic_load(&threads_alive) > tid_span / 2 && tid_span < TID_CHUNK * TID_CHUNKS)
		tid_span *= 2;
	for (uint32_t tries = 0; tries < tid_span; tries++) {
		uint32_t i = tid_next++ % tid_span;
		struct thread *_Atomic **chunk = &tids[i / TID_CHUNK];
		if (!*chunk && !(*chunk = pages_alloc(TID_CHUNK * sizeof(**chunk))))
			return -EAGAIN;
		if (!(*chunk)[i % TID_CHUNK]) {
			(*chunk)[i % TID_CHUNK] = t;
			return tid_base + (int)i;
		}
	}
	return -EAGAIN;
}

static void tid_drop(int tid)
{
	uint32_t i = (uint32_t)(tid - tid_base);
	if (tid >= TID_BASE)
		tids[i / TID_CHUNK][i % TID_CHUNK] = NULL;
}

static struct thread **adopted_with(int tid)
{
	return &adopted[(uint32_t)tid % ADOPTED];
}

/* Of two, the later one: the kernel may have given a dead one's tid to another before it is buried. */
static struct thread *adopted_by_tid(int tid)
{
	struct thread *t = *adopted_with(tid);
	while (t && t->real_tid != tid)
		t = t->next_adopted;
	return t;
}

/* Until it is buried. */
static struct thread *thread_known_by_tid(int tid)
{
	uint32_t i = (uint32_t)(tid - tid_base);
	if (main_thread && tid == main_thread->tid)
		return main_thread;
	if (tid < TID_BASE)
		return adopted_by_tid(tid);
	if (tid < tid_base || i >= TID_CHUNK * TID_CHUNKS || !tids[i / TID_CHUNK])
		return NULL;
	return tids[i / TID_CHUNK][i % TID_CHUNK];
}

struct thread *thread_by_tid(int tid)
{
	struct thread *t = thread_known_by_tid(tid);
	return t && !t->dead ? t : NULL;
}

/* With threads_lock. */
static void adopt_tid(struct thread *t, int tid)
{
	struct thread **head = adopted_with(tid);
	t->next_adopted = *head;
	t->real_tid = tid;
	*head = t;
}

/* The made-up one goes on to name it: somebody may have noted it. */
void thread_adopt_tid(struct thread *t, int tid)
{
	spin_lock(&threads_lock);
	adopt_tid(t, tid);
	spin_unlock(&threads_lock);
}

static void adopted_drop(struct thread *t)
{
	for (struct thread **p = adopted_with(t->real_tid); *p; p = &(*p)->next_adopted) {
		if (*p == t) {
			*p = t->next_adopted;
			return;
		}
	}
}

bool thread_lives(int tid)
{
	spin_lock(&threads_lock);
	bool lives = thread_by_tid(tid) != NULL;
	spin_unlock(&threads_lock);
	return lives;
}

bool thread_clears(const struct thread *self, int tid, const uint32_t *addr)
{
	spin_lock(&threads_lock);
	struct thread *t = thread_known_by_tid(tid);
	bool clears = t && t != self && t->cleartid == addr;
	spin_unlock(&threads_lock);
	return clears;
}

bool thread_is_kernels(struct thread *t, int tid)
{
	if (tid == 0)
		return t->owns_tid && !t->is_main;
	if (tid >= TID_BASE)
		return false;
	spin_lock(&threads_lock);
	bool is = adopted_by_tid(tid) != NULL;
	spin_unlock(&threads_lock);
	return is;
}

static struct thread *thread_alloc(void)
{
	struct thread *t = slab_alloc(&thread_slab);
	if (t)
		*t = (struct thread){.alone_after = alone_after};
	return t;
}

static void thread_register(struct thread *t)
{
	list_add_tail(&threads, &t->all);
	uint32_t alive = atomic_fetch_add(&threads_alive, 1) + 1;
	STAT_ADD(threads, 1);
	if (alive > stats.threads_peak)
		stats.threads_peak = alive;
}

static int random_tid_base(void)
{
	uint32_t n = 0;
	if (sys(SYS_getrandom, &n, sizeof(n), 1 /* GRND_NONBLOCK */) != sizeof(n))
		n = (uint32_t)clock_now() * 2654435761U;
	return TID_BASE + (int)(n % (TID_END - TID_BASE - TID_CHUNK * TID_CHUNKS));
}

struct thread *thread_adopt_main(int tid)
{
	while (!list_empty(&left_over)) {
		struct thread *old = container_of(left_over.next, struct thread, all);
		list_del(&old->all);
		trap_forget(old);
		slab_free(&thread_slab, old);
	}
	struct thread *t = thread_alloc();
	if (!t)
		return NULL;
	t->tid = tid;
	t->is_main = true;
	t->on_cpu = 1;
	main_thread = t;
	tid_base = random_tid_base();
	sys(SYS_prctl, PR_GET_NAME, t->name);
	scheduling_read(0, &t->scheduling);
	t->scheduling.affinity_size = 0;
	t->timer_slack = t->timer_slack_inherited = (uint64_t)sys(SYS_prctl, PR_GET_TIMERSLACK);
	sys(SYS_prctl, PR_GET_PDEATHSIG, &t->parent_death_signal);
	cpu_time_adopt(t);
	thread_register(t);
	return t;
}

/* Puts the frame that the newcomer returns with on top of its stack, and under it what context_switch pops. */
static void lay_first_frame(struct thread *t, const struct regs *r, const struct clone_spec *spec)
{
	struct regs *first = (struct regs *)((spec->sp - 128 - sizeof(struct regs)) & ~15UL);
	*first = *r;
	first->rax = 0;
	first->rsp = spec->sp;
	/* six callee-saved registers, the return address, and below them xmm0-15, mxcsr, x87 cw */
	uint64_t *sp = (uint64_t *)first;
	*--sp = (uint64_t)thread_start;
	for (int i = 0; i < 6; i++)
		*--sp = 0;
	*--sp = 0;
	for (int i = 0; i < 32; i++)
		*--sp = 0;
	/* A new thread inherits mxcsr and the control word (clone(2) copies the FPU state). */
	__asm__ volatile("stmxcsr %0; fnstcw %1"
			 : "=m"(*(uint32_t *)((char *)sp + 256)), "=m"(*(uint16_t *)((char *)sp + 260)));
	t->ctx.sp = sp;
	t->ctx.fs = spec->tls;
	t->regs = first;
}

/* A child of a bound thread has what its parent changed. Real-time policies are handed down too. */
static bool inherits_binding(const struct thread *self)
{
	int policy = self->scheduling.policy;
	return self->bound_heirs || (self->bound && (policy == SCHED_FIFO || policy == SCHED_RR));
}

static void inherit(struct thread *t, const struct thread *self)
{
	t->hub = self->hub;
	memcpy(t->name, self->name, sizeof(t->name));
	t->sig.mask = self->sig.mask;
	t->sig.alt.flags = 2; /* SS_DISABLE */
	t->bound_heirs = self->bound_heirs;
	t->own_files = self->own_files;
	scheduling_inherit(&t->scheduling, &self->scheduling);
	t->timer_slack = t->timer_slack_inherited = self->timer_slack;
}

/* Bound from birth: it is never known by another tid than its kernel thread's. Called with threads_lock. */
static int tid_of_bound(struct thread *t, const struct carrier *own)
{
	t->owns_tid = true;
	adopt_tid(t, own->tid);
	return own->tid;
}

long thread_create(struct thread *self, const struct regs *r, const struct clone_spec *spec)
{
	struct carrier *own = NULL;
	struct thread *t = thread_alloc();
	bool excluded = exclude_newborn(self);
	if (t && (excluded || inherits_binding(self)) && !(own = bound_carrier(self))) {
		slab_free(&thread_slab, t);
		t = NULL;
	}
	if (!t)
		return -EAGAIN;
	inherit(t, self);
	lay_first_frame(t, r, spec);
	t->stack_low = spec->sp - spec->size;
	t->stack_size = spec->size;
	t->bound = own;
	if (spec->flags & CLONE_CHILD_CLEARTID)
		t->cleartid = (uint32_t *)spec->child_tid;

	spin_lock(&threads_lock);
	t->tid = own ? tid_of_bound(t, own) : tid_take(t);
	if (t->tid > 0)
		thread_register(t);
	spin_unlock(&threads_lock);
	if (t->tid < 0) {
		int err = t->tid;
		slab_free(&thread_slab, t);
		return err;
	}
	int tid = t->tid;
	if (spec->flags & CLONE_PARENT_SETTID)
		user_write(spec->parent_tid, &tid);
	if (spec->flags & CLONE_CHILD_SETTID)
		user_write(spec->child_tid, &tid);
	signal_thread_born(t);
	if (excluded)
		STAT_ADD(excluded, 1);
	if (own && !self->bound)
		scheduling_apply(own->tid, &t->scheduling); /* what was only kept and answered so far */
	if (own)
		bound_give(own, t);
	else
		hub_ready(t);
	return tid;
}

/* A scheduler context is made by glibc's own pthread_create, so that it has TLS; it is not a thread of the program. */
struct thread *thread_create_scheduler(struct thread *self, const struct regs *r, const struct clone_spec *spec)
{
	struct thread *t = thread_alloc();
	if (!t)
		return NULL;
	t->hub = self->hub;
	lay_first_frame(t, r, spec);
	t->tid = TID_BASE - 1;
	t->cleartid = (uint32_t *)spec->child_tid;
	if (spec->flags & CLONE_PARENT_SETTID)
		user_write(spec->parent_tid, &t->tid);
	return t;
}

/* C side of thread_start: the newcomer's first steps, on its own stack. */
void thread_started(struct regs *r);
void thread_started(struct regs *r)
{
	carrier_arrived();
	if (carrier_current())
		dispatch_leave(r);
}

void thread_prepare(struct thread *t)
{
	atomic_store_explicit(&t->wake, 0, memory_order_relaxed);
}

uint32_t thread_park(struct thread *t, nsec_t deadline)
{
	if (tracing())
		trace_parks();
	if (unlikely(t->bound))
		return bound_park(t, deadline);
	if (deadline != NEVER)
		hub_add_deadline(t->hub, t, deadline);
	uint32_t reasons = signal_pending(&t->sig) ? WAKE_SIGNAL : 0;
	if (!reasons)
		reasons = atomic_fetch_or_explicit(&t->wake, WAKE_PARKED, memory_order_acq_rel);
	if (!reasons) {
		carrier_self()->hub->count.parks++;
		alone_parks(carrier_self()->hub, t);
		if (hubs_several())
			balance_parks(t);
		thread_switch_out(t);
	} else if (tracing()) {
		trace_woken(t);
	}
	hub_forget_deadline(t->hub, t);
	return reasons | (atomic_load_explicit(&t->wake, memory_order_acquire) & ~WAKE_PARKED);
}

bool thread_claim(struct thread *t, uint32_t reason)
{
	return atomic_fetch_or_explicit(&t->wake, reason, memory_order_acq_rel) == WAKE_PARKED;
}

void thread_wake(struct thread *t, uint32_t reason)
{
	if (thread_claim(t, reason))
		thread_go_on(t);
}

void thread_go_on(struct thread *t)
{
	if (tracing())
		trace_woken(t);
	if (unlikely(t->computes))
		compute_woken(t);
	if (unlikely(t->bound))
		bound_wake(t);
	else
		hub_ready(t);
}

/* The caller made itself findable (or is dead): another context goes on. Returns when this one is resumed. */
void thread_switch_out(struct thread *t)
{
	struct carrier *c = carrier_self();
	struct hub *h = c->hub;
	struct thread *next = hub_next(h);
	if (next == t)
		return;
	hub_count_turn(h);
	c->left = t;
	struct thread *to = next ? next : h->scheduler;
	c->current = next;
	atomic_store_explicit(&t->carrier, NULL, memory_order_relaxed);
	atomic_store_explicit(&to->carrier, c, memory_order_relaxed);
	context_switch(&t->ctx, &to->ctx);
	carrier_arrived();
}

void thread_leave_carrier(struct thread *t)
{
	struct carrier *c = carrier_self();
	if (c->hub) {
		thread_switch_out(t);
		return;
	}
	cpu_time_stop(t);
	atomic_store_explicit(&t->carrier, NULL, memory_order_relaxed);
	c->left = t;
	c->current = NULL;
	context_switch(&t->ctx, &c->idle);
	carrier_arrived();
}

void thread_yield(struct thread *t)
{
	if (unlikely(t->bound)) {
		sys(SYS_sched_yield);
		return;
	}
	thread_prepare(t);
	atomic_store_explicit(&t->wake, WAKE_PARKED | WAKE_EVENT, memory_order_relaxed);
	hub_ready(t);
	thread_switch_out(t);
}

/* Off the dead thread's stack: now its memory may go (pthread_join waits for the word to be cleared). */
void thread_bury(struct thread *t)
{
	uint32_t *cleartid = t->cleartid;
	if (cleartid)
		user_store32(cleartid, 0);
	spin_lock(&threads_lock);
	tid_drop(t->tid); /* not before the word is cleared: thread_clears() */
	if (t->real_tid)
		adopted_drop(t);
	if (t == main_thread)
		main_thread = NULL;
	spin_unlock(&threads_lock);
	trap_forget(t);
	slab_free(&thread_slab, t);
	if (cleartid)
		futex_wake_all(cleartid);
}

void thread_exit(struct thread *t)
{
	futex_exit_robust(t);
	signal_thread_gone(t);
	spin_lock(&threads_lock);
	list_del(&t->all);
	t->dead = true;
	trace_thread_gone(t);
	atomic_fetch_sub(&threads_alive, 1);
	spin_unlock(&threads_lock);
	if (t->bound)
		bound_leave(t);
	thread_switch_out(t);
	__builtin_unreachable();
}

void threads_reset_in_child(void)
{
	/* Another carrier may have been in the middle of the list. */
	for (uint32_t i = 0; i < TID_CHUNKS && i <= tid_next / TID_CHUNK; i++) {
		if (tids[i])
			pages_free((void *)tids[i], TID_CHUNK * sizeof(*tids[i]));
		tids[i] = NULL;
	}
	/* To be used again by a child that makes threads: to touch them all now would copy their pages. */
	if (!atomic_load(&threads_lock.held) && !list_empty(&threads)) {
		list_add_tail(&threads, &left_over);
		list_del(&threads);
	}
	threads_lock = (struct spin){0};
	slab_reset_in_child(&thread_slab);
	list_init(&threads);
	threads_alive = 0;
	memset(adopted, 0, sizeof(adopted));
	main_thread = NULL;
}
