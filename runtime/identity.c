/* Who a thread is: tids, names, affinity, scheduling policy, and the identity of the whole process. */
#include <linux/prctl.h>
#include <sched.h>
#include <sys/resource.h>

#include "bound.h"
#include "calls.h"
#include "exclude.h"
#include "mem.h"
#include "runtime.h"
#include "signal_core.h"
#include "trap.h"

long call_gettid(struct thread *t, struct regs *r)
{
	(void)r;
	return thread_tid(t);
}

/* Does a pid_t argument name a green thread (0: the caller)? Else it is another process's, or nobody's. */
static bool is_named(uint64_t arg)
{
	return (int)arg == 0 || thread_lives((int)arg);
}

/* That thread, with threads_lock held, unless it is NULL: what is known of another thread is read and written under it,
 * and copied from and to the program outside. */
static struct thread *lock_named(struct thread *t, uint64_t arg)
{
	spin_lock(&threads_lock);
	struct thread *other = (int)arg == 0 ? t : thread_by_tid((int)arg);
	if (!other)
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
	uint8_t set[AFFINITY_BYTES];
	if (thread_is_kernels(t, (int)r->rdi))
		return native_regs(t, r);
	struct thread *other = lock_named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	uint8_t size = other->scheduling.affinity_size;
	memcpy(set, other->scheduling.affinity, sizeof(set));
	spin_unlock(&threads_lock);
	if (!size)
		return sys(SYS_sched_getaffinity, 0, r->rsi, r->rdx);
	if (r->rsi < size || r->rsi & 7)
		return -EINVAL;
	return user_copy((void *)r->rdx, set, size) ? -EFAULT : size;
}

/* lock_named() for a change that gets the thread a kernel thread of its own: signal_lock keeps it from going until it
 * is asked. */
static struct thread *lock_to_bind(struct thread *t, uint64_t arg)
{
	spin_lock(&signal_lock);
	struct thread *other = lock_named(t, arg);
	if (!other)
		spin_unlock(&signal_lock);
	return other;
}

/* So that what was kept comes into effect. */
static long unlock_and_bind(struct thread *t, struct thread *other, bool changed)
{
	bool ask = changed && other != t && !other->bound && !other->sig.gone;
	spin_unlock(&threads_lock);
	if (ask)
		thread_ask_to_bind(other);
	spin_unlock(&signal_lock);
	return changed && other == t ? thread_bind(t) : 0;
}

long call_sched_setaffinity(struct thread *t, struct regs *r)
{
	uint8_t wanted[AFFINITY_BYTES] = {0}, allowed[AFFINITY_BYTES] = {0};
	if (!is_named(r->rdi))
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
	struct thread *other = lock_to_bind(t, r->rdi);
	if (!other)
		return -ESRCH;
	memcpy(other->scheduling.affinity, wanted, (size_t)size);
	other->scheduling.affinity_size = (uint8_t)size;
	int carrier = bound_tid(other);
	long err = carrier ? sys(SYS_sched_setaffinity, carrier, size, wanted) : 0;
	long bound = unlock_and_bind(t, other, !carrier && memcmp(wanted, allowed, (size_t)size));
	return err < 0 ? -EINVAL : bound;
}

static bool real_time(int policy)
{
	return policy == SCHED_FIFO || policy == SCHED_RR;
}

static long set_policy(struct thread *t, uint64_t tid, int policy, const int *user_priority)
{
	int priority;
	int plain = policy & ~SCHED_RESET_ON_FORK;
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
	struct thread *other = lock_to_bind(t, tid);
	if (!other)
		return -ESRCH;
	bool changes = other->scheduling.policy != policy || other->scheduling.priority != priority;
	int carrier = bound_tid(other);
	long err = carrier ? sys(SYS_sched_setscheduler, carrier, policy, &priority) : 0;
	if (!err) {
		other->scheduling.policy = policy;
		other->scheduling.priority = priority;
	}
	long bound = unlock_and_bind(t, other, changes && !carrier);
	return err ? err : bound;
}

long call_sched_getscheduler(struct thread *t, struct regs *r)
{
	if (thread_is_kernels(t, (int)r->rdi))
		return native_regs(t, r);
	struct thread *other = lock_named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	int policy = other->scheduling.policy;
	spin_unlock(&threads_lock);
	return policy;
}

long call_sched_setscheduler(struct thread *t, struct regs *r)
{
	return is_named(r->rdi) ? set_policy(t, r->rdi, (int)r->rsi, (const int *)r->rdx) : for_others(t, r);
}

long call_sched_getparam(struct thread *t, struct regs *r)
{
	if (thread_is_kernels(t, (int)r->rdi))
		return native_regs(t, r);
	struct thread *other = lock_named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	int priority = other->scheduling.priority;
	spin_unlock(&threads_lock);
	return user_write(r->rsi, &priority);
}

long call_sched_setparam(struct thread *t, struct regs *r)
{
	struct thread *other = lock_named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	int policy = other->scheduling.policy;
	spin_unlock(&threads_lock);
	return set_policy(t, r->rdi, policy, (const int *)r->rsi);
}

/* nice(2) is per thread on Linux: kept and answered; it has its effect where a thread is bound. */

long call_getpriority(struct thread *t, struct regs *r)
{
	bool native = (int)r->rdi != PRIO_PROCESS || thread_is_kernels(t, (int)r->rsi);
	struct thread *other = native ? NULL : lock_named(t, r->rsi);
	if (!other)
		return native_regs(t, r);
	long priority = 20 - other->scheduling.nice;
	spin_unlock(&threads_lock);
	return priority;
}

/* can_nice() in kernel/sched/syscalls.c. */
static bool may_lower(int nice)
{
	struct {
		uint64_t cur, max;
	} limit = {0, 0};
	sys(SYS_prlimit64, 0, RLIMIT_NICE, 0, &limit);
	return sys(SYS_geteuid) == 0 || (uint64_t)(20 - nice) <= limit.cur;
}

static long set_nice(struct thread *t, uint64_t tid, int nice)
{
	bool may = may_lower(nice);
	struct thread *other = lock_named(t, tid);
	if (!other)
		return -ESRCH;
	long err = nice < other->scheduling.nice && !may ? -EACCES : 0;
	if (!err)
		other->scheduling.nice = nice;
	int carrier = err ? 0 : bound_tid(other);
	spin_unlock(&threads_lock);
	return carrier ? sys(SYS_setpriority, PRIO_PROCESS, carrier, nice) : err;
}

long call_setpriority(struct thread *t, struct regs *r)
{
	int nice = (int)r->rdx < -20 ? -20 : (int)r->rdx > 19 ? 19 : (int)r->rdx;
	long err = (int)r->rdi == PRIO_PROCESS ? set_nice(t, r->rsi, nice) : -ESRCH;
	return err == -ESRCH ? native_regs(t, r) : err;
}

/* sched_getattr, sched_setattr. */

struct sched_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

long call_sched_getattr(struct thread *t, struct regs *r)
{
	struct sched_attributes a;
	if (thread_is_kernels(t, (int)r->rdi))
		return native_regs(t, r);
	struct thread *other = lock_named(t, r->rdi);
	if (!other)
		return for_others(t, r);
	int policy = other->scheduling.policy, priority = other->scheduling.priority, nice = other->scheduling.nice;
	spin_unlock(&threads_lock);
	long err = sys(SYS_sched_getattr, 0, r->rsi, r->rdx, r->r10); /* its errors, and what a carrier has too */
	if (err)
		return err;
	if (user_read(&a, r->rsi))
		return -EFAULT;
	a.policy = (uint32_t)(policy & ~SCHED_RESET_ON_FORK);
	a.flags = (a.flags & ~1UL) | (policy & SCHED_RESET_ON_FORK ? 1 : 0);
	a.nice = policy == SCHED_OTHER || policy == SCHED_BATCH ? nice : 0;
	a.priority = (uint32_t)priority;
	return user_write(r->rsi, &a);
}

/* One's own attributes are the kernel's to judge, on a kernel thread of one's own. */
static long set_own_attributes(struct thread *t, struct regs *r)
{
	struct regs own = *r;
	long err = thread_bind(t);
	if (err)
		return err;
	own.rdi = 0;
	err = native_regs(t, &own);
	if (err)
		return err;
	t->scheduling.policy = (int)sys(SYS_sched_getscheduler, 0);
	sys(SYS_sched_getparam, 0, &t->scheduling.priority);
	t->scheduling.nice = 20 - (int)sys(SYS_getpriority, PRIO_PROCESS, 0);
	return 0;
}

long call_sched_setattr(struct thread *t, struct regs *r)
{
	struct sched_attributes a;
	if (!is_named(r->rdi))
		return for_others(t, r);
	if ((int)r->rdi == 0 || (int)r->rdi == thread_tid(t) || (int)r->rdi == t->tid)
		return set_own_attributes(t, r);
	if (!r->rsi || r->rdx)
		return -EINVAL;
	if (user_read(&a, r->rsi))
		return -EFAULT;
	int policy = (int)a.policy | (a.flags & 1 ? SCHED_RESET_ON_FORK : 0), priority = (int)a.priority;
	long err = set_policy(t, r->rdi, policy, &priority);
	return err || real_time((int)a.policy) ? err : set_nice(t, r->rdi, a.nice);
}

/*
 * Calls that take a tid and mean its process, or refuse a thread that is no leader: in place of a made-up tid the
 * kernel is given one that it knows.
 */
static long with_stand_in(struct thread *t, struct regs *r, uint64_t *tid)
{
	struct carrier *c = atomic_load(&carriers);
	uint64_t made_up_tid = *tid;
	if (!made_up(*tid))
		return native_regs(t, r);
	if (!thread_lives((int)*tid))
		return -ESRCH;
	while (c && (c == leader || !c->tid || !atomic_load(&c->alive)))
		c = c->next_all;
	*tid = c ? (uint64_t)c->tid : (uint64_t)runtime_pid;
	long ret = native_regs(t, r);
	*tid = made_up_tid;
	return ret;
}

long call_of_process(struct thread *t, struct regs *r)
{
	return with_stand_in(t, r, &r->rdi);
}

long call_kcmp(struct thread *t, struct regs *r)
{
	struct regs both = *r;
	if (made_up(r->rsi) && !thread_lives((int)r->rsi))
		return -ESRCH;
	if (made_up(r->rsi))
		both.rsi = (uint64_t)runtime_pid;
	return with_stand_in(t, &both, &both.rdi);
}

/* PIDFD_THREAD (O_EXCL, Linux 6.9) asks for the thread itself: as a kernel that does not know the flag. */
long call_pidfd_open(struct thread *t, struct regs *r)
{
	return made_up(r->rdi) && r->rsi & 0200 ? -EINVAL : with_stand_in(t, r, &r->rdi);
}

long call_ptrace(struct thread *t, struct regs *r)
{
	return made_up(r->rsi) ? with_stand_in(t, r, &r->rsi) : call_binds(t, r);
}

/* The kernel sends it to the process when the parent ends, whichever kernel thread has asked for it: one carrier does,
 * for the thread that did last. */
static long set_parent_death_signal(struct thread *t, struct regs *r)
{
	struct regs none = *r;
	long err = native_regs(t, r);
	if (err)
		return err;
	t->parent_death_signal = (int)r->rsi;
	none.rsi = 0;
	carriers_repeat(&none);
	return 0;
}

/* The process's name is the main thread's, wherever that runs; one's own kernel thread shows one's own. */
static long show_own_name(struct thread *t, struct regs *r)
{
	bool here = t->is_main ? carrier_self() == leader : t->bound;
	if (t->is_main && !here)
		bound_show_name(runtime_pid, t->name);
	return here ? native_regs(t, r) : 0;
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
		exclude_named(t);
		return show_own_name(t, r);
	}
	case PR_SET_TIMERSLACK: /* of no effect without a kernel thread: the timers that it waits for are its hub's */
		t->timer_slack = (int64_t)r->rsi > 0 ? r->rsi : t->timer_slack_inherited;
		if (t->bound)
			sys(SYS_prctl, PR_SET_TIMERSLACK, t->timer_slack);
		return 0;
	case PR_GET_TIMERSLACK:
		return (long)t->timer_slack;
	case PR_SET_PDEATHSIG:
		return set_parent_death_signal(t, r);
	case PR_GET_PDEATHSIG:
		return user_write(r->rsi, &t->parent_death_signal);
	case PR_GET_NAME:
		if (thread_is_kernels(t, 0))
			return native_regs(t, r); /* others name it there */
		return user_copy((void *)r->rsi, t->name, sizeof(t->name)) ? -EFAULT : 0;
	case PR_SET_SYSCALL_USER_DISPATCH: /* there is one for each kernel thread, and it is taken */
		return trap_on ? -EINVAL : native_regs(t, r);
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
 * repeat the call, and aborts where one of them is refused (nptl/nptl_setxid.c); here every carrier does. */
long call_setid(struct thread *t, struct regs *r)
{
	if (call_is_raw(t, r))
		return call_binds(t, r); /* syscall(SYS_setresuid ...) is how a thread changes its own alone */
	long ret = native_regs(t, r);
	if (ret == 0 && !carriers_repeat(r) && runtime_hooks.abort)
		signal_run_in_program(t, runtime_hooks.abort);
	return ret;
}
