/*
 * POSIX timers. The kernel does not know our tids: for a timer that signals one thread (SIGEV_THREAD_ID, under
 * SIGEV_THREAD too) it signals the process, and the timer's id in the siginfo tells for whom it is.
 *
 * A signal that waits for its thread in the runtime has been delivered, for the kernel, which counts no overrun from
 * there on: that is done here.
 */
#include "timer.h"

#include <signal.h>

#include "bound.h"
#include "calls.h"
#include "mem.h"
#include "signal_core.h"

struct timer {
	struct timer *next;
	int id;
	int tid; /* 0: the process */
	int overrun;
	bool taken; /* by a thread: the overrun is ours to tell */
};

static struct slab timer_slab = SLAB_INIT(struct timer);
static struct spin timers_lock;
static struct timer *timers;

struct ksigevent {
	uint64_t value;
	int signo, notify, tid;
	int pad[11];
};
_Static_assert(sizeof(struct ksigevent) == 64, "as struct sigevent of the kernel");

/* siginfo's _timer: id, overrun, value. */
static int timer_id(const struct ksiginfo *info)
{
	return (int)info->rest[0];
}

static int overrun_of(const struct ksiginfo *info)
{
	return (int)(info->rest[0] >> 32);
}

bool timer_same(const struct ksiginfo *a, const struct ksiginfo *b)
{
	return a->si_code == SI_TIMER && b->si_code == SI_TIMER && timer_id(a) == timer_id(b);
}

/* With signal_lock. At most DELAYTIMER_MAX, as in the kernel. */
void timer_overrun(struct ksiginfo *queued, const struct ksiginfo *more)
{
	int64_t sum = (int64_t)overrun_of(queued) + overrun_of(more) + 1;
	if (sum > INT32_MAX)
		sum = INT32_MAX;
	queued->rest[0] = (uint32_t)timer_id(queued) | (uint64_t)sum << 32;
}

/* With timers_lock. */
static struct timer *find(int id)
{
	struct timer *t = timers;
	while (t && t->id != id)
		t = t->next;
	return t;
}

static void forget(int id)
{
	for (struct timer **p = &timers; *p; p = &(*p)->next) {
		struct timer *gone = *p;
		if (gone->id == id) {
			*p = gone->next;
			slab_free(&timer_slab, gone);
			return;
		}
	}
}

/* It is not armed yet: no signal of it can come before it is known. */
static long create(struct regs *r, struct ksigevent *ev, int tid)
{
	int id;
	struct timer *t = slab_alloc(&timer_slab);
	if (!t)
		return -EAGAIN;
	long ret = sys(SYS_timer_create, r->rdi, ev, &id);
	if (ret == 0 && user_write(r->rdx, &id)) {
		sys(SYS_timer_delete, id);
		ret = -EFAULT;
	}
	spin_lock(&timers_lock);
	if (ret == 0) {
		forget(id);
		*t = (struct timer){.next = timers, .id = id, .tid = tid};
		timers = t;
	} else {
		slab_free(&timer_slab, t);
	}
	spin_unlock(&timers_lock);
	return ret;
}

/* A thread with a timer on its CPU time gets a kernel thread of its own, whose clock the kernel knows. */
static long on_cpu_clock(struct thread *t, struct regs *r, int tid)
{
	if (thread_is_kernels(t, tid))
		return 0;
	if (tid != t->tid)
		return thread_lives(tid) ? -EOPNOTSUPP : -EINVAL;
	r->rdi = CLOCK_THREAD_CPUTIME_ID;
	return thread_bind(t);
}

long call_timer_create(struct thread *t, struct regs *r)
{
	struct ksigevent ev;
	int clock_tid = cpu_clock_tid(t, (clockid_t)r->rdi);
	long err = clock_tid ? on_cpu_clock(t, r, clock_tid) : 0;
	if (err)
		return err;
	int tid = 0;
	if (r->rsi && user_read(&ev, r->rsi))
		return -EFAULT;
	if (r->rsi && ev.notify == SIGEV_THREAD_ID) {
		tid = ev.tid;
		if (!thread_lives(tid))
			return -EINVAL;
		ev.notify = SIGEV_SIGNAL;
	}
	return create(r, r->rsi ? &ev : NULL, tid);
}

/* What a timer sent before it is set anew or deleted is not delivered any more (Linux 6.13). */
static void take_back(int id)
{
	signals_discard_timer(id);
	spin_lock(&timers_lock);
	struct timer *timer = find(id);
	if (timer)
		timer->taken = false;
	spin_unlock(&timers_lock);
}

long call_timer_settime(struct thread *t, struct regs *r)
{
	int64_t its[4]; /* it_interval, it_value */
	take_back((int)r->rdi);
	long ret = native_regs(t, r);
	if (ret == 0 && !user_read(&its, r->rdx) && !its[2] && !its[3])
		take_back((int)r->rdi);
	return ret;
}

long call_timer_getoverrun(struct thread *t, struct regs *r)
{
	long ret = native_regs(t, r);
	spin_lock(&timers_lock);
	struct timer *timer = find((int)r->rdi);
	if (ret >= 0 && timer && timer->taken)
		ret = timer->overrun;
	spin_unlock(&timers_lock);
	return ret;
}

long call_timer_delete(struct thread *t, struct regs *r)
{
	long ret = native_regs(t, r);
	if (ret == 0) {
		take_back((int)r->rdi);
		spin_lock(&timers_lock);
		forget((int)r->rdi);
		spin_unlock(&timers_lock);
	}
	return ret;
}

int timer_target(const struct ksiginfo *info)
{
	if (info->si_code != SI_TIMER)
		return 0;
	spin_lock(&timers_lock);
	struct timer *t = find(timer_id(info));
	int tid = t ? t->tid : 0;
	spin_unlock(&timers_lock);
	return tid;
}

void timer_taken(const struct ksiginfo *info)
{
	spin_lock(&timers_lock);
	struct timer *t = find(timer_id(info));
	if (t) {
		t->taken = true;
		t->overrun = overrun_of(info);
	}
	spin_unlock(&timers_lock);
}

void timers_reset_in_child(void)
{
	timers = NULL; /* timers are not inherited (timer_create(2)) */
	timers_lock = (struct spin){0};
	slab_reset_in_child(&timer_slab);
}
