/*
 * A program that keeps its kernel threads and is only watched (`green trace --native`): its sites are patched, each
 * call is made as it is. Every thread is the kernel's own, so signals are real: a handler may interrupt a call here and
 * make others, a cancellation may unwind through here.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <sys/prctl.h>

#include "calls.h"
#include "mem.h"
#include "runtime.h"
#include "trace_internal.h"

/* It shares our memory, this TLS too, until it execs. */
static bool is_child_of_vfork(void)
{
	struct trace_self *me = trace_me();
	if (likely(!me->vforked))
		return false;
	if (sys(SYS_gettid) != me->tid)
		return true;
	me->vforked = false;
	return false;
}

/* The child returns by itself, maybe on another stack: what is known before is told. */
static bool makes_child_here(const struct regs *r)
{
	return (r->nr == SYS_clone && (r->rdi & CLONE_VM || r->rsi)) || r->nr == SYS_clone3 || r->nr == SYS_vfork;
}

static void own_name(char name[16])
{
	memset(name, 0, 16);
	sys(SYS_prctl, PR_GET_NAME, name);
}

static void begins(const struct regs *r)
{
	struct trace_self *me = trace_me();
	char name[16];
	struct trace_slot *s = me->slot;
	bool met = me->serial == atomic_load_explicit(&trace_serial, memory_order_relaxed);
	if (met && s)
		memcpy(name, s->name, sizeof(name));
	else
		own_name(name);
	trace_begin(r, met ? me->tid : (int)sys(SYS_gettid), name);
}

static void note_wait(const struct regs *r)
{
	int cmd = (int)r->rsi & FUTEX_CMD_MASK;
	if (r->nr != SYS_futex || (cmd != FUTEX_WAIT && cmd != FUTEX_WAIT_BITSET))
		return;
	trace_waits((const uint32_t *)r->rdi, (uint32_t)r->rdx, false, r->r10 ? 0 : NEVER);
	trace_parks();
}

static void ends(const struct regs *r, long result)
{
	struct trace_self *me = trace_me();
	char name[16];
	me->did = 0;
	trace_end(r, result, true);
	if (r->nr == SYS_prctl && r->rdi == PR_SET_NAME && me->slot) {
		own_name(name);
		trace_name_is(me->tid, name, me->slot);
	}
}

static void make(struct regs *r)
{
	uint64_t resume = r->rip;
	/* For who unwinds from a handler: in libc there are tables, in a stub there are none. */
	if (runtime_hooks.site_canonical)
		r->rip = runtime_hooks.site_canonical(resume);
	r->rax = (uint64_t)sys_regs(r);
	r->rip = resume;
}

bool trace_native_call(struct regs *r)
{
	struct trace_self *me = trace_me();
	if (is_child_of_vfork() || r->nr >= GREEN_CALL_LOCK)
		return false;
	struct trace_self outer = *me; /* a handler's call, in the middle of another */
	begins(r);
	if (makes_child_here(r)) {
		me->in_call = false;
		me->vforked = true;
		return false;
	}
	if (!me->in_call) /* it does not come back */
		return false;
	note_wait(r);
	make(r);
	if (r->rax == 0 && (r->nr == SYS_fork || r->nr == SYS_clone)) {
		trace_reset_in_child();
		return true;
	}
	ends(r, (long)r->rax);
	if (outer.in_call && outer.serial == me->serial)
		*me = outer;
	return true;
}
