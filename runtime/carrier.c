/* Carriers: creation, the spare list, handing a hub from one to another, entry and exit. */
#include "carrier.h"

#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>

#include "alone.h"
#include "balance.h"
#include "bound.h"
#include "calls.h"
#include "clock.h"
#include "hub.h"
#include "mem.h"
#include "monitor.h"
#include "runtime.h"
#include "say.h"
#include "signal_core.h"
#include "stats.h"
#include "trace.h"

#define IDLE_STACK (32 * 1024)
#define SIGNAL_STACK CARRIER_SIGNAL_STACK
#define RECORDED_SIZE (RECORDED * 128 + 4096)
#define CARRIER_SIZE (4096 + IDLE_STACK + SIGNAL_STACK + RECORDED_SIZE)

/* A thread that makes so many calls without parking lets the others go. */
#define CALLS_IN_TURN 61

#define SHADOW_OFFSET 2048
_Static_assert(sizeof(struct carrier) <= SHADOW_OFFSET, "the carrier and its shadow share a page");
_Static_assert(offsetof(struct carrier, current) == 8, "carrier_current() reads %gs:8");
_Static_assert(offsetof(struct carrier, fs) == 16, "CARRIER_FS in switch_x86_64.S");

struct carrier native_carrier = {.self = &native_carrier, .state = MODE_SPARE};
struct carrier *_Atomic carriers;
struct carrier *leader;
_Atomic uint32_t max_carriers = 512;
bool max_carriers_grows;

static _Atomic uint32_t carrier_total;
static struct spin spare_lock;
static struct carrier *spares;
static uint32_t spare_count;
static uint32_t spares_put; /* so often one came back */
static struct list spare_waiters = {&spare_waiters, &spare_waiters};
static _Atomic uint32_t starting; /* kernel threads being made, not yet in `carriers` */
static _Atomic bool refused; /* the last one that was wanted could not be made, though there were fewer than may be */

static struct carrier *dead;         /* their memory may be used again once the kernel has cleared `alive` */
static struct carrier *inherited;    /* of the process that forked this one, by next_all */
static struct thread *leader_wanted; /* wakes when the leader is a spare */

static void set_state(struct carrier *c, enum carrier_mode mode)
{
	uint64_t s = atomic_load_explicit(&c->state, memory_order_relaxed);
	atomic_store_explicit(&c->state, (s & ~(uint64_t)MODE_MASK) + MODE_SEQ + mode, memory_order_release);
}

static _Noreturn void carrier_main(struct carrier *c);

/* The idle context, ready to be switched to for the first time. */
static void lay_idle_context(struct carrier *c)
{
	uint64_t *sp = (uint64_t *)((char *)c->stack + IDLE_STACK - 64);
	*--sp = (uint64_t)context_start;
	*--sp = (uint64_t)c;            /* rbp */
	*--sp = (uint64_t)carrier_main; /* rbx */
	for (int i = 0; i < 4; i++)
		*--sp = 0;
	sp -= 33;
	memset(sp, 0, 33 * 8);
	*(uint32_t *)((char *)sp + 256) = 0x1f80; /* mxcsr and x87 control word as at process start */
	*(uint16_t *)((char *)sp + 260) = 0x37f;
	c->idle.sp = sp;
	c->idle.fs = 0;
}

/* The memory of one whose kernel thread has ended. */
static struct carrier *carrier_of_the_dead(void)
{
	struct carrier *c = NULL;
	spin_lock(&spare_lock);
	for (struct carrier **p = &dead; *p && !c; p = &(*p)->next_spare) {
		if (atomic_load(&(*p)->alive))
			continue;
		c = *p;
		*p = c->next_spare;
		break;
	}
	spin_unlock(&spare_lock);
	if (c) { /* others walk the list, and may be at its records */
		c->current = NULL;
		c->fs = 0;
		memset((void *)&c->state, 0, sizeof(*c) - offsetof(struct carrier, state));
	}
	return c;
}

/* To unmap them in the child would take as long as the fork. */
static struct carrier *carrier_of_the_parent(void)
{
	spin_lock(&spare_lock);
	struct carrier *c = inherited;
	if (c)
		inherited = c->next_all;
	spin_unlock(&spare_lock);
	if (c) {
		memset(c->recorded, 0, offsetof(struct recorded, info));
		memset(c, 0, sizeof(*c));
	}
	return c;
}

static struct carrier *carrier_alloc(void)
{
	struct carrier *c = carrier_of_the_dead();
	if (!c)
		c = carrier_of_the_parent();
	if (!c)
		c = pages_alloc(CARRIER_SIZE);
	if (!c)
		return NULL;
	c->self = c;
	c->mapped = CARRIER_SIZE;
	c->alive = 1;
	c->stack = (char *)c + 4096;
	c->altstack = (char *)c->stack + IDLE_STACK;
	c->recorded = (void *)((char *)c->altstack + SIGNAL_STACK);
	c->state = MODE_SPARE;
	lay_idle_context(c);
	return c;
}

static uint32_t recorded_count(const struct carrier *c)
{
	return atomic_load_explicit(&c->recorded->head, memory_order_relaxed) -
	       atomic_load_explicit(&c->recorded->tail, memory_order_acquire);
}

bool carrier_recorded_any(const struct carrier *c)
{
	return recorded_count(c) > 0;
}

bool carrier_recorded_full(const struct carrier *c)
{
	return recorded_count(c) >= RECORDED - RECORDED_SPARE;
}

/* All that is taken has been written, by who was interrupted or who interrupted: the outermost shows it. */
static void recorded_show(struct recorded *r)
{
	uint32_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
	while (head != atomic_load_explicit(&r->taken, memory_order_relaxed))
		atomic_compare_exchange_strong(&r->head, &head, r->taken);
}

void carrier_recorded_push(struct carrier *c, const struct ksiginfo *info)
{
	struct recorded *r = c->recorded;
	if (recorded_count(c) > RECORDED - RECORDED_DEPTH)
		return;
	atomic_fetch_add(&r->depth, 1);
	r->info[atomic_fetch_add(&r->taken, 1) % RECORDED] = *info;
	if (atomic_fetch_sub(&r->depth, 1) == 1)
		recorded_show(r);
}

bool carrier_recorded_pop(struct carrier *c, struct ksiginfo *info)
{
	uint32_t tail = atomic_load_explicit(&c->recorded->tail, memory_order_relaxed);
	if (tail == atomic_load_explicit(&c->recorded->head, memory_order_acquire))
		return false;
	*info = c->recorded->info[tail % RECORDED];
	atomic_store_explicit(&c->recorded->tail, tail + 1, memory_order_release);
	return true;
}

void carrier_list(struct carrier *c)
{
	struct carrier *head = atomic_load(&carriers);
	if (c->listed)
		return;
	c->listed = true;
	do
		c->next_all = head;
	while (!atomic_compare_exchange_weak(&carriers, &head, c));
}

/* The handler's frames go to a stack of the carrier's own: a green thread's may be small, or exhausted. */
static void use_signal_stack(struct carrier *c)
{
	stack_t ss = {.ss_sp = c->altstack, .ss_size = SIGNAL_STACK};
	sys(SYS_sigaltstack, &ss, 0);
}

static void carrier_begin(struct carrier *c)
{
	use_signal_stack(c);
	c->kernel_mask = ~0UL;
	if (runtime_hooks.carrier_begins)
		runtime_hooks.carrier_begins();
	c->body(c);
}

void carrier_to_the_dead(struct carrier *c)
{
	spin_lock(&spare_lock);
	c->next_spare = dead;
	dead = c;
	spin_unlock(&spare_lock);
}

int carrier_make_thread(struct carrier *c, size_t stack_size, void (*fn)(struct carrier *))
{
	ksigset_t all = ~0UL, old;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &old, 8);
	long tid = carrier_clone(
	    CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_CHILD_CLEARTID,
	    (char *)c->stack + stack_size - 256, c, fn, &c->alive);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &old, 0, 8);
	if (tid < 0)
		return (int)tid;
	c->tid = (int)tid;
	carrier_list(c);
	return 0;
}

static struct carrier *carrier_launch(void (*body)(struct carrier *))
{
	struct carrier *c = carrier_alloc();
	if (!c)
		return NULL;
	c->body = body;
	if (carrier_make_thread(c, IDLE_STACK, carrier_begin)) {
		atomic_store(&c->alive, 0);
		carrier_to_the_dead(c);
		return NULL;
	}
	STAT_ADD(carriers, 1);
	return c;
}

static struct carrier *carrier_start(void (*body)(struct carrier *))
{
	atomic_fetch_add(&starting, 1);
	struct carrier *c = carrier_launch(body);
	atomic_fetch_sub(&starting, 1);
	return c;
}

static struct carrier *carrier_new(void)
{
	struct carrier *c = NULL;
	if (atomic_fetch_add(&carrier_total, 1) < max_carriers) {
		c = carrier_start(carrier_main);
		atomic_store(&refused, !c);
	}
	if (!c)
		atomic_fetch_sub(&carrier_total, 1);
	return c;
}

bool carriers_all_made(void)
{
	return atomic_load(&carrier_total) >= max_carriers;
}

struct carrier *carrier_new_bound(void (*fn)(struct carrier *))
{
	return carrier_start(fn);
}

int carrier_adopt_main(struct hub *h, struct thread *t)
{
	struct carrier *c = carrier_alloc();
	if (!c)
		return -ENOMEM;
	atomic_fetch_add(&carrier_total, 1);
	leader = c;
	c->tid = (int)sys(SYS_gettid);
	c->hub = h;
	c->current = t;
	c->state = MODE_USER; /* its next call comes in by the door */
	c->kernel_mask = t->sig.mask;
	h->owner = c;
	t->carrier = c;
	t->hub = h;
	carrier_list(c);
	STAT_ADD(carriers, 1);
	use_signal_stack(c);
	set_gs(c);
	return 0;
}

struct carrier *spare_take(void)
{
	spin_lock(&spare_lock);
	struct carrier *c = spares;
	if (c) {
		spares = c->next_spare;
		spare_count--;
	}
	spin_unlock(&spare_lock);
	return c ? c : carrier_new();
}

struct spare_wait {
	struct list link;
	struct thread *thread;
};

/* Under spare_lock. */
static void spare_wake_waiter(void)
{
	if (likely(list_empty(&spare_waiters)))
		return;
	struct spare_wait *w = container_of(spare_waiters.next, struct spare_wait, link);
	list_del(&w->link);
	thread_wake(w->thread, WAKE_EVENT);
}

/* Under spare_lock: it is a spare, or has a hub to which who wants it can move. */
static void leader_to_be_had(void)
{
	if (leader_wanted)
		thread_wake(leader_wanted, WAKE_EVENT);
	leader_wanted = NULL;
}

void spare_put(struct carrier *c)
{
	spin_lock(&spare_lock);
	c->next_spare = spares;
	spares = c;
	spare_count++;
	spares_put++;
	spare_wake_waiter();
	if (unlikely(c == leader))
		leader_to_be_had();
	spin_unlock(&spare_lock);
}

/* Under spare_lock. The last carriers are for who waits for a device, and for the rescue: those who have all the others
 * may wait for a green thread, a lock's holder at its fsync say. */
static bool spare_to_be_had(void)
{
	uint32_t total = atomic_load(&carrier_total), bound = atomic_load(&refused) ? total : max_carriers;
	uint32_t reserved = bound / 8 < 16 ? bound / 8 : 16;
	return spare_count + bound > reserved + total;
}

bool spares_to_be_had(void)
{
	spin_lock(&spare_lock);
	bool there = spare_to_be_had();
	spin_unlock(&spare_lock);
	return there;
}

/* Racy, which costs a moment's wait. */
bool carriers_wanted(void)
{
	return unlikely(__atomic_load_n(&spare_waiters.next, __ATOMIC_RELAXED) != &spare_waiters);
}

static void spare_call_next(void)
{
	spin_lock(&spare_lock);
	spare_wake_waiter();
	spin_unlock(&spare_lock);
}

/*
 * Under spare_lock. For so long nobody who has a carrier in the kernel came back: what they wait for may be one of
 * those who have none, a waiter for a shared condition variable among more of them than there may be carriers, say.
 * Natively each has a kernel thread.
 */
static bool spares_grow(uint32_t bound)
{
	if (atomic_load(&max_carriers) != bound || atomic_load(&refused))
		return false;
	atomic_store(&max_carriers, 2 * bound);
	while (!list_empty(&spare_waiters))
		spare_wake_waiter();
	return true;
}

/* Parks until there is a carrier, a signal, or the time has come; it may also have been called in vain. false: there is
 * no other carrier, nor will there be. */
static bool spare_await(struct thread *t, nsec_t until)
{
	static _Atomic bool said;
	struct spare_wait w = {.thread = t};
	nsec_t patience = max_carriers_grows && !atomic_load(&refused) ? clock_now() + NSEC_PER_SEC : NEVER;
	thread_prepare(t);
	list_init(&w.link);
	spin_lock(&spare_lock);
	bool there = spare_to_be_had(), hope = atomic_load(&carrier_total) > (uint32_t)hub_count;
	uint32_t put = spares_put, bound = atomic_load(&max_carriers);
	if (!there && hope)
		list_add_tail(&spare_waiters, &w.link);
	spin_unlock(&spare_lock);
	if (there || !hope)
		return there;
	if (!atomic_exchange(&said, true))
		say("%u kernel threads are all in use: calls that block in the kernel wait for one",
		    atomic_load(&carrier_total));
	thread_park(t, until < patience ? until : patience);
	spin_lock(&spare_lock);
	list_del(&w.link);
	bool grows = clock_now() >= patience && spares_put == put && spares_grow(bound);
	spin_unlock(&spare_lock);
	if (grows)
		say("%u kernel threads are all in use, and none came back for a second: up to %u", bound, 2 * bound);
	return true;
}

bool spare_take_leader(void)
{
	bool found = false;
	spin_lock(&spare_lock);
	for (struct carrier **p = &spares; *p && !found; p = &(*p)->next_spare) {
		found = *p == leader;
		if (found) {
			*p = leader->next_spare;
			spare_count--;
			break;
		}
	}
	spin_unlock(&spare_lock);
	return found;
}

/* One whose hub has been stolen still has it here. */
struct hub *leader_elsewhere(const struct thread *t)
{
	struct hub *h = __atomic_load_n(&leader->hub, __ATOMIC_RELAXED);
	return h == t->hub ? NULL : h;
}

bool spare_await_leader(struct thread *t)
{
	thread_prepare(t);
	spin_lock(&spare_lock);
	bool found = leader_elsewhere(t);
	for (struct carrier *c = spares; c; c = c->next_spare)
		found |= c == leader;
	if (!found)
		leader_wanted = t;
	spin_unlock(&spare_lock);
	if (found)
		return true;
	bool interrupted = thread_park(t, NEVER) & WAKE_SIGNAL && signal_pending(&t->sig);
	spin_lock(&spare_lock);
	leader_wanted = NULL;
	spin_unlock(&spare_lock);
	return !interrupted;
}

void spare_give(struct carrier *spare, struct hub *h)
{
	spare->gift = h;
	atomic_store(&h->owner, spare);
	atomic_store(&spare->given, 1);
	sys(SYS_futex, &spare->given, FUTEX_WAKE_PRIVATE, 1);
}

/* A carrier without a hub: waits as a spare, executes the hub it is given until that is taken from it again. */
static _Noreturn void carrier_main(struct carrier *c)
{
	bool fresh = c->left == NULL;
	for (;;) {
		carrier_block_signals(c);
		if (!fresh)
			carrier_arrived();
		signals_drain(c);
		if (!fresh)
			spare_put(c); /* a fresh one was made for somebody who has it in hand */
		fresh = false;
		set_state(c, MODE_SPARE);
		while (!atomic_load(&c->given))
			sys(SYS_futex, &c->given, FUTEX_WAIT_PRIVATE, 0, 0);
		if (c->bound_to)
			bound_main(c);
		atomic_store(&c->given, 0);
		c->hub = c->gift;
		if (unlikely(c == leader)) {
			spin_lock(&spare_lock);
			leader_to_be_had();
			spin_unlock(&spare_lock);
		}
		set_state(c, MODE_RUNTIME);
		carrier_sync_mask(c);
		struct thread *s = c->hub->scheduler;
		thread_await_off_cpu(s);
		atomic_store_explicit(&s->carrier, c, memory_order_relaxed);
		context_switch(&c->idle, &s->ctx);
	}
}

void carrier_without_hub(struct carrier *c)
{
	set_state(c, MODE_HUBLESS);
}

/* Of a bound thread that has ended. The leader stays: the process would be taken for a zombie, and its children's
 * parent-death signals would come. */
void carrier_retire(struct carrier *c, bool with_locks)
{
	static const uint32_t never;
	carrier_block_signals(c);
	signals_drain(c);
	if (!with_locks)
		sys(SYS_set_robust_list, 0, 24);
	c->current = NULL;
	while (c == leader)
		sys(SYS_futex, &never, FUTEX_WAIT_PRIVATE, 0, 0);
	carrier_set_mask(c, ~0UL);
	if (!with_locks)
		carrier_to_the_dead(c);
	sys(SYS_exit, 0);
	__builtin_unreachable();
}

void carrier_arrived(void)
{
	struct carrier *c = carrier_self();
	struct thread *t = c->left;
	if (c->current)
		atomic_store_explicit(&c->current->on_cpu, 1, memory_order_relaxed);
	if (unlikely(atomic_load_explicit(&cpu_time_kept, memory_order_relaxed)))
		cpu_time_switched(c, t);
	if (!t)
		return;
	c->left = NULL;
	if (t->dead) {
		if (!c->current && c->fs == t->ctx.fs)
			fs_load(0); /* where its TLS was there may soon be nothing, and a debugger looks there */
		thread_bury(t);
		return;
	}
	bool rejoins = c->left_rejoins;
	c->left_rejoins = false;
	atomic_store_explicit(&t->on_cpu, 0, memory_order_release);
	if (rejoins)
		hub_push(t);
}

void carrier_enter(struct carrier *c)
{
	uint64_t s = atomic_load_explicit(&c->state, memory_order_relaxed);
	if ((s & MODE_MASK) == MODE_USER &&
	    atomic_compare_exchange_strong(&c->state, &s, (s & ~(uint64_t)MODE_MASK) | MODE_RUNTIME))
		return;
	if ((s & MODE_MASK) == MODE_STOLEN) {
		c->hub = NULL;
		c->rescued = true;
		cpu_time_stolen(c);
	}
	set_state(c, MODE_HUBLESS);
}

static uint64_t program_state(struct carrier *c)
{
	uint64_t s = atomic_load_explicit(&c->state, memory_order_relaxed);
	return (s & ~(uint64_t)MODE_MASK) + MODE_SEQ + (c->hub ? MODE_USER : MODE_ALONE);
}

void carrier_leave(struct carrier *c, struct regs *r)
{
	runtime_leave(r, &c->state, program_state(c), &c->attention);
}

void carrier_publish_native(struct carrier *c)
{
	atomic_store_explicit(&c->state, program_state(c), memory_order_release);
}

struct carrier *carrier_shadow(struct carrier *c)
{
	return (struct carrier *)((char *)c + SHADOW_OFFSET);
}

void hub_need(struct thread *t)
{
	struct carrier *c = carrier_self();
	if (c->hub || t->bound)
		return;
	STAT_ADD(rejoins, 1);
	alone_ends(t);
	if (hubs_several())
		balance_rejoins(t);
	cpu_time_stop(t);
	atomic_store_explicit(&t->wake, WAKE_PARKED | WAKE_EVENT, memory_order_relaxed);
	atomic_store_explicit(&t->carrier, NULL, memory_order_relaxed);
	c->left = t;
	c->left_rejoins = true;
	c->current = NULL;
	context_switch(&t->ctx, &c->idle);
	carrier_arrived();
}

void hub_move(struct thread *t, struct hub *to)
{
	atomic_store_explicit(&t->wake, WAKE_PARKED | WAKE_EVENT, memory_order_relaxed);
	t->hub = to;
	carrier_self()->left_rejoins = true;
	thread_switch_out(t);
}

bool hub_handoff(struct thread *t)
{
	struct carrier *c = carrier_self();
	struct hub *h = c->hub;
	if (!h)
		return true;
	struct carrier *spare = spare_take();
	if (!spare)
		return false; /* the monitor will try again */
	STAT_ADD(handoffs, 1);
	if (tracing())
		trace_hands_off();
	cpu_time_alone(t);
	c->hub = NULL;
	set_state(c, MODE_HUBLESS);
	spare_give(spare, h);
	return true;
}

/* Who makes many calls that never park lets the others go between two. When the monitor says that somebody has waited
 * for long, it has computed meanwhile, or its calls take long: it goes on beside the others, as natively. Without a
 * carrier for that, it is they who go first. */
bool hub_had_enough(void)
{
	struct carrier *c = carrier_self();
	struct hub *h = c->hub;
	if (unlikely(!h))
		return false;
	bool told = atomic_load_explicit(&h->preempt, memory_order_relaxed);
	if (likely(!told && ++h->calls_in_turn < CALLS_IN_TURN))
		return false;
	h->calls_in_turn = 0;
	bool past = hub_first_deadline(h) <= clock_now(), waits = past || run_queue_length(&h->run);
	if (told) {
		atomic_store_explicit(&h->preempt, 0, memory_order_relaxed);
		h->woken_first = true;
		if (waits && spares_to_be_had() && hub_handoff(c->current))
			return false;
	}
	if (told || past)
		hub_ask_look(h);
	return told || waits;
}

/* A signal came to this carrier, as it might have to any other, but it was another thread's. */
static bool not_for(struct thread *t)
{
	if (!atomic_load_explicit(&carrier_self()->attention, memory_order_relaxed))
		return false;
	signals_look(t);
	return !signal_pending(&t->sig);
}

long native(struct thread *t, long nr, long a, long b, long c, long d, long e, long f)
{
	fd_try_ends(t);
	return native_in_try(t, nr, a, b, c, d, e, f);
}

long native_in_try(struct thread *t, long nr, long a, long b, long c_, long d, long e, long f)
{
	struct carrier *c = carrier_self();
	const long args[6] = {a, b, c_, d, e, f};
	if (signal_pending(&t->sig))
		return -ERESTARTNOINTR;
	struct trace_native_call traced = {0};
	if (tracing())
		traced = trace_native_begins(t);
	carrier_sync_mask(c);
	carrier_publish_native(c);
	long ret = native_syscall(args, nr, &c->attention);
	carrier_enter(c);
	bool rescued = carrier_rescued(c);
	if (tracing())
		trace_native_ends(&traced, rescued ? c : NULL);
	return ret == -EINTR && not_for(t) ? -ERESTARTNOINTR : ret;
}

long handoff_device(struct thread *t, long nr, long a, long b, long c, long d, long e, long f)
{
	fd_try_ends(t);
	if (signal_pending(&t->sig))
		return -ERESTARTNOINTR;
	hub_handoff(t);
	return native(t, nr, a, b, c, d, e, f);
}

/* Gives the hub away, or finds that there is no carrier for it, or that the time has come. */
static void give_away(struct thread *t, nsec_t until)
{
	fd_try_ends(t);
	while (carrier_self()->hub && !signal_pending(&t->sig)) {
		bool in_time = until == NEVER || clock_now() < until;
		if (!in_time || (spares_to_be_had() && hub_handoff(t)) || !spare_await(t, until))
			break;
	}
	if (carrier_self()->hub)
		spare_call_next(); /* perhaps it was called, and does not take it */
}

long handoff(struct thread *t, long nr, long a, long b, long c, long d, long e, long f)
{
	give_away(t, NEVER);
	return native(t, nr, a, b, c, d, e, f);
}

/* What an interrupted wait is never restarted after, whatever SA_RESTART says (signal(7)). */
static long interrupted_wait(long nr, bool timed)
{
	switch (nr) {
	case SYS_msgsnd:
	case SYS_msgrcv:
	case SYS_semop:
	case SYS_semtimedop:
	case SYS_io_getevents:
		return -ERESTARTNOHAND;
	case SYS_futex:
		return timed ? -ERESTARTNOHAND : -ERESTARTSYS;
	default:
		return -ERESTARTSYS;
	}
}

/* What came was another thread's, or a kick that meant something else. */
static bool begins_anew(struct thread *t, long ret)
{
	if (ret != -ERESTARTNOINTR || t->bind_wanted)
		return false;
	signals_look(t);
	return !signal_pending(&t->sig);
}

long handoff_wait(struct thread *t, const struct regs *r, nsec_t until, struct ktimespec *left)
{
	long ret;
	give_away(t, until);
	do {
		nsec_t now = until == NEVER ? 0 : clock_now();
		if (until != NEVER && left)
			*left = nsec_to_timespec(now < until ? until - now : 0);
		ret = native_regs(t, r);
	} while (begins_anew(t, ret));
	if (ret == -ERESTARTNOINTR && signal_pending(&t->sig))
		return interrupted_wait((long)r->nr, until != NEVER);
	return ret;
}

long native_regs(struct thread *t, const struct regs *r)
{
	return native(t, (long)r->nr, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, (long)r->r9);
}

long handoff_regs(struct thread *t, const struct regs *r)
{
	return handoff(
	    t, (long)r->nr, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, (long)r->r9);
}

long handoff_device_regs(struct thread *t, const struct regs *r)
{
	return handoff_device(
	    t, (long)r->nr, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, (long)r->r9);
}

static struct spin repeat_lock;

static long repeat_on(struct carrier *c, const struct regs *r)
{
	c->repeat_result = 0;
	atomic_store(&c->repeat, r);
	sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
	while (atomic_load(&c->repeat) && atomic_load(&c->alive))
		sys(SYS_sched_yield);
	return c->repeat_result;
}

/* One at a time, so that when the caller goes on nobody has the old credentials. A carrier takes the kick wherever it
 * is, as a spare too. One that was being made meanwhile may have inherited the old ones: they are gone through until
 * nobody is found who has not repeated the call. */
bool carriers_repeat(const struct regs *r)
{
	static uint32_t turn;
	struct carrier *self = carrier_self();
	bool ok = true;
	spin_lock(&repeat_lock);
	self->repeated = ++turn;
	for (bool found = true; found;) {
		while (atomic_load(&starting))
			sys(SYS_sched_yield);
		found = false;
		for (struct carrier *c = atomic_load(&carriers); c; c = c->next_all) {
			if (!atomic_load(&c->alive) || c->repeated == turn)
				continue;
			found = true;
			if (!c->tid)
				continue; /* being made */
			c->repeated = turn;
			ok &= repeat_on(c, r) == 0;
		}
	}
	spin_unlock(&repeat_lock);
	return ok;
}

/* rt_sigqueueinfo as the kernel or kill() would send is allowed to the process's first thread alone. */
void leader_calls(const struct regs *r)
{
	if (carrier_self() == leader) {
		sys_regs(r);
		return;
	}
	spin_lock(&repeat_lock);
	repeat_on(leader, r);
	spin_unlock(&repeat_lock);
}

void carriers_reset_in_child(void)
{
	struct carrier *c, *first = atomic_exchange(&carriers, NULL), **at = &first;
	while ((c = *at)) {
		if (c->mapped == CARRIER_SIZE) {
			at = &c->next_all;
			continue;
		}
		*at = c->next_all; /* a helper's */
		pages_free(c, c->mapped);
	}
	*at = inherited;
	inherited = first;
	atomic_store(&carrier_total, 0);
	atomic_store(&starting, 0);
	spares = NULL;
	dead = NULL;
	leader_wanted = NULL;
	spare_count = 0;
	list_init(&spare_waiters);
	spare_lock = (struct spin){0};
	repeat_lock = (struct spin){0};
}
