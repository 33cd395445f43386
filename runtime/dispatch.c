/* A call comes in: who asks, who answers, and the way back by the pending signals. */
#include <sys/syscall.h>

#include "alone.h"
#include "bound.h"
#include "calls.h"
#include "compute.h"
#include "gather.h"
#include "io.h"
#include "mem.h"
#include "runtime.h"
#include "signal_core.h"
#include "stats.h"
#include "trace.h"
#include "trap.h"

static bool restarts(long ret)
{
	return ret <= -ERESTARTSYS && ret >= -ERESTART_SLEEP;
}

/* What glibc's start_thread does for a scheduler context would change the kernel thread under it. */
static bool scheduler_swallows(struct regs *r)
{
	ksigset_t none = 0;
	if (r->nr != SYS_rseq && r->nr != SYS_set_robust_list && r->nr != SYS_rt_sigprocmask)
		return false;
	if (r->nr == SYS_rt_sigprocmask && r->rdx)
		user_write(r->rdx, &none);
	r->rax = 0;
	return true;
}

/* Nobody of ours: a scheduler or idle context, the child of a vfork, a dormant child of a fork. */
static void dispatch_native(struct carrier *c, struct regs *r)
{
	if (unlikely(trace_native) && trace_native_call(r))
		return;
	if (r->nr == SYS_rt_sigreturn)
		native_sigreturn(r->rsp);
	bool own_stack = (r->nr == SYS_clone && (r->rdi & 0x100 /* CLONE_VM */ || r->rsi)) || r->nr == SYS_clone3 ||
			 r->nr == SYS_vfork;
	if (own_stack) {
		native_clone_plain(r);
		__builtin_unreachable();
	}
	if (c->hub && scheduler_swallows(r))
		return;
	r->rax = (uint64_t)sys_regs(r);
}

static void count_uncovered(uint64_t nr)
{
	STAT_ADD(not_covered, 1);
	if (nr < CALLS)
		STAT_ADD(not_covered_by[nr], 1);
}

static void finish(struct thread *t, struct regs *r);

static bool blocks_in_kernel(struct thread *t, const struct regs *r, const struct call *call)
{
	return t->bound ? call->needs != HUB : alone_stays(t, r, call);
}

static long call_once(struct thread *t, struct regs *r, const struct call *call)
{
	if (!call) {
		count_uncovered(r->nr);
		return native_regs(t, r);
	}
	if (call->needs >= HUB) {
		if (unlikely(t->bound || t->alone) && blocks_in_kernel(t, r, call)) {
			socket_noted(r);
			return native_regs(t, r);
		}
		if (call->needs != CARRIER_OR_KERNEL || carriers_wanted())
			hub_need(t);
	} else if (unlikely(t->own_files && call->needs == OWN_FILES_OR_KERNEL)) {
		return native_regs(t, r);
	}
	return call->fn(t, r);
}

/* Another thread wants this one to be bound (sched_setscheduler and sched_setaffinity with its tid, its name). */
static void bind_if_asked(struct thread *t)
{
	if (unlikely(t->bind_wanted))
		thread_bind_as_asked(t);
}

/* Answers the call, again and again while it is to be restarted and no handler stands between. */
static void answer(struct thread *t, struct regs *r)
{
	const struct call *call = r->nr < CALLS && calls[r->nr].fn ? &calls[r->nr] : NULL;
	long ret;
	bind_if_asked(t);
	do {
		ret = call_once(t, r, call);
		if (!carrier_current())
			break; /* the child of a fork */
		if (restarts(ret)) {
			signals_look(t);
			bind_if_asked(t);
			signal_deliver(t, r, ret);
			signal_mask_call_done(t, false);
		}
	} while (restarts(ret));
	r->rax = (uint64_t)ret;
}

void dispatch(struct regs *r)
{
	struct carrier *c = carrier_self();
	struct thread *t = c->current;
	if (unlikely(!t)) {
		dispatch_native(c, r);
		return;
	}
	carrier_enter(c);
	bool rescued = carrier_rescued(c);
	if (unlikely(rescued))
		compute_rescued(t);
	t->regs = r;
	if (tracing())
		trace_call_begins(t, r, rescued ? c : NULL);
	answer(t, r);
	if (unlikely(!carrier_current()))
		return;
	if (hubs_several())
		gather_count(r->nr);
	finish(t, r);
}

/* What handlers recorded while this carrier was in the runtime. */
void signals_look(struct thread *t)
{
	struct carrier *c = carrier_self();
	if (likely(!atomic_load_explicit(&c->attention, memory_order_relaxed)))
		return;
	atomic_store_explicit(&c->attention, 0, memory_order_relaxed);
	if (c->hub)
		atomic_store(&c->hub->signals, 0); /* before the look at what others may have left (signal_stray) */
	signals_take_records(c, t);
}

static void finish(struct thread *t, struct regs *r)
{
	struct carrier *c;
	if (tracing())
		trace_call_ends(t, r, (long)r->rax);
	if (unlikely(hub_had_enough())) {
		thread_yield(t);
		if (tracing())
			trace_leaves();
	}
	signals_look(t);
	if (unlikely(signal_pending(&t->sig))) {
		bind_if_asked(t);
		signal_deliver(t, r, (long)r->rax);
	}
	signal_mask_call_done(t, false); /* no handler took it along */
	c = carrier_self();
	carrier_sync_mask(c);
	if (trapped(t, r))
		trap_restore_extended(r);
	carrier_leave(c, r);
}

void dispatch_leave(struct regs *r)
{
	finish(carrier_current(), r);
	__builtin_unreachable();
}

/* From runtime_leave: a handler came between the last look and the state's change. */
void leave_again(struct regs *r);
void leave_again(struct regs *r)
{
	carrier_enter(carrier_self());
	dispatch_leave(r);
}
