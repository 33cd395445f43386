/*
 * Virtual signals: masks, pending sets, who gets what.
 *
 * Each green thread has a mask and a set of pending signals of its own. The kernel's mask of every carrier is
 * real_mask: what every green thread blocks is really blocked, so that sigwait, signalfd and default actions are the
 * kernel's. A signal with a handler of the program's goes to the runtime's handler (signal_frame.c).
 */
#include "signal_core.h"

#include <linux/membarrier.h>
#include <signal.h>
#include <sys/resource.h>

#include "calls.h"
#include "hub.h"
#include "mem.h"
#include "proc.h"
#include "runtime.h"
#include "stats.h"
#include "timer.h"
#include "trap.h"

struct queued_signal {
	struct queued_signal *next;
	struct ksiginfo info;
};

struct kaction actions[SIGNALS + 1];
struct spin signal_lock;
_Atomic ksigset_t process_pending;

static struct signal_queue process_queue;
static _Atomic uint32_t queued; /* in all queues: what RLIMIT_SIGPENDING limits */
static struct slab queue_slab = SLAB_INIT(struct queued_signal);
static uint32_t blocked_by[SIGNALS + 1]; /* how many of counted threads block it */
static uint32_t counted;
ksigset_t never_blocked = SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGNAL_KICK);
_Atomic ksigset_t real_mask; /* blocked by every green thread: what the kernel blocks on every carrier */

/* The kernel's mask. */

void carrier_set_mask_exactly(struct carrier *c, ksigset_t mask)
{
	if (c->kernel_mask == mask)
		return;
	atomic_store(&c->mask_changes, true);
	c->kernel_mask = mask;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
	atomic_store(&c->mask_changes, false);
}

void carrier_set_mask(struct carrier *c, ksigset_t mask)
{
	carrier_set_mask_exactly(c, trap_on ? mask & ~SIGBIT(SIGSYS) : mask);
}

#define REALTIME (~0UL << 31)

static struct carrier *_Atomic realtime_taker;

/* Realtime signals that nobody takes are left to the kernel, which tells who sends them that there are too many. */
#define QUEUED_MOST 4096

static bool queued_much(void)
{
	return atomic_load_explicit(&queued, memory_order_relaxed) >= QUEUED_MOST;
}

static bool has_first_hub(const struct carrier *c)
{
	return c->hub && c->hub->id == 0;
}

/* Without a hub: it has one thread to run, or none. */
static ksigset_t carrier_mask_alone(const struct thread *t)
{
	ksigset_t open = never_blocked | SYNCHRONOUS | OF_WHO_RUNS;
	if (t)
		open |= (FAULTS | JOB_CONTROL) & ~t->sig.mask;
	return ~open;
}

/* With another hub: whose thread runs changes often, so what some thread does not block is open. */
#define OPEN_ON_ANY_HUB (never_blocked | SYNCHRONOUS | OF_WHO_RUNS | FAULTS | JOB_CONTROL)

/*
 * What is sent to the process the carrier of the first hub takes. One without a hub has one thread to run, maybe in a
 * long wait in the kernel, which a signal for another thread would end (a timeout that is relative would begin anew).
 * One with another hub would be one more to be closed when everybody blocks a signal, which is often for a moment, at
 * the creation of a program's second thread say. Realtime signals have an order, too, which two carriers that take them
 * at the same time would not keep: they are the first hub's once its former carrier, from which it may have been
 * stolen, has closed its mask.
 */
static ksigset_t carrier_mask(struct carrier *c)
{
	ksigset_t mask = atomic_load_explicit(&real_mask, memory_order_relaxed);
	struct carrier *taker = NULL;
	if (!c->hub)
		return mask | carrier_mask_alone(c->current);
	if (!has_first_hub(c))
		return mask | ~OPEN_ON_ANY_HUB;
	if (queued_much())
		return mask | REALTIME;
	if (likely(atomic_load_explicit(&realtime_taker, memory_order_relaxed) == c) ||
	    atomic_compare_exchange_strong(&realtime_taker, &taker, c))
		return mask;
	return mask | REALTIME;
}

/* The mask is closed: somebody else's turn, after what was taken here. */
static void leave_realtime(struct carrier *c)
{
	if (likely(atomic_load_explicit(&realtime_taker, memory_order_relaxed) != c) || has_first_hub(c))
		return;
	signals_drain(c);
	atomic_store(&realtime_taker, NULL);
	if (hubs[0])
		hub_notify(hubs[0]);
}

/* mask_closed() of another thread either is seen here, in real_mask, or sees mask_changes. */
void carrier_sync_mask(struct carrier *c)
{
	if (carrier_mask(c) != c->kernel_mask) {
		atomic_store(&c->mask_changes, true);
		carrier_set_mask(c, carrier_mask(c));
		atomic_store(&c->mask_changes, false); /* though it was the same by then */
	}
	leave_realtime(c);
}

/* In a signal handler, where everything is blocked: the mask that it returns to. */
ksigset_t carrier_mask_to_return(struct carrier *c)
{
	atomic_store(&c->mask_changes, true);
	c->kernel_mask = carrier_mask(c);
	atomic_store(&c->mask_changes, false);
	leave_realtime(c);
	return c->kernel_mask;
}

/* The handler's own mask (kernel_action_set), in which no kick arrives: who closes something does not wait for this
 * carrier, which may be waiting for him. */
void carrier_mask_in_handler(struct carrier *c)
{
	c->kernel_mask = ~OPEN_IN_HANDLER;
}

void carrier_block_signals(struct carrier *c)
{
	carrier_set_mask(c, ~SIGBIT(SIGNAL_KICK));
	leave_realtime(c);
}

/* By a thread without a hub: the carrier that has it may be asleep, and is to open its mask too. */
static void mask_opened(void)
{
	struct hub *h = hubs[0];
	if (!h || carrier_self()->hub == h)
		return;
	atomic_store(&h->signals, 1);
	hub_notify(h);
}

/* Realtime signals with a handler wait with us, in their order, unless a signalfd is to see them. */
void signal_real_bit(int sig)
{
	ksigset_t bit = SIGBIT(sig) & ~(never_blocked | UNBLOCKABLE);
	bool ours = bit & REALTIME && actions[sig].handler > 1 && !(signalfd_masks & bit);
	if (blocked_by[sig] == counted && !ours)
		atomic_fetch_or(&real_mask, bit);
	else if (atomic_fetch_and(&real_mask, ~bit) & bit)
		mask_opened();
}

ksigset_t carrier_closes(struct carrier *c)
{
	if (atomic_load(&c->mask_changes))
		return 0; /* too early: asked again */
	ksigset_t set = atomic_exchange(&c->closing, 0);
	c->kernel_mask |= set;
	return set;
}

/* false: its thread is about to become another program, which the kick would meet. */
static bool kick(const struct carrier *c)
{
	spin_lock(&signal_lock);
	const struct thread *t = c->current;
	bool may = !t || !t->sig.not_kicked;
	if (may)
		sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
	spin_unlock(&signal_lock);
	return may;
}

/* Another one than the caller's. */
static bool may_take(const struct carrier *c, ksigset_t set)
{
	return c != carrier_self() && c->tid && (atomic_load(&c->mask_changes) || set & ~c->kernel_mask);
}

/*
 * Now that everybody blocks these, the kernel must not find a carrier that still has them open: it would end or stop
 * the process. Who computes since before has, and who has the hub when it is not the caller. What carriers without a
 * hub leave open for the thread they run is not looked after: that would be to interrupt each of them.
 */
static void mask_closed(ksigset_t set)
{
	for (struct carrier *c = atomic_load(&carriers); c; c = c->next_all) {
		if (!may_take(c, set))
			continue;
		atomic_fetch_or(&c->closing, set);
		while (atomic_load(&c->closing) & set && atomic_load(&c->alive) && kick(c))
			sys(SYS_sched_yield);
	}
}

bool signal_job_control_differs(const struct thread *t)
{
	return t->sig.mask & ~atomic_load_explicit(&real_mask, memory_order_relaxed) & JOB_CONTROL;
}

/* Threads' masks. All with signal_lock. */

static void set_work(struct thread *t)
{
	ksigset_t pending = atomic_load_explicit(&t->sig.pending, memory_order_relaxed) | process_pending;
	atomic_store_explicit(&t->sig.work, (pending & ~t->sig.mask) != 0, memory_order_release);
}

static void route_pending(void);

static void change_mask(struct thread *t, ksigset_t mask)
{
	mask &= ~UNBLOCKABLE;
	ksigset_t changed = t->sig.mask ^ mask, newly = mask & changed;
	t->sig.mask = mask;
	while (changed) {
		int sig = __builtin_ctzl(changed) + 1;
		changed &= changed - 1;
		if (mask & SIGBIT(sig))
			blocked_by[sig]++;
		else
			blocked_by[sig]--;
		signal_real_bit(sig);
	}
	set_work(t);
	if (newly & process_pending)
		route_pending(); /* it may have been this thread's to take */
}

static void send(const struct ksiginfo *info);

/* What waits in the kernel until somebody unblocks it is taken over in its order: once it is unblocked for real,
 * several carriers take it at the same time, and one may overtake another. */
static void take_from_kernel(ksigset_t set)
{
	ksigset_t waits = 0, handled = 0;
	struct ktimespec zero = {0};
	struct ksiginfo info;
	sys(SYS_rt_sigpending, &waits, 8);
	for (set &= waits & ~SYNCHRONOUS; set; set &= set - 1) /* SIGPIPE: whose write it was, record() tells */
		if (actions[__builtin_ctzl(set) + 1].handler > 1)
			handled |= set & -set;
	while (handled && sys(SYS_rt_sigtimedwait, &handled, &info, &zero, 8) > 0)
		send(&info);
}

void signal_set_mask(struct thread *t, ksigset_t mask)
{
	if (t->sig.mask == (mask & ~UNBLOCKABLE))
		return;
	ksigset_t opened = t->sig.mask & ~mask & atomic_load_explicit(&real_mask, memory_order_relaxed);
	if (opened)
		take_from_kernel(opened);
	spin_lock(&signal_lock);
	ksigset_t before = real_mask;
	change_mask(t, mask);
	ksigset_t closed = real_mask & ~before & ~(FAULTS | SYNCHRONOUS | OF_WHO_RUNS);
	for (ksigset_t left = closed; left; left &= left - 1) {
		int sig = __builtin_ctzl(left) + 1;
		if (actions[sig].handler != (uint64_t)SIG_DFL || signal_ignored(sig))
			closed &= ~SIGBIT(sig);
	}
	spin_unlock(&signal_lock);
	if (closed)
		mask_closed(closed);
}

static void count_in(struct thread *t, int by)
{
	counted += (uint32_t)by;
	for (int sig = 1; sig <= SIGNALS; sig++) {
		if (t->sig.mask & SIGBIT(sig))
			blocked_by[sig] += (uint32_t)by;
		signal_real_bit(sig);
	}
}

void signal_thread_born(struct thread *t)
{
	spin_lock(&signal_lock);
	count_in(t, 1);
	set_work(t);
	spin_unlock(&signal_lock);
}

/* Removes *n, which follows `before` (NULL: the first). */
static void queue_remove(struct signal_queue *q, struct queued_signal *before, struct queued_signal *n)
{
	if (before)
		before->next = n->next;
	else
		q->first = n->next;
	if (q->last == n)
		q->last = before;
	if (queued-- == QUEUED_MOST && hubs[0])
		hub_notify(hubs[0]); /* its carrier opens its mask */
	slab_free(&queue_slab, n);
}

static void discard_from(struct signal_queue *q, ksigset_t set)
{
	for (struct queued_signal *n = q->first, *before = NULL, *next; n; n = next) {
		next = n->next;
		if (set & SIGBIT(n->info.si_signo))
			queue_remove(q, before, n);
		else
			before = n;
	}
}

void signal_thread_gone(struct thread *t)
{
	spin_lock(&signal_lock);
	count_in(t, -1);
	discard_from(&t->sig.queue, ~0UL);
	t->sig.gone = true;
	if (process_pending)
		route_pending();
	spin_unlock(&signal_lock);
}

/* Sending. */

static bool default_ignores(int sig)
{
	return sig == SIGCHLD || sig == SIGCONT || sig == SIGURG || sig == SIGWINCH;
}

bool signal_ignored(int sig)
{
	uint64_t h = actions[sig].handler;
	return h == (uint64_t)SIG_IGN || (h == (uint64_t)SIG_DFL && default_ignores(sig));
}

/* A timer has one place in the queue: what comes while it is taken is an overrun. */
static bool overruns(struct signal_queue *q, const struct ksiginfo *info)
{
	if (info->si_code != SI_TIMER)
		return false;
	for (struct queued_signal *n = q->first; n; n = n->next) {
		if (timer_same(&n->info, info)) {
			timer_overrun(&n->info, info);
			return true;
		}
	}
	return false;
}

static bool over_limit(void)
{
	uint64_t limit[2];
	return !sys(SYS_prlimit64, 0, RLIMIT_SIGPENDING, 0, limit) && queued >= limit[0];
}

/*
 * Standard signals do not queue: one that is pending already is dropped. A call of the program's is subject to
 * RLIMIT_SIGPENDING as in the kernel (__send_signal_locked): a signal of the process's own code without room loses its
 * siginfo, but a realtime one that is not kill's is refused.
 */
static long enqueue(struct signal_queue *q, ksigset_t pending, const struct ksiginfo *info, bool by_call)
{
	bool realtime = info->si_signo >= 32;
	if ((!realtime && pending & SIGBIT(info->si_signo)) || overruns(q, info))
		return 0;
	bool refused = by_call && (realtime || info->si_code < 0) && over_limit();
	struct queued_signal *n = refused ? NULL : slab_alloc(&queue_slab);
	if (!n) /* the bit is set all the same: delivered without its siginfo, as the kernel does */
		return refused && realtime && info->si_code != SI_USER ? -EAGAIN : 0;
	*n = (struct queued_signal){.info = *info};
	if (q->first)
		q->last->next = n;
	else
		q->first = n;
	q->last = n;
	queued++;
	return 0;
}

#define STOPS (SIGBIT(SIGSTOP) | SIGBIT(SIGTSTP) | SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))

static void discard_everywhere(ksigset_t set)
{
	discard_from(&process_queue, set);
	process_pending &= ~set;
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		if (!(atomic_load_explicit(&t->sig.pending, memory_order_relaxed) & set))
			continue;
		discard_from(&t->sig.queue, set);
		atomic_fetch_and(&t->sig.pending, ~set);
	}
	spin_unlock(&threads_lock);
}

/* prepare_signal() of the kernel: a stop takes back what would continue, and the other way round. */
static void cancel_opposite(int sig)
{
	if (sig == SIGCONT)
		discard_everywhere(STOPS);
	else if (STOPS & SIGBIT(sig))
		discard_everywhere(SIGBIT(SIGCONT));
}

/*
 * It has something to look at: wherever it is. The thread's own side (thread_prepare, the store of USER,
 * thread.carrier) is plain stores followed by a look at `work`, without a fence, because that path is hot; the barrier
 * is made here, for both (tests/models: signal_window, park).
 */
static void notify(struct thread *t)
{
	atomic_store_explicit(&t->sig.work, 1, memory_order_release);
	sys(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0);
	thread_wake(t, WAKE_SIGNAL);
	struct carrier *c = atomic_load(&t->carrier);
	if (c && c != carrier_self() && !t->sig.not_kicked)
		sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
}

void signal_kicks(struct thread *t, bool allowed)
{
	spin_lock(&signal_lock);
	t->sig.not_kicked = !allowed;
	spin_unlock(&signal_lock);
	sys(SYS_getpid); /* at whose end one comes that was sent before */
}

void signal_interrupt(struct carrier *c)
{
	spin_lock(&signal_lock);
	struct thread *t = c->current;
	if (t && !t->sig.not_kicked)
		sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
	spin_unlock(&signal_lock);
}

void signal_nudge(struct thread *t)
{
	notify(t);
}

/* With signal_lock. */
static long send_thread(struct thread *t, const struct ksiginfo *info, bool by_call)
{
	int sig = info->si_signo;
	bool blocked = t->sig.mask & SIGBIT(sig), waited = t->sig.waiting & SIGBIT(sig);
	if (t->sig.gone)
		return 0;
	cancel_opposite(sig);
	if (!blocked && !waited && signal_ignored(sig))
		return 0;
	long ret = enqueue(&t->sig.queue, t->sig.pending, info, by_call);
	if (ret)
		return ret;
	atomic_fetch_or(&t->sig.pending, SIGBIT(sig));
	if (!blocked || waited)
		notify(t);
	return 0;
}

void signal_send_thread(struct thread *t, const struct ksiginfo *info)
{
	spin_lock(&signal_lock);
	send_thread(t, info, false);
	spin_unlock(&signal_lock);
}

/* Who is found and is not `gone` yet stays, because signal_thread_gone() wants the same lock. */
static long send_tid(int tid, const struct ksiginfo *info, bool by_call)
{
	long ret = -ESRCH;
	spin_lock(&signal_lock);
	spin_lock(&threads_lock);
	struct thread *t = thread_by_tid(tid);
	spin_unlock(&threads_lock);
	if (t)
		ret = send_thread(t, info, by_call);
	spin_unlock(&signal_lock);
	return ret;
}

long signal_send_tid(int tid, const struct ksiginfo *info)
{
	return send_tid(tid, info, true);
}

/* Who made which child, by pid; two that share a place are rare, and one of them is like any other signal then. */
#define CHILDREN 256
static struct {
	int pid, tid;
} children[CHILDREN];
static uint32_t forking; /* threads whose child has no pid yet */

void signal_child_begins(struct thread *t)
{
	spin_lock(&signal_lock);
	t->sig.forking = true;
	forking++;
	spin_unlock(&signal_lock);
}

void signal_child_made(struct thread *t, int pid)
{
	spin_lock(&signal_lock);
	t->sig.forking = false;
	forking--;
	if (pid > 0) {
		children[pid % CHILDREN].pid = pid;
		children[pid % CHILDREN].tid = t->tid;
	}
	spin_unlock(&signal_lock);
}

/* With threads_lock. */
static struct thread *parent_of(int child)
{
	return child && children[child % CHILDREN].pid == child ? thread_by_tid(children[child % CHILDREN].tid) : NULL;
}

enum { SUITS = 1, SUITS_WAITS = 1, SUITS_MAIN = 2, SUITS_PARENT = 4, SUITS_IDLE = 8 };

/* 0: t blocks it. As complete_signal() of the kernel: one that is not busy with another signal, which it may never be
 * done with; of these the one whose child it may be, the main thread, one that waits for it, any. */
static int suits(const struct thread *t, int sig, bool of_child)
{
	bool waits = t->sig.waiting & SIGBIT(sig), open = !(t->sig.mask & SIGBIT(sig));
	if (t->sig.gone || (!waits && !open))
		return 0;
	int how_well = SUITS;
	if (!atomic_load_explicit(&t->sig.work, memory_order_relaxed))
		how_well += SUITS_IDLE;
	if (of_child && t->sig.forking)
		return how_well + SUITS_PARENT;
	return how_well + (t->is_main ? SUITS_MAIN : waits ? SUITS_WAITS : 0);
}

static struct thread *choose_any(int sig, bool of_child)
{
	struct thread *found = NULL;
	int best = 0, enough = SUITS + SUITS_IDLE + (of_child ? SUITS_PARENT : SUITS_MAIN);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		int how_well = suits(t, sig, of_child);
		if (how_well > best) {
			best = how_well;
			found = t;
		}
		if (best == enough)
			break;
	}
	return found;
}

/* child: the process that a SIGCHLD is about, or 0. It is first for the thread that made it. */
static struct thread *choose(int sig, int child)
{
	spin_lock(&threads_lock);
	struct thread *parent = parent_of(child), *t = parent;
	if (!parent || suits(parent, sig, false) < SUITS_IDLE)
		t = choose_any(sig, child && !parent && forking);
	spin_unlock(&threads_lock);
	return t;
}

static void route_pending(void)
{
	for (ksigset_t set = process_pending; set; set &= set - 1) {
		int sig = __builtin_ctzl(set) + 1;
		struct thread *t = choose(sig, 0);
		if (t)
			notify(t);
	}
}

static int child_of(const struct ksiginfo *info)
{
	return info->si_signo == SIGCHLD && info->si_code > 0 ? (int)info->rest[0] : 0;
}

static long send_process(const struct ksiginfo *info, bool by_call)
{
	spin_lock(&signal_lock);
	cancel_opposite(info->si_signo);
	long ret = enqueue(&process_queue, process_pending, info, by_call);
	if (!ret) {
		process_pending |= SIGBIT(info->si_signo);
		struct thread *t = choose(info->si_signo, child_of(info));
		if (t)
			notify(t);
	}
	spin_unlock(&signal_lock);
	return ret;
}

long signal_send_process(const struct ksiginfo *info)
{
	return send_process(info, true);
}

/* What the kernel sent. A timer's thread that is gone takes the signal along. */
static void send(const struct ksiginfo *info)
{
	int tid = timer_target(info);
	if (tid)
		send_tid(tid, info, false);
	else
		send_process(info, false);
}

/*
 * One of the program's with the number of the kicks, or another which nobody can block: it came to a kernel thread that
 * is nobody's just now (a spare, the monitor), and the first hub looks at it. While it waits there the next one is
 * dropped: standard signals do not queue.
 */
enum { NO_STRAY, STRAY_MOVES, STRAY_WAITS };
static _Atomic uint32_t stray_state;
static struct ksiginfo stray;

void signal_stray(const struct ksiginfo *info)
{
	uint32_t state = NO_STRAY;
	if (!atomic_compare_exchange_strong(&stray_state, &state, STRAY_MOVES))
		return;
	stray = *info;
	atomic_store(&stray_state, STRAY_WAITS);
	atomic_store(&hubs[0]->signals, 1);
	hub_notify(hubs[0]);
}

static void take_stray(void)
{
	uint32_t state = STRAY_WAITS;
	if (!atomic_compare_exchange_strong(&stray_state, &state, STRAY_MOVES))
		return;
	struct ksiginfo info = stray;
	atomic_store(&stray_state, NO_STRAY);
	send(&info);
}

void signals_drain(struct carrier *c)
{
	struct ksiginfo info;
	if (unlikely(atomic_load(&stray_state) == STRAY_WAITS))
		take_stray();
	spin_lock(&c->taking);
	while (carrier_recorded_pop(c, &info))
		send(&info);
	spin_unlock(&c->taking);
}

/* If its handler has begun, it has ended. Who sleeps or is stopped is not in it. */
static void await_handler(struct carrier *c, ksigset_t set)
{
	atomic_fetch_or(&c->closing, set);
	for (unsigned tries = 0; atomic_load(&c->closing) & set && atomic_load(&c->alive) && kick(c); tries += 128) {
		if (!proc_runs(c->tid))
			break;
		spin_rest(tries);
	}
}

/*
 * The kernel sends SIGCHLD before it lets a child be waited for (exit_notify()), so that natively the handler has run
 * when the wait of the thread that made the child returns. Here it may still be in the kernel, or on its way through
 * the handler of a carrier that has it open: the first hub's, and those from which that was stolen, while they compute.
 * These close it meanwhile, so that they are asked once.
 */
void signals_settle(int sig)
{
	ksigset_t set = SIGBIT(sig);
	struct ktimespec zero = {0};
	struct ksiginfo info;
	if (actions[sig].handler <= 1 || atomic_load(&real_mask) & set) /* it waits for a sigwait, or a signalfd */
		return;
	while (sys(SYS_rt_sigtimedwait, &set, &info, &zero, 8) > 0)
		send(&info);
	for (struct carrier *c = atomic_load(&carriers); c; c = c->next_all) {
		if (may_take(c, set))
			await_handler(c, set);
		if (c->recorded) /* but for the monitor */
			signals_drain(c);
	}
}

void signals_route(struct hub *h)
{
	atomic_store(&h->signals, 0);
	signals_drain(carrier_self());
}

/* Taking. */

/* true: another one of the same number is left. */
static bool unqueue(struct signal_queue *q, int sig, struct ksiginfo *info)
{
	struct queued_signal *n = q->first, *before = NULL;
	for (; n && n->info.si_signo != sig; n = n->next)
		before = n;
	if (!n) {
		*info = (struct ksiginfo){.si_signo = sig};
		return false;
	}
	*info = n->info;
	struct queued_signal *after = n->next;
	queue_remove(q, before, n);
	while (after && after->info.si_signo != sig)
		after = after->next;
	return after;
}

/* Faults first, then by number (next_signal() in kernel/signal.c). */
static int lowest(ksigset_t set)
{
	ksigset_t sync =
	    SIGBIT(SIGSEGV) | SIGBIT(SIGBUS) | SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS);
	return __builtin_ctzl(set & sync ? set & sync : set) + 1;
}

bool signal_take(struct thread *t, ksigset_t set, struct ksiginfo *info)
{
	bool found = false;
	spin_lock(&signal_lock);
	if (t->sig.pending & set) {
		int sig = lowest(t->sig.pending & set);
		if (!unqueue(&t->sig.queue, sig, info))
			atomic_fetch_and(&t->sig.pending, ~SIGBIT(sig));
		found = true;
	} else if (process_pending & set) {
		int sig = lowest(process_pending & set);
		if (!unqueue(&process_queue, sig, info))
			process_pending &= ~SIGBIT(sig);
		found = true;
	}
	set_work(t);
	spin_unlock(&signal_lock);
	if (found && info->si_code == SI_TIMER)
		timer_taken(info);
	return found;
}

void signal_wait_begin(struct thread *t, ksigset_t set)
{
	spin_lock(&signal_lock);
	t->sig.waiting = set;
	spin_unlock(&signal_lock);
}

/* One that came for it too late may be another waiter's. */
void signal_wait_end(struct thread *t)
{
	spin_lock(&signal_lock);
	ksigset_t set = t->sig.waiting & process_pending;
	t->sig.waiting = 0;
	set_work(t);
	if (set)
		route_pending();
	spin_unlock(&signal_lock);
}

void signals_discard(ksigset_t set)
{
	spin_lock(&signal_lock);
	discard_everywhere(set);
	spin_unlock(&signal_lock);
}

static void discard_timer_from(struct signal_queue *q, _Atomic ksigset_t *pending, int id)
{
	struct ksiginfo of_timer = {.si_code = SI_TIMER, .rest = {(uint32_t)id}};
	for (struct queued_signal *n = q->first, *before = NULL; n; before = n, n = n->next) {
		if (!timer_same(&n->info, &of_timer))
			continue;
		int sig = n->info.si_signo;
		bool more = false;
		queue_remove(q, before, n);
		for (n = q->first; n; n = n->next)
			more |= n->info.si_signo == sig;
		if (!more)
			atomic_fetch_and(pending, ~SIGBIT(sig));
		return;
	}
}

void signals_discard_timer(int id)
{
	spin_lock(&signal_lock);
	discard_timer_from(&process_queue, &process_pending, id);
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		discard_timer_from(&t->sig.queue, &t->sig.pending, id);
	}
	spin_unlock(&threads_lock);
	spin_unlock(&signal_lock);
}

/* Masks for the length of one call. */

int signal_set_temporary_mask(struct thread *t, const ksigset_t *user_mask, size_t size)
{
	ksigset_t mask;
	if (!user_mask)
		return 0;
	if (size != sizeof(mask))
		return -EINVAL;
	if (user_read(&mask, user_mask))
		return -EFAULT;
	t->sig.saved_mask = t->sig.mask;
	t->sig.restore_mask = true;
	signal_set_mask(t, mask);
	return 0;
}

void signal_mask_call_done(struct thread *t, bool interrupted)
{
	if (interrupted || !t->sig.restore_mask)
		return; /* the frame of the handler takes saved_mask along */
	t->sig.restore_mask = false;
	signal_set_mask(t, t->sig.saved_mask);
}

/* Start and fork. */

int signals_start(struct thread *main_thread)
{
	/* Linux 4.14. Without it (or where a sandbox forbids it) one CPU's buffered store may delay a signal until the
	 * thread's next call. */
	sys(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0);
	sys(SYS_rt_sigprocmask, SIG_BLOCK, 0, &main_thread->sig.mask, 8);
	if (trap_on)
		never_blocked |= SIGBIT(SIGSYS);
	for (int sig = 1; sig <= SIGNALS; sig++)
		sys(SYS_rt_sigaction, sig, 0, &actions[sig], 8);
	stack_t ss;
	sys(SYS_sigaltstack, 0, &ss);
	main_thread->sig.alt = (struct kaltstack){(uint64_t)ss.ss_sp, ss.ss_flags & ~SS_ONSTACK, ss.ss_size};
	signalfds_find();
	spin_lock(&signal_lock);
	counted = 0;
	memset(blocked_by, 0, sizeof(blocked_by));
	count_in(main_thread, 1);
	spin_unlock(&signal_lock);
	return 0;
}

void signals_restore_kernel(struct thread *survivor)
{
	signal_lock = (struct spin){0};
	stray_state = NO_STRAY;
	slab_reset_in_child(&queue_slab);
	for (int sig = 1; sig <= SIGNALS; sig++)
		if (kernel_action_differs(sig))
			sys(SYS_rt_sigaction, sig, &actions[sig], 0, 8);
	stack_t ss = {.ss_sp = (void *)survivor->sig.alt.sp,
	    .ss_flags = survivor->sig.alt.flags,
	    .ss_size = survivor->sig.alt.size};
	sys(SYS_sigaltstack, &ss, 0);
	survivor->sig.forking = false;
	forking = 0;
	process_pending = 0;
	process_queue = (struct signal_queue){0};
	queued = 0;
	counted = 0;
	memset(blocked_by, 0, sizeof(blocked_by));
	never_blocked &= ~SIGBIT(SIGSYS);
	atomic_store(&real_mask, 0);
	atomic_store(&realtime_taker, NULL);
}

/* exec keeps what is pending, and the caller's is pending here: the kernel gets a copy, for the calling kernel thread,
 * whose mask is the caller's. */

static void lend(struct lent_signals *lent, const struct ksiginfo *info, int tid)
{
	int sig = info->si_signo;
	if (sig < 32 && lent->set & SIGBIT(sig))
		return;
	if (sys(SYS_rt_tgsigqueueinfo, runtime_pid, tid, sig, info))
		return;
	lent->set |= SIGBIT(sig);
	lent->count++;
}

struct lent_signals signals_lend(struct thread *t, int tid)
{
	struct lent_signals lent = {0};
	spin_lock(&signal_lock);
	ksigset_t set = (t->sig.pending | process_pending) & t->sig.mask;
	struct queued_signal *queues[] = {t->sig.queue.first, process_queue.first};
	for (size_t i = 0; i < ARRAY_LEN(queues); i++)
		for (struct queued_signal *n = queues[i]; n; n = n->next)
			if (set & SIGBIT(n->info.si_signo))
				lend(&lent, &n->info, tid);
	spin_unlock(&signal_lock);
	return lent;
}

void signals_take_back(struct lent_signals lent)
{
	struct ktimespec zero = {0};
	struct ksiginfo info;
	while (lent.count-- && sys(SYS_rt_sigtimedwait, &lent.set, &info, &zero, 8) > 0)
		;
}

void signal_die(int sig)
{
	struct kaction dfl = {0};
	ksigset_t bit = SIGBIT(sig);
	sys(SYS_rt_sigaction, sig, &dfl, 0, 8);
	sys(SYS_rt_sigprocmask, SIG_UNBLOCK, &bit, 0, 8);
	/* maybe in a child that shares our memory, or one forked: not runtime_pid */
	sys(SYS_tgkill, sys(SYS_getpid), sys(SYS_gettid), sig);
}

/* The kernel's own stop, which its parent sees by its number, and which an orphaned process group does not have. The
 * kernel's mask may be that of the runtime's handler, or one from when the carrier still had a hub. */
void signal_stop(int sig)
{
	ksigset_t bit = SIGBIT(sig), before;
	sys(SYS_rt_sigprocmask, SIG_UNBLOCK, &bit, &before, 8);
	sys(SYS_tgkill, runtime_pid, carrier_self()->tid, sig);
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &before, 0, 8);
}
