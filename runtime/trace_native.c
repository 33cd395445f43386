/*
 * A program that keeps its kernel threads and is only watched (`green trace --native`): its sites are patched, each
 * call is made as it is. Every thread is the kernel's own, so signals are real: a handler may interrupt a call here,
 * make others and go back, or leave by a jump; a cancellation may unwind through here. So each call leaves what is
 * noted of its thread as it has found it, and the one that the kernel makes meanwhile has a copy of its own.
 */
#include <linux/futex.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "calls.h"
#include "mem.h"
#include "runtime.h"
#include "sigframe_x86_64.h"
#include "trace_internal.h"

#define FRAMES 1024 /* from a struct made to the kernel's call */

/* A call while the kernel makes it, on its thread's stack. */
struct made {
	const struct made *outer; /* a handler came in the middle of that one */
	const struct regs *r;
	struct trace_self self;
};

/* Who may come in here with a thread's notes, besides the thread itself. */
enum child {
	NO_CHILD,
	CHILD_SHARES, /* our memory, this TLS too: until it execs it is not watched */
	CHILD_COPIES, /* all there is: a process of its own */
};

static __thread struct {
	const struct made *made; /* the innermost; one that a handler has jumped out of may still stand here */
	enum child child;
} own;

/* Goes on as *r says, in the child; the parent comes to trace_native_made_child(), with a frame of its own. */
_Noreturn void trace_native_make_child(struct regs *r);
void trace_native_made_child(struct regs *r);

static void begin_in_child(void)
{
	const ksigset_t all = ~0UL;
	ksigset_t mask;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	own.child = NO_CHILD;
	*trace_me() = (struct trace_self){0};
	trace_reset_in_child();
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

static bool is_child(void)
{
	return unlikely(own.child) && sys(SYS_gettid) != trace_me()->tid;
}

/* false: whoever comes in is not watched. */
static bool is_watched(void)
{
	if (unlikely(is_child())) {
		if (own.child == CHILD_SHARES)
			return false;
		begin_in_child();
	}
	return trace_native_goes_on();
}

static uint64_t clone_flags(const struct regs *r)
{
	uint64_t flags = 0;
	if (r->nr == SYS_vfork)
		return CLONE_VM | CLONE_VFORK;
	if (r->nr != SYS_clone3)
		return r->rdi;
	trace_peek(&flags, (const void *)r->rdi, sizeof(flags)); /* struct clone_args begins with them */
	return flags;
}

/* The child returns by itself, maybe on another stack. */
static bool makes_child(const struct regs *r)
{
	return (r->nr == SYS_clone && (r->rdi & CLONE_VM || r->rsi)) || r->nr == SYS_clone3 || r->nr == SYS_vfork;
}

/* ... or here. */
static bool forks(const struct regs *r)
{
	return r->nr == SYS_fork || r->nr == SYS_clone;
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

/* false: it is another trace by now, or another process. */
static bool restore(const struct trace_self *before)
{
	struct trace_self *me = trace_me();
	if (me->serial != before->serial || me->serial != atomic_load_explicit(&trace_serial, memory_order_relaxed))
		return false;
	*me = *before;
	return true;
}

static void ends(const struct regs *r, long result)
{
	struct trace_self *me = trace_me();
	char name[16];
	if (!tracing())
		return;
	me->did = 0;
	trace_end(r, result, true);
	if (r->nr == SYS_prctl && r->rdi == PR_SET_NAME && me->slot) {
		own_name(name);
		trace_name_is(me->tid, name, me->slot);
	}
}

/* The child may have run on our stack. */
void trace_native_made_child(struct regs *r)
{
	const struct trace_self *me = trace_me();
	r->nr = me->nr;
	uint64_t flags = clone_flags(r);
	/* Else it may be there yet, with this TLS. */
	if ((long)r->rax < 0 || !(flags & CLONE_VM) || flags & (CLONE_VFORK | CLONE_SETTLS))
		own.child = NO_CHILD;
	if (me->serial == atomic_load_explicit(&trace_serial, memory_order_relaxed))
		ends(r, (long)r->rax);
}

static long by_kernel(const struct regs *r)
{
	static const _Atomic uint32_t never;
	const long args[6] = {(long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, (long)r->r9};
	return native_syscall(args, (long)r->nr, &never);
}

/* A signal that is pending for the child at once is to find it a process of its own. */
static long by_kernel_in_both(const struct regs *r)
{
	const ksigset_t all = ~0UL;
	ksigset_t mask;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, &mask, 8);
	long result = by_kernel(r);
	if (result == 0)
		begin_in_child();
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
	return result;
}

static void make(struct regs *r)
{
	uint64_t resume = r->rip;
	/* For who unwinds from a handler: in libc there are tables, in a stub there are none. */
	if (runtime_hooks.site_canonical)
		r->rip = runtime_hooks.site_canonical(resume);
	r->rax = (uint64_t)(forks(r) ? by_kernel_in_both(r) : by_kernel(r));
	r->rip = resume;
}

static void make_and_tell(struct regs *r)
{
	note_wait(r);
	const struct made made = {.outer = own.made, .r = r, .self = *trace_me()};
	own.made = &made;
	make(r);
	own.made = made.outer;
	if (restore(&made.self))
		ends(r, (long)r->rax);
}

/* Is it the kernel's call that a handler goes back into? */
static bool is_interrupted(const struct made *made, const struct kucontext *uc)
{
	return uc->ip >= (uintptr_t)native_begin && uc->ip <= (uintptr_t)native_end &&
	       (uintptr_t)made - uc->sp < FRAMES;
}

/* A handler's return: the call that it came in the middle of is what its thread is at again. */
static void show_again(const struct regs *r)
{
	const struct made *made = own.made;
	struct trace_self *me = trace_me();
	struct kucontext uc;
	if (!made || trace_peek(&uc, (const void *)r->rsp, sizeof(uc)) != sizeof(uc) || !is_interrupted(made, &uc))
		return;
	if (!restore(&made->self) || !me->slot || !me->shown)
		return;
	trace_slot_enters(me->slot, me, made->r);
	note_wait(made->r);
}

bool trace_native_call(struct regs *r)
{
	struct trace_self *me = trace_me();
	if (r->nr >= GREEN_CALL_LOCK || !is_watched())
		return false;
	const struct trace_self before = *me;
	begins(r);
	trace_native_look(me->start);
	if (makes_child(r)) {
		own.child = clone_flags(r) & CLONE_VM ? CHILD_SHARES : CHILD_COPIES;
		trace_native_make_child(r);
	}
	bool comes_back = me->in_call;
	if (comes_back)
		make_and_tell(r);
	restore(&before);
	if (r->nr == SYS_rt_sigreturn)
		show_again(r);
	return comes_back;
}
