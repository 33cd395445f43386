/* The fd table and the edge-triggered poller: how a thread waits for a file descriptor. */
#ifndef GREEN_POLLER_H
#define GREEN_POLLER_H

#include "hub.h"
#include "list.h"
#include "spin.h"
#include "thread.h"

enum fd_dir { FD_IN, FD_OUT };

/* How a call on this fd is tried without blocking (io.c); found at first use, forgotten at close. */
enum fd_kind {
	FD_UNKNOWN,
	FD_SOCKET, /* MSG_DONTWAIT */
	FD_NOWAIT, /* preadv2/pwritev2 with RWF_NOWAIT */
	FD_POLL,   /* pollable, but no non-blocking try: poll, then the call, rescued if it blocks after all */
	FD_NATIVE, /* not pollable (regular file, directory, ...) */
};

#define FD_DRAINED (1UL << 32)

enum fd_short_reads { SHORT_READS_UNKNOWN, SHORT_READS_SEEN, SHORT_READS_DRAIN, SHORT_READS_TELL_NOTHING };

/*
 * One per fd number. Everything under `lock`, except that seq, epoch, the kinds and the timeouts' known bits may be
 * read without, and the last four below, which hold for one seq or one description. What is learnt of the description
 * outside the lock is stored by fd_learn_begin() and fd_learn_end(), so that nothing of a closed file stays behind.
 */
struct fd {
	struct spin lock;
	_Atomic uint32_t seq[2];     /* counts edges per direction: unchanged since before a try that said EAGAIN means
					no edge was lost */
	uint32_t gen;                /* of the registration: epoll_data carries it, so that late events are known */
	_Atomic uint32_t epoch;      /* changes before and after each close of the number */
	struct hub *hub;             /* in whose poller it is registered; NULL when in none */
	_Atomic uint8_t kind[2];     /* enum fd_kind per direction */
	_Atomic uint8_t timeo_known; /* rcvtimeo/sndtimeo below are valid: bit per direction */
	_Atomic bool hidden;         /* the runtime's own: EBADF for the program */
	_Atomic bool lent;           /* hidden, for the length of one call (pidfd, signalfd) */
	_Atomic bool orphan;         /* its number was closed by the program: lives on for those who wait */
	int comm_tid;                /* plays /proc/self/task/TID/comm (identity.c) */
	uint32_t closing;            /* between fd_closing() and fd_closed() */
	uint8_t away;                /* waits in a row by threads of other hubs than the one it is registered with */
	bool hung_up;                /* an edge with EPOLLRDHUP was seen */
	_Atomic uint8_t short_reads; /* enum fd_short_reads (drained.c) */
	_Atomic uint64_t drained;    /* FD_DRAINED | seq[FD_IN] before a read that found the end; 0: there was none */
	_Atomic uint64_t born;       /* nonblock.c: this process made the description; 0: who knows */
	_Atomic uint64_t blocking;   /* ... and its O_NONBLOCK was looked for, and not found; 0: not yet */
	_Atomic nsec_t timeo[2];     /* SO_RCVTIMEO, SO_SNDTIMEO; NEVER for none */
	struct list waiters[2];      /* exclusive waiters: one is woken per edge, and passes the baton */
	struct list watchers;        /* poll, select, epoll_wait: all are woken by any edge */
};

/* A thread's stay in one fd's waiters or watchers. On the waiting thread's stack, or in pages of its own. */
struct fd_wait {
	struct list link;
	struct thread *thread;
	/* Both change when the number is closed under the waiter (the description is kept alive), in a try too: with a
	 * new entry comes its number. */
	struct fd *_Atomic entry;
	_Atomic int fd;
	uint8_t dir;
	bool watcher;
	bool
	    weak; /* does not keep the description alive: woken after the number was closed, to find out what is left */
	bool linked;
	_Atomic bool chosen; /* an edge was handed to this waiter: it owes a try or the baton */
	_Atomic bool moved;  /* the number was closed: fd is a duplicate now */
	bool closed;         /* watcher: the number was closed behind it: it watches nothing any more */
	uint32_t events;     /* watcher: the EPOLL bits that wake it; EPOLLERR and EPOLLHUP always do */
};

extern struct spin fd_making; /* held while one of the runtime's own is open but not hidden: no fork is in between */

struct fd *fd_entry(int fd); /* NULL: negative, too high, or no memory */
/* The number is a new file's: what is known of it may be of one whose close was not seen. NULL as above. */
struct fd *fd_born(int fd);

/*
 * The blocking call's loop, for a read-like or write-like call on an fd:
 *
 *	struct fd_wait w;
 *	fd_wait_init(&w, t, fd, FD_IN);
 *	do {
 *		seq = fd_seq(&w);
 *		ret = try without blocking on w.fd;
 *		if (ret != -EAGAIN) break;
 *		err = fd_wait(&w, seq, deadline);	// 0: try again; -EAGAIN: deadline passed; -ERESTARTSYS: signal
 *	} while (!err);
 *	fd_wait_done(&w);	// passes the baton
 *
 * fd_wait may also answer -EPERM (cannot be polled: do the call natively or by handoff).
 */
void fd_wait_init(struct fd_wait *w, struct thread *t, int fd, enum fd_dir dir);
uint32_t fd_seq(const struct fd_wait *w);
int fd_wait(struct fd_wait *w, uint32_t seq, nsec_t deadline);
void fd_wait_done(struct fd_wait *w);

/*
 * Watching many fds (poll, select, epoll_wait): link a node to each, look at the level once more (the kernel's own poll
 * with a zero timeout), park, unlink.
 *
 *	thread_prepare(t);
 *	for each fd: fd_watch(&node[i], t, fd);   // 0; -EPERM: never blocks or cannot be polled; -EBADF; -ENOMEM
 *	n = poll(..., 0);
 *	if (n == 0) reasons = thread_park(t, deadline);
 *	for each: fd_unwatch(&node[i]);
 */
int fd_watch(struct fd_wait *w, struct thread *t, int fd); /* any event */
int fd_watch_events(struct fd_wait *w, struct thread *t, int fd, uint32_t events);
/* On behalf of an epoll, which does not keep its members open either. */
int fd_watch_weak(struct fd_wait *w, struct thread *t, int fd);
/* Keeps the description for as long as a watcher would, no event wakes. false: it cannot be known which one it will be,
 * since the number is being closed. */
bool fd_hold(struct fd_wait *w, struct thread *t, int fd);
void fd_unwatch(struct fd_wait *w);
/* w, which was on the same descriptor, is to be where hold is by now. */
void fd_wait_follows(struct fd_wait *w, struct fd_wait *hold);

/*
 * Natively a thread that is blocked in a call holds the file, whatever becomes of its number. Ours looks its number up
 * again for each try: with several hubs, a close elsewhere waits until no waiter is between looking up and using it.
 * In between nobody parks: native() ends the try.
 */
static inline void fd_try_begins(struct thread *t)
{
	if (hubs_several())
		atomic_exchange(&t->in_try, 1); /* before the number is read: pairs with await_tries() */
}

/* Where it is not the hub alone that keeps others away: the try is a native call (native_in_try). */
static inline void fd_try_begins_hubless(struct thread *t)
{
	atomic_exchange(&t->in_try, 1);
}

static inline void fd_try_ends(struct thread *t)
{
	atomic_store_explicit(&t->in_try, 0, memory_order_release);
}

/*
 * The program closes fd, or a dup2 lands on it: to be called before the kernel's call. Threads that wait on it go on
 * waiting on the description, as they do natively. -EBADF if the fd is the runtime's own. fd_closed() after the call:
 * what other threads learnt in between may be of either file. Where fd_waited() says so the hub is needed first, so
 * that no waiter is between looking up its number and using it.
 */
bool fd_waited(int fd);
int fd_closing(int fd);
void fd_closed(int fd);

/* Around asking the kernel about a description: false if the number may mean another one now. Else the lock is held,
 * and fd_learn_done() is due. */
static inline uint32_t fd_learn_begin(const struct fd *e)
{
	return atomic_load_explicit(&e->epoch, memory_order_acquire);
}

static inline bool fd_learn_end(struct fd *e, uint32_t epoch)
{
	spin_lock(&e->lock);
	if (atomic_load_explicit(&e->epoch, memory_order_relaxed) == epoch)
		return true;
	spin_unlock(&e->lock);
	return false;
}

static inline void fd_learn_done(struct fd *e)
{
	spin_unlock(&e->lock);
}
void fd_hide(int fd); /* the runtime's own fd */
bool fd_hidden(int fd);
int fd_hidden_first(int from); /* the first hidden fd >= from, or -1 */
/* Makes a descriptor by a system call, and moves it out of the way for the length of another. */
int fd_lend(long nr, long a, long b, long c, long d);
bool fd_lent(int fd);          /* it still is: no dup2 of the program's has taken its number */
void fd_release(int fd);       /* closes it, if it still is */
void fds_close_own(void);      /* in a child with our memory, but a table of its own */
int fd_evict(int fd);          /* makes room if fd is the runtime's own: a dup2 is about to land on it */
void fd_leave_poller(int fd);  /* if nobody waits for it, no event is to wake a hub: somebody reads it without one */
int fd_high_floor(void);       /* below 1024: the runtime's own are above it */
int fd_duplicate_high(int fd); /* hidden */
int fd_move_high(int fd);      /* dup to a high number, close the low one, hide */

/* What is not a tagged fd in the poller's epoll. */
#define POLLER_EVENTFD UINT64_MAX
#define POLLER_LOOP (UINT64_MAX - 1)

void comm_closed(int fd, int tid); /* identity.c */

int poller_open(struct hub *h);
void poller_close(struct hub *h);
int poller_add_loop(struct hub *h, int backend_fd);
/* Waits until the deadline (0: looks only), readies what became ready. */
void poller_poll(struct hub *h, nsec_t deadline);
void pollers_reset(bool close); /* in a child, or where nothing comes of it; close: the runtime's own descriptors */

#endif
