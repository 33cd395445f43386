/*
 * Delivery: the runtime's handler, the kernel-style frame on a green thread's stack, the way back from it.
 *
 * There is one way to build a frame: from a frame of the kernel's own, which holds every register and the FPU state. A
 * signal that meets the program is delivered there and then. One that meets the runtime is recorded; when the thread is
 * about to go back to the program, the carrier kicks itself, and the kick's frame, with the registers of the finished
 * call in place of the runtime's, is copied (carrier.deliver).
 */
#include <signal.h>
#include <ucontext.h>

#include "calls.h"
#include "hub.h"
#include "mem.h"
#include "runtime.h"
#include "sigframe_x86_64.h"
#include "signal_core.h"
#include "stack.h"
#include "stats.h"
#include "trace.h"
#include "trap.h"

#ifndef SYS_USER_DISPATCH /* Linux 5.11 */
#define SYS_USER_DISPATCH 2
#endif

#define EFLAGS_KEPT 0x202UL /* interrupts, and the bit that is always set */
#define EFLAGS_TF 0x100UL
/* Offsets in fxsave's area. */
#define FP_CONTROL 0
#define FP_MXCSR 24
#define SS_AUTODISARM_ (1U << 31)

/* The call r is done: these are the program's registers. */
static void overlay(struct kucontext *uc, const struct regs *r)
{
	uc->r15 = r->r15, uc->r14 = r->r14, uc->r13 = r->r13, uc->r12 = r->r12;
	uc->bp = r->rbp, uc->bx = r->rbx;
	uc->r9 = r->r9, uc->r8 = r->r8, uc->r10 = r->r10, uc->dx = r->rdx, uc->si = r->rsi, uc->di = r->rdi;
	uc->ax = r->rax, uc->ip = r->rip, uc->sp = r->rsp;
	uc->cx = r->rip;
	uc->eflags = EFLAGS_KEPT;
	uc->r11 = EFLAGS_KEPT;
}

/* A handler begins with the FPU as a new program does (fpu__clear_user_states() of the kernel): what the kernel will
 * load for it. Protection keys stay the thread's. */
static void fp_reset(uint64_t fpstate)
{
	const uint64_t protection_keys = 1UL << 9;
	bool extended = fp_size(fpstate) > FXSAVE_SIZE;
	memset((void *)fpstate, 0, FP_SOFTWARE);
	*(uint16_t *)(fpstate + FP_CONTROL) = 0x37f;
	*(uint32_t *)(fpstate + FP_MXCSR) = 0x1f80;
	if (extended)
		*(uint64_t *)(fpstate + FXSAVE_SIZE) &= protection_keys; /* none of the others is there: initial */
}

static bool within(const struct kaltstack *alt, uint64_t sp)
{
	return sp > alt->sp && sp - alt->sp <= alt->size;
}

bool signal_on_altstack(const struct kaltstack *alt, uint64_t sp)
{
	return !(alt->flags & (SS_AUTODISARM_ | SS_DISABLE)) && within(alt, sp);
}

/* Builds the frame on t's stack and makes the kernel's context go to the program's handler. false: no room for it. */
static bool push_frame(struct thread *t, struct kucontext *uc, const struct ksiginfo *info, const struct kaction *a)
{
	int sig = info->si_signo;
	struct kframe f = {.restorer = a->restorer, .uc = *uc, .info = *info};
	uint64_t sp = uc->sp - 128;
	bool nested = signal_on_altstack(&t->sig.alt, uc->sp);
	bool entering_alt = a->flags & SA_ONSTACK && !(t->sig.alt.flags & SS_DISABLE) && !nested;

	if (entering_alt)
		sp = t->sig.alt.sp + t->sig.alt.size;
	size_t fp = uc->fpstate ? fp_size(uc->fpstate) : 0;
	if (fp) {
		sp = (sp - fp) & ~63UL;
		f.uc.fpstate = sp;
	}
	uint64_t fp_at = sp;
	sp = ((sp - sizeof(f)) & ~15UL) - 8;

	/* What lies below an alternate stack is somebody else's memory (get_sigframe() of the kernel). */
	if ((nested || entering_alt) && !within(&t->sig.alt, sp))
		return false;
	f.uc.stack = t->sig.alt;
	if (runtime_hooks.site_canonical)
		f.uc.ip = runtime_hooks.site_canonical(uc->ip);
	f.uc.mask = t->sig.restore_mask ? t->sig.saved_mask : t->sig.mask;
	f.uc.oldmask = f.uc.mask;
	if ((fp && user_copy((void *)fp_at, (void *)uc->fpstate, fp)) || user_copy((void *)sp, &f, sizeof(f)))
		return false;
	if (fp)
		fp_reset(uc->fpstate);
	t->sig.restore_mask = false;
	if (t->sig.alt.flags & SS_AUTODISARM_)
		t->sig.alt = (struct kaltstack){.flags = SS_DISABLE};

	ksigset_t mask = t->sig.mask | a->mask;
	if (!(a->flags & SA_NODEFER))
		mask |= SIGBIT(sig);
	signal_set_mask(t, mask);
	STAT_ADD(signals, 1);

	uc->ip = a->handler;
	uc->sp = sp;
	uc->di = (uint64_t)sig;
	uc->si = sp + offsetof(struct kframe, info);
	uc->dx = sp + offsetof(struct kframe, uc);
	uc->ax = 0;
	uc->eflags &= ~(EFLAGS_DF | EFLAGS_TF);
	return true;
}

static bool is_stop(int sig)
{
	return sig == SIGTSTP || sig == SIGTTIN || sig == SIGTTOU || sig == SIGSTOP;
}

/* true: there is a handler to run, *a. */
static bool wants_handler(const struct ksiginfo *info, struct kaction *a)
{
	int sig = info->si_signo;
	spin_lock(&signal_lock);
	*a = actions[sig];
	if (a->handler > 1 && a->flags & SA_RESETHAND) {
		actions[sig].handler = (uint64_t)SIG_DFL;
		kernel_action_set(sig);
		signal_real_bit(sig);
	}
	spin_unlock(&signal_lock);
	if (a->handler > 1)
		return true;
	if (signal_ignored(sig))
		return false;
	if (is_stop(sig))
		signal_stop(sig);
	else
		signal_die(sig);
	return false;
}

/* The frame, or SIGSEGV where it has no room: forced upon the thread, with a handler that may have a stack of its own.
 */
static void deliver_one(struct thread *t, struct kucontext *uc, const struct ksiginfo *info, const struct kaction *a)
{
	struct ksiginfo segv = {.si_signo = SIGSEGV, .si_code = SI_KERNEL};
	struct kaction of_segv = actions[SIGSEGV];
	if (!(a->flags & SA_RESTART))
		trap_interrupted(uc);
	if (push_frame(t, uc, info, a))
		return;
	if (of_segv.handler <= 1)
		stack_report_overflow(t, uc->sp, uc->ip);
	bool dies = info->si_signo == SIGSEGV || of_segv.handler <= 1 || t->sig.mask & SIGBIT(SIGSEGV);
	if (dies || !wants_handler(&segv, &of_segv) || !push_frame(t, uc, &segv, &of_segv))
		signal_die(SIGSEGV);
}

/* t has had its turn, and there is no carrier to give the hub to: it comes in by the return from a handler that it
 * never had, and yields there. Where its stack has no room for the frame it goes on. */
static void preempt(struct thread *t, struct kucontext *uc)
{
	const struct ksiginfo info = {.si_signo = SIGNAL_KICK};
	const struct kaction a = {.handler = (uint64_t)runtime_hooks.preempted, .flags = SA_NODEFER};
	if (runtime_hooks.preempted && push_frame(t, uc, &info, &a))
		atomic_store_explicit(&t->hub->preempt, 1, memory_order_relaxed);
}

/* As the kernel does, a frame for each of those that can be taken: the last one's handler is the first to run. Not by
 * whom the process's were not meant for and only met here. */
static void deliver_in_program(struct thread *t, struct kucontext *uc)
{
	struct ksiginfo info;
	struct kaction a;
	if (!signal_pending(&t->sig))
		return;
	while (signal_take(t, ~t->sig.mask, &info)) {
		if (wants_handler(&info, &a))
			deliver_one(t, uc, &info, &a);
	}
}

/* The mask that the kernel sets when the handler returns: the carrier's. */
static void kernel_mask_on_return(struct carrier *c, struct kucontext *uc)
{
	uc->mask = carrier_mask_to_return(c);
}

static bool in_range(uint64_t ip, const char *from, const char *to)
{
	return ip >= (uint64_t)from && ip < (uint64_t)to;
}

/* The start and end of this library's text, from the linker. */
extern const char __ehdr_start[] __attribute__((visibility("hidden")));
extern const char etext[] __attribute__((visibility("hidden")));

static bool in_runtime_text(uint64_t ip)
{
	return in_range(ip, __ehdr_start, etext) && !in_range(ip, trap_native, trap_native_end) &&
	       !(runtime_hooks.in_trampoline && runtime_hooks.in_trampoline(ip));
}

static bool is_fault(int sig, const struct ksiginfo *info)
{
	return info->si_code > 0 &&
	       (sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGILL || sig == SIGTRAP || sig == SIGSYS);
}

/* A fault of the program's own: its handler runs at once, or the default action does, at the faulting instruction. */
static void fault(struct carrier *c, int sig, const struct ksiginfo *info, struct kucontext *uc, bool in_program)
{
	struct thread *t = c->current;
	struct kaction a;
	if (!in_program || !t || actions[sig].handler <= 1 || t->sig.mask & SIGBIT(sig)) {
		struct kaction dfl = {0};
		if (t && sig == SIGSEGV)
			stack_report_overflow(t, info->rest[0], uc->ip);
		if (sig == SIGTRAP || sig == SIGSYS)
			signal_die(sig);                /* the instruction is done */
		sys(SYS_rt_sigaction, sig, &dfl, 0, 8); /* back to the instruction: faults again, and dies of it */
		return;
	}
	carrier_enter(c);
	carrier_mask_in_handler(c);
	if (wants_handler(info, &a))
		deliver_one(t, uc, info, &a);
	kernel_mask_on_return(c, uc);
	carrier_publish_native(c);
}

/* A child that shares our memory, or one forked on a stack of its own: no thread of ours is there to choose from. */
static void deliver_without_runtime(int sig, struct ksiginfo *info, struct kucontext *uc)
{
	uint64_t h = actions[sig].handler;
	if (h == (uint64_t)SIG_DFL && !signal_ignored(sig))
		signal_die(sig);
	else if (h > 1)
		((void (*)(int, struct ksiginfo *, struct kucontext *))h)(sig, info, uc);
}

/* SIGPIPE for a write of this thread's comes as if from ourselves (send_sig with SEND_SIG_NOINFO, kernel/signal.c);
 * what a timer of CPU time sends is meant for who was running, if that takes it. */
static bool is_of_current(int sig, const struct ksiginfo *info, const struct thread *t)
{
	if (SYNCHRONOUS & SIGBIT(sig))
		return info->si_code == SI_USER && (int)info->rest[0] == runtime_pid;
	return OF_WHO_RUNS & ~t->sig.mask & SIGBIT(sig) && info->si_code == SI_KERNEL;
}

/* No more until these are looked at: what does not find room would have to go back to the kernel, out of its order. */
static void record_full(struct carrier *c, struct kucontext *uc)
{
	uc->mask |= ~(never_blocked | UNBLOCKABLE);
	c->kernel_mask = uc->mask;
}

/* By tgkill, from ourselves; or without a siginfo, since the kernel had no room for it. */
static bool is_kick(int sig, const struct ksiginfo *info)
{
	int pid = (int)info->rest[0];
	return sig == SIGNAL_KICK &&
	       ((info->si_code == SI_TKILL && pid == runtime_pid) || (info->si_code == SI_USER && pid == 0));
}

/* SIGSYS of a seccomp filter that met the thread's call here, in native_syscall: it belongs behind the program's
 * instruction, where rax is still the number and the handler may put a result. */
static bool forced_by_own_call(struct carrier *c, int sig, struct ksiginfo *info, const struct kucontext *uc)
{
	struct thread *t = c->current;
	if (sig != SIGSYS || uc->ip != (uint64_t)native_end || !t)
		return false;
	if (actions[sig].handler <= 1 || t->sig.mask & SIGBIT(sig))
		return false;
	info->rest[0] = t->regs->rip;
	if (runtime_hooks.site_canonical)
		info->rest[0] = runtime_hooks.site_canonical(t->regs->rip);
	signal_send_thread(t, info);
	return true;
}

/* The monitor wanted to know where the thread is. To come into the runtime for that alone would look like progress. */
static bool trace_took_sample(struct carrier *c, struct thread *t, const struct kucontext *uc)
{
	if (likely(!atomic_load_explicit(&c->trace_asked, memory_order_relaxed)))
		return false;
	atomic_store(&c->trace_asked, false);
	trace_sample_here(c, uc);
	return !signal_pending(&t->sig) && !carrier_recorded_any(c) && !t->bind_wanted &&
	       !(c->hub && atomic_load(&c->hub->preempt));
}

/* Where kicks are blocked it met our own handler, which may have looked at the records already and goes straight back
 * to the program: a kick follows when that is done. */
static void record(struct carrier *c, int sig, const struct ksiginfo *info, struct kucontext *uc)
{
	if (c->current && is_of_current(sig, info, c->current)) {
		atomic_fetch_or_explicit(&c->own_signals, SIGBIT(sig), memory_order_relaxed);
		return;
	}
	carrier_recorded_push(c, info);
	if (carrier_recorded_full(c))
		record_full(c, uc);
	if (uc->mask & SIGBIT(SIGNAL_KICK))
		sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
}

void signal_entry(int sig, struct ksiginfo *info, struct kucontext *uc);
void signal_entry(int sig, struct ksiginfo *info, struct kucontext *uc)
{
	struct carrier *c = carrier_self();
	if (c == &native_carrier || c->is_shadow) {
		deliver_without_runtime(sig, info, uc);
		return;
	}
	if (in_range(uc->ip, user_access_begin, user_access_end) && is_fault(sig, info)) {
		uc->ip = (uint64_t)user_access_fault;
		return;
	}
	if (unlikely(trap_on && sig == SIGSYS && info->si_code == SYS_USER_DISPATCH)) {
		if (!trap_come_in(c, info, uc))
			signal_die(SIGSEGV);
		return;
	}
	const struct regs *repeat = atomic_load(&c->repeat);
	bool kick = is_kick(sig, info);
	if (kick && repeat) {
		c->repeat_result = sys_regs(repeat);
		atomic_store(&c->repeat, NULL);
	}
	if (kick)
		uc->mask |= carrier_closes(c);
	struct thread *t = c->current;
	if (kick && c->deliver) {
		overlay(uc, c->deliver);
		c->deliver = NULL;
		carrier_mask_in_handler(c);
		deliver_one(t, uc, &c->deliver_info, &c->deliver_action);
		deliver_in_program(t, uc);
		kernel_mask_on_return(c, uc);
		carrier_publish_native(c);
		return;
	}
	enum carrier_mode mode = carrier_mode(c);
	bool in_program = t && (mode == MODE_USER || mode == MODE_STOLEN || mode == MODE_ALONE);
	bool leaving = in_program && in_range(uc->ip, leave_begin, leave_end);
	if (in_program && !leaving && in_runtime_text(uc->ip))
		in_program = false; /* on its way in, or in a native call */
	if (unlikely(kick && in_program && !leaving && trace_took_sample(c, t, uc)))
		return;
	if (is_fault(sig, info)) {
		if (!in_program && forced_by_own_call(c, sig, info, uc))
			return;
		fault(c, sig, info, uc, in_program);
		return;
	}
	if (never_blocked & SIGBIT(sig) && !kick && !t && !c->hub)
		signal_stray(info);
	else if (!kick)
		record(c, sig, info, uc);
	if (!in_program) {
		if (in_range(uc->ip, native_begin, native_again))
			uc->ip = (uint64_t)native_abort;
		else if (uc->ip == (uint64_t)native_again)
			uc->ip = (uint64_t)native_restart;
		atomic_store(&c->attention, 1);
		if (c->hub) {
			atomic_store(&c->hub->signals, 1);
			hub_notify(c->hub);
		}
		return;
	}
	carrier_enter(c);
	carrier_mask_in_handler(c);
	if (leaving)
		overlay(uc, t->regs);
	signals_take_records(c, t);
	/* It computes, but to the monitor every signal looks like progress, whoever it is for. */
	bool takes_turns = hub_had_enough() && !hub_handoff(t);
	deliver_in_program(t, uc);
	if (takes_turns)
		preempt(t, uc);
	kernel_mask_on_return(c, uc);
	carrier_publish_native(c);
}

static void take_own(struct carrier *c, struct thread *t)
{
	for (ksigset_t set = atomic_exchange(&c->own_signals, 0); set; set &= set - 1) {
		int sig = __builtin_ctzl(set) + 1;
		struct ksiginfo info = {.si_signo = sig, .si_code = SI_KERNEL};
		if (SYNCHRONOUS & SIGBIT(sig)) {
			info.si_code = SI_USER;
			info.rest[0] = (uint32_t)runtime_pid | (uint64_t)sys(SYS_getuid) << 32;
		}
		signal_send_thread(t, &info);
	}
}

void signals_take_records(struct carrier *c, struct thread *t)
{
	if (unlikely(atomic_load_explicit(&c->own_signals, memory_order_relaxed)) && t)
		take_own(c, t);
	signals_drain(c);
}

void signal_restorer(void);

/* A handler of the program's; faults, which may be user_copy's or a trapped call; a broken pipe, which is the thread's
 * own affair; kicks, and the signal that SIGEV_THREAD timers use. */
bool kernel_action_differs(int sig)
{
	return actions[sig].handler > 1 || never_blocked & SIGBIT(sig) ||
	       (SYNCHRONOUS & SIGBIT(sig) && actions[sig].handler != (uint64_t)SIG_IGN) || sig == SIGNAL_CANCEL;
}

void kernel_action_set(int sig)
{
	struct kaction a = actions[sig];
	if (kernel_action_differs(sig)) {
		a.handler = (uint64_t)signal_entry;
		a.flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART | 0x04000000 /* SA_RESTORER */ |
			  (a.flags & (SA_NOCLDSTOP | SA_NOCLDWAIT));
		a.restorer = (uint64_t)signal_restorer;
		a.mask = ~OPEN_IN_HANDLER;
	}
	sys(SYS_rt_sigaction, sig, &a, 0, 8);
}

/* Where the call is to be issued again; 0 if it cannot be. */
static uint64_t restart_address(const struct thread *t, const struct regs *r)
{
	if (trapped(t, r))
		return r->rip - SYSCALL_LENGTH;
	return runtime_hooks.site_start ? runtime_hooks.site_start(r->rip) : 0;
}

void signal_deliver(struct thread *t, struct regs *r, long ret)
{
	struct carrier *c = carrier_self();
	struct ksiginfo info;
	struct kaction a;
	while (signal_take(t, ~t->sig.mask, &info)) {
		if (!wants_handler(&info, &a))
			continue;
		uint64_t start = restart_address(t, r);
		bool restart = ret == -ERESTARTNOINTR || (ret == -ERESTARTSYS && a.flags & SA_RESTART);
		if (restart && start) {
			r->rip = start;
			r->rax = r->nr;
		} else if (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR || ret == -ERESTARTNOHAND ||
			   ret == -ERESTART_SLEEP) {
			r->rax = (uint64_t)-EINTR;
		} else {
			r->rax = (uint64_t)ret;
		}
		t->restart_deadline = 0;
		if (tracing())
			trace_call_ends(t, r, ret);
		if (trapped(t, r))
			trap_restore_extended(r); /* the kick's frame takes it along */
		c->deliver_info = info;
		c->deliver_action = a;
		atomic_signal_fence(memory_order_release); /* any kick that finds `deliver` takes it up */
		c->deliver = r;
		for (;;) /* a tracer may keep a signal to itself */
			sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
	}
}

void signal_return(struct thread *t, struct regs *r)
{
	struct carrier *c;
	struct kucontext *frame = (struct kucontext *)r->rsp; /* the handler's ret took the restorer's address */
	struct kucontext uc;
	if (user_read(&uc, frame)) {
		signal_die(SIGSEGV);
		__builtin_unreachable();
	}
	if (hub_had_enough()) {
		thread_yield(t);
		if (tracing())
			trace_leaves();
	}
	c = carrier_self();
	signal_set_mask(t, uc.mask);
	signal_set_altstack(t, uc.stack, r->rsp); /* what is wrong with it is not told (restore_altstack()) */
	carrier_set_mask(c, ~0UL);                /* kicks too */
	signals_take_records(c, t);
	uc.stack = (struct kaltstack){(uint64_t)c->altstack, 0, CARRIER_SIGNAL_STACK};
	if (runtime_hooks.site_resume)
		uc.ip = runtime_hooks.site_resume(uc.ip);
	kernel_mask_on_return(c, &uc);
	if (user_write(frame, &uc)) {
		signal_die(SIGSEGV);
		__builtin_unreachable();
	}
	atomic_store(&c->attention, 0);
	if (signal_pending(&t->sig)) /* arrives as soon as the frame is left */
		sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
	carrier_publish_native(c);
	native_sigreturn(r->rsp);
}

void signal_run_in_program(struct thread *t, void (*fn)(void))
{
	struct carrier *c = carrier_self();
	(void)t;
	carrier_sync_mask(c);
	carrier_publish_native(c);
	fn();
	__builtin_unreachable();
}
