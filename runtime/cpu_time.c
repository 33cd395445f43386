/*
 * CPU time of green threads: what the CPU clock of a carrier went on by while the thread had the carrier.
 *
 * Reading that clock is a system call, many times the cost of a switch. So switches know of it only once somebody has
 * asked for a thread's time; to reckon by the vDSO's clock instead was tried, and counted what others took of the CPU
 * between two switches. What takes long anyway is accounted from the start: a thread
 * that goes on without its hub, because it computes or enters the kernel, reads the clock there. So one that computes
 * is seen from its birth; of one that parks all the time, what it used before the first question is missing.
 */
#include "cpu_time.h"

#include <sys/resource.h>

#include "calls.h"
#include "mem.h"
#include "signal_core.h"

_Atomic bool cpu_time_kept;

/* The kernel's clock ids for CPU time (include/linux/posix-timers.h): the inverted tid or pid, a bit for which of the
 * two it is, and what is counted. */
#define CPUCLOCK_PERTHREAD 4
#define CPUCLOCK_PROF 0
#define CPUCLOCK_VIRT 1
#define CPUCLOCK_SCHED 2

static int clock_of(int tid)
{
	return (int)(~(uint32_t)tid << 3) | CPUCLOCK_PERTHREAD | CPUCLOCK_SCHED;
}

static nsec_t read_clock(clockid_t id)
{
	struct ktimespec ts = {0};
	sys(SYS_clock_gettime, id, &ts);
	return ts.sec * NSEC_PER_SEC + ts.nsec;
}

nsec_t cpu_time_of_carrier(int tid)
{
	return read_clock(clock_of(tid));
}

/* Of the calling carrier. */
static nsec_t own_clock(void)
{
	return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

#define GET(field) atomic_load_explicit(&(field), memory_order_relaxed)
#define SET(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

static void change(struct cpu_time *k, int clock, nsec_t since, nsec_t used)
{
	uint32_t seq = GET(k->seq);
	SET(k->seq, seq + 1);
	atomic_thread_fence(memory_order_release);
	SET(k->clock, clock);
	SET(k->since, since);
	SET(k->used, used);
	atomic_store_explicit(&k->seq, seq + 2, memory_order_release);
}

static void begin(struct thread *t, int clock, nsec_t since)
{
	if (!GET(t->cpu.clock))
		change(&t->cpu, clock, since, GET(t->cpu.used));
}

static void end(struct thread *t, nsec_t now)
{
	if (GET(t->cpu.clock))
		change(&t->cpu, 0, 0, GET(t->cpu.used) + now - GET(t->cpu.since));
}

void cpu_time_adopt(struct thread *main)
{
	if (cpu_time_kept)
		begin(main, main->tid, 0);
	else
		SET(main->cpu.used, read_clock(CLOCK_THREAD_CPUTIME_ID));
}

void cpu_time_switched(struct carrier *c, struct thread *left)
{
	nsec_t now = own_clock();
	if (left)
		end(left, now);
	if (c->current)
		begin(c->current, c->tid, now);
}

void cpu_time_alone(struct thread *t)
{
	if (!GET(t->cpu.clock))
		begin(t, carrier_self()->tid, own_clock());
}

void cpu_time_stolen(struct carrier *c)
{
	if (c->current)
		begin(c->current, c->tid, c->stolen_at);
}

void cpu_time_stop(struct thread *t)
{
	if (GET(t->cpu.clock))
		end(t, own_clock());
}

/* Asking. */

struct snapshot {
	uint32_t seq;
	int clock;
	nsec_t since, used;
};

/* With threads_lock. A carrier whose hub was taken has not found out yet: the monitor's note counts. */
static bool take_snapshot(struct thread *t, struct snapshot *s)
{
	s->seq = atomic_load_explicit(&t->cpu.seq, memory_order_acquire);
	*s = (struct snapshot){s->seq, GET(t->cpu.clock), GET(t->cpu.since), GET(t->cpu.used)};
	atomic_thread_fence(memory_order_acquire);
	if (s->seq & 1 || GET(t->cpu.seq) != s->seq)
		return false;
	struct carrier *c = atomic_load(&t->carrier);
	if (!s->clock && c && carrier_mode(c) == MODE_STOLEN && c->current == t) {
		s->clock = c->tid;
		s->since = c->stolen_at;
	}
	return true;
}

static void keep(void)
{
	if (!atomic_load_explicit(&cpu_time_kept, memory_order_relaxed))
		atomic_store_explicit(&cpu_time_kept, true, memory_order_relaxed);
}

/* What was told once is not taken back. */
static nsec_t show(struct thread *t, nsec_t time)
{
	nsec_t shown = GET(t->cpu.shown);
	while (time > shown)
		if (atomic_compare_exchange_weak(&t->cpu.shown, &shown, time))
			return time;
	return shown;
}

/* Of a thread that may be running. Who is switched faster than it is read has, for us, not run since. */
static int time_of(int tid, nsec_t *time)
{
	struct snapshot s = {0}, again = {0};
	nsec_t now = 0;
	keep();
	for (int tries = 0; tries < 4; tries++) {
		spin_lock(&threads_lock);
		struct thread *t = thread_by_tid(tid);
		bool whole = t && take_snapshot(t, &again);
		bool same = whole && again.clock && again.clock == s.clock && again.seq == s.seq;
		nsec_t running = same && now > again.since ? now - again.since : 0;
		if (t)
			*time = show(t, whole ? again.used + running : 0);
		spin_unlock(&threads_lock);
		if (!t)
			return -EINVAL;
		if (whole && (same || !again.clock))
			return 0;
		s = again;
		now = cpu_time_of_carrier(s.clock);
	}
	return 0;
}

static nsec_t own_time(struct thread *t)
{
	struct carrier *c = carrier_self();
	nsec_t now = own_clock();
	keep();
	begin(t, c->tid, now);
	return show(t, GET(t->cpu.used) + now - GET(t->cpu.since));
}

/* The tid that a clock id stands for, 0: the caller; -1: it is not the clock of a thread. */
static int tid_of_clock(clockid_t id)
{
	if (id == CLOCK_THREAD_CPUTIME_ID)
		return 0;
	if (id >= 0 || !(id & CPUCLOCK_PERTHREAD) || (id & 3) > CPUCLOCK_SCHED)
		return -1;
	return (int)(~(uint32_t)id >> 3);
}

/* The clock of a thread of ours? Then *tid is it. */
static bool is_ours(struct thread *t, clockid_t id, int *tid)
{
	*tid = tid_of_clock(id);
	if (*tid == 0 || *tid == thread_tid(t))
		*tid = t->tid;
	return *tid >= TID_BASE || *tid == t->tid || (*tid > 0 && thread_lives(*tid));
}

long call_clock_gettime(struct thread *t, struct regs *r)
{
	int tid;
	nsec_t time;
	if (!is_ours(t, (clockid_t)r->rdi, &tid))
		return native_regs(t, r);
	if (tid == t->tid)
		time = own_time(t);
	else if (time_of(tid, &time))
		return -EINVAL;
	struct ktimespec ts = nsec_to_timespec(time);
	return user_write(r->rsi, &ts);
}

/* Every CPU clock has the same resolution; of ours the kernel is asked for the caller's. */
long call_clock_getres(struct thread *t, struct regs *r)
{
	int tid;
	if (!is_ours(t, (clockid_t)r->rdi, &tid))
		return native_regs(t, r);
	if (tid != t->tid && !thread_lives(tid))
		return -EINVAL;
	return native(t, SYS_clock_getres, CLOCK_THREAD_CPUTIME_ID, (long)r->rsi, 0, 0, 0, 0);
}

int cpu_clock_tid(struct thread *t, clockid_t id)
{
	int tid;
	return is_ours(t, id, &tid) ? tid : 0;
}

/*
 * A sleep on another thread's clock: nothing tells when that has used so much, but it cannot be before as much time has
 * passed. At the end that would be a look every few nanoseconds, so not more often than the kernel's tick looks.
 */
#define LOOK_AGAIN (4 * NSEC_PER_MSEC)

long cpu_clock_sleep(struct thread *t, int tid, struct regs *r)
{
	bool absolute = r->rsi & TIMER_ABSTIME;
	nsec_t time, target;
	struct ktimespec ts;
	if ((clockid_t)r->rdi == CLOCK_THREAD_CPUTIME_ID)
		return -EOPNOTSUPP;
	if (user_read(&ts, r->rdx))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	if (tid == t->tid || time_of(tid, &time))
		return -EINVAL;
	target = timespec_to_nsec(&ts);
	if (!absolute)
		target = t->restart_deadline ? t->restart_deadline : target >= NEVER - time ? NEVER : time + target;
	t->restart_deadline = 0;
	/* Who is gone will not get there: natively the sleep then lasts until a signal comes. */
	while (time_of(tid, &time) == 0 && time < target) {
		nsec_t left = target - time;
		thread_prepare(t);
		uint32_t reasons = thread_park(t, deadline_after(left < LOOK_AGAIN ? LOOK_AGAIN : left));
		if (!(reasons & WAKE_SIGNAL))
			continue;
		if (absolute)
			return -ERESTARTNOHAND;
		ts = nsec_to_timespec(left);
		if (r->r10 && user_write(r->r10, &ts))
			return -EFAULT;
		t->restart_deadline = target;
		return -ERESTART_SLEEP;
	}
	return 0;
}

/* getrusage(RUSAGE_THREAD). */

static struct timeval to_timeval(nsec_t ns)
{
	return (struct timeval){ns / NSEC_PER_SEC, ns % NSEC_PER_SEC / 1000};
}

/* The kernel divides a thread's time into user's and system's by what its ticks saw, and lets neither fall
 * (cputime_adjust()); here the ticks are those of the carrier. */
static void divide(struct thread *t, nsec_t total, struct rusage *ru)
{
	nsec_t user = ru->ru_utime.tv_sec * 1000000 + ru->ru_utime.tv_usec;
	nsec_t system = ru->ru_stime.tv_sec * 1000000 + ru->ru_stime.tv_usec;
	nsec_t part = user + system ? (total >> 16) * ((system << 16) / (user + system)) : 0;
	if (part < t->cpu.shown_system)
		part = t->cpu.shown_system;
	if (total - part < t->cpu.shown_user)
		part = total - t->cpu.shown_user;
	t->cpu.shown_system = part;
	t->cpu.shown_user = total - part;
	ru->ru_utime = to_timeval(total - part);
	ru->ru_stime = to_timeval(part);
}

/* What the kernel counts per kernel thread and has nothing to do with one green thread is 0, as with a kernel that does
 * not keep it; the peak of memory is the process's anyway. */
long call_getrusage(struct thread *t, struct regs *r)
{
	struct rusage ru;
	if ((int)r->rdi != RUSAGE_THREAD || thread_is_kernels(t, 0))
		return native_regs(t, r);
	sys(SYS_getrusage, RUSAGE_THREAD, &ru);
	struct rusage answer = {.ru_utime = ru.ru_utime, .ru_stime = ru.ru_stime, .ru_maxrss = ru.ru_maxrss};
	divide(t, own_time(t), &answer);
	return user_write(r->rsi, &answer);
}
