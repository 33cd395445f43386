/* Waiting for children: wait4, waitid. */
#include <signal.h>
#include <sys/wait.h>

#include "calls.h"
#include "mem.h"
#include "proc.h"
#include "signal_core.h"

/* Is somebody tracing it? */
static bool traced(int pid)
{
	char text[1024];
	uint64_t tracer = 0;
	size_t n = proc_read("/proc/", pid, "/status", text, sizeof(text));
	return proc_field(text, text + n, "\nTracerPid:", 10, &tracer) && tracer;
}

/* A traced child stops where another would not, and its tracer's plain wait sees that, which its pidfd does not. It is
 * traced from early on, if at all: this is how long after the begin of a wait it is looked at. */
static const nsec_t look_after[] = {5 * NSEC_PER_MSEC, 50 * NSEC_PER_MSEC, NSEC_PER_SEC};

/* Parks until the child `pid` can be reaped. 0; -EPERM: cannot be waited for so; -ERESTARTSYS. */
static long park_for_child(struct thread *t, int pid, int pidfd)
{
	struct fd_wait w;
	nsec_t begin = clock_now();
	size_t looks = 0;
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
		uint32_t reasons = thread_park(t, looks < ARRAY_LEN(look_after) ? begin + look_after[looks] : NEVER);
		fd_unwatch(&w);
		if (reasons & WAKE_TIMEOUT && looks++ < ARRAY_LEN(look_after) && traced(pid))
			return -EPERM;
		if (reasons & WAKE_SIGNAL && signal_pending(&t->sig))
			return -ERESTARTSYS;
	}
	fd_unwatch(&w);
	return ret;
}

/* A pidfd is readable when the process has ended; other changes, and any child of several, only the kernel can wait
 * for, so the hub is handed off. */
static long wait_until(struct thread *t, struct regs *r, int pid, int options, long (*try)(struct regs *))
{
	long ret;
	if (options & (WUNTRACED | WCONTINUED | WSTOPPED | __WNOTHREAD) || pid <= 0)
		return handoff_wait(t, r, NEVER, NULL);
	int fd = fd_lend(SYS_pidfd_open, pid, 0, 0, 0);
	if (fd < 0)
		return handoff_wait(t, r, NEVER, NULL); /* before Linux 5.3, no fd to be had, or a seccomp filter */
	do
		ret = park_for_child(t, pid, fd);
	while (!ret && (ret = try(r)) == 0 && fd_lent(fd));
	bool evicted = !fd_lent(fd);
	fd_release(fd);
	return ret == -EPERM || (ret == 0 && evicted) ? handoff_wait(t, r, NEVER, NULL) : ret;
}

/* Who is woken looks for a child before it looks at signals (do_wait()): the child's own SIGCHLD interrupts no wait for
 * it. */
static long wait_parked(struct thread *t, struct regs *r, int pid, int options, long (*try)(struct regs *))
{
	long ret = try(r);
	if (ret != 0 || options & WNOHANG)
		return ret;
	ret = wait_until(t, r, pid, options, try);
	long found = ret == -ERESTARTSYS ? try(r) : 0;
	return found ? found : ret;
}

static long try_wait4(struct regs *r)
{
	return sys(SYS_wait4, r->rdi, r->rsi, r->rdx | WNOHANG, r->r10);
}

long call_wait4(struct thread *t, struct regs *r)
{
	long ret = t->bound ? native_regs(t, r) : wait_parked(t, r, (int)r->rdi, (int)r->rdx, try_wait4);
	if (ret > 0)
		signals_settle(SIGCHLD);
	return ret;
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
	if (r->rdx && user_copy((void *)r->rdx, info, 28)) /* up to si_status, as the kernel */
		return -EFAULT;
	return 1;
}

/* A process of those that its pidfd tells of; 0: another, several, or more than its end. */
static int pid_of(const struct regs *r)
{
	return r->rdi == P_PID && (int)r->r10 & WEXITED ? (int)r->rsi : 0;
}

/* With WNOHANG the answer is 0 also if there was nobody. */
static bool saw_one(const struct regs *r, long ret)
{
	int info[5];
	if (ret || !(r->r10 & WNOHANG) || !r->rdx)
		return !ret;
	return !user_read(&info, r->rdx) && info[4];
}

long call_waitid(struct thread *t, struct regs *r)
{
	int options = (int)r->r10;
	long ret;
	/* WEXITED shares no bit with the others that matter here. */
	if (t->bound || options & WNOHANG)
		ret = native_regs(t, r);
	else
		ret = wait_parked(t, r, pid_of(r), options, try_waitid);
	if (ret > 0)
		ret = 0;
	if (saw_one(r, ret))
		signals_settle(SIGCHLD);
	return ret;
}
