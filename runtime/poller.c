/* The fd table and the edge-triggered poller. */
#include "poller.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "carrier.h"
#include "clock.h"
#include "hub.h"
#include "loop.h"
#include "mem.h"
#include "proc.h"
#include "stats.h"
#include "trace.h"

#define CHUNK_BITS 10
#define CHUNK (1 << CHUNK_BITS)
#define CHUNKS 4096 /* 4 Mi descriptors; the kernel's own limit (fs.nr_open) is 1 Mi by default */

static struct fd *_Atomic table[CHUNKS];
static _Atomic uint32_t chunks; /* behind the last one that was made: to look at all the others costs a child faults */
struct spin fd_making;

#define EVENTS 256
#define IN_EVENTS (EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLHUP | EPOLLERR)
#define OUT_EVENTS (EPOLLOUT | EPOLLHUP | EPOLLERR)

/* A waiter looks for itself after this long: a close that nobody saw (by an inline system call, by io_uring) took the
 * registration with it, and must not park it for ever. */
#define VERIFY_AFTER NSEC_PER_SEC

#define FOLLOW_AFTER 4

static void chunk_init(struct fd *chunk)
{
	for (int i = 0; i < CHUNK; i++) {
		list_init(&chunk[i].waiters[FD_IN]);
		list_init(&chunk[i].waiters[FD_OUT]);
		list_init(&chunk[i].watchers);
	}
}

struct fd *fd_entry(int fd)
{
	uint32_t n = (uint32_t)fd;
	if (n >= (uint32_t)CHUNKS * CHUNK)
		return NULL;
	struct fd *chunk = atomic_load_explicit(&table[n >> CHUNK_BITS], memory_order_acquire);
	if (unlikely(!chunk)) {
		struct fd *fresh = pages_alloc(CHUNK * sizeof(struct fd));
		if (!fresh)
			return NULL;
		chunk_init(fresh);
		atomic_raise(&chunks, (n >> CHUNK_BITS) + 1);
		if (atomic_compare_exchange_strong(&table[n >> CHUNK_BITS], &chunk, fresh))
			chunk = fresh;
		else
			pages_free(fresh, CHUNK * sizeof(struct fd));
	}
	return &chunk[n & (CHUNK - 1)];
}

/* Without making a chunk. */
static struct fd *fd_peek(int fd)
{
	uint32_t n = (uint32_t)fd;
	if (n >= (uint32_t)CHUNKS * CHUNK)
		return NULL;
	struct fd *chunk = atomic_load_explicit(&table[n >> CHUNK_BITS], memory_order_acquire);
	return chunk ? &chunk[n & (CHUNK - 1)] : NULL;
}

/* Of the description that the number meant. A waiter between its try and the link sees the new sequence and tries
 * again. Under the lock. */
static void forget_cached(struct fd *e)
{
	e->kind[0] = e->kind[1] = FD_UNKNOWN;
	e->timeo_known = 0;
	e->hung_up = false;
	e->short_reads = SHORT_READS_UNKNOWN;
	e->born = e->blocking = 0;
	atomic_fetch_add_explicit(&e->seq[FD_IN], 1, memory_order_release);
	atomic_fetch_add_explicit(&e->seq[FD_OUT], 1, memory_order_release);
	atomic_fetch_add_explicit(&e->epoch, 1, memory_order_release);
}

static uint64_t tag(int fd, uint32_t gen)
{
	return (uint64_t)gen << 32 | (uint32_t)fd;
}

/* Registers fd once, for everything, edge-triggered: an fd that is ready already gives its edge at once. Under the
 * lock. */
static int fd_register(struct fd *e, int fd, struct hub *h)
{
	struct epoll_event ev = {
	    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET, .data.u64 = tag(fd, e->gen + 1)};
	long err;
	do {
		err = sys(SYS_epoll_ctl, h->epoll, EPOLL_CTL_ADD, fd, &ev);
		if (err == -EEXIST) /* a close we did not see, and the number came back to the same description */
			err = sys(SYS_epoll_ctl, h->epoll, EPOLL_CTL_MOD, fd, &ev);
	} while (err == -ENOENT); /* ... and left it again, by another thread's dup2 */
	if (err < 0)
		return (int)err;
	e->gen++;
	e->hub = h;
	return 0;
}

static void fd_unregister(struct fd *e, int fd)
{
	struct epoll_event ev = {0};
	if (e->hub)
		sys(SYS_epoll_ctl, e->hub->epoll, EPOLL_CTL_DEL, fd, &ev);
	e->hub = NULL;
	e->gen++;
}

/* Exclusive waiters: hands the edge to the first one that has none yet. Under the lock. */
static void wake_one(struct list *waiters)
{
	list_for_each (l, waiters) {
		struct fd_wait *w = container_of(l, struct fd_wait, link);
		if (!w->chosen) {
			atomic_store_explicit(&w->chosen, true, memory_order_relaxed);
			thread_wake(w->thread, WAKE_EVENT);
			return;
		}
	}
}

static void wake_all(struct list *waiters)
{
	list_for_each (l, waiters) {
		struct fd_wait *w = container_of(l, struct fd_wait, link);
		atomic_store_explicit(&w->chosen, true, memory_order_relaxed);
		thread_wake(w->thread, WAKE_EVENT);
	}
}

/* An edge tells all that is ready, not what became ready; so a watcher sees more than it needs, and never less. */
static void wake_watchers(struct fd *e, uint32_t events)
{
	list_for_each (l, &e->watchers) {
		struct fd_wait *w = container_of(l, struct fd_wait, link);
		if (events & w->events)
			thread_wake(w->thread, WAKE_EVENT);
	}
}

static void fd_edge(struct fd *e, uint32_t gen, uint32_t events)
{
	spin_lock(&e->lock);
	if (e->gen == gen) {
		void (*wake)(struct list *) = wake_one;
		if (events & (EPOLLHUP | EPOLLERR))
			wake = wake_all;
		if (events & EPOLLRDHUP)
			e->hung_up = true;
		if (events & (EPOLLPRI | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) /* it ends with more than its bytes */
			e->short_reads = SHORT_READS_TELL_NOTHING;
		if (events & IN_EVENTS) {
			atomic_fetch_add_explicit(&e->seq[FD_IN], 1, memory_order_release);
			wake(&e->waiters[FD_IN]);
		}
		if (events & OUT_EVENTS) {
			atomic_fetch_add_explicit(&e->seq[FD_OUT], 1, memory_order_release);
			wake(&e->waiters[FD_OUT]);
		}
		wake_watchers(e, events);
	}
	spin_unlock(&e->lock);
}

void fd_wait_init(struct fd_wait *w, struct thread *t, int fd, enum fd_dir dir)
{
	*w = (struct fd_wait){.thread = t, .entry = fd_entry(fd), .fd = fd, .dir = dir};
	list_init(&w->link);
}

uint32_t fd_seq(const struct fd_wait *w)
{
	const struct fd *e;
	uint32_t seq;
	do { /* not of an entry that the waiter has been moved from: others go on counting there */
		e = atomic_load_explicit(&w->entry, memory_order_acquire);
		if (!e)
			return 0;
		seq = atomic_load_explicit(&e->seq[w->dir], memory_order_acquire);
	} while (unlikely(e != atomic_load_explicit(&w->entry, memory_order_relaxed)));
	return seq;
}

/* The entry a waiter is linked to may change under it (fd_closing): lock, look, retry. */
static struct fd *lock_entry(struct fd_wait *w)
{
	for (;;) {
		struct fd *e = atomic_load_explicit(&w->entry, memory_order_acquire);
		spin_lock(&e->lock);
		if (w->entry == e)
			return e;
		spin_unlock(&e->lock);
	}
}

static void close_if_orphan(struct fd *e, int fd);

/* Off the list; an edge that was handed to this waiter goes on to the next if it is not used up. */
static void unlink_waiter(struct fd_wait *w, bool pass)
{
	if (!w->linked)
		return;
	struct fd *e = lock_entry(w);
	list_del(&w->link);
	w->linked = false;
	if (w->chosen && pass && !w->watcher)
		wake_one(&e->waiters[w->dir]);
	spin_unlock(&e->lock);
}

/* Is the fd, against all expectation, ready now? Asked when a waiter has seen nothing for long. */
static bool ready_now(const struct fd_wait *w)
{
	struct pollfd p = {.fd = w->fd, .events = w->dir == FD_IN ? POLLIN | POLLRDHUP | POLLPRI : POLLOUT};
	struct ktimespec zero = {0};
	return sys(SYS_ppoll, &p, 1, &zero, 0, 8) > 0;
}

/* Is it still registered? If it is ready by now, this makes an event of it. */
static void register_again(struct fd_wait *w)
{
	struct fd *e = lock_entry(w);
	struct epoll_event ev = {
	    .events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET, .data.u64 = tag(w->fd, e->gen)};
	if (e->hub && sys(SYS_epoll_ctl, e->hub->epoll, EPOLL_CTL_MOD, w->fd, &ev) == -ENOENT) {
		e->hub = NULL; /* the number was closed and used again behind our back */
		fd_register(e, w->fd, w->thread->hub);
	}
	spin_unlock(&e->lock);
}

/* Under the lock. */
static bool nobody_waits(struct fd *e)
{
	return list_empty(&e->waiters[0]) && list_empty(&e->waiters[1]) && list_empty(&e->watchers);
}

/* Whose thread moved to another hub takes its registration along, once it is clear that it stays there. Under the lock.
 */
static void follow(struct fd *e, const struct fd_wait *w)
{
	if (likely(!e->hub || e->hub == w->thread->hub)) {
		e->away = 0;
		return;
	}
	if (nobody_waits(e) && ++e->away > FOLLOW_AFTER) {
		fd_unregister(e, w->fd);
		e->away = 0;
	}
}

void fd_leave_poller(int fd)
{
	struct fd *e = fd_peek(fd);
	if (!e || likely(!__atomic_load_n(&e->hub, __ATOMIC_RELAXED)))
		return;
	spin_lock(&e->lock);
	if (e->hub && nobody_waits(e))
		fd_unregister(e, fd);
	spin_unlock(&e->lock);
}

static int wait_for_edge(struct fd_wait *w, uint32_t seq, nsec_t deadline)
{
	struct thread *t = w->thread;
	bool verified = false;
	thread_prepare(t);
	struct fd *e = lock_entry(w);
	if (w->linked) /* back from a try that used its edge up */
		list_del(&w->link);
	w->linked = false;
	if (hubs_several())
		follow(e, w);
	if (!e->hub) {
		int err = fd_register(e, w->fd, t->hub);
		if (err < 0) {
			spin_unlock(&e->lock);
			return err == -EPERM || err == -EINVAL || err == -ELOOP ? -EPERM : err;
		}
	}
	bool edge = atomic_load_explicit(&e->seq[w->dir], memory_order_relaxed) != seq;
	if (!edge && e->hung_up && w->dir == FD_IN) {
		/* It had its end, and yet the try said EAGAIN: so does UDP after shutdown(SHUT_RD), where a blocking
		 * call answers 0 (__skb_recv_udp looks at sk_shutdown only when it waits). */
		spin_unlock(&e->lock);
		return -EPERM;
	}
	atomic_store_explicit(&w->chosen, false, memory_order_relaxed);
	list_add_tail(&e->waiters[w->dir], &w->link);
	w->linked = true; /* for another try, too: who closes the number finds it */
	spin_unlock(&e->lock);
	if (edge)
		return 0;

	for (;;) {
		nsec_t until = deadline;
		if (!verified) {
			nsec_t check = deadline_after(VERIFY_AFTER);
			until = check < deadline ? check : deadline;
		}
		uint32_t reasons = thread_park(t, until);
		if (reasons & WAKE_EVENT)
			return 0; /* still linked: the edge is ours until fd_wait_done or the next fd_wait */
		if (reasons & WAKE_SIGNAL) {
			unlink_waiter(w, true);
			return -ERESTARTSYS;
		}
		if (until == deadline && clock_now() >= deadline) {
			unlink_waiter(w, true);
			return -EAGAIN;
		}
		verified = true;
		if (ready_now(w)) {
			/* The event may be in the poller, which busy threads kept from being looked at. */
			hub_ask_look(t->hub);
			thread_yield(t);
			if (!atomic_load_explicit(&w->chosen, memory_order_acquire)) {
				STAT_ADD(overlooked, 1);
				register_again(w);
			}
			return 0;
		}
		thread_prepare(t);
		register_again(w);
		if (atomic_load_explicit(&w->chosen, memory_order_acquire))
			return 0; /* an edge came between the deadline and prepare */
	}
}

int fd_wait(struct fd_wait *w, uint32_t seq, nsec_t deadline)
{
	if (!w->entry)
		return -EPERM;
	fd_try_ends(w->thread);
	int err = wait_for_edge(w, seq, deadline);
	fd_try_begins(w->thread);
	return err;
}

void fd_wait_done(struct fd_wait *w)
{
	fd_try_ends(w->thread);
	unlink_waiter(w, true);
	if (w->entry) /* off the list, w->fd changes no more */
		close_if_orphan(w->entry, w->fd);
}

void fd_wait_follows(struct fd_wait *w, struct fd_wait *hold)
{
	if (likely(atomic_load_explicit(&hold->entry, memory_order_acquire) == w->entry))
		return;
	unlink_waiter(w, true);
	struct fd *e = lock_entry(hold);
	w->entry = e;
	w->fd = hold->fd;
	spin_unlock(&e->lock);
}

static int watch(struct fd_wait *w)
{
	struct thread *t = w->thread;
	struct fd *e = w->entry;
	if (!e)
		return -ENOMEM;
	spin_lock(&e->lock);
	int err = e->hub || !w->events ? 0 : fd_register(e, w->fd, t->hub);
	if (!err) {
		list_add_tail(&e->watchers, &w->link);
		w->linked = true;
	}
	spin_unlock(&e->lock);
	return err == -EINVAL || err == -ELOOP ? -EPERM : err;
}

static void watch_init(struct fd_wait *w, struct thread *t, int fd, uint32_t events)
{
	fd_wait_init(w, t, fd, FD_IN);
	w->watcher = true;
	w->events = events;
}

int fd_watch_events(struct fd_wait *w, struct thread *t, int fd, uint32_t events)
{
	watch_init(w, t, fd, events | EPOLLERR | EPOLLHUP);
	return watch(w);
}

int fd_watch(struct fd_wait *w, struct thread *t, int fd)
{
	watch_init(w, t, fd, UINT32_MAX);
	return watch(w);
}

int fd_watch_weak(struct fd_wait *w, struct thread *t, int fd)
{
	watch_init(w, t, fd, UINT32_MAX);
	w->weak = true;
	return watch(w);
}

bool fd_hold(struct fd_wait *w, struct thread *t, int fd)
{
	watch_init(w, t, fd, 0);
	return !watch(w) && !__atomic_load_n(&w->entry->closing, __ATOMIC_RELAXED);
}

void fd_unwatch(struct fd_wait *w)
{
	unlink_waiter(w, false);
	if (w->entry)
		close_if_orphan(w->entry, w->fd);
}

/* Descriptors of the runtime's own. */

void fd_hide(int fd)
{
	struct fd *e = fd_entry(fd);
	if (e)
		e->hidden = true;
}

/* Its descriptors are not those that the entries are about. */
static bool has_own_files(void)
{
	const struct thread *t = carrier_current();
	return t && t->own_files;
}

int fd_lend(long nr, long a, long b, long c, long d)
{
	spin_lock(&fd_making);
	long fd = sys(nr, a, b, c, d);
	int high = fd < 0 ? (int)fd : fd_move_high((int)fd);
	struct fd *e = high < 0 || has_own_files() ? NULL : fd_entry(high);
	if (e)
		e->lent = true;
	spin_unlock(&fd_making);
	return high;
}

bool fd_lent(int fd)
{
	struct fd *e = fd_entry(fd);
	return has_own_files() || (e && e->lent);
}

/* With the entry's lock. */
static void close_own(struct fd *e, int fd)
{
	spin_lock(&fd_making);
	e->hidden = e->lent = e->orphan = false;
	fd_unregister(e, fd);
	forget_cached(e);
	sys(SYS_close, fd);
	spin_unlock(&fd_making);
}

void fd_release(int fd)
{
	struct fd *e = fd_entry(fd);
	if (has_own_files()) {
		sys(SYS_close, fd);
		return;
	}
	spin_lock(&e->lock);
	if (e->lent)
		close_own(e, fd);
	spin_unlock(&e->lock);
}

bool fd_hidden(int fd)
{
	struct fd *e = fd_peek(fd);
	return e && e->hidden;
}

int fd_hidden_first(int from)
{
	if (from < 0)
		from = 0;
	for (uint32_t n = (uint32_t)from; n < chunks * CHUNK; n++) {
		struct fd *chunk = table[n >> CHUNK_BITS];
		if (!chunk) {
			n |= CHUNK - 1;
			continue;
		}
		if (chunk[n & (CHUNK - 1)].hidden)
			return (int)n;
	}
	return -1;
}

/* Out of the way of programs that count on low numbers: as high as the limit lets us, but within the table's first
 * chunk when the limit is large, so that one chunk does. */
int fd_high_floor(void)
{
	struct {
		uint64_t cur, max;
	} lim = {1024, 1024};
	sys(SYS_prlimit64, 0, 7 /* RLIMIT_NOFILE */, 0, &lim);
	uint64_t top = lim.cur < 1024 ? lim.cur : 1024;
	return top > 64 ? (int)top - 48 : 3;
}

int fd_duplicate_high(int fd)
{
	long high = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fd_high_floor());
	if (high < 0)
		high = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, 3);
	if (high >= 0)
		fd_hide((int)high);
	return (int)high;
}

int fd_move_high(int fd)
{
	int high = fd_duplicate_high(fd);
	sys(SYS_close, fd);
	return high;
}

static bool watched_strongly(struct fd *e)
{
	list_for_each (l, &e->watchers) {
		if (!container_of(l, struct fd_wait, link)->weak)
			return true;
	}
	return false;
}

/* Under the lock. */
static bool waited_for(struct fd *e)
{
	return !list_empty(&e->waiters[0]) || !list_empty(&e->waiters[1]) || watched_strongly(e);
}

/* Natively a thread that is blocked in a call holds the description, though its number is closed. Our parked threads
 * hold nothing, so a hidden duplicate does it for them until the last one leaves. */
static void move_waiters(struct list *from, struct list *to, struct fd *entry, int fd)
{
	while (!list_empty(from)) {
		struct fd_wait *w = container_of(from->next, struct fd_wait, link);
		list_del(&w->link);
		w->fd = fd;
		w->moved = true;
		atomic_store_explicit(&w->entry, entry, memory_order_release);
		list_add_tail(to, &w->link);
	}
}

/* The others on the list stay where they are. */
static void split_weak(struct list *watchers, struct list *strong)
{
	for (struct list *l = watchers->next, *next; l != watchers; l = next) {
		next = l->next;
		if (container_of(l, struct fd_wait, link)->weak)
			continue;
		list_del(l);
		list_add_tail(strong, l);
	}
}

static struct fd *keep_for_waiters(struct fd *e, int fd)
{
	spin_lock(&fd_making);
	long dup = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fd_high_floor());
	struct fd *o = dup < 0 ? NULL : fd_entry((int)dup);
	if (o)
		o->hidden = true;
	spin_unlock(&fd_making);
	if (!o) { /* no room: let them see the close */
		wake_all(&e->waiters[0]);
		wake_all(&e->waiters[1]);
		wake_watchers(e, UINT32_MAX);
		return NULL;
	}
	struct list strong = {&strong, &strong};
	split_weak(&e->watchers, &strong);
	spin_lock(&o->lock);
	forget_cached(o);
	/* Who has just read the old entry's, and looks at the new one's after its try, must not find the same. */
	for (int dir = 0; dir < 2; dir++)
		atomic_store_explicit(&o->seq[dir], atomic_load(&e->seq[dir]) + 1, memory_order_release);
	o->orphan = true;
	move_waiters(&e->waiters[0], &o->waiters[0], o, (int)dup);
	move_waiters(&e->waiters[1], &o->waiters[1], o, (int)dup);
	move_waiters(&strong, &o->watchers, o, (int)dup);
	if (e->hub) /* else they only hold it */
		fd_register(o, (int)dup, e->hub);
	spin_unlock(&o->lock);
	return o;
}

/* The kernel looks a number up before it lets a call sleep, and no other try sleeps. */
static bool sleeps(const struct thread *t)
{
	const struct carrier *c = atomic_load(&t->carrier);
	return c && proc_sleeps(c->tid);
}

static bool any_in_try(struct list *waiters, bool ask)
{
	list_for_each (l, waiters) {
		struct thread *t = container_of(l, struct fd_wait, link)->thread;
		if (atomic_load(&t->in_try) && !(ask && sleeps(t)))
			return true;
	}
	return false;
}

/* The waiters have a new number, but one that is in a try may still use the old one. */
static void await_tries(struct fd *e)
{
	bool any = true;
	for (unsigned tries = 0; any; tries += 128) {
		bool ask = tries >= 32 * 128; /* it is not a short one */
		spin_lock(&e->lock);
		any =
		    any_in_try(&e->waiters[0], ask) || any_in_try(&e->waiters[1], ask) || any_in_try(&e->watchers, ask);
		spin_unlock(&e->lock);
		if (any)
			spin_rest(tries);
	}
}

static void close_if_orphan(struct fd *e, int fd)
{
	if (likely(!e->orphan))
		return;
	spin_lock(&e->lock);
	if (e->orphan && !waited_for(e))
		close_own(e, fd);
	spin_unlock(&e->lock);
}

int fd_closing(int fd)
{
	struct fd *e = fd_peek(fd);
	if (!e)
		return 0;
	if (e->hidden)
		return -EBADF;
	spin_lock(&e->lock);
	int comm_tid = e->comm_tid;
	struct fd *kept = NULL;
	e->comm_tid = 0;
	if (unlikely(waited_for(e)))
		kept = keep_for_waiters(e, fd);
	if (e->hub)
		fd_unregister(e, fd);
	forget_cached(e);
	__atomic_store_n(&e->closing, e->closing + 1, __ATOMIC_RELAXED);
	spin_unlock(&e->lock);
	if (kept)
		await_tries(kept);
	if (unlikely(comm_tid))
		comm_closed(fd, comm_tid);
	return 0;
}

/* Under the lock. */
static void forget_file(struct fd *e)
{
	if (e->hub) {
		e->hub = NULL; /* no EPOLL_CTL_DEL: the number may be another file's */
		e->gen++;
	}
	forget_cached(e);
}

struct fd *fd_born(int fd)
{
	struct fd *e = fd_entry(fd);
	if (!e || e->hidden)
		return NULL;
	spin_lock(&e->lock);
	forget_file(e);
	spin_unlock(&e->lock);
	return e;
}

/*
 * Between fd_closing and the kernel's close, threads elsewhere may have used the number and put it back into the
 * poller; after it the number may have been given out again. Nobody knows which, so whoever is there now begins anew. A
 * waiter linked meanwhile looks again by number, as if its call came after the close.
 */
void fd_closed(int fd)
{
	struct fd *e = fd_peek(fd);
	if (!e)
		return;
	spin_lock(&e->lock);
	if (e->closing) /* the entry may be younger */
		__atomic_store_n(&e->closing, e->closing - 1, __ATOMIC_RELAXED);
	if (likely(!e->hidden)) {
		forget_file(e);
		wake_all(&e->waiters[FD_IN]);
		wake_all(&e->waiters[FD_OUT]);
		list_for_each (l, &e->watchers) {
			struct fd_wait *w = container_of(l, struct fd_wait, link);
			w->closed = true;
			thread_wake(w->thread, WAKE_EVENT);
		}
	}
	spin_unlock(&e->lock);
}

bool fd_waited(int fd)
{
	struct fd *e = fd_peek(fd);
	if (!e || e->hidden)
		return false;
	spin_lock(&e->lock);
	bool waited = waited_for(e);
	spin_unlock(&e->lock);
	return waited;
}

void fds_close_own(void)
{
	for (int fd = fd_hidden_first(0); fd >= 0; fd = fd_hidden_first(fd + 1))
		sys(SYS_close, fd);
}

/* A program's dup2 wants the number of one of our own. */
int fd_evict(int fd)
{
	struct fd *e = fd_peek(fd);
	if (!e || !e->hidden)
		return 0;
	if (e->orphan || e->lent) { /* fd_closing moves those who wait on it */
		e->hidden = e->orphan = e->lent = false;
		return 0;
	}
	spin_lock(&fd_making);
	long to = sys(SYS_fcntl, fd, F_DUPFD_CLOEXEC, fd_high_floor());
	if (to >= 0)
		fd_hide((int)to);
	spin_unlock(&fd_making);
	if (to < 0)
		return (int)to;
	bool of_trace = trace_evict(fd, (int)to);
	for (int i = 0; i < hub_count; i++) {
		struct hub *h = hubs[i];
		if (h->epoll == fd) /* who has read the old number meets an error, and reads it again */
			h->epoll = (int)to;
		if (h->eventfd == fd) {
			atomic_store(&h->eventfd, (int)to);
			while (atomic_load(&h->eventfd_users))
				sys(SYS_sched_yield);
		}
		if (h->epoll != (int)to && h->eventfd != (int)to && stats_fd != fd && !of_trace)
			h->loop = NULL; /* libuv cannot be told of another number */
	}
	if (stats_fd == fd)
		stats_fd = (int)to;
	e->hidden = false;
	return 0;
}

/* The poller itself. */

int poller_open(struct hub *h)
{
	struct epoll_event ev = {.events = EPOLLIN};
	h->epoll = -1;
	h->eventfd = -1;
	long ep = sys(SYS_epoll_create1, EPOLL_CLOEXEC);
	if (ep < 0)
		return (int)ep;
	h->epoll = fd_move_high((int)ep);
	long efd = sys(SYS_eventfd2, 0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (efd >= 0)
		h->eventfd = fd_move_high((int)efd);
	if (h->epoll < 0 || efd < 0)
		return -EMFILE;
	if (h->eventfd < 0)
		return h->eventfd;
	ev.data.u64 = POLLER_EVENTFD;
	return (int)sys(SYS_epoll_ctl, h->epoll, EPOLL_CTL_ADD, h->eventfd, &ev);
}

static void close_hidden(int fd)
{
	struct fd *e = fd < 0 ? NULL : fd_peek(fd);
	if (!e)
		return;
	spin_lock(&e->lock);
	close_own(e, fd);
	spin_unlock(&e->lock);
}

void poller_close(struct hub *h)
{
	close_hidden(h->epoll);
	close_hidden(h->eventfd);
}

int poller_add_loop(struct hub *h, int backend_fd)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = POLLER_LOOP};
	return (int)sys(SYS_epoll_ctl, h->epoll, EPOLL_CTL_ADD, backend_fd, &ev);
}

static void handle(struct hub *h, const struct epoll_event *ev)
{
	if (ev->data.u64 == POLLER_EVENTFD) {
		uint64_t n;
		sys(SYS_read, hub_eventfd(h), &n, sizeof(n));
		hub_eventfd_done(h);
	} else if (ev->data.u64 == POLLER_LOOP) {
		h->loop_ready = true;
	} else {
		struct fd *e = fd_peek((int)(uint32_t)ev->data.u64);
		if (e)
			fd_edge(e, (uint32_t)(ev->data.u64 >> 32), ev->events);
	}
}

/* epoll_pwait2 (Linux 5.11) has nanoseconds; before it, milliseconds rounded up. */
static long wait_events(int epfd, struct epoll_event *ev, nsec_t deadline)
{
	static bool old_kernel;
	struct ktimespec ts, *timeout = NULL;
	nsec_t left = 0;
	if (deadline != NEVER) {
		if (deadline) {
			left = deadline - clock_now();
			if (left < 0)
				left = 0;
		}
		ts = nsec_to_timespec(left);
		timeout = &ts;
	}
	if (!old_kernel) {
		long n = sys(SYS_epoll_pwait2, epfd, ev, EVENTS, timeout, 0, 8);
		if (n != -ENOSYS)
			return n;
		old_kernel = true;
	}
	nsec_t ms = (left + NSEC_PER_MSEC - 1) / NSEC_PER_MSEC;
	return sys(SYS_epoll_wait, epfd, ev, EVENTS, timeout ? (ms > INT32_MAX ? INT32_MAX : ms) : -1);
}

void poller_poll(struct hub *h, nsec_t deadline)
{
	struct epoll_event ev[EVENTS];
	nsec_t loop_deadline = loop_next_deadline(h);
	h->count.polls++;
	long n = wait_events(h->epoll, ev, loop_deadline < deadline ? loop_deadline : deadline);
	for (long i = 0; i < n; i++)
		handle(h, &ev[i]);
	if (h->loop_ready || loop_deadline != NEVER)
		loop_run(h);
}

void pollers_reset(bool close)
{
	fd_making = (struct spin){0};
	/* Only the numbers are closed: an EPOLL_CTL_DEL here would take the registration from the parent's epoll. */
	if (close)
		fds_close_own();
	for (uint32_t i = 0; i < chunks; i++) {
		struct fd *chunk = table[i];
		if (!chunk)
			continue;
		pages_free(chunk, CHUNK * sizeof(struct fd));
		table[i] = NULL;
	}
}
