/* nanosleep, clock_nanosleep, sched_yield. */
#include "calls.h"

/* Sleeps until the deadline; how much is left when a signal came first goes to *rem. */
static long sleep_until(struct thread *t, nsec_t deadline, bool relative, struct ktimespec *rem)
{
	for (;;) {
		thread_prepare(t);
		uint32_t reasons = thread_park(t, deadline);
		nsec_t left = deadline - clock_now();
		if (left <= 0)
			return 0;
		if (!(reasons & WAKE_SIGNAL))
			continue;
		if (relative && rem) {
			struct ktimespec ts = nsec_to_timespec(left);
			if (user_write(rem, &ts))
				return -EFAULT;
		}
		return relative ? -ERESTART_SLEEP : -ERESTARTNOHAND;
	}
}

static long nanosleep_for(struct thread *t, const void *req, struct ktimespec *rem)
{
	struct ktimespec ts;
	if (user_read(&ts, req))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	/* A restart without a handler goes on towards the same deadline, as restart_syscall does. */
	nsec_t deadline = t->restart_deadline ? t->restart_deadline : deadline_after(timespec_to_nsec(&ts));
	long ret = sleep_until(t, deadline, true, rem);
	t->restart_deadline = ret == -ERESTART_SLEEP ? deadline : 0;
	return ret;
}

long call_nanosleep(struct thread *t, struct regs *r)
{
	return nanosleep_for(t, (const void *)r->rdi, (struct ktimespec *)r->rsi);
}

long call_clock_nanosleep(struct thread *t, struct regs *r)
{
	clockid_t id = (clockid_t)r->rdi;
	struct ktimespec ts;
	int tid = cpu_clock_tid(t, id);
	if (tid)
		return cpu_clock_sleep(t, tid, r);
	if (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC && id != CLOCK_BOOTTIME && id != CLOCK_TAI)
		return native_regs(t, r); /* CPU clocks, alarms, errors */
	if (!(r->rsi & TIMER_ABSTIME))
		return nanosleep_for(t, (const void *)r->rdx, (struct ktimespec *)r->r10);
	if (user_read(&ts, r->rdx))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	return sleep_until(t, deadline_at(id, timespec_to_nsec(&ts)), false, NULL);
}

long call_sched_yield(struct thread *t, struct regs *r)
{
	struct hub *h = carrier_self()->hub;
	(void)r;
	if (h &&
	    !run_queue_length(&h->run)) /* the one it waits for may run on another carrier, for which it has the CPU */
		sys(SYS_sched_yield);
	thread_yield(t);
	return 0;
}
