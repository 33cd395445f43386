/* Processes: fork, vfork, exec, the end. */
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>

#include "alone.h"
#include "calls.h"
#include "epoll_set.h"
#include "futex.h"
#include "mem.h"
#include "monitor.h"
#include "nonblock.h"
#include "proc_reader.h"
#include "runtime.h"
#include "signal_core.h"
#include "stats.h"
#include "timer.h"
#include "trace.h"
#include "trap.h"

/* The scheduling of a child, on its own kernel thread, which has a carrier's. */
static void inherit_scheduling(const struct thread *t)
{
	struct scheduling s;
	scheduling_inherit(&s, &t->scheduling);
	if (!t->bound)
		scheduling_apply(0, &s);
}

/* The child of a fork: one kernel thread, one thread of the program, nothing of ours runs. It is dormant again: every
 * call goes to the kernel until it makes a thread. Signals are blocked for real. */
static void become_dormant(struct thread *t)
{
	ksigset_t mask = t->sig.mask;
	inherit_scheduling(t);
	if (!thread_is_kernels(t, 0))
		sys(SYS_prctl, PR_SET_NAME, t->name);
	pollers_reset(!t->own_files);
	hubs_reset();
	futex_reset_in_child();
	timers_reset_in_child();
	trace_reset_in_child();
	epoll_sets_reset_in_child();
	signals_restore_kernel(t);
	traps_reset_in_child();
	threads_reset_in_child();
	set_gs(&native_carrier);
	carriers_reset_in_child();
	alone_reset_in_child();
	proc_reader_reset_in_child();
	if (runtime_hooks.forked)
		runtime_hooks.forked();
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

/*
 * fork, and clone without CLONE_VM. Signals are blocked around it, so that none meets a half-made child, and no carrier
 * is about to hide a descriptor that it has just made. To copy a large process's page tables takes milliseconds:
 * meanwhile the hub may be taken.
 */
long call_fork(struct thread *t, struct regs *r)
{
	struct carrier *c = carrier_self();
	carrier_block_signals(c);
	signal_child_begins(t);
	struct trace_native_call traced = {0};
	if (tracing())
		traced = trace_native_begins(t);
	spin_lock(&fd_making);
	carrier_publish_native(c);
	long ret = sys_regs(r);
	if (ret == 0) {
		become_dormant(t);
		return 0;
	}
	spin_unlock(&fd_making);
	carrier_enter(c);
	nonblock_shared();
	bool rescued = carrier_rescued(c);
	if (tracing())
		trace_native_ends(&traced, rescued ? c : NULL);
	carrier_sync_mask(c);
	signal_child_made(t, (int)ret);
	return ret;
}

/*
 * vfork, and clone with CLONE_VM (posix_spawn): the child runs in our memory until it execs. It must not touch the
 * runtime: its gs base is the carrier's shadow, which passes everything to the kernel. Until that is set no signal may
 * meet it (the handler would be ours, in the middle of the parent's state), so all are blocked. The parent is
 * not back before the exec, so the hub goes on without it.
 */
long process_clone_vm(struct thread *t, struct regs *r, unsigned long flags)
{
	struct carrier *c = carrier_self();
	struct carrier *shadow = carrier_shadow(c);
	*shadow = (struct carrier){.self = shadow, .state = MODE_SPARE, .is_shadow = true};
	shadow->shadow_of = t;
	shadow->shadow_mask = t->sig.mask;
	shadow->shadow_flags = flags;
	hub_handoff(t);
	carrier_block_signals(c);
	signal_child_begins(t);
	uint64_t sp = r->rsp - 128, child_sp = 0;
	t->vfork_regs = *r;
	if (trapped(t, r)) { /* it stays where it is, and the child's calls may not come in */
		sp = (uint64_t)r;
		child_sp = sp - TRAP_STACK_OF_CHILD;
	} else {
		t->regs = &t->vfork_regs;
	}
	nonblock_shared(); /* the child may go on for long before the parent does, who says it again */
	carrier_publish_native(c);
	if (flags & CLONE_VFORK)
		spin_lock(&fd_making); /* until the child has closed what is open now */
	native_clone_vm(&t->vfork_regs, shadow, sp, child_sp);
	__builtin_unreachable();
}

/* The kernel has a handler of ours for these, whatever the program thinks of them; what it ignores stays ignored in the
 * next program. But not SIGSYS, where calls are trapped and others run meanwhile: their next call would kill. */
static const int always_handled[] = {SIGSEGV, SIGBUS, SIGNAL_KICK, SIGNAL_CANCEL};

static void ignore_if_ignored(int sig)
{
	struct kaction ignore = {.handler = (uint64_t)SIG_IGN};
	if (actions[sig].handler == (uint64_t)SIG_IGN)
		sys(SYS_rt_sigaction, sig, &ignore, 0, 8);
}

static void ignore_what_is_ignored(void)
{
	for (size_t i = 0; i < ARRAY_LEN(always_handled); i++)
		ignore_if_ignored(always_handled[i]);
}

/* C side of native_clone_vm, in the child: it becomes for the kernel what its thread is for the program. */
void clone_vm_child(struct carrier *shadow);
void clone_vm_child(struct carrier *shadow)
{
	if (!(shadow->shadow_flags & CLONE_SIGHAND)) {
		ignore_what_is_ignored();
		ignore_if_ignored(SIGSYS);
	}
	if (!(shadow->shadow_flags & CLONE_FILES) && !shadow->shadow_of->own_files)
		fds_close_own();
	shadow->shadow_born = true;
	if (shadow->shadow_flags & CLONE_VFORK)
		spin_unlock(&fd_making);
	inherit_scheduling(shadow->shadow_of);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &shadow->shadow_mask, 0, 8);
}

/* C side of native_clone_vm, in the parent: r->rax holds the result, and the stack below the program's is fresh. */
void clone_vm_done(struct regs *r);
void clone_vm_done(struct regs *r)
{
	struct carrier *c = carrier_self();
	struct carrier *shadow = carrier_shadow(c);
	if (shadow->shadow_flags & CLONE_VFORK && !shadow->shadow_born)
		spin_unlock(&fd_making); /* there was no child, or it was killed before it had */
	carrier_enter(c);
	nonblock_shared();
	carrier_rescued(c); /* from the call */
	carrier_sync_mask(c);
	struct regs *own = c->current->regs;
	own->rax = r->rax;
	signal_child_made(c->current, (int)r->rax);
	dispatch_leave(own);
}

long call_vfork(struct thread *t, struct regs *r)
{
	return process_clone_vm(t, r, CLONE_VM | CLONE_VFORK);
}

static void handle_again(void)
{
	spin_lock(&signal_lock);
	for (size_t i = 0; i < ARRAY_LEN(always_handled); i++)
		if (actions[always_handled[i]].handler == (uint64_t)SIG_IGN)
			kernel_action_set(always_handled[i]);
	spin_unlock(&signal_lock);
}

/*
 * The next program inherits what the kernel has for this kernel thread: mask, pending signals and the rest have to be
 * the caller's. A signal that comes before the point of no return is delivered first, as it would be natively.
 */
static long exec(struct thread *t, struct regs *r)
{
	struct carrier *c = carrier_self();
	const long args[6] = {(long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, (long)r->r9};
	struct scheduling was;
	signal_kicks(t, false);
	if (signal_pending(&t->sig)) {
		signal_kicks(t, true);
		return -ERESTARTNOINTR;
	}
	scheduling_read(0, &was);
	if (!t->bound)
		scheduling_apply(0, &t->scheduling);
	ignore_what_is_ignored();
	carrier_set_mask_exactly(c, t->sig.mask);
	struct lent_signals lent = signals_lend(t, c->tid);
	carrier_publish_native(c);
	long ret = native_syscall(args, (long)r->nr, &c->attention);
	carrier_enter(c);
	carrier_rescued(c); /* from the call */
	signal_kicks(t, true);
	signals_take_back(lent);
	handle_again();
	if (!t->bound)
		scheduling_apply(0, &was);
	carrier_sync_mask(c);
	return ret;
}

long call_execve(struct thread *t, struct regs *r)
{
	return exec(t, r);
}

long call_execveat(struct thread *t, struct regs *r)
{
	return exec(t, r);
}

/* A signal that comes now comes too late; stats_end() has blocked it, and nothing could deliver it. */
long call_exit_group(struct thread *t, struct regs *r)
{
	(void)t;
	stats_end();
	return sys_regs(r);
}
