/* The hub: run queue, libuv loop, poller, deadlines. One carrier at a time owns it; its inside is single-threaded. */
#ifndef GREEN_HUB_H
#define GREEN_HUB_H

#include "deadline.h"
#include "run_queue.h"
#include "thread.h"

struct hub {
	/* Owner only. */
	uint32_t since_poll;         /* switches since the poller was looked at */
	uint32_t calls_in_turn;      /* calls since the last switch */
	const struct thread *parked; /* the last that did, at that many switches, and how often in a row (alone.h) */
	uint64_t parked_at;
	uint32_t parked_in_a_row;
	bool woken_first;     /* who computes had the hub: those who wake up go before those who are ready already */
	uint32_t passed_over; /* ... which so many have done; 0: nobody waits on that account */
	struct deadlines deadlines; /* under deadlines_lock */
	struct thread *scheduler;   /* the scheduler context: libuv runs there */
	uint64_t scheduler_fs;      /* its TLS base, for libuv alone (loop.c) */
	int epoll;                  /* edge-triggered poller; libuv's backend fd is in it */
	_Atomic int eventfd;        /* others wake a polling hub through it */
	struct uv_loop_s *loop;
	bool loop_ready;  /* its backend fd is readable */
	bool loop_timers; /* libuv has timers or closing handles: ask it for its timeout */
	nsec_t called_at; /* when an idle hub was last asked for help (balance.c) */
	struct hub_count {
		uint64_t switches, parks, polls, poll_ns;
	} count;

	struct run_queue run;         /* others steal from it */
	_Atomic nsec_t pressed_since; /* its queue has not been empty since then, as far as was seen; 0: it is */
	struct spin deadlines_lock;   /* with several hubs: who wakes a thread may take it away */
	_Atomic uint64_t calls;       /* that its threads have made, but for futex(2) */
	_Atomic uint64_t pushes;      /* by others onto inbound */

	/* Anyone. */
	_Alignas(CACHE_LINE) struct thread *_Atomic inbound; /* MPSC stack of threads made ready by others */
	_Atomic uint32_t eventfd_users;                      /* they have read its number */
	_Atomic uint32_t polling;                            /* it sleeps, or is about to: write the eventfd */
	_Atomic uint64_t turns;                              /* counts switches: the monitor sees that somebody stays */
	_Atomic uint64_t looks;                              /* counts looks at the poller, and */
	_Atomic uint32_t look_due; /* ... here the monitor says that there was none for a tick */
	_Atomic uint32_t preempt;  /* the running thread has had its time: it yields at its next call */
	_Atomic uint32_t signals;  /* process-directed signals are to be routed (signal.c) */
	struct carrier *_Atomic owner;
	int id;
};

struct hub *hub_new(int id);
void hub_drop(struct hub *h); /* the last one, which has not begun */
/* Its number for a call; hub_eventfd_done() is due. It may be another one the next time (fd_evict). */
static inline int hub_eventfd(struct hub *h)
{
	atomic_fetch_add(&h->eventfd_users, 1);
	return atomic_load(&h->eventfd);
}

static inline void hub_eventfd_done(struct hub *h)
{
	atomic_fetch_sub(&h->eventfd_users, 1);
}

void hub_add_deadline(struct hub *h, struct thread *t, nsec_t deadline);
void hub_forget_deadline(struct hub *h, struct thread *t);
nsec_t hub_first_deadline(struct hub *h);    /* NEVER: there is none */
void hub_push(struct thread *t);             /* to its hub's run queue, from wherever */
void hub_ready(struct thread *t);            /* ... or, gathered, to the first hub's */
struct thread *hub_next(struct hub *h);      /* the next to run, NULL: through the scheduler */
void hub_count_turn(struct hub *h);          /* at each switch to a thread */
void hub_ask_look(struct hub *h);            /* at the poller, before the next thread runs */
void hub_notify(struct hub *h);              /* if it sleeps, it looks again */
_Noreturn void hub_scheduler(struct hub *h); /* body of a scheduler context */
void hubs_reset(void);

#define MAX_HUBS 64
extern struct hub *hubs[MAX_HUBS];
extern int hub_count;

static inline bool hubs_several(void)
{
	return unlikely(hub_count > 1);
}

#endif
