/*
 * Bound threads: a green thread that changes what the kernel keeps per kernel thread, or depends on it, gets a kernel
 * thread of its own for life. It has no hub: what would park it blocks in the kernel instead, and where the runtime
 * itself wakes (futexes, signals) it sleeps on its own wake word.
 *
 * The main thread is bound to the process's first kernel thread, whose tid it has, unless another thread is busy there;
 * any other to a fresh one, so that it inherits nothing from others' threads, and ends with it, as natively.
 */
#include "bound.h"

#include <linux/futex.h>
#include <linux/prctl.h>
#include <sched.h>

#include "alone.h"
#include "calls.h"
#include "mem.h"
#include "nonblock.h"
#include "proc.h"
#include "runtime.h"
#include "say.h"
#include "signal_core.h"
#include "trace.h"

void bound_show_name(int tid, const char *name)
{
	size_t length = 0;
	while (length < 16 && name[length])
		length++;
	proc_write("/proc/self/task/", tid, "/comm", name, length);
}

/* A new kernel thread has the name of the one that makes it, and that may be of whoever runs there. */
struct carrier *bound_carrier(const struct thread *t)
{
	char name[16] = {0};
	struct carrier *b = carrier_new_bound(bound_main);
	sys(SYS_prctl, PR_GET_NAME, name);
	if (b && memcmp(name, t->name, sizeof(name)))
		bound_show_name(b->tid, t->name);
	return b;
}

void bound_give(struct carrier *b, struct thread *t)
{
	b->bound_to = t;
	atomic_store(&b->given, 1);
	sys(SYS_futex, &b->given, FUTEX_WAKE_PRIVATE, 1);
}

void bound_main(struct carrier *c)
{
	carrier_block_signals(c); /* but kicks: a signal may wait for the thread */
	while (!atomic_load(&c->given))
		sys(SYS_futex, &c->given, FUTEX_WAIT_PRIVATE, 0, 0);
	struct thread *t = c->bound_to;
	thread_await_off_cpu(t);
	c->current = t;
	cpu_time_alone(t);
	carrier_sync_mask(c); /* it may deliver a signal to itself before it leaves */
	atomic_store_explicit(&t->carrier, c, memory_order_relaxed);
	carrier_without_hub(c);
	context_switch(&c->idle, &t->ctx);
	bool with_locks = t->ends_in_kernel;
	if (with_locks)
		hub_ready(t); /* to be buried once the kernel has seen its list of locks */
	else
		carrier_arrived(); /* it is dead, and is buried here */
	carrier_retire(c, with_locks);
}

void bound_await_end(struct thread *t)
{
	struct carrier *c = atomic_load(&t->carrier);
	while (atomic_load(&c->alive))
		sys(SYS_futex, &c->alive, FUTEX_WAIT, 1, 0); /* the kernel's wake is a shared one */
	carrier_to_the_dead(c);
}

static bool on_leader(void)
{
	return carrier_self() == leader;
}

static void move_to(struct carrier *b, struct thread *t)
{
	t->bound = true;
	bound_give(b, t);
	thread_leave_carrier(t);
}

/* false: something else is on it. */
static bool bind_to_leader(struct thread *t)
{
	if (on_leader() && hub_handoff(t))
		t->bound = true;
	else if (!on_leader() && spare_take_leader())
		move_to(leader, t);
	return t->bound;
}

static long bind_to_fresh(struct thread *t)
{
	static _Atomic bool said;
	struct carrier *b = bound_carrier(t);
	if (!b) {
		if (!atomic_exchange(&said, true))
			say("no kernel thread for thread %d (%s), which should have one of its own", t->tid, t->name);
		return -EAGAIN;
	}
	move_to(b, t);
	return 0;
}

/* Its tid is the leader's: waits for that, whatever computes there. */
static long bind_main_with_tid(struct thread *t)
{
	while (!bind_to_leader(t)) {
		if (on_leader())
			return -EAGAIN;
		hub_need(t); /* perhaps there */
		if (on_leader())
			continue;
		struct hub *there = leader_elsewhere(t);
		if (there)
			hub_move(t, there);
		else if (!spare_await_leader(t))
			return -ERESTARTNOINTR;
	}
	return 0;
}

static long bind(struct thread *t, bool with_tid)
{
	long err = 0;
	t->bind_wanted = BIND_NOT;
	if (t->bound)
		return 0;
	alone_ends(t);
	if (t->is_main && with_tid)
		err = bind_main_with_tid(t);
	else if (!t->is_main || !bind_to_leader(t))
		err = bind_to_fresh(t);
	if (!err)
		scheduling_apply(0, &t->scheduling); /* what was only kept and answered so far */
	return err;
}

long thread_bind(struct thread *t)
{
	return bind(t, false);
}

void thread_bind_as_asked(struct thread *t)
{
	if (t->bind_wanted != BIND_AT_HOME)
		thread_bind(t);
	else if (!t->bound && bind_to_leader(t))
		scheduling_apply(0, &t->scheduling);
	if (t->bound)
		t->bind_wanted = BIND_NOT;
}

int bound_tid(const struct thread *t)
{
	if (t->owns_tid && t->real_tid)
		return t->real_tid;
	struct carrier *c = t->bound ? atomic_load(&t->carrier) : NULL;
	return c ? c->tid : 0;
}

void thread_ask_to_bind(struct thread *t)
{
	t->bind_wanted = BIND_ANYWHERE;
	signal_nudge(t);
}

uint32_t bound_park(struct thread *t, nsec_t deadline)
{
	struct carrier *c = carrier_self();
	struct ktimespec until = nsec_to_timespec(deadline);
	const long args[6] = {(long)&t->wake, FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG, WAKE_PARKED,
	    deadline == NEVER ? 0 : (long)&until, 0, FUTEX_BITSET_MATCH_ANY};
	uint32_t reasons = signal_pending(&t->sig) ? WAKE_SIGNAL : 0;
	if (!reasons)
		reasons = atomic_fetch_or_explicit(&t->wake, WAKE_PARKED, memory_order_acq_rel);
	carrier_sync_mask(c);
	while (!reasons && atomic_load_explicit(&t->wake, memory_order_acquire) == WAKE_PARKED) {
		if (native_syscall(args, SYS_futex, &c->attention) == -ETIMEDOUT)
			atomic_fetch_or(&t->wake, WAKE_TIMEOUT);
		signals_look(t);
	}
	if (tracing())
		trace_woken(t);
	return reasons | (atomic_load_explicit(&t->wake, memory_order_acquire) & ~WAKE_PARKED);
}

void bound_wake(struct thread *t)
{
	sys(SYS_futex, &t->wake, FUTEX_WAKE_PRIVATE, 1);
}

void bound_leave(struct thread *t)
{
	struct carrier *c = carrier_self();
	c->left = t;
	c->current = NULL;
	context_switch(&t->ctx, &c->idle);
	__builtin_unreachable();
}

/* The calls that bind. */

static long bind_and_call(struct thread *t, struct regs *r)
{
	long err = thread_bind(t);
	if (err)
		return err;
	t->bound_heirs = true; /* a thread inherits from the one that makes it */
	return native_regs(t, r);
}

long call_binds(struct thread *t, struct regs *r)
{
	return bind_and_call(t, r);
}

/* setfsuid(-1) is how one asks. */
long call_setfsid(struct thread *t, struct regs *r)
{
	return (uint32_t)r->rdi == UINT32_MAX ? native_regs(t, r) : bind_and_call(t, r);
}

/* SECCOMP_FILTER_FLAG_TSYNC: for all kernel threads at once. */
long call_seccomp(struct thread *t, struct regs *r)
{
	enum { SET_MODE_STRICT, SET_MODE_FILTER, TSYNC = 1 };
	bool sets = r->rdi == SET_MODE_STRICT || (r->rdi == SET_MODE_FILTER && !(r->rsi & TSYNC));
	return sets ? bind_and_call(t, r) : native_regs(t, r);
}

long call_personality(struct thread *t, struct regs *r)
{
	return (uint32_t)r->rdi == UINT32_MAX ? native_regs(t, r) : bind_and_call(t, r);
}

/* After unshare(CLONE_FILES) its descriptors are not ours to know. */
long call_unshare(struct thread *t, struct regs *r)
{
	long ret = bind_and_call(t, r);
	if (ret == 0 && r->rdi & CLONE_FILES) {
		t->own_files = true;
		nonblock_shared(); /* its copies' flags are changed unseen */
	}
	return ret;
}

long call_perf_event_open(struct thread *t, struct regs *r)
{
	return (int)r->rsi == 0 ? bind_and_call(t, r) : native_regs(t, r);
}

/* A ring that only the kernel thread which made it may use (Linux 6.0). */
long call_io_uring_setup(struct thread *t, struct regs *r)
{
	enum { SINGLE_ISSUER = 1 << 12, DEFER_TASKRUN = 1 << 13 };
	uint32_t flags;
	if (user_load32((uint32_t *)(r->rsi + 8), &flags) || !(flags & (SINGLE_ISSUER | DEFER_TASKRUN)))
		return native_regs(t, r);
	return bind_and_call(t, r);
}

/* For one thread: its own, by 0 or by the tid it thinks it has, or another's. What is wrong with the value the kernel
 * says before it looks for the thread. */
long call_ioprio_set(struct thread *t, struct regs *r)
{
	int tid = (int)r->rsi;
	if ((int)r->rdi != IOPRIO_WHO_PROCESS)
		return native_regs(t, r);
	if (tid == 0 || tid == thread_tid(t)) {
		r->rsi = 0;
		return bind_and_call(t, r);
	}
	long err = native_regs(t, r);
	if (err != -ESRCH || tid < TID_BASE)
		return err;
	spin_lock(&signal_lock);
	spin_lock(&threads_lock);
	struct thread *other = thread_by_tid(tid);
	if (other)
		other->scheduling.io_priority = (int)r->rdx;
	int bound_to = other ? bound_tid(other) : 0;
	bool ask = other && !other->bound && !other->sig.gone;
	spin_unlock(&threads_lock);
	if (ask)
		thread_ask_to_bind(other);
	spin_unlock(&signal_lock);
	if (bound_to)
		return sys(SYS_ioprio_set, IOPRIO_WHO_PROCESS, bound_to, r->rdx);
	return other ? 0 : -ESRCH;
}

long call_ioprio_get(struct thread *t, struct regs *r)
{
	if ((int)r->rdi != IOPRIO_WHO_PROCESS || (int)r->rsi < TID_BASE)
		return native_regs(t, r);
	spin_lock(&threads_lock);
	struct thread *other = thread_by_tid((int)r->rsi);
	int bound_to = other ? bound_tid(other) : 0, kept = other ? other->scheduling.io_priority : -ESRCH;
	spin_unlock(&threads_lock);
	return bound_to ? sys(SYS_ioprio_get, IOPRIO_WHO_PROCESS, bound_to) : kept;
}

/*
 * Not a call of the kernel's: the symbol door says that the thread is about to take a mutex whose word will hold its
 * tid, and which may be another process's too (GREEN_CALL_LOCK). If so the tid must be one that the kernel knows: it
 * hands the lock on when the thread's process is killed (robust), and boosts or waits for the owner (PI).
 *
 * glibc marks every robust mutex as shared, so the mapping is asked: mremap of nothing duplicates a shared mapping, and
 * is refused for a private one (Linux 4.14).
 */
bool mapping_is_shared(struct thread *t, uintptr_t addr)
{
	uintptr_t page = addr & ~4095UL;
	if (page == t->private_page)
		return false;
	long copy = sys(SYS_mremap, page, 0, 4096, 1 /* MREMAP_MAYMOVE */);
	if (copy < 0 && copy > -4096) {
		t->private_page = page;
		return false;
	}
	sys(SYS_munmap, copy, 4096);
	return true;
}

static void adopt_real_tid(struct thread *t)
{
	int tid = carrier_self()->tid;
	size_t length = 24; /* sizeof(struct robust_list_head) */
	if (t->robust)
		sys(SYS_set_robust_list, t->robust, length);
	if (t->is_main)
		return; /* it has it */
	thread_adopt_tid(t, tid);
	user_store32(t->cleartid, (uint32_t)tid); /* glibc's own note of it: struct pthread's tid */
}

long call_lock(struct thread *t, struct regs *r)
{
	if (t->owns_tid || !mapping_is_shared(t, r->rdi))
		return 0;
	long err = bind(t, true);
	if (err)
		return err;
	t->owns_tid = !t->is_main || on_leader();
	adopt_real_tid(t);
	return 0;
}
