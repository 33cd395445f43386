/* Carriers: kernel threads that execute green threads, and who owns which hub. */
#ifndef GREEN_CARRIER_H
#define GREEN_CARRIER_H

#include "list.h"
#include "thread.h"

/*
 * carrier.state, modelled in tests/models. The low bits are the mode, the rest a sequence number that changes at each
 * exit to the program, so that a monitor's stale compare-and-swap cannot succeed.
 *
 *	with its hub     RUNTIME <-> USER       by the carrier: CAS at entry, store at exit
 *	                 USER -> STOLEN         by the monitor's CAS: the hub goes to a spare
 *	without a hub    STOLEN -> HUBLESS      by the carrier, at its next entry
 *	                 HUBLESS <-> ALONE      in the runtime / in the program
 *	                 RUNTIME -> HUBLESS     eager handoff
 *	spare            SPARE                  waits for a hub on `given`
 */
enum carrier_mode {
	MODE_RUNTIME,
	MODE_USER,
	MODE_STOLEN,
	MODE_HUBLESS,
	MODE_ALONE,
	MODE_SPARE,
	MODE_MASK = 7,
	MODE_SEQ = 8, /* one step of the sequence number */
};

#define CARRIER_SIGNAL_STACK (64 * 1024)
#define RECORDED 64      /* a power of two */
#define RECORDED_SPARE 8 /* of these, for what is never blocked */
#define RECORDED_DEPTH 4 /* pushes at most that are under way at a time, one within the other */

/* Signals that came while a carrier was in the runtime, written by its handler; which another may interrupt, by one of
 * those that are never blocked. */
struct recorded {
	_Atomic uint32_t head, tail;
	_Atomic uint32_t taken; /* places given out: from head on they are being written */
	_Atomic uint32_t depth;
	struct ksiginfo info[RECORDED];
};

struct carrier {
	struct carrier *self;   /* %gs:0 */
	struct thread *current; /* NULL in a scheduler or idle context, and for the native carrier */
	uint64_t fs;            /* its fs base, as far as we have set it; 0: not known */

	/* These stay when the memory is another kernel thread's (carrier_of_the_dead). */
	struct carrier *next_all;
	bool listed; /* in `carriers` */
	struct recorded *recorded;
	struct spin taking; /* who takes them from there: itself, or signals_settle() of another */

	_Atomic uint64_t state;
	struct hub *hub;        /* the one it owns, NULL without */
	struct thread *left;    /* switched away from just now: finished by carrier_arrived() */
	bool left_rejoins;      /* ... and is to be pushed to its hub once off this carrier */
	struct context idle;    /* on the carrier's own stack: waits for a hub */
	int tid;                /* the kernel's */
	_Atomic uint32_t given; /* futex word: 1 = a hub was given to this spare */
	struct hub *gift;
	struct carrier *next_spare;
	ksigset_t kernel_mask;     /* what is blocked for real on this kernel thread */
	_Atomic bool mask_changes; /* ... or will be soon: what it is to be is being looked up */
	_Atomic ksigset_t closing; /* to be blocked at once (mask_closed) */
	struct regs *deliver;      /* frame that a self-inflicted kick is to resume from (signal_frame.c) */
	struct ksiginfo deliver_info;
	struct kaction deliver_action;
	_Atomic ksigset_t own_signals; /* SYNCHRONOUS ones that the current thread's call has earned, and OF_WHO_RUNS */
	_Atomic uint32_t attention;    /* a signal handler came while in the runtime: look before leaving */
	uint32_t repeated;             /* the turn of carriers_repeat that it has done */
	const struct regs *_Atomic repeat; /* a call to make at the next kick (carriers_repeat) */
	long repeat_result;
	_Atomic uint32_t alive;         /* cleared by the kernel when the thread has ended */
	size_t mapped;                  /* bytes from here on */
	struct thread *bound_to;        /* runs nothing else */
	void (*body)(struct carrier *); /* what it does */
	nsec_t stolen_at;               /* its CPU clock when its hub was last taken (monitor.c) */
	nsec_t rescued_at;              /* when that was, and how many were ready (trace_run.c) */
	uint32_t rescue_waiting;
	bool rescued;               /* ... and it has found so since (carrier_rescued) */
	_Atomic bool trace_asked;   /* its handler is to have a look at the thread's stack */
	nsec_t trace_since;         /* it has been in the program */
	nsec_t trace_sampled_at;    /* since its thread came out of the runtime; 0: nobody has looked */
	nsec_t trace_cpu;           /* its CPU clock then */
	bool is_shadow;             /* of a child that shares our memory (process.c) */
	unsigned long shadow_flags; /* of its clone */
	ksigset_t shadow_mask;
	bool shadow_born;         /* it has closed what is not its own */
	struct thread *shadow_of; /* who made it */
	void *stack;
	void *altstack;
};

static inline struct carrier *carrier_self(void)
{
	struct carrier *c;
	__asm__ volatile("mov %%gs:0, %0" : "=r"(c));
	return c;
}

static inline struct thread *carrier_current(void)
{
	struct thread *t;
	__asm__ volatile("mov %%gs:8, %0" : "=r"(t));
	return t;
}

static inline enum carrier_mode carrier_mode(const struct carrier *c)
{
	return atomic_load_explicit(&c->state, memory_order_relaxed) & MODE_MASK;
}

extern struct carrier native_carrier; /* of those who pass everything to the kernel: a child that shares our memory */
extern struct carrier *_Atomic carriers; /* all, and the monitor; never freed */
extern _Atomic uint32_t max_carriers;
extern bool max_carriers_grows; /* where all of them wait in the kernel */
extern struct carrier *leader;  /* the process's first kernel thread */

int carrier_adopt_main(struct hub *h, struct thread *t); /* the calling kernel thread becomes a carrier */
/* A kernel thread that runs fn(c) on the stack, with c as its gs base; the kernel clears *alive when it has ended. */
long carrier_clone(
    unsigned long flags, void *stack_top, struct carrier *c, void (*fn)(struct carrier *), _Atomic uint32_t *alive);
/* A new kernel thread for c, which has its stack, made without glibc: setxid must not wait for it, pthread_create's
 * limits do not apply. It begins with all signals blocked, and is listed. 0, or a negative errno. */
int carrier_make_thread(struct carrier *c, size_t stack_size, void (*fn)(struct carrier *));
void carrier_list(struct carrier *c);                            /* into `carriers` */
void carrier_enter(struct carrier *c);                           /* program -> runtime, maybe without the hub */
_Noreturn void carrier_leave(struct carrier *c, struct regs *r); /* runtime -> program */
void carrier_arrived(void);                                      /* first thing after every switch */
/* The hub was taken away since this was last asked: from the thread's stay in the program, through which its handlers'
 * entries go unasked, or from a native call, behind which it is to be asked. */
static inline bool carrier_rescued(struct carrier *c)
{
	bool rescued = c->rescued;
	c->rescued = false;
	return rescued;
}

/* Spares: a carrier in nobody's list is in the hand of whoever took it, to be given a hub or put back. */
struct carrier *spare_take(void); /* NULL: no carrier to be had */
bool carriers_all_made(void);     /* as many as there may be */
bool carriers_wanted(void);       /* by threads that wait for one */
void spare_put(struct carrier *c);
bool spares_to_be_had(void); /* or can be made, beside those that are kept for others */
void spare_give(struct carrier *spare, struct hub *h);
void carrier_recorded_push(struct carrier *c, const struct ksiginfo *info);
bool carrier_recorded_any(const struct carrier *c);
bool carrier_recorded_full(const struct carrier *c); /* but for a few that cannot be blocked */
bool carrier_recorded_pop(struct carrier *c, struct ksiginfo *info);
/*
 * For bound.c: carriers outside the pool, and the leader taken out of it.
 * carrier_new_bound() does not count in max_carriers. carrier_retire() ends the kernel thread; with_locks: the kernel
 * is to walk the list of its robust locks, and whoever waits for that puts the carrier to the dead, whose memory is
 * used again when they are not alive any more.
 */
struct carrier *carrier_new_bound(void (*fn)(struct carrier *));
_Noreturn void carrier_retire(struct carrier *c, bool with_locks);
void carrier_to_the_dead(struct carrier *c);
void carrier_without_hub(struct carrier *c);
bool spare_take_leader(void);                         /* false: it is no spare now */
struct hub *leader_elsewhere(const struct thread *t); /* the hub that it has, another than t's; NULL: none */
bool spare_await_leader(struct thread *t);            /* parks until it may be one, or elsewhere; false: a signal */
void carriers_reset_in_child(void);
bool carriers_repeat(const struct regs *r); /* every other carrier makes the same call; false: one of them failed */
void leader_calls(const struct regs *r);    /* the process's first kernel thread does, maybe the caller's own */
struct carrier *carrier_shadow(struct carrier *c);
void carrier_publish_native(struct carrier *c); /* RUNTIME -> program, for a call that does not come back here */

/* The current thread goes on with its hub held; it may find itself on another carrier. */
void hub_need(struct thread *t);
/* ... which is another one by now, unless somebody was quicker. */
void hub_move(struct thread *t, struct hub *to);
/* Gives the hub away: the caller is about to block in the kernel. false: there is no carrier to give it to. */
bool hub_handoff(struct thread *t);
/* Before the way back to the program: the thread has kept the hub for long without ever parking, and is to yield. */
bool hub_had_enough(void);

/*
 * Calls into the kernel from a handler in calls.c.
 * native():  may block unexpectedly; runs in USER mode, so that the monitor can rescue the hub.
 * handoff(): blocks until somebody does something; the hub is given away first, the thread waits for a carrier if need
 * be. handoff_device(): blocks for long, but not for ever: the hub is given away if there is a carrier for it. All may
 * come back without the hub: call hub_need() before touching hub state again. All return -ERESTARTNOINTR if a signal
 * for this thread kept them from starting.
 * handoff_wait(): handoff() for what a try has just found to wait, and what a signal interrupts. One that comes before
 * the wait has begun here interrupts it, too: the kernel would have been waiting by then, and a program that looks at a
 * flag and then waits for the handler to interrupt it may be late by an instruction natively, but not by the time that
 * a handoff takes. It waits for a carrier up to `until`, the end of the call's own timeout. What is left of that is
 * written to *left, which r's call reads if its timeout is relative (else NULL).
 */
long native(struct thread *t, long nr, long a, long b, long c, long d, long e, long f);
long handoff(struct thread *t, long nr, long a, long b, long c, long d, long e, long f);
long handoff_wait(struct thread *t, const struct regs *r, nsec_t until, struct ktimespec *left);
long handoff_device(struct thread *t, long nr, long a, long b, long c, long d, long e, long f);
/* The same without the end of the try that the caller has begun: whoever closes a number that it uses waits for it. For
 * what blocks for a device at most. */
long native_in_try(struct thread *t, long nr, long a, long b, long c, long d, long e, long f);
long native_regs(struct thread *t, const struct regs *r);
long handoff_regs(struct thread *t, const struct regs *r);
long handoff_device_regs(struct thread *t, const struct regs *r);

#endif
