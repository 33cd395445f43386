/*
 * POSIX timers that signal one thread (SIGEV_THREAD_ID, under SIGEV_THREAD too): the kernel does not know our tids, so
 * it signals the process, and the timer's id in the siginfo tells for whom it is.
 */
#include "timer.h"

#include <signal.h>

#include "bound.h"
#include "calls.h"
#include "mem.h"

struct timer {
	struct timer *next;
	int id, tid;
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

static long create_for_thread(struct regs *r, struct ksigevent *ev)
{
	int tid = ev->tid, id;
	if (!thread_lives(tid))
		return -EINVAL;
	struct timer *t = slab_alloc(&timer_slab);
	if (!t)
		return -EAGAIN;
	ev->notify = SIGEV_SIGNAL;
	long ret = sys(SYS_timer_create, r->rdi, ev, &id);
	if (ret == 0 && user_write(r->rdx, &id)) {
		sys(SYS_timer_delete, id);
		ret = -EFAULT;
	}
	spin_lock(&timers_lock);
	if (ret == 0) {
		forget(id);
		*t = (struct timer){timers, id, tid};
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
	if (tid != t->tid)
		return thread_lives(tid) ? -EOPNOTSUPP : -EINVAL;
	r->rdi = CLOCK_THREAD_CPUTIME_ID;
	return thread_bind(t);
}

long call_timer_create(struct thread *t, struct regs *r)
{
	struct ksigevent ev;
	int tid = cpu_clock_tid(t, (clockid_t)r->rdi);
	long err = tid ? on_cpu_clock(t, r, tid) : 0;
	if (err)
		return err;
	if (!r->rsi || user_read(&ev, r->rsi) || ev.notify != SIGEV_THREAD_ID)
		return native_regs(t, r);
	return create_for_thread(r, &ev);
}

long call_timer_delete(struct thread *t, struct regs *r)
{
	long ret = native_regs(t, r);
	if (ret == 0) {
		spin_lock(&timers_lock);
		forget((int)r->rdi);
		spin_unlock(&timers_lock);
	}
	return ret;
}

int timer_target(const struct ksiginfo *info)
{
	int tid = 0;
	if (info->si_code != SI_TIMER)
		return 0;
	spin_lock(&timers_lock);
	for (struct timer *t = timers; t; t = t->next)
		if (t->id == (int)info->rest[0])
			tid = t->tid;
	spin_unlock(&timers_lock);
	return tid;
}

void timers_reset_in_child(void)
{
	timers = NULL; /* timers are not inherited (timer_create(2)) */
	timers_lock = (struct spin){0};
	slab_reset_in_child(&timer_slab);
}
