/*
 * Threads that are parked when tracing begins: of a program that hangs nothing else is to be seen. The monitor gives
 * them slots, and the calls that they are in get an end when they have one; their begin is when the trace began.
 */
#include <linux/futex.h>

#include "calls.h"
#include "clock.h"
#include "mem.h"
#include "trace_internal.h"

#define SHOWN_MOST 2000

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
	s->lock = r->rdi;
	atomic_store(&s->lock_owner, trace_owner_of(addr, val, cmd == FUTEX_LOCK_PI));
}

/* It may go on meanwhile: nothing of it is used that could not be read of any thread at any time. */
static void show(struct thread *t)
{
	struct regs r;
	int tid = thread_tid(t);
	if (trace_peek(&r, t->regs, sizeof(r)) != sizeof(r) || r.nr >= TRACE_CALLS)
		return;
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
		return;
	trace_slot_enters(s, &t->trace, &r);
	note_lock(s, &r);
	atomic_store(&s->state, TRACE_IS_PARKED);
}

/* Who makes a thread or ends one waits meanwhile. */
void trace_parked_tell(void)
{
	unsigned shown = 0;
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		if (!is_parked(t))
			continue;
		if (shown++ < SHOWN_MOST)
			show(t);
		else
			atomic_fetch_add(&trace_control->no_slot, 1);
	}
	spin_unlock(&threads_lock);
}

/* Who was woken before anybody told the slots of it. Whoever has made calls since has told so itself. */
static void look_again(struct thread *t)
{
	uint32_t parked = TRACE_IS_PARKED;
	if (t->trace.slot && t->trace.serial == atomic_load(&trace_serial) && !is_parked(t))
		atomic_compare_exchange_strong(&t->trace.slot->state, &parked, TRACE_IN_CALL);
}

void trace_parked_look_again(void)
{
	spin_lock(&threads_lock);
	list_for_each (l, &threads)
		look_again(container_of(l, struct thread, all));
	spin_unlock(&threads_lock);
}
