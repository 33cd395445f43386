/*
 * Futexes in user space: wait queues by address.
 *
 * A private futex of green threads never reaches the kernel. One without FUTEX_PRIVATE_FLAG may be shared with another
 * process: its waiters sleep in the kernel (the hub handed off), its wakers wake both sides. The exception is the word
 * that pthread_join waits for, which is a thread's cleartid and ours alone.
 */
#include "futex.h"

#include <linux/futex.h>
#include <sys/mman.h>

#include "balance.h"
#include "bound.h"
#include "calls.h"
#include "mem.h"
#include "stats.h"
#include "trace.h"

#define BUCKETS 4096 /* a power of two */

struct bucket {
	_Alignas(CACHE_LINE) struct spin lock;
	struct list waiters;
};

struct futex_waiter {
	struct list link;
	struct thread *thread;
	uint32_t *addr;
	uint32_t bitset;
	struct bucket *_Atomic bucket; /* NULL once a waker took it off; changes on requeue */
	bool pi;
};

static _Alignas(4096) struct bucket buckets[BUCKETS]; /* pages of their own: futex_reset_in_child() */
static _Atomic uint32_t kernel_waiters;               /* threads of ours that wait for a shared word in the kernel */

static struct bucket *bucket_of(const uint32_t *addr)
{
	uint64_t h = (uint64_t)addr >> 2;
	h *= 0x9e3779b97f4a7c15ULL; /* 2^64 / golden ratio */
	return &buckets[h >> 52];
}

/* Static zeroes are unlocked, empty buckets but for the list heads: made at first use, under the lock. */
static void bucket_lock(struct bucket *b)
{
	spin_lock(&b->lock);
	if (unlikely(!b->waiters.next))
		list_init(&b->waiters);
}

static void bucket_lock_two(struct bucket *a, struct bucket *b)
{
	bucket_lock(a < b ? a : b);
	if (a != b)
		bucket_lock(a < b ? b : a);
}

static void bucket_unlock_two(struct bucket *a, struct bucket *b)
{
	spin_unlock(&a->lock);
	if (a != b)
		spin_unlock(&b->lock);
}

/* Takes a waiter off its bucket and makes its thread ready. Its memory is gone as soon as the bucket is unlocked. */
static void waiter_wake(struct futex_waiter *w)
{
	struct thread *t = w->thread;
	list_del(&w->link);
	atomic_store_explicit(&w->bucket, NULL, memory_order_release);
	if (!thread_claim(t, WAKE_EVENT))
		return;
	if (hubs_several()) /* not before: its deadline may have woken it, and its hub changes */
		balance_wakes(t);
	thread_go_on(t);
}

/* Locks the bucket that the waiter is queued in; NULL when a waker took it off, who is done with it then. */
static struct bucket *waiter_lock(struct futex_waiter *w)
{
	struct bucket *b;
	while ((b = atomic_load_explicit(&w->bucket, memory_order_acquire))) {
		bucket_lock(b);
		if (atomic_load_explicit(&w->bucket, memory_order_relaxed) == b)
			return b;
		spin_unlock(&b->lock); /* requeued or woken in between */
	}
	/* The waker may still be at thread_wake: it holds the bucket's lock until it is done. */
	b = bucket_of(w->addr);
	bucket_lock(b);
	spin_unlock(&b->lock);
	return NULL;
}

/* Was it a waker (true), or was the waiter still queued (and is no longer)? */
static bool waiter_leave(struct futex_waiter *w)
{
	struct bucket *b = waiter_lock(w);
	if (!b)
		return true;
	list_del(&w->link);
	spin_unlock(&b->lock);
	return false;
}

static bool aligned(const uint32_t *addr)
{
	return ((uintptr_t)addr & 3) == 0;
}

/* Called with the bucket's lock, leaves with it released. */
static long wait_parked(struct thread *t, struct bucket *b, struct futex_waiter *w, nsec_t deadline)
{
	long ret;
	w->thread = t;
	atomic_store_explicit(&w->bucket, b, memory_order_relaxed);
	list_add_tail(&b->waiters, &w->link);
	spin_unlock(&b->lock);
	for (;;) {
		uint32_t reasons = thread_park(t, deadline);
		b = waiter_lock(w);
		if (!b)
			return 0;
		if (reasons & WAKE_SIGNAL && signal_pending(&t->sig)) {
			ret = -ERESTARTSYS;
			break;
		}
		if (clock_now() >= deadline) {
			ret = -ETIMEDOUT;
			break;
		}
		/* A stale wake. It stays queued all the time: a FUTEX_WAKE that found nobody would be lost. */
		thread_prepare(t);
		spin_unlock(&b->lock);
	}
	list_del(&w->link);
	spin_unlock(&b->lock);
	return ret;
}

static long futex_wait(struct thread *t, uint32_t *addr, uint32_t val, nsec_t deadline, uint32_t bitset)
{
	struct bucket *b = bucket_of(addr);
	uint32_t now;
	if (!bitset || !aligned(addr))
		return -EINVAL;
	thread_prepare(t);
	bucket_lock(b);
	if (user_load32(addr, &now)) {
		spin_unlock(&b->lock);
		return -EFAULT;
	}
	if (now != val) {
		spin_unlock(&b->lock);
		return -EAGAIN;
	}
	struct futex_waiter w = {.addr = addr, .bitset = bitset};
	if (tracing())
		trace_waits(addr, val, false, deadline);
	return wait_parked(t, b, &w, deadline);
}

static long wake_locked(struct bucket *b, const uint32_t *addr, int count, uint32_t bitset)
{
	long woken = 0;
	for (struct list *l = b->waiters.next, *next; l != &b->waiters && woken < count; l = next) {
		struct futex_waiter *w = container_of(l, struct futex_waiter, link);
		next = l->next;
		if (w->addr != addr || !(w->bitset & bitset))
			continue;
		if (w->pi)
			return -EINVAL;
		waiter_wake(w);
		woken++;
	}
	return woken;
}

static long futex_wake(const uint32_t *addr, int count, uint32_t bitset)
{
	struct bucket *b = bucket_of(addr);
	if (count < 1)
		count = 1; /* so does the kernel: it counts first and compares afterwards */
	if (!bitset || !aligned(addr))
		return -EINVAL;
	bucket_lock(b);
	long woken = wake_locked(b, addr, count, bitset);
	spin_unlock(&b->lock);
	return woken;
}

void futex_wake_all(uint32_t *addr)
{
	futex_wake(addr, INT32_MAX, FUTEX_BITSET_MATCH_ANY);
	if (atomic_load(&kernel_waiters)) /* a joiner that took the word for a shared one */
		sys(SYS_futex, addr, FUTEX_WAKE, INT32_MAX);
}

static long futex_requeue(uint32_t *from, uint32_t *to, int nwake, int nrequeue, const uint32_t *expected)
{
	struct bucket *a = bucket_of(from), *b = bucket_of(to);
	if (nwake < 0 || nrequeue < 0 || !aligned(from) || !aligned(to))
		return -EINVAL;
	bucket_lock_two(a, b);
	uint32_t now;
	if (expected && (user_load32(from, &now) || now != *expected)) {
		long err = user_load32(from, &now) ? -EFAULT : -EAGAIN;
		bucket_unlock_two(a, b);
		return err;
	}
	long woken = wake_locked(a, from, nwake, FUTEX_BITSET_MATCH_ANY), moved = 0;
	for (struct list *l = a->waiters.next, *next; l != &a->waiters && moved < nrequeue; l = next) {
		struct futex_waiter *w = container_of(l, struct futex_waiter, link);
		next = l->next;
		if (w->addr != from || w->pi)
			continue;
		moved++;
		w->addr = to;
		if (a == b)
			continue;
		list_del(&w->link);
		atomic_store_explicit(&w->bucket, b, memory_order_release);
		list_add_tail(&b->waiters, &w->link);
	}
	bucket_unlock_two(a, b);
	return woken + moved; /* the kernel counts both, for FUTEX_REQUEUE too */
}

/* futex(2), FUTEX_WAKE_OP: the operation on *addr2 and the comparison are packed in val3. */
static long futex_wake_op(uint32_t *addr, uint32_t *addr2, int nwake, int nwake2, uint32_t op)
{
	int cmd = (op >> 28) & 7, cmp = (op >> 24) & 15;
	int32_t oparg = (int32_t)(op << 8) >> 20, cmparg = (int32_t)(op << 20) >> 20;
	if (op >> 31) {
		if (oparg < 0 || oparg > 31)
			oparg &= 31; /* as the kernel does since 4.16 */
		oparg = (int32_t)(1U << oparg);
	}
	struct bucket *a = bucket_of(addr), *b = bucket_of(addr2);
	uint32_t old, new;
	long done, ret = 0;
	if (!aligned(addr) || !aligned(addr2))
		return -EINVAL;
	bucket_lock_two(a, b);
	if (user_load32(addr2, &old)) {
		ret = -EFAULT;
		goto out;
	}
	do {
		switch (cmd) {
		case FUTEX_OP_SET:
			new = (uint32_t)oparg;
			break;
		case FUTEX_OP_ADD:
			new = old + (uint32_t)oparg;
			break;
		case FUTEX_OP_OR:
			new = old | (uint32_t)oparg;
			break;
		case FUTEX_OP_ANDN:
			new = old & ~(uint32_t)oparg;
			break;
		case FUTEX_OP_XOR:
			new = old ^ (uint32_t)oparg;
			break;
		default:
			ret = -ENOSYS;
			goto out;
		}
		done = user_cas32(addr2, &old, new);
	} while (done == 0);
	if (done < 0) {
		ret = -EFAULT;
		goto out;
	}
	int32_t was = (int32_t)old;
	bool holds;
	switch (cmp) {
	case FUTEX_OP_CMP_EQ:
		holds = was == cmparg;
		break;
	case FUTEX_OP_CMP_NE:
		holds = was != cmparg;
		break;
	case FUTEX_OP_CMP_LT:
		holds = was < cmparg;
		break;
	case FUTEX_OP_CMP_GE:
		holds = was >= cmparg;
		break;
	case FUTEX_OP_CMP_LE:
		holds = was <= cmparg;
		break;
	case FUTEX_OP_CMP_GT:
		holds = was > cmparg;
		break;
	default:
		ret = -ENOSYS;
		goto out;
	}
	ret = wake_locked(a, addr, nwake, FUTEX_BITSET_MATCH_ANY);
	if (holds)
		ret += wake_locked(b, addr2, nwake2, FUTEX_BITSET_MATCH_ANY);
out:
	bucket_unlock_two(a, b);
	return ret;
}

/*
 * Priority inheritance. Green threads have no priorities of their own, so what is left of the protocol is the
 * hand-over: the word holds the owner's tid, FUTEX_WAITERS while somebody is queued; unlock gives it to the first in
 * the queue.
 */
static struct futex_waiter *first_pi(struct bucket *b, const uint32_t *addr, bool *more)
{
	struct futex_waiter *first = NULL;
	*more = false;
	list_for_each (l, &b->waiters) {
		struct futex_waiter *w = container_of(l, struct futex_waiter, link);
		if (w->addr != addr || !w->pi)
			continue;
		if (first) {
			*more = true;
			break;
		}
		first = w;
	}
	return first;
}

/* What becomes of a word without an owner. The kernel believes its own queue, not FUTEX_WAITERS. */
static uint32_t free_word_taken(struct thread *t, struct bucket *b, const uint32_t *addr, uint32_t word)
{
	bool more;
	uint32_t waiters = first_pi(b, addr, &more) ? FUTEX_WAITERS : 0;
	return (uint32_t)thread_tid(t) | waiters | (word & FUTEX_OWNER_DIED);
}

static long lock_pi(struct thread *t, uint32_t *addr, nsec_t deadline, bool try)
{
	struct bucket *b = bucket_of(addr);
	uint32_t word;
	if (!aligned(addr))
		return -EINVAL;
	thread_prepare(t);
	bucket_lock(b);
	if (user_load32(addr, &word)) {
		spin_unlock(&b->lock);
		return -EFAULT;
	}
	for (;;) {
		uint32_t owner = word & FUTEX_TID_MASK;
		uint32_t want = owner == 0 ? free_word_taken(t, b, addr, word) : word | FUTEX_WAITERS;
		long err = 0;
		if (owner == (uint32_t)thread_tid(t))
			err = -EDEADLK;
		else if (owner && try)
			err = -EAGAIN;
		else if (owner && !thread_lives((int)owner))
			err = -ESRCH;
		if (err) {
			spin_unlock(&b->lock);
			return err;
		}
		long done = word == want ? 1 : user_cas32(addr, &word, want);
		if (done < 0) {
			spin_unlock(&b->lock);
			return -EFAULT;
		}
		if (done && owner == 0) {
			spin_unlock(&b->lock);
			return 0;
		}
		if (done)
			break;
	}
	struct futex_waiter w = {.addr = addr, .bitset = FUTEX_BITSET_MATCH_ANY, .pi = true};
	if (tracing())
		trace_waits(addr, word, true, deadline);
	long ret = wait_parked(t, b, &w, deadline);
	return ret == -ERESTARTSYS ? -ERESTARTNOINTR : ret;
}

/* Gives the lock to the first waiter, with `flags` kept in the word. Called with the bucket's lock. */
static long hand_over(struct bucket *b, uint32_t *addr, uint32_t flags)
{
	bool more;
	struct futex_waiter *w = first_pi(b, addr, &more);
	uint32_t word = flags | (w ? (uint32_t)thread_tid(w->thread) : 0) | (more ? FUTEX_WAITERS : 0);
	if (user_store32(addr, word))
		return -EFAULT;
	if (w)
		waiter_wake(w);
	return 0;
}

static long unlock_pi(struct thread *t, uint32_t *addr)
{
	struct bucket *b = bucket_of(addr);
	uint32_t word;
	long ret;
	bucket_lock(b);
	if (user_load32(addr, &word))
		ret = -EFAULT;
	else if ((word & FUTEX_TID_MASK) != (uint32_t)thread_tid(t))
		ret = -EPERM;
	else if (!aligned(addr))
		ret = -EINVAL;
	else
		ret = hand_over(b, addr, 0);
	spin_unlock(&b->lock);
	return ret;
}

/* Between processes it is the kernel's affair, which knows this thread's tid. glibc says of each robust mutex that it
 * is shared: those in memory of our own are for green threads, too, whose tids the kernel does not know. */
static bool pi_in_kernel(struct thread *t, const uint32_t *addr)
{
	return t->owns_tid && mapping_is_shared(t, (uintptr_t)addr);
}

/* set_robust_list(2): the kernel's walk at thread exit, exit_robust_list() in kernel/futex. */
#define ROBUST_LIST_LIMIT 2048

static void robust_owner_died(struct thread *t, uintptr_t entry, long offset, bool pi, bool pending)
{
	uint32_t *addr = (uint32_t *)(entry + (uintptr_t)offset);
	struct bucket *b = bucket_of(addr);
	uint32_t word;
	if (pi && pi_in_kernel(t, addr)) {
		t->ends_in_kernel = true; /* it has the queue, and walks the list when the kernel thread ends */
		return;
	}
	if (!aligned(addr) || user_load32(addr, &word))
		return;
	if (pending && !pi && !word) { /* died between unlock and wake */
		futex_wake(addr, 1, FUTEX_BITSET_MATCH_ANY);
		sys(SYS_futex, addr, FUTEX_WAKE, 1);
		return;
	}
	for (;;) {
		if ((word & FUTEX_TID_MASK) != (uint32_t)thread_tid(t))
			return;
		long done = user_cas32(addr, &word, (word & FUTEX_WAITERS) | FUTEX_OWNER_DIED);
		if (done < 0)
			return;
		if (done)
			break;
	}
	if (!(word & FUTEX_WAITERS))
		return;
	if (pi) {
		bucket_lock(b);
		hand_over(b, addr, FUTEX_OWNER_DIED);
		spin_unlock(&b->lock);
	} else {
		futex_wake(addr, 1, FUTEX_BITSET_MATCH_ANY);
		sys(SYS_futex, addr, FUTEX_WAKE, 1);
	}
}

void futex_exit_robust(struct thread *t)
{
	struct {
		uintptr_t next;
		long offset;
		uintptr_t pending;
	} head;
	if (!t->robust || user_read(&head, t->robust))
		return;
	uintptr_t entry = head.next;
	for (int i = 0; i < ROBUST_LIST_LIMIT && (entry & ~1UL) != (uintptr_t)t->robust; i++) {
		uintptr_t next;
		long err = user_read(&next, (entry & ~1UL));
		if ((entry & ~1UL) != (head.pending & ~1UL))
			robust_owner_died(t, entry & ~1UL, head.offset, entry & 1, false);
		if (err)
			return;
		entry = next;
	}
	if (head.pending & ~1UL)
		robust_owner_died(t, head.pending & ~1UL, head.offset, head.pending & 1, true);
}

static bool is_join_word(struct thread *t, const uint32_t *addr)
{
	uint32_t tid;
	return !user_load32(addr, &tid) && tid && thread_clears(t, (int)tid, addr);
}

static int read_deadline(const void *user, int op, nsec_t *deadline)
{
	struct ktimespec ts;
	*deadline = NEVER;
	if (!user)
		return 0;
	if (user_read(&ts, user))
		return -EFAULT;
	if (!timespec_valid(&ts))
		return -EINVAL;
	nsec_t ns = timespec_to_nsec(&ts);
	int cmd = op & FUTEX_CMD_MASK;
	if (cmd == FUTEX_WAIT)
		*deadline = deadline_after(ns); /* relative, whatever the clock */
	else if (cmd == FUTEX_LOCK_PI)
		*deadline = deadline_at(CLOCK_REALTIME, ns); /* FUTEX_LOCK_PI2 (5.14) honours the clock flag */
	else
		*deadline = deadline_at(op & FUTEX_CLOCK_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, ns);
	return 0;
}

static long wait_in_kernel(struct thread *t, const struct regs *r, nsec_t deadline)
{
	uint32_t *addr = (uint32_t *)r->rdi, now;
	struct ktimespec left;
	struct regs wait = *r;
	if (aligned(addr) && !user_load32(addr, &now) && now != (uint32_t)r->rdx)
		return native_regs(t, r); /* nothing to wait for, in particular not for a kernel thread */
	if (deadline != NEVER && ((int)r->rsi & FUTEX_CMD_MASK) == FUTEX_WAIT)
		wait.r10 = (uint64_t)&left; /* relative */
	atomic_fetch_add(&kernel_waiters, 1);
	long ret = handoff_wait(t, &wait, deadline, &left);
	atomic_fetch_sub(&kernel_waiters, 1);
	return ret;
}

#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif

static bool is_pi(int cmd)
{
	return cmd == FUTEX_LOCK_PI || cmd == FUTEX_LOCK_PI2 || cmd == FUTEX_TRYLOCK_PI || cmd == FUTEX_UNLOCK_PI;
}

long call_futex(struct thread *t, struct regs *r)
{
	uint32_t *addr = (uint32_t *)r->rdi, *addr2 = (uint32_t *)r->r8;
	int op = (int)r->rsi, cmd = op & FUTEX_CMD_MASK;
	uint32_t val = (uint32_t)r->rdx, val3 = (uint32_t)r->r9;
	bool shared = !(op & FUTEX_PRIVATE_FLAG);
	nsec_t deadline;
	long ret;

	if (shared && is_pi(cmd) && pi_in_kernel(t, addr))
		return native_regs(t, r);
	switch (cmd) {
	case FUTEX_WAIT:
	case FUTEX_WAIT_BITSET:
		ret = read_deadline((void *)r->r10, op, &deadline);
		if (ret)
			return ret;
		if (shared && !is_join_word(t, addr))
			return wait_in_kernel(t, r, deadline);
		ret = futex_wait(t, addr, val, deadline, cmd == FUTEX_WAIT ? FUTEX_BITSET_MATCH_ANY : val3);
		/* A timed FUTEX_WAIT is not restarted after a handler (signal(7)). */
		return ret == -ERESTARTSYS && deadline != NEVER ? -ERESTARTNOHAND : ret;
	case FUTEX_WAKE:
	case FUTEX_WAKE_BITSET:
		ret = futex_wake(addr, (int)val, cmd == FUTEX_WAKE ? FUTEX_BITSET_MATCH_ANY : val3);
		if (ret < 0 || !shared || ret >= (int)val)
			return ret;
		long more = sys(SYS_futex, addr, op, (int)val - ret, 0, 0, val3);
		return more < 0 ? more : ret + more;
	case FUTEX_REQUEUE:
	case FUTEX_CMP_REQUEUE:
		if (shared)
			return native_regs(t, r); /* that is where its waiters are */
		return futex_requeue(addr, addr2, (int)val, (int)r->r10, cmd == FUTEX_REQUEUE ? NULL : &val3);
	case FUTEX_WAKE_OP:
		if (shared)
			return native_regs(t, r);
		return futex_wake_op(addr, addr2, (int)val, (int)r->r10, val3);
	case FUTEX_LOCK_PI:
	case FUTEX_LOCK_PI2:
		ret = read_deadline((void *)r->r10, op, &deadline);
		return ret ? ret : lock_pi(t, addr, deadline, false);
	case FUTEX_TRYLOCK_PI:
		return lock_pi(t, addr, NEVER, true);
	case FUTEX_UNLOCK_PI:
		return unlock_pi(t, addr);
	default:
		return native_regs(t, r);
	}
}

/* futex_waitv(2), Linux 5.16: several at once. */
#define WAITV_MAX 128
struct waitv {
	uint64_t val, uaddr;
	uint32_t flags, reserved;
};

static bool waitv_ours(const struct waitv *v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (v[i].flags != (2 /* FUTEX_32 */ | FUTEX_PRIVATE_FLAG) || v[i].reserved || v[i].uaddr & 3)
			return false;
	return true;
}

/* Queues on each word; -EAGAIN or -EFAULT at the first that does not hold its value (how many are queued: *queued). */
static long waitv_queue(struct thread *t, const struct waitv *v, unsigned n, struct futex_waiter *w, unsigned *queued)
{
	for (*queued = 0; *queued < n; ++*queued) {
		struct futex_waiter *x = &w[*queued];
		uint32_t now;
		*x = (struct futex_waiter){
		    .addr = (uint32_t *)v[*queued].uaddr, .bitset = FUTEX_BITSET_MATCH_ANY, .thread = t};
		struct bucket *b = bucket_of(x->addr);
		bucket_lock(b);
		long err = user_load32(x->addr, &now) ? -EFAULT : now != (uint32_t)v[*queued].val ? -EAGAIN : 0;
		if (!err) {
			atomic_store_explicit(&x->bucket, b, memory_order_relaxed);
			list_add_tail(&b->waiters, &x->link);
		}
		spin_unlock(&b->lock);
		if (err)
			return err;
	}
	return 0;
}

long call_futex_waitv(struct thread *t, struct regs *r)
{
	unsigned n = (unsigned)r->rsi, queued;
	struct waitv *v = pages_alloc(WAITV_MAX * (sizeof(*v) + sizeof(struct futex_waiter)));
	struct ktimespec ts;
	nsec_t deadline = NEVER;
	long ret;
	if (!v)
		return -ENOMEM;
	struct futex_waiter *w = (struct futex_waiter *)(v + WAITV_MAX);
	if (n == 0 || n > WAITV_MAX || r->rdx || user_copy(v, (void *)r->rdi, n * sizeof(*v)) || !waitv_ours(v, n)) {
		ret = handoff_regs(t, r); /* the kernel's error, or shared words */
		goto out;
	}
	if (r->r10) {
		ret = user_read(&ts, r->r10) ? -EFAULT : timespec_valid(&ts) ? 0 : -EINVAL;
		if (ret)
			goto out;
		deadline = deadline_at((clockid_t)r->r8, timespec_to_nsec(&ts));
	}
	thread_prepare(t);
	ret = waitv_queue(t, v, n, w, &queued);
	if (!ret) {
		uint32_t reasons = thread_park(t, deadline);
		ret = reasons & WAKE_SIGNAL ? -ERESTARTSYS : -ETIMEDOUT;
	}
	for (unsigned i = queued; i-- > 0;)
		if (waiter_leave(&w[i]))
			ret = i;
out:
	pages_free(v, WAITV_MAX * (sizeof(*v) + sizeof(struct futex_waiter)));
	return ret;
}

void futex_reset_in_child(void)
{
	/* Dropped rather than written: each page written costs the child a fault. EINVAL where memory is locked. */
	if (sys(SYS_madvise, buckets, sizeof(buckets), MADV_DONTNEED))
		memset(buckets, 0, sizeof(buckets));
	kernel_waiters = 0;
}
