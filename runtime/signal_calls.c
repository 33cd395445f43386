/* The signal calls of a green thread. */
#include <fcntl.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <sys/stat.h>

#include "calls.h"
#include "mem.h"
#include "proc.h"
#include "runtime.h"
#include "signal_core.h"

/*
 * What was sent while it was ignored and somebody let it in is gone natively. The kernel keeps it where the kernel
 * thread that it looks at first blocks it (sig_ignored()), as carriers do what is sent to the process, until the first
 * hub's drops it: that is not to find a handler by then. To ignore it for real drops it at once.
 */
static void drop_ignored(int sig)
{
	const struct kaction ignore = {.handler = (uint64_t)SIG_IGN};
	if (signal_ignored(sig) && !kernel_action_differs(sig) && !(atomic_load(&real_mask) & SIGBIT(sig)))
		sys(SYS_rt_sigaction, sig, &ignore, 0, 8);
}

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
		drop_ignored(sig);
		actions[sig] = new;
		kernel_action_set(sig);
		signal_real_bit(sig);
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
	signal_wait_begin(t, set);
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
	signal_wait_end(t);
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

long signal_set_altstack(struct thread *t, struct kaltstack new, uint64_t sp)
{
	int mode = new.flags & ~(int)(1U << 31) /* SS_AUTODISARM */;
	if (signal_on_altstack(&t->sig.alt, sp))
		return -EPERM;
	if (mode != 0 && mode != SS_DISABLE && mode != SS_ONSTACK)
		return -EINVAL;
	if (mode == SS_DISABLE)
		new.sp = new.size = 0;
	else if (new.size < 2048 /* MINSIGSTKSZ */)
		return -ENOMEM;
	new.flags &= ~SS_ONSTACK;
	t->sig.alt = new;
	return 0;
}

long call_sigaltstack(struct thread *t, struct regs *r)
{
	struct kaltstack new, old = t->sig.alt;
	bool on = signal_on_altstack(&old, r->rsp);
	if (r->rdi) {
		long err = user_read(&new, r->rdi) ? -EFAULT : signal_set_altstack(t, new, r->rsp);
		if (err)
			return err;
	}
	if (r->rsi) {
		if (on)
			old.flags |= SS_ONSTACK;
		if (user_write(r->rsi, &old))
			return -EFAULT;
	}
	return 0;
}

/*
 * A signalfd, and a poll on it, sees what the kernel has pending. What is sent to one thread is pending with us; if
 * everybody blocks it, so that nothing but a signalfd or a sigwait will take it, then it goes to the kernel, as one for
 * the process. Only the leader may name another sender than itself (do_rt_sigqueueinfo() of the kernel).
 */
_Atomic ksigset_t signalfd_masks;

static bool signalfd_sees(int sig)
{
	return signalfd_masks & real_mask & SIGBIT(sig);
}

static void send_by_kernel(int sig, struct ksiginfo *info)
{
	struct regs r = {.nr = SYS_rt_sigqueueinfo};
	r.rdi = (uint64_t)runtime_pid;
	r.rsi = (uint64_t)sig;
	r.rdx = (uint64_t)info;
	leader_calls(&r);
}

/* Those that were made before the runtime began: /proc/self/fdinfo has a line "sigmask:\t0000000000004000". */
static ksigset_t mask_in_fdinfo(int fd)
{
	char text[512];
	ksigset_t mask = 0;
	size_t n = proc_read("/proc/self/fdinfo/", fd, "", text, sizeof(text));
	proc_field(text, text + n, "sigmask:", 16, &mask);
	return mask;
}

#define FIRST_FDS 256

void signalfds_find(void)
{
	struct stat st;
	for (int fd = 0; fd < FIRST_FDS; fd++) {
		/* Anonymous inodes have no type. */
		if (sys(SYS_fstat, fd, &st) == 0 && !(st.st_mode & S_IFMT))
			atomic_fetch_or(&signalfd_masks, mask_in_fdinfo(fd));
	}
}

long call_signalfd(struct thread *t, struct regs *r)
{
	ksigset_t mask = 0;
	long ret = native_regs(t, r);
	if (ret < 0 || user_read(&mask, r->rsi))
		return ret;
	atomic_fetch_or(&signalfd_masks, mask);
	spin_lock(&signal_lock);
	for (; mask; mask &= mask - 1)
		signal_real_bit(__builtin_ctzl(mask) + 1);
	spin_unlock(&signal_lock);
	return ret;
}

/* A signal for one thread of this process. */
static long send_to(struct thread *t, struct regs *r, int tid, int sig, struct ksiginfo *info)
{
	if (!thread_lives(tid))
		return tid >= TID_BASE ? -ESRCH : native_regs(t, r);
	if (sig < 0 || sig > SIGNALS)
		return -EINVAL;
	/* glibc's setxid asks each thread to repeat the call: ours share carriers, which call_setid has seen to. */
	if (sig == SIGNAL_SETXID)
		return -ESRCH;
	if (sig == 0)
		return 0;
	if (sig == SIGKILL || sig == SIGSTOP)
		return sys(SYS_kill, runtime_pid, sig);
	info->si_signo = sig;
	if (unlikely(signalfd_sees(sig))) {
		send_by_kernel(sig, info);
		return 0;
	}
	return signal_send_tid(tid, info);
}

static struct ksiginfo from_ourselves(int sig, int code)
{
	struct ksiginfo info = {.si_signo = sig, .si_code = code};
	info.rest[0] = (uint32_t)runtime_pid | (uint64_t)sys(SYS_getuid) << 32;
	return info;
}

static long tkill(struct thread *t, struct regs *r, int tid, int sig)
{
	struct ksiginfo info = from_ourselves(sig, SI_TKILL);
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

/* Only who signals itself may say that the kernel did, or kill(). */
static bool pretends(const struct thread *t, const struct ksiginfo *info, int to)
{
	return (info->si_code >= 0 || info->si_code == SI_TKILL) && t->tid != to;
}

long call_rt_tgsigqueueinfo(struct thread *t, struct regs *r)
{
	struct ksiginfo info;
	if ((int)r->rdi != runtime_pid)
		return native_regs(t, r);
	if (user_read(&info, r->r10))
		return -EFAULT;
	if ((int)r->rsi > 0 && pretends(t, &info, (int)r->rsi))
		return -EPERM;
	return send_to(t, r, (int)r->rsi, (int)r->rdx, &info);
}

/* kill() knows a thread's id too, and means the process. */
static bool is_us(int pid)
{
	return pid == runtime_pid || (pid > 0 && thread_lives(pid));
}

/* Somebody has a handler for it that does not block it: no need to ask the kernel. A SIGPIPE that came from there would
 * be taken for a broken pipe's. */
static bool stays_here(int sig)
{
	return sig > 0 && sig <= SIGNALS && actions[sig].handler > 1 && !(atomic_load(&real_mask) & SIGBIT(sig));
}

/* As kill() sends to this process. */
static long kill_us(struct thread *t, int sig)
{
	if (!stays_here(sig))
		return native(t, SYS_kill, runtime_pid, sig, 0, 0, 0, 0);
	struct ksiginfo info = from_ourselves(sig, SI_USER);
	return signal_send_process(&info);
}

long call_kill(struct thread *t, struct regs *r)
{
	return is_us((int)r->rdi) ? kill_us(t, (int)r->rsi) : native_regs(t, r);
}

/* As rt_sigqueueinfo() sends to this process. */
static long queue_to_us(struct thread *t, int sig, struct ksiginfo *info)
{
	info->si_signo = sig;
	if (stays_here(sig))
		return signal_send_process(info);
	bool as_kernel = info->si_code >= 0 || info->si_code == SI_TKILL;
	if (as_kernel && sig > 0 && sig <= SIGNALS) {
		send_by_kernel(sig, info);
		return 0;
	}
	return native(t, SYS_rt_sigqueueinfo, runtime_pid, sig, (long)info, 0, 0, 0);
}

long call_rt_sigqueueinfo(struct thread *t, struct regs *r)
{
	struct ksiginfo info;
	int pid = (int)r->rdi;
	if (!is_us(pid))
		return native_regs(t, r);
	if (user_read(&info, r->rdx))
		return -EFAULT;
	if (pretends(t, &info, pid))
		return -EPERM;
	return queue_to_us(t, (int)r->rsi, &info);
}

/*
 * pidfd_send_signal(2). Whom it is about is in the descriptor, and how far it goes in the flags (Linux 6.9): to the
 * process, or to its main thread, the only one of ours for which the kernel makes a pidfd of a thread.
 */
enum { BY_DESCRIPTOR, TO_THREAD, TO_PROCESS };

static unsigned pidfd_scope(int fd, unsigned flags)
{
	if (flags != BY_DESCRIPTOR)
		return flags;
	return sys(SYS_fcntl, fd, F_GETFL) & O_EXCL /* PIDFD_THREAD */ ? TO_THREAD : TO_PROCESS;
}

long call_pidfd_send_signal(struct thread *t, struct regs *r)
{
	int fd = (int)r->rdi, sig = (int)r->rsi;
	unsigned flags = (unsigned)r->r10;
	struct ksiginfo info = {0};
	/* What is wrong with these two, or unknown to this kernel, signal 0 tells. */
	if (flags > TO_PROCESS || sys(SYS_pidfd_send_signal, fd, 0, 0, flags) || proc_pid_of(fd) != runtime_pid)
		return native_regs(t, r);
	if (r->rdx && user_read(&info, r->rdx))
		return -EFAULT;
	if (r->rdx && info.si_signo != sig)
		return -EINVAL;
	if (r->rdx && pretends(t, &info, runtime_pid))
		return -EPERM;
	if (pidfd_scope(fd, flags) == TO_THREAD)
		return r->rdx ? send_to(t, r, runtime_pid, sig, &info) : tkill(t, r, runtime_pid, sig);
	return r->rdx ? queue_to_us(t, sig, &info) : kill_us(t, sig);
}
