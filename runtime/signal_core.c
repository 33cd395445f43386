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

#include "calls.h"
#include "hub.h"
#include "mem.h"
#include "runtime.h"
#include "stats.h"
#include "timer.h"

struct queued_signal {
	struct queued_signal *next;
	struct ksiginfo info;
};

struct kaction actions[SIGNALS + 1];
struct spin signal_lock;
ksigset_t process_pending;

static struct queued_signal *process_queue;
static struct slab queue_slab = SLAB_INIT(struct queued_signal);
static uint32_t blocked_by[SIGNALS + 1]; /* how many of counted threads block it */
static uint32_t counted;
_Atomic ksigset_t real_mask; /* blocked by every green thread: what the kernel blocks on every carrier */

/* The kernel's mask. */

void carrier_set_mask(struct carrier *c, ksigset_t mask)
{
	if (c->kernel_mask == mask)
		return;
	c->kernel_mask = mask;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &mask, 0, 8);
}

void carrier_block_signals(struct carrier *c)
{
	carrier_set_mask(c, ~SIGBIT(SIGNAL_KICK));
}

void carrier_sync_mask(struct carrier *c)
{
	carrier_set_mask(c, atomic_load_explicit(&real_mask, memory_order_relaxed));
}

static void real_bit(int sig)
{
	ksigset_t bit = SIGBIT(sig) & ~(NEVER_BLOCKED | UNBLOCKABLE);
	if (blocked_by[sig] == counted)
		atomic_fetch_or(&real_mask, bit);
	else
		atomic_fetch_and(&real_mask, ~bit);
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
		real_bit(sig);
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
	for (set &= waits & ~SIGBIT(SIGPIPE); set; set &= set - 1) /* SIGPIPE: whose write it was, record() tells */
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
	change_mask(t, mask);
	spin_unlock(&signal_lock);
}

static void count_in(struct thread *t, int by)
{
	counted += (uint32_t)by;
	for (int sig = 1; sig <= SIGNALS; sig++) {
		if (t->sig.mask & SIGBIT(sig))
			blocked_by[sig] += (uint32_t)by;
		real_bit(sig);
	}
}

void signal_thread_born(struct thread *t)
{
	spin_lock(&signal_lock);
	count_in(t, 1);
	set_work(t);
	spin_unlock(&signal_lock);
}

static void drop_queue(struct queued_signal **q)
{
	while (*q) {
		struct queued_signal *next = (*q)->next;
		slab_free(&queue_slab, *q);
		*q = next;
	}
}

void signal_thread_gone(struct thread *t)
{
	spin_lock(&signal_lock);
	count_in(t, -1);
	drop_queue(&t->sig.queue);
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

/* Standard signals do not queue: one that is pending already is dropped. */
static void enqueue(struct queued_signal **q, ksigset_t pending, const struct ksiginfo *info)
{
	if (info->si_signo < 32 && pending & SIGBIT(info->si_signo))
		return;
	struct queued_signal *n = slab_alloc(&queue_slab);
	if (!n)
		return; /* the bit is set all the same: delivered without its siginfo, as the kernel does */
	n->info = *info;
	n->next = NULL;
	while (*q)
		q = &(*q)->next;
	*q = n;
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
	if (c && c != carrier_self())
		sys(SYS_tgkill, runtime_pid, c->tid, SIGNAL_KICK);
}

void signal_nudge(struct thread *t)
{
	notify(t);
}

/* With signal_lock. */
static void send_thread(struct thread *t, const struct ksiginfo *info)
{
	int sig = info->si_signo;
	bool blocked = t->sig.mask & SIGBIT(sig), waited = t->sig.waiting & SIGBIT(sig);
	if (!t->sig.gone && (blocked || waited || !signal_ignored(sig))) {
		enqueue(&t->sig.queue, t->sig.pending, info);
		atomic_fetch_or(&t->sig.pending, SIGBIT(sig));
		if (!blocked || waited)
			notify(t);
	}
}

void signal_send_thread(struct thread *t, const struct ksiginfo *info)
{
	spin_lock(&signal_lock);
	send_thread(t, info);
	spin_unlock(&signal_lock);
}

/* Who is found and is not `gone` yet stays, because signal_thread_gone() wants the same lock. */
bool signal_send_tid(int tid, const struct ksiginfo *info)
{
	spin_lock(&signal_lock);
	spin_lock(&threads_lock);
	struct thread *t = thread_by_tid(tid);
	spin_unlock(&threads_lock);
	if (t)
		send_thread(t, info);
	spin_unlock(&signal_lock);
	return t;
}

/* Like the kernel: a thread that waits for it, the main thread, any that does not block it. */
static struct thread *choose(int sig)
{
	struct thread *found = NULL;
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		if (t->sig.gone)
			continue;
		if (t->sig.waiting & SIGBIT(sig)) {
			found = t;
			break;
		}
		if (!(t->sig.mask & SIGBIT(sig)) && (!found || t->is_main))
			found = t;
	}
	spin_unlock(&threads_lock);
	return found;
}

static void route_pending(void)
{
	for (ksigset_t set = process_pending; set; set &= set - 1) {
		int sig = __builtin_ctzl(set) + 1;
		struct thread *t = choose(sig);
		if (t)
			notify(t);
	}
}

void signal_send_process(const struct ksiginfo *info)
{
	spin_lock(&signal_lock);
	enqueue(&process_queue, process_pending, info);
	process_pending |= SIGBIT(info->si_signo);
	route_pending();
	spin_unlock(&signal_lock);
}

static void send(const struct ksiginfo *info)
{
	int tid = timer_target(info);
	if (!tid || !signal_send_tid(tid, info))
		signal_send_process(info);
}

void signals_drain(struct carrier *c)
{
	struct ksiginfo info;
	while (carrier_recorded_pop(c, &info))
		send(&info);
}

void signals_route(struct hub *h)
{
	atomic_store(&h->signals, 0);
	signals_drain(carrier_self());
}

/* Taking. */

static bool unqueue(struct queued_signal **q, int sig, struct ksiginfo *info, bool *more)
{
	struct queued_signal *n;
	for (; *q && (*q)->info.si_signo != sig; q = &(*q)->next)
		;
	n = *q;
	*more = false;
	if (!n) {
		memset(info, 0, sizeof(*info));
		info->si_signo = sig;
		return true;
	}
	*info = n->info;
	*q = n->next;
	slab_free(&queue_slab, n);
	for (; *q; q = &(*q)->next)
		*more |= (*q)->info.si_signo == sig;
	return true;
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
	bool more, found = false;
	spin_lock(&signal_lock);
	if (t->sig.pending & set) {
		int sig = lowest(t->sig.pending & set);
		unqueue(&t->sig.queue, sig, info, &more);
		if (!more)
			atomic_fetch_and(&t->sig.pending, ~SIGBIT(sig));
		found = true;
	} else if (process_pending & set) {
		int sig = lowest(process_pending & set);
		unqueue(&process_queue, sig, info, &more);
		if (!more)
			process_pending &= ~SIGBIT(sig);
		found = true;
	}
	set_work(t);
	spin_unlock(&signal_lock);
	return found;
}

static void discard_from(struct queued_signal **q, ksigset_t set)
{
	while (*q) {
		struct queued_signal *n = *q;
		if (set & SIGBIT(n->info.si_signo)) {
			*q = n->next;
			slab_free(&queue_slab, n);
		} else {
			q = &n->next;
		}
	}
}

void signals_discard(ksigset_t set)
{
	spin_lock(&signal_lock);
	discard_from(&process_queue, set);
	process_pending &= ~set;
	spin_lock(&threads_lock);
	list_for_each (l, &threads) {
		struct thread *t = container_of(l, struct thread, all);
		discard_from(&t->sig.queue, set);
		atomic_fetch_and(&t->sig.pending, ~set);
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
	for (int sig = 1; sig <= SIGNALS; sig++)
		sys(SYS_rt_sigaction, sig, 0, &actions[sig], 8);
	stack_t ss;
	sys(SYS_sigaltstack, 0, &ss);
	main_thread->sig.alt = (struct kaltstack){(uint64_t)ss.ss_sp, ss.ss_flags & ~SS_ONSTACK, ss.ss_size};
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
	slab_reset_in_child(&queue_slab);
	for (int sig = 1; sig <= SIGNALS; sig++)
		if (kernel_action_differs(sig))
			sys(SYS_rt_sigaction, sig, &actions[sig], 0, 8);
	stack_t ss = {.ss_sp = (void *)survivor->sig.alt.sp,
	    .ss_flags = survivor->sig.alt.flags,
	    .ss_size = survivor->sig.alt.size};
	sys(SYS_sigaltstack, &ss, 0);
	process_pending = 0;
	process_queue = NULL;
	counted = 0;
	memset(blocked_by, 0, sizeof(blocked_by));
	atomic_store(&real_mask, 0);
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
	struct queued_signal *queues[] = {t->sig.queue, process_queue};
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
