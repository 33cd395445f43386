/* Processes: fork, vfork, exec, waiting for children, the end. */
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/wait.h>

#include "calls.h"
#include "epoll_set.h"
#include "futex.h"
#include "mem.h"
#include "monitor.h"
#include "runtime.h"
#include "signal_core.h"
#include "stats.h"
#include "timer.h"

/* The child of a fork: one kernel thread, one thread of the program, nothing of ours runs. It is dormant again: every
 * call goes to the kernel until it makes a thread. Signals are blocked for real. */
static void become_dormant(struct thread *t)
{
	ksigset_t mask = t->sig.mask;
	pollers_reset_in_child();
	hubs_reset_in_child();
	futex_reset_in_child();
	timers_reset_in_child();
	epoll_sets_reset_in_child();
	signals_restore_kernel(t);
	threads_reset_in_child();
	carriers_reset_in_child();
	set_gs(&native_carrier);
	if (runtime_hooks.forked)
		runtime_hooks.forked();
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

/* fork, and clone without CLONE_VM. Signals are blocked around it, so that none meets a half-made child. */
long call_fork(struct thread *t, struct regs *r)
{
	struct carrier *c = carrier_self();
	carrier_block_signals(c);
	long ret = sys_regs(r);
	if (ret == 0) {
		become_dormant(t);
		return 0;
	}
	carrier_sync_mask(c);
	return ret;
}

/*
 * vfork, and clone with CLONE_VM (posix_spawn): the child runs in our memory until it execs. It must not touch the
 * runtime: its gs base is the carrier's shadow, which passes everything to the kernel. No signal may meet it either
 * (its handler would be ours, in the middle of the parent's state), so all are blocked; at exec the mask becomes the
 * caller's unless the child has set its own.
 */
long process_clone_vm(struct thread *t, struct regs *r)
{
	struct carrier *c = carrier_self();
	struct carrier *shadow = carrier_shadow(c);
	*shadow = (struct carrier){.self = shadow, .state = MODE_SPARE, .shadow_mask = t->sig.mask, .is_shadow = true};
	carrier_block_signals(c);
	t->vfork_regs = *r;
	t->regs = &t->vfork_regs;
	carrier_publish_native(c);
	native_clone_vm(&t->vfork_regs, shadow);
	__builtin_unreachable();
}

/* C side of native_clone_vm, in the parent: r->rax holds the result, and the stack below the program's is fresh. */
void clone_vm_done(struct regs *r);
void clone_vm_done(struct regs *r)
{
	struct carrier *c = carrier_self();
	carrier_enter(c);
	carrier_sync_mask(c);
	dispatch_leave(r);
}

long call_vfork(struct thread *t, struct regs *r)
{
	return process_clone_vm(t, r);
}

/* The new program inherits the kernel's mask: it has to be the caller's. */
static long exec(struct thread *t, struct regs *r)
{
	struct carrier *c = carrier_self();
	carrier_set_mask(c, t->sig.mask);
	long ret = sys_regs(r);
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

long shadow_call(struct carrier *shadow, struct regs *r)
{
	ksigset_t all = ~0UL;
	bool execs = r->nr == SYS_execve || r->nr == SYS_execveat;
	if (r->nr == SYS_rt_sigprocmask && r->rsi)
		shadow->shadow_mask_set = true;
	if (execs && !shadow->shadow_mask_set)
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &shadow->shadow_mask, 0, 8);
	long ret = sys_regs(r);
	if (execs && !shadow->shadow_mask_set)
		sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8);
	return ret;
}

long call_exit_group(struct thread *t, struct regs *r)
{
	stats_end();
	return native_regs(t, r);
}

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

/* Parks until the child `pid` can be reaped. 0; -EPERM: cannot be waited for so; -ERESTARTSYS. */
static long park_for_child(struct thread *t, int pidfd)
{
	struct fd_wait w;
	long ret = 0;
	for (;;) {
		thread_prepare(t);
		ret = fd_watch(&w, t, pidfd);
		if (ret)
			return ret;
		struct ktimespec zero = {0};
		struct {
			int fd;
			short events, revents;
		} p = {pidfd, 1 /* POLLIN */, 0};
		if (sys(SYS_ppoll, &p, 1, &zero, 0, 8) > 0)
			break;
		uint32_t reasons = thread_park(t, NEVER);
		fd_unwatch(&w);
		if (reasons & WAKE_SIGNAL && signal_pending(&t->sig))
			return -ERESTARTSYS;
	}
	fd_unwatch(&w);
	return ret;
}

/* A pidfd is readable when the process has ended; other changes, and any child of several, only the kernel can wait
 * for, so the hub is handed off. */
static long wait_parked(struct thread *t, struct regs *r, int pid, int options, long (*try)(struct regs *))
{
	long ret = try(r);
	if (options & WNOHANG || ret == -EINTR)
		return ret;
	if (ret != 0 || (options & (WUNTRACED | WCONTINUED | WSTOPPED | __WNOTHREAD)) || pid <= 0)
		return ret != 0 ? ret : handoff_regs(t, r);
	long fd = sys(SYS_pidfd_open, pid, 0);
	if (fd < 0)
		return handoff_regs(t, r); /* before Linux 5.3, no fd to be had, or a seccomp filter */
	fd = fd_lend((int)fd);
	if (fd < 0)
		return handoff_regs(t, r);
	do
		ret = park_for_child(t, (int)fd);
	while (!ret && (ret = try(r)) == 0 && fd_lent((int)fd));
	bool evicted = !fd_lent((int)fd);
	fd_release((int)fd);
	return ret == -EPERM || (ret == 0 && evicted) ? handoff_regs(t, r) : ret;
}

static long try_wait4(struct regs *r)
{
	return sys(SYS_wait4, r->rdi, r->rsi, r->rdx | WNOHANG, r->r10);
}

long call_wait4(struct thread *t, struct regs *r)
{
	return wait_parked(t, r, (int)r->rdi, (int)r->rdx, try_wait4);
}

/* waitid answers 0 both for "reaped" and, with WNOHANG, for "not yet": si_pid tells. */
static long try_waitid(struct regs *r)
{
	int info[32] = {0};
	long ret = sys(SYS_waitid, r->rdi, r->rsi, info, r->r10 | WNOHANG, r->r8);
	if (ret < 0)
		return ret;
	if (!info[4] && !(r->r10 & WNOHANG))
		return 0;
	if (r->rdx && user_copy((void *)r->rdx, info, 128))
		return -EFAULT;
	return 1;
}

long call_waitid(struct thread *t, struct regs *r)
{
	int options = (int)r->r10;
	/* WEXITED shares no bit with the others that matter here. */
	if (r->rdi != P_PID || !(options & WEXITED) || options & WNOHANG)
		return options & WNOHANG ? native_regs(t, r) : handoff_regs(t, r);
	long ret = wait_parked(t, r, (int)r->rsi, options, try_waitid);
	return ret > 0 ? 0 : ret;
}
