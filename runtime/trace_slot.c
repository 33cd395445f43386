/* Slots: what each thread does now, for who looks at a program that hangs, or that has ended in the middle. */
#include "clock.h"
#include "mem.h"
#include "thread.h"
#include "trace_internal.h"

#define PROBES 64

/* Tids are given out in turn: a thread's slot is found by its tid, mostly at once. */
static struct trace_slot *slot_of(int tid, unsigned i)
{
	return trace_slot_at(trace_memory, ((unsigned)tid + i) % TRACE_SLOTS);
}

static void begin_change(struct trace_slot *s)
{
	uint32_t sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed);
	atomic_store_explicit(&s->sequence, sequence | 1, memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void end_change(struct trace_slot *s)
{
	uint32_t sequence = atomic_load_explicit(&s->sequence, memory_order_relaxed);
	atomic_store_explicit(&s->sequence, sequence + 1, memory_order_release);
}

/* What it showed of another thread, or in a trace that is over, is not this one's. */
static void begin_anew(struct trace_slot *s, int tid, const char name[16])
{
	begin_change(s);
	__atomic_store_n(&s->tid, (uint32_t)tid, __ATOMIC_RELAXED);
	__atomic_store_n(&s->stack, 0, __ATOMIC_RELAXED);
	memcpy(s->name, name, 16);
	s->since = (uint64_t)clock_now();
	s->lock = 0;
	atomic_store_explicit(&s->lock_owner, 0, memory_order_relaxed);
	atomic_store_explicit(&s->state, TRACE_IN_PROGRAM, memory_order_relaxed);
	end_change(s);
}

struct trace_slot *trace_slot_claim(int tid, const char name[16])
{
	uint32_t self = atomic_load(&trace_serial);
	for (unsigned i = 0; i < PROBES; i++) {
		struct trace_slot *s = slot_of(tid, i);
		uint32_t owner = 0;
		if (atomic_load_explicit(&s->owner, memory_order_relaxed) ||
		    !atomic_compare_exchange_strong(&s->owner, &owner, self))
			continue;
		begin_anew(s, tid, name);
		return s;
	}
	atomic_fetch_add(&trace_control->no_slot, 1);
	return NULL;
}

struct trace_slot *trace_slot_find(int tid)
{
	uint32_t self = atomic_load_explicit(&trace_serial, memory_order_relaxed);
	for (unsigned i = 0; i < PROBES; i++) {
		struct trace_slot *s = slot_of(tid, i);
		uint32_t owner = atomic_load_explicit(&s->owner, memory_order_acquire);
		if (owner == self && __atomic_load_n(&s->tid, __ATOMIC_RELAXED) == (uint32_t)tid)
			return s;
	}
	return NULL;
}

/* The monitor gave the thread one when tracing began, perhaps under another tid. With threads_lock. */
struct trace_slot *trace_slot_take(const struct trace_self *its, int tid, const char name[16])
{
	struct trace_slot *s = its->given;
	if (!s || atomic_load(&s->owner) != atomic_load(&trace_serial))
		return trace_slot_claim(tid, name);
	if (s->tid != (uint32_t)tid) {
		atomic_store(&s->owner, 0);
		return trace_slot_claim(tid, name);
	}
	memcpy(s->name, name, 16);
	return s;
}

/* Those of a trace of this process that is over are free. shared: others are other processes'. */
void trace_slots_begin(bool shared)
{
	uint32_t before = atomic_load(&trace_serial);
	for (unsigned i = 0; i < TRACE_SLOTS; i++) {
		struct trace_slot *s = trace_slot_at(trace_memory, i);
		uint32_t owner = atomic_load_explicit(&s->owner, memory_order_relaxed);
		if (shared ? owner == before : owner) /* writing to all would take their memory */
			atomic_compare_exchange_strong(&s->owner, &owner, 0);
	}
}

/* One that lived when tracing began may end before it makes a call that is traced. */
void trace_thread_gone(struct thread *t)
{
	struct trace_self *its = &t->trace;
	uint32_t serial = atomic_load(&trace_serial);
	bool met = its->serial && its->serial == serial;
	struct trace_slot *s = met ? its->slot : its->given;
	if (met && tracing())
		trace_end_tell(its->tid);
	if (s && atomic_load(&s->owner) == serial)
		atomic_store(&s->owner, 0);
	its->serial = 0;
	its->given = NULL;
}

void trace_slot_enters(struct trace_slot *s, const struct trace_self *me, const struct regs *r)
{
	begin_change(s);
	s->since = (uint64_t)me->start;
	s->args[0] = r->rdi, s->args[1] = r->rsi, s->args[2] = r->rdx;
	s->args[3] = r->r10, s->args[4] = r->r8, s->args[5] = r->r9;
	s->nr = (uint16_t)r->nr;
	s->symbol = me->symbol;
	__atomic_store_n(&s->stack, me->stack, __ATOMIC_RELAXED); /* who waits for its lock reads it */
	s->invocation = me->invocation;
	s->lock = 0;
	atomic_store_explicit(&s->lock_owner, 0, memory_order_relaxed);
	atomic_store_explicit(&s->state, TRACE_IN_CALL, memory_order_relaxed);
	end_change(s);
}

void trace_slot_leaves(struct trace_slot *s, const struct trace_self *me)
{
	begin_change(s);
	s->since = (uint64_t)me->left;
	s->lock = 0;
	atomic_store_explicit(&s->state, TRACE_IN_PROGRAM, memory_order_relaxed);
	end_change(s);
}
