/* The signal calls of a green thread. */
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>

#include "calls.h"
#include "mem.h"
#include "runtime.h"
#include "signal_core.h"

long call_rt_sigaction(struct thread *t, struct regs *r)
{
	int sig = (int)r->rdi;
	struct kaction new, old;
	if (sig < 1 || sig > SIGNALS || r->r10 != sizeof(ksigset_t) || ((sig == SIGKILL || sig == SIGSTOP) && r->rsi))
		return native_regs(t, r);
	if (r->rsi && user_read(&new, r->rsi))
		return -EFAULT;
	spin_lock(&signal_lock);
	old = actions[sig];
	if (r->rsi) {
		new.mask &= ~UNBLOCKABLE;
		actions[sig] = new;
		kernel_action_set(sig);
	}
	spin_unlock(&signal_lock);
	if (r->rsi && signal_ignored(sig))
		signals_discard(SIGBIT(sig));
	if (r->rdx && user_write(r->rdx, &old))
		return -EFAULT;
	return 0;
}

long call_rt_sigprocmask(struct thread *t, struct regs *r)
{
	ksigset_t set, old = t->sig.mask;
	if (r->r10 != sizeof(set))
		return -EINVAL;
	if (r->rsi) {
		if (user_read(&set, r->rsi))
			return -EFAULT;
		switch ((int)r->rdi) {
		case SIG_BLOCK:
			set |= old;
			break;
		case SIG_UNBLOCK:
			set = old & ~set;
			break;
		case SIG_SETMASK:
			break;
		default:
			return -EINVAL;
		}
		t->sig.before = old;
		signal_set_mask(t, set);
	}
	if (r->rdx && user_write(r->rdx, &old))
		return -EFAULT;
	return 0;
}

long call_rt_sigpending(struct thread *t, struct regs *r)
{
	ksigset_t set = 0;
	if (r->rsi > sizeof(set))
		return -EINVAL;
	sys(SYS_rt_sigpending, &set, 8);
	set = (set | t->sig.pending | process_pending) & t->sig.mask;
	return user_copy((void *)r->rdi, &set, r->rsi);
}

/* Parks until a signal that the mask lets through is there. */
static long wait_for_signal(struct thread *t)
{
	do
		thread_prepare(t);
	while (!(thread_park(t, NEVER) & WAKE_SIGNAL) || !signal_pending(&t->sig));
	return -ERESTARTNOHAND;
}

long call_rt_sigsuspend(struct thread *t, struct regs *r)
{
	int err = r->rdi ? signal_set_temporary_mask(t, (const ksigset_t *)r->rdi, r->rsi) : -EFAULT;
	return err ? err : wait_for_signal(t);
}

long call_pause(struct thread *t, struct regs *r)
{
	(void)r;
	return wait_for_signal(t);
}

/* The signal is pending with the kernel (blocked by everybody), or with us. */
static long take_waited(struct thread *t, ksigset_t set, struct ksiginfo *info)
{
	struct ktimespec zero = {0};
	if (signal_take(t, set, info))
		return info->si_signo;
	set &= ~SIGBIT(SIGNAL_KICK);
	return sys(SYS_rt_sigtimedwait, &set, info, &zero, 8);
}

/* What everybody blocks stays with the kernel, where a signalfd sees it come. */
static int signal_watch(ksigset_t set)
{
	set &= ~(SIGBIT(SIGNAL_KICK) | UNBLOCKABLE);
	return fd_lend(SYS_signalfd4, -1, (long)&set, 8, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* One wait; -EAGAIN: nothing yet. */
static long wait_once(struct thread *t, int fd, ksigset_t set, nsec_t deadline, struct ksiginfo *info)
{
	struct fd_wait w;
	thread_prepare(t);
	t->sig.waiting = set;
	long ret = fd_watch(&w, t, fd);
	if (ret == 0) {
		ret = take_waited(t, set, info);
		uint32_t reasons = ret == -EAGAIN ? thread_park(t, deadline) : 0;
		fd_unwatch(&w);
		if (ret == -EAGAIN)
			ret = take_waited(t, set, info);
		if (ret == -EAGAIN && reasons & WAKE_SIGNAL && signal_pending(&t->sig))
			ret = -EINTR; /* never restarted: signal(7) */
	}
	t->sig.waiting = 0;
	return ret;
}

static long wait_for_one_of(struct thread *t, ksigset_t set, nsec_t deadline, struct ksiginfo *info)
{
	long ret = -EAGAIN;
	int fd = signal_watch(set);
	while (fd >= 0) {
		ret = wait_once(t, fd, set, deadline, info);
		if (ret != -EAGAIN || clock_now() >= deadline)
			break;
		if (!fd_lent(fd))
			fd = signal_watch(set);
	}
	if (fd < 0)
		return fd;
	fd_release(fd);
	return ret;
}

long call_rt_sigtimedwait(struct thread *t, struct regs *r)
{
	ksigset_t set;
	struct ktimespec ts;
	struct ksiginfo info;
	nsec_t deadline = NEVER;
	if (r->r10 != sizeof(set))
		return -EINVAL;
	if (user_read(&set, r->rdi) || (r->rdx && user_read(&ts, r->rdx)))
		return -EFAULT;
	if (r->rdx) {
		if (!timespec_valid(&ts))
			return -EINVAL;
		deadline = deadline_after(timespec_to_nsec(&ts));
	}
	set &= ~UNBLOCKABLE;
	long ret = take_waited(t, set, &info);
	if (ret == -EAGAIN && (!r->rdx || timespec_to_nsec(&ts)))
		ret = wait_for_one_of(t, set, deadline, &info);
	if (ret > 0 && r->rsi && user_write(r->rsi, &info))
		return -EFAULT;
	return ret;
}

long call_rt_sigreturn(struct thread *t, struct regs *r)
{
	signal_return(t, r);
}

long call_sigaltstack(struct thread *t, struct regs *r)
{
	struct kaltstack new, old = t->sig.alt;
	bool on = !(old.flags & SS_DISABLE) && r->rsp > old.sp && r->rsp - old.sp <= old.size;
	if (r->rdi) {
		if (user_read(&new, r->rdi))
			return -EFAULT;
		if (on)
			return -EPERM;
		int mode = new.flags & ~(int)(1U << 31) /* SS_AUTODISARM */;
		if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
			return -EINVAL;
		if (mode == SS_DISABLE)
			new.sp = new.size = 0;
		else if (new.size < 2048 /* MINSIGSTKSZ */)
			return -ENOMEM;
		new.flags &= ~SS_ONSTACK;
		t->sig.alt = new;
	}
	if (r->rsi) {
		if (on)
			old.flags |= SS_ONSTACK;
		if (user_write(r->rsi, &old))
			return -EFAULT;
	}
	return 0;
}

/* A signal for one thread of this process. */
static long send_to(struct thread *t, struct regs *r, int tid, int sig, struct ksiginfo *info)
{
	if (sig < 0 || sig > SIGNALS)
		return -EINVAL;
	if (!thread_lives(tid))
		return tid >= TID_BASE ? -ESRCH : native_regs(t, r);
	/* glibc's setxid asks each thread to repeat the call: ours share carriers, which call_setid has seen to. */
	if (sig == SIGNAL_SETXID)
		return -ESRCH;
	if (sig == 0)
		return 0;
	if (sig == SIGKILL || sig == SIGSTOP)
		return sys(SYS_kill, runtime_pid, sig);
	info->si_signo = sig;
	return signal_send_tid(tid, info) ? 0 : -ESRCH;
}

static long tkill(struct thread *t, struct regs *r, int tid, int sig)
{
	struct ksiginfo info = {.si_code = SI_TKILL};
	info.rest[0] = (uint32_t)runtime_pid | (uint64_t)sys(SYS_getuid) << 32;
	return send_to(t, r, tid, sig, &info);
}

long call_tgkill(struct thread *t, struct regs *r)
{
	if ((int)r->rdi != runtime_pid)
		return native_regs(t, r);
	return tkill(t, r, (int)r->rsi, (int)r->rdx);
}

long call_tkill(struct thread *t, struct regs *r)
{
	return tkill(t, r, (int)r->rdi, (int)r->rsi);
}

long call_rt_tgsigqueueinfo(struct thread *t, struct regs *r)
{
	struct ksiginfo info;
	if ((int)r->rdi != runtime_pid)
		return native_regs(t, r);
	if (user_read(&info, r->r10))
		return -EFAULT;
	return send_to(t, r, (int)r->rsi, (int)r->rdx, &info);
}

/* A thread's id names its process here. */
static int process_named(uint64_t pid)
{
	return (int)pid >= TID_BASE && thread_lives((int)pid) ? runtime_pid : (int)pid;
}

/* To ourselves, and somebody has a handler for it that does not block it: no need to ask the kernel. SIGPIPE must not
 * take that way, or it would be taken for a broken pipe's. */
static bool stays_here(int pid, int sig)
{
	return pid == runtime_pid && sig > 0 && sig <= SIGNALS && actions[sig].handler > 1 &&
	       !(atomic_load(&real_mask) & SIGBIT(sig));
}

long call_kill(struct thread *t, struct regs *r)
{
	int sig = (int)r->rsi, pid = process_named(r->rdi);
	if (!stays_here(pid, sig))
		return native(t, SYS_kill, pid, sig, 0, 0, 0, 0);
	struct ksiginfo info = {.si_signo = sig, .si_code = SI_USER};
	info.rest[0] = (uint32_t)runtime_pid | (uint64_t)sys(SYS_getuid) << 32;
	signal_send_process(&info);
	return 0;
}

long call_rt_sigqueueinfo(struct thread *t, struct regs *r)
{
	struct ksiginfo info;
	int sig = (int)r->rsi, pid = process_named(r->rdi);
	if (!stays_here(pid, sig))
		return native(t, SYS_rt_sigqueueinfo, pid, sig, (long)r->rdx, 0, 0, 0);
	if (user_read(&info, r->rdx))
		return -EFAULT;
	info.si_signo = sig;
	signal_send_process(&info);
	return 0;
}
