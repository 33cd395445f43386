/* Who a thread is: tids, names, affinity, scheduling policy, and the identity of the whole process. */
#include <linux/prctl.h>
#include <sched.h>

#include "bound.h"
#include "calls.h"
#include "mem.h"
#include "runtime.h"
#include "signal_core.h"

long call_gettid(struct thread *t, struct regs *r)
{
	(void)r;
	return thread_tid(t);
}

/* The green thread that a pid_t argument names (0: the caller); NULL: it is another process's. */
static struct thread *named(struct thread *t, uint64_t arg)
{
	if ((int)arg == 0)
		return t;
	spin_lock(&threads_lock);
	struct thread *other = thread_by_tid((int)arg);
	spin_unlock(&threads_lock);
	return other;
}

static bool made_up(uint64_t arg)
{
	return (int)arg >= TID_BASE;
}

/* The kernel's answer for a thread that is not there, or is another process's. */
static long for_others(struct thread *t, struct regs *r)
{
	return made_up(r->rdi) ? -ESRCH : native_regs(t, r);
}

/* Affinity and policy are kept per green thread. Who sets them gets a kernel thread of its own, where they have their
 * effect; threads that only inherit an affinity do not. */
long call_sched_getaffinity(struct thread *t, struct regs *r)
{
	struct thread *other = named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	if (!other->affinity_size)
		return sys(SYS_sched_getaffinity, 0, r->rsi, r->rdx);
	if (r->rsi < other->affinity_size || r->rsi & 7)
		return -EINVAL;
	return user_copy((void *)r->rdx, other->affinity, other->affinity_size) ? -EFAULT : other->affinity_size;
}

/* The kernel's name for a bound thread. */
static int carrier_of(struct thread *bound)
{
	struct carrier *c = atomic_load(&bound->carrier);
	return c ? c->tid : 0;
}

/* So that what was kept comes into effect. */
static long bind_thread(struct thread *t, struct thread *other)
{
	if (other == t)
		return thread_bind(t);
	spin_lock(&signal_lock);
	if (!other->sig.gone)
		thread_ask_to_bind(other);
	spin_unlock(&signal_lock);
	return 0;
}

long call_sched_setaffinity(struct thread *t, struct regs *r)
{
	struct thread *other = named(t, r->rdi);
	uint8_t wanted[AFFINITY_BYTES] = {0}, allowed[AFFINITY_BYTES] = {0};
	if (!other)
		return for_others(t, r);
	long size = sys(SYS_sched_getaffinity, 0, sizeof(allowed), allowed);
	if (size < 0)
		return native_regs(t, r);
	if (user_copy(wanted, (void *)r->rdx, r->rsi < (uint64_t)size ? r->rsi : (uint64_t)size))
		return -EFAULT;
	bool any = false;
	for (long i = 0; i < size; i++) {
		wanted[i] &= allowed[i];
		any |= wanted[i] != 0;
	}
	if (!any)
		return -EINVAL;
	memcpy(other->affinity, wanted, (size_t)size);
	other->affinity_size = (uint8_t)size;
	if (other->bound)
		return sys(SYS_sched_setaffinity, carrier_of(other), size, wanted) < 0 ? -EINVAL : 0;
	return memcmp(wanted, allowed, (size_t)size) ? bind_thread(t, other) : 0;
}

static bool real_time(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static long set_policy(struct thread *t, struct thread *other, int policy, const int *user_priority)
{
	int priority;
	int plain = policy & ~0x40000000; /* SCHED_RESET_ON_FORK */
	if (!user_priority)
		return -EINVAL;
	if (user_read(&priority, user_priority))
		return -EFAULT;
	if (plain != SCHED_OTHER && plain != SCHED_BATCH && plain != SCHED_IDLE && !real_time(plain))
		return -EINVAL;
	if (real_time(plain) ? priority < 1 || priority > 99 : priority != 0)
		return -EINVAL;
	if (real_time(plain)) {
		struct {
			uint64_t cur, max;
		} lim = {0, 0};
		sys(SYS_prlimit64, 0, 14 /* RLIMIT_RTPRIO */, 0, &lim);
		if (sys(SYS_geteuid) != 0 && (uint64_t)priority > lim.cur)
			return -EPERM;
	}
	bool changes = other->policy != policy || other->priority != priority;
	if (other->bound && changes) {
		long err = sys(SYS_sched_setscheduler, carrier_of(other), policy, &priority);
		if (err)
			return err;
	}
	other->policy = policy;
	other->priority = priority;
	return changes && !other->bound ? bind_thread(t, other) : 0;
}

long call_sched_getscheduler(struct thread *t, struct regs *r)
{
	struct thread *other = named(t, r->rdi);
	return other ? other->policy : for_others(t, r);
}

long call_sched_setscheduler(struct thread *t, struct regs *r)
{
	struct thread *other = named(t, r->rdi);
	return other ? set_policy(t, other, (int)r->rsi, (const int *)r->rdx) : for_others(t, r);
}

long call_sched_getparam(struct thread *t, struct regs *r)
{
	struct thread *other = named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	return user_write(r->rsi, &other->priority);
}

long call_sched_setparam(struct thread *t, struct regs *r)
{
	struct thread *other = named(t, r->rdi);
	return other ? set_policy(t, other, other->policy, (const int *)r->rsi) : for_others(t, r);
}

/* nice(2) is per thread on Linux: kept and answered, like the policy. */
long call_getpriority(struct thread *t, struct regs *r)
{
	if ((int)r->rdi != 0 /* PRIO_PROCESS */ || !made_up(r->rsi))
		return native_regs(t, r);
	struct thread *other = named(t, r->rsi);
	return other ? 20 - other->nice : -ESRCH;
}

long call_setpriority(struct thread *t, struct regs *r)
{
	struct thread *other = (int)r->rdi == 0 ? named(t, r->rsi) : NULL;
	int nice = (int)r->rdx < -20 ? -20 : (int)r->rdx > 19 ? 19 : (int)r->rdx;
	if (!other || other->is_main)
		return made_up(r->rsi) ? -ESRCH : native_regs(t, r);
	if (nice < other->nice && sys(SYS_geteuid) != 0)
		return -EACCES;
	other->nice = nice;
	return 0;
}

long call_prctl(struct thread *t, struct regs *r)
{
	switch ((int)r->rdi) {
	case PR_SET_NAME: {
		char name[16] = {0};
		for (int i = 0; i < 15; i++) {
			if (user_copy(&name[i], (char *)r->rsi + i, 1))
				return -EFAULT;
			if (!name[i])
				break;
		}
		memcpy(t->name, name, sizeof(name));
		return t->is_main ? native_regs(t, r) : 0; /* the process's name is the main thread's */
	}
	case PR_GET_NAME:
		return user_copy((void *)r->rsi, t->name, sizeof(t->name)) ? -EFAULT : 0;
	case PR_SET_KEEPCAPS:
	case PR_SET_SECCOMP:
	case PR_CAPBSET_DROP:
	case PR_SET_SECUREBITS:
	case PR_SET_NO_NEW_PRIVS:
	case PR_CAP_AMBIENT:
	case PR_SET_SPECULATION_CTRL:
	case PR_MCE_KILL:
	case PR_SET_TSC:
		return call_binds(t, r);
	default:
		return native_regs(t, r);
	}
}

/* set*id and setgroups: the kernel keeps credentials per kernel thread, POSIX per process. glibc asks every thread to
 * repeat the call (nptl/nptl_setxid.c); here every carrier does. */
long call_setid(struct thread *t, struct regs *r)
{
	if (runtime_hooks.is_raw && runtime_hooks.is_raw(r->rip))
		return call_binds(t, r); /* syscall(SYS_setresuid ...) is how a thread changes its own alone */
	long ret = native_regs(t, r);
	if (ret == 0)
		carriers_repeat(r);
	return ret;
}
