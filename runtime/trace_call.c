/* A call's begin and end, and what became of it: for `green trace`. */
#include <linux/futex.h>

#include "bound.h"
#include "calls.h"
#include "hub.h"
#include "mem.h"
#include "runtime.h"
#include "trace_internal.h"
#include "trap.h"

/* A call on a kernel thread of one's own that took less did not wait. */
#define SHORT (50 * 1000)
#define RUN_LONG (5 * NSEC_PER_MSEC)
/* So two paths and the longest string that the tool asks for have room. */
#define CAPTURED_MOST (TRACE_RECORD_MOST - sizeof(struct trace_call))

struct trace_self *trace_me(void)
{
	static __thread struct trace_self of_kernel_thread;
	return trace_native ? &of_kernel_thread : &carrier_current()->trace;
}

void trace_name_tell(int tid, const char name[16])
{
	struct trace_writer w;
	struct trace_name *n = trace_write(&w, sizeof(*n), TRACE_NAME, tid);
	if (!n)
		return;
	n->at = (uint64_t)clock_now();
	memcpy(n->name, name, 16);
	trace_written(&w, sizeof(*n));
}

void trace_end_tell(int tid)
{
	struct trace_writer w;
	struct trace_end *e = trace_write(&w, sizeof(*e), TRACE_END, tid);
	if (!e)
		return;
	e->at = (uint64_t)clock_now();
	trace_written(&w, sizeof(*e));
}

/* To whoever looks at the trace it is another thread from now on. */
static void part(struct trace_self *me)
{
	trace_end_tell(me->tid);
	if (me->slot)
		atomic_store(&me->slot->owner, 0);
	me->serial = 0;
}

/* The first call of a thread since tracing began, or with another tid (call_lock). The monitor may be about to give it
 * a slot. */
static void meet(int tid, const char *name)
{
	struct trace_self *me = trace_me();
	uint32_t serial = atomic_load_explicit(&trace_serial, memory_order_relaxed);
	if (me->serial == serial)
		part(me);
	if (!trace_native)
		spin_lock(&threads_lock);
	*me = (struct trace_self){.serial = serial, .tid = tid, .slot = trace_slot_take(me, tid, name)};
	if (!trace_native)
		spin_unlock(&threads_lock);
	trace_name_tell(tid, name);
}

void trace_name_is(int tid, const char name[16], struct trace_slot *s)
{
	if (!s || likely(!memcmp(s->name, name, 16)))
		return;
	memcpy(s->name, name, 16);
	trace_name_tell(tid, name);
}

/* The function of libc's that the program has called, if it is still at it: so it seems, where nobody has written to
 * its return address since. The tool looks for the caller in the stack. */
static void note_symbol(const struct regs *r)
{
	struct trace_self *me = trace_me();
	struct noted_symbol n;
	uint64_t word;
	me->symbol = TRACE_NO_SYMBOL;
	me->invocation = 0;
	/* Threads that were made past libc have another TLS, or none: what is read there fits nothing. */
	const void *note = (const char *)trace_thread_pointer() + runtime_hooks.noted_symbol;
	if (!runtime_hooks.noted_symbol || trace_peek(&n, note, sizeof(n)) != sizeof(n))
		return;
	if (!n.caller || n.frame <= r->rsp)
		return;
	if (trace_peek(&word, (const void *)n.frame, sizeof(word)) != sizeof(word) || word != n.caller)
		return;
	me->symbol = (uint16_t)n.symbol;
	me->invocation = n.count;
	me->caller = n.caller;
}

static void fill_args(struct trace_call *c, const struct regs *r)
{
	c->args[0] = r->rdi, c->args[1] = r->rsi, c->args[2] = r->rdx;
	c->args[3] = r->r10, c->args[4] = r->r8, c->args[5] = r->r9;
}

static enum trace_verdict verdict_of(bool own_kernel_thread, nsec_t took)
{
	struct trace_self *me = trace_me();
	unsigned did = me->did;
	if (own_kernel_thread)
		return took >= SHORT ? TRACE_KERNEL : TRACE_DONE;
	if (did & DID_LOSE_HUB)
		return TRACE_RESCUED;
	if (did & DID_HAND_OFF || (did & DID_CALL_ALONE && took >= SHORT))
		return TRACE_HANDED_OFF;
	if ((uint64_t)me->held >= TRACE_HELD_LONG)
		return TRACE_HELD;
	return did & DID_PARK ? TRACE_PARKED : TRACE_DONE;
}

static void tell_call(enum trace_type type, const struct regs *r, nsec_t end, long result, bool own_kernel_thread)
{
	struct trace_self *me = trace_me();
	struct trace_writer w;
	struct trace_call *c = trace_write(&w, sizeof(*c) + CAPTURED_MOST, type, me->tid);
	if (!c)
		return;
	c->start = (uint64_t)me->start;
	c->end = (uint64_t)end;
	c->result = result;
	fill_args(c, r);
	c->nr = (uint16_t)r->nr;
	c->verdict = (uint8_t)verdict_of(own_kernel_thread, end - me->start);
	c->flags = (r->nr >= CALLS || !calls[r->nr].fn ? TRACE_NOT_COVERED : 0) | me->trapped;
	c->symbol = me->symbol;
	c->waiting = me->waiting;
	c->invocation = me->invocation;
	c->stack = me->stack;
	c->caller = me->caller;
	c->held = (uint64_t)me->held;
	c->owner = me->owner;
	c->owner_stack = me->owner_stack;
	uint8_t *behind = trace_capture(c->captured, c->captured + CAPTURED_MOST, r, result);
	trace_written(&w, (size_t)(behind - (uint8_t *)c));
}

/* Those that do not come back: some end the thread, a handler's return goes elsewhere. The last thread's exit(2) goes
 * on in libc's exit: a green thread has ended when trace_thread_gone() says so. */
static void tell_at_once(const struct regs *r)
{
	struct trace_self *me = trace_me();
	me->in_call = false;
	me->left = me->start;
	if (!me->unwanted)
		tell_call(TRACE_ENTER, r, me->start, 0, false);
	if (r->nr != SYS_exit_group && me->slot && me->shown)
		trace_slot_leaves(me->slot, me);
	if (r->nr == SYS_exit && trace_native)
		part(me);
}

static bool comes_back(uint64_t nr)
{
	return nr != SYS_exit && nr != SYS_exit_group && nr != SYS_rt_sigreturn;
}

void trace_begin(const struct regs *r, int tid, const char *name)
{
	struct trace_self *me = trace_me();
	if (unlikely(me->serial != atomic_load_explicit(&trace_serial, memory_order_relaxed) || me->tid != tid))
		meet(tid, name);
	trace_name_is(tid, name, me->slot);
	me->start = clock_now();
	me->in_call = true;
	me->unwanted = !trace_wanted((unsigned)r->nr);
	me->did = 0;
	me->trapped = 0;
	me->held = 0;
	me->waiting = 0;
	me->owner = me->owner_stack = 0;
	me->nr = (uint16_t)r->nr;
	me->shown = !me->unwanted || r->nr == SYS_futex; /* a deadlock is told in any case */
	if (me->shown) {
		note_symbol(r);
		me->stack = trace_stack_of(r, trace_thread_pointer(), tid);
		if (me->slot)
			trace_slot_enters(me->slot, me, r);
	}
	if (unlikely(r->nr == SYS_execve || r->nr == SYS_execveat) && !me->unwanted)
		tell_call(TRACE_ENTER, r, me->start, 0, false);
	if (unlikely(!comes_back(r->nr)))
		tell_at_once(r);
}

void trace_end(const struct regs *r, long result, bool own_kernel_thread)
{
	struct trace_self *me = trace_me();
	me->in_call = false;
	me->left = clock_now();
	if (unlikely(r->nr == SYS_mmap))
		trace_mapped(r, result);
	nsec_t took = me->left - me->start;
	if (!me->unwanted && (uint64_t)took >= atomic_load_explicit(&trace_control->slower, memory_order_relaxed))
		tell_call(TRACE_CALL, r, me->left, result, own_kernel_thread);
	if (me->slot && me->shown)
		trace_slot_leaves(me->slot, me);
}

/* Of the thread's stay in the program, which ends now. */
static void look_back(struct carrier *c, const struct carrier *rescued)
{
	struct trace_self *me = trace_me();
	struct trace_writer w;
	nsec_t sampled_at = c->trace_sampled_at;
	c->trace_sampled_at = 0;
	atomic_store_explicit(&c->trace_asked, false, memory_order_relaxed);
	if (!me->left || me->serial != atomic_load_explicit(&trace_serial, memory_order_relaxed))
		return;
	nsec_t now = clock_now();
	if (sampled_at < me->left)
		sampled_at = 0; /* the monitor came late, and meant the stay before */
	if (!rescued && now - me->left < RUN_LONG)
		return;
	struct trace_run *run = trace_write(&w, sizeof(*run), TRACE_RUN, me->tid);
	if (!run)
		return;
	run->start = (uint64_t)me->left;
	run->end = (uint64_t)now;
	run->rescued_at = rescued ? (uint64_t)rescued->rescued_at : 0;
	run->waiting = rescued ? rescued->rescue_waiting : 0;
	run->sampled_at = (uint64_t)sampled_at;
	run->cpu = sampled_at ? (uint64_t)(cpu_time_of_carrier(c->tid) - c->trace_cpu) : 0;
	run->alone = !rescued && !c->hub;
	trace_written(&w, sizeof(*run));
}

void trace_call_begins(struct thread *t, const struct regs *r, const struct carrier *rescued)
{
	struct trace_self *me = trace_me();
	if (r->nr >= TRACE_CALLS || r->nr == GREEN_CALL_LOCK)
		return;
	look_back(carrier_self(), rescued);
	trace_begin(r, thread_tid(t), t->name);
	if (trapped(t, r))
		me->trapped = TRACE_TRAPPED;
}

/* Tracing may have begun in the middle of it. */
static bool in_known_call(void)
{
	struct trace_self *me = trace_me();
	return me->in_call && me->serial == atomic_load_explicit(&trace_serial, memory_order_relaxed);
}

void trace_call_ends(struct thread *t, const struct regs *r, long result)
{
	struct trace_self *me = trace_me();
	if (in_known_call() && me->nr == r->nr)
		trace_end(r, result, t->bound);
}

void trace_leaves(void)
{
	struct trace_self *me = trace_me();
	if (me->left)
		me->left = clock_now();
}

void trace_parks(void)
{
	struct trace_self *me = trace_me();
	me->did |= DID_PARK;
	if (in_known_call() && me->slot && me->shown)
		atomic_store_explicit(&me->slot->state, TRACE_IS_PARKED, memory_order_relaxed);
}

/* Not when it runs: until then it would seem to wait for a lock that its old holder may want again by now. */
void trace_woken(struct thread *t)
{
	struct trace_slot *s = t->trace.slot;
	if (s && t->trace.shown && t->trace.serial == atomic_load_explicit(&trace_serial, memory_order_relaxed))
		atomic_store_explicit(&s->state, TRACE_IN_CALL, memory_order_relaxed);
}

void trace_hands_off(void)
{
	struct trace_self *me = trace_me();
	me->did |= DID_HAND_OFF;
}

struct trace_native_call trace_native_begins(struct thread *t)
{
	struct trace_self *me = trace_me();
	struct hub *h = carrier_self()->hub;
	if (!h && !t->bound)
		me->did |= DID_CALL_ALONE;
	return (struct trace_native_call){h ? clock_now() : 0, h};
}

void trace_native_ends(const struct trace_native_call *n, const struct carrier *rescued)
{
	struct trace_self *me = trace_me();
	if (!n->hub)
		return;
	me->held += (rescued ? rescued->rescued_at : clock_now()) - n->start;
	me->waiting = (uint16_t)(rescued ? rescued->rescue_waiting : run_queue_length(&n->hub->run));
	if (rescued)
		me->did |= DID_LOSE_HUB;
}

/* glibc's mutex: the owner's tid lies two words behind the one that is waited at, and the value waited for is 2
 * (lowlevellock.h). Condition variables, semaphores and others have something else there. */
uint32_t trace_owner_of(const uint32_t *addr, uint32_t val, bool is_pi)
{
	uint32_t owner = 0;
	if (is_pi)
		return val & FUTEX_TID_MASK;
	if (val != 2 || trace_peek(&owner, addr + 2, sizeof(owner)) != sizeof(owner))
		return 0;
	return owner & FUTEX_TID_MASK;
}

void trace_waits(const uint32_t *addr, uint32_t val, bool is_pi, nsec_t deadline)
{
	struct trace_self *me = trace_me();
	struct trace_slot *s = me->slot;
	if (!in_known_call())
		return;
	uint32_t owner = trace_owner_of(addr, val, is_pi);
	struct trace_slot *its = owner ? trace_slot_find((int)owner) : NULL;
	if (its) {
		me->owner = owner;
		me->owner_stack = __atomic_load_n(&its->stack, __ATOMIC_RELAXED);
	}
	if (!s)
		return;
	s->lock = deadline == NEVER ? (uint64_t)addr : 0;
	atomic_store_explicit(&s->lock_owner, me->owner, memory_order_relaxed);
}
