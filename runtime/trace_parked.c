/*
 * Threads that live when tracing begins. The monitor gives them slots: those that are parked, since of a program that
 * hangs nothing else is to be seen, and the others, who may be all that keeps it from hanging. A parked one's call gets
 * an end when it has one; its begin is when the trace began.
 */
#include <linux/futex.h>

#include "calls.h"
#include "clock.h"
#include "mem.h"
#include "trace_internal.h"

#define TOLD_MOST 2000

/* A bound thread stays on its carrier meanwhile. */
static bool is_parked(const struct thread *t)
{
	return atomic_load(&t->wake) == WAKE_PARKED && (t->bound || !atomic_load(&t->on_cpu)) && t->regs;
}

static void note_lock(struct trace_slot *s, const struct regs *r)
{
	int cmd = (int)r->rsi & FUTEX_CMD_MASK;
	bool waits = cmd == FUTEX_WAIT || cmd == FUTEX_WAIT_BITSET || cmd == FUTEX_LOCK_PI;
	if (r->nr != SYS_futex || !waits || r->r10)
		return;
	const uint32_t *addr = (const uint32_t *)r->rdi;
	uint32_t val = (uint32_t)r->rdx;
	if (cmd == FUTEX_LOCK_PI && trace_peek(&val, addr, sizeof(val)) != sizeof(val))
		return;
	uint32_t owner = trace_owner_of(addr, val, cmd == FUTEX_LOCK_PI);
	const struct thread *its = owner ? thread_by_tid((int)owner) : NULL;
	s->lock = r->rdi;
	atomic_store(&s->lock_owner, its ? (uint32_t)thread_tid(its) : 0);
}

/* It may go on meanwhile: nothing of it is used that could not be read of any thread at any time. false: what it does
 * cannot be told. */
static bool show(struct thread *t)
{
	struct regs r;
	int tid = thread_tid(t);
	if (trace_peek(&r, t->regs, sizeof(r)) != sizeof(r) || r.nr >= TRACE_CALLS)
		return false;
	struct trace_slot *s = trace_slot_claim(tid, t->name);
	t->trace = (struct trace_self){.serial = atomic_load(&trace_serial),
	    .tid = tid,
	    .slot = s,
	    .start = clock_now(),
	    .in_call = true,
	    .shown = true,
	    .did = DID_PARK,
	    .nr = (uint16_t)r.nr,
	    .symbol = TRACE_NO_SYMBOL};
	t->trace.unwanted = !trace_wanted((unsigned)r.nr);
	t->trace.stack = trace_stack_of(&r, t->ctx.fs, tid);
	trace_name_tell(tid, t->name);
	if (!s)
		return true;
	trace_slot_enters(s, &t->trace, &r);
	note_lock(s, &r);
	atomic_store(&s->state, TRACE_IS_PARKED);
	return true;
}

/* It runs, or soon will: its own notes are not touched. */
static void give(struct thread *t)
{
	t->trace.given = trace_slot_claim(thread_tid(t), t->name);
}

static void tell(struct thread *t)
{
	if (!is_parked(t) || !show(t))
		give(t);
}

/* Who makes a thread or ends one waits meanwhile. */
void trace_parked_tell(void)
{
	unsigned told = 0;
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		t->trace.given = NULL; /* of a trace that is over */
		if (told++ < TOLD_MOST)
			tell(t);
		else
			atomic_fetch_add(&trace_control->no_slot, 1);
	}
	spin_unlock(&threads_lock);
}

/* Who was woken before anybody told the slots of it. Whoever has made calls since has told so itself. */
static void woken_meanwhile(const struct thread *t)
{
	uint32_t parked = TRACE_IS_PARKED;
	if (t->trace.slot && !is_parked(t))
		atomic_compare_exchange_strong(&t->trace.slot->state, &parked, TRACE_IN_CALL);
}

/* Once calls are told: who has changed since, and who was born. */
void trace_parked_look_again(void)
{
	unsigned looked = 0;
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		if (t->trace.serial == atomic_load(&trace_serial))
			woken_meanwhile(t);
		else if (!t->trace.given && looked < TOLD_MOST)
			give(t);
		looked++;
	}
	spin_unlock(&threads_lock);
}
