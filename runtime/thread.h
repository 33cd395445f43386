/* Green threads: what they are, how they park and are made ready. */
#ifndef GREEN_THREAD_H
#define GREEN_THREAD_H

#include "base.h"
#include "cpu_time.h"
#include "deadline.h"
#include "list.h"
#include "regs_x86_64.h"
#include "scheduling.h"
#include "signal.h"
#include "spin.h"
#include "switch_x86_64.h"
#include "trace_self.h"

struct carrier;
struct hub;
struct robust_list_head;

/* Bits of thread.wake: why a parked thread is to run again. Modelled in tests/models. */
enum {
	WAKE_PARKED = 1,  /* it gave up its carrier (or is about to: see on_cpu) */
	WAKE_EVENT = 2,   /* what it waits for happened */
	WAKE_TIMEOUT = 4, /* its deadline passed */
	WAKE_SIGNAL = 8,  /* look at your pending signals */
};

/* Linux never gives a pid above 2^22 (PID_MAX_LIMIT), and a CPU clock's id holds 28 bits of tid. */
#define TID_BASE (1 << 22)
#define TID_END (1 << 28)

struct thread {
	struct context ctx; /* where it goes on when it is switched to */
	_Atomic uint32_t wake;
	_Atomic uint32_t on_cpu;         /* a carrier stands on its stack; cleared by the successor after the switch */
	struct hub *hub;                 /* where it queues when ready */
	struct carrier *_Atomic carrier; /* the one that runs it, NULL while it does not run */
	struct thread *next;             /* in a run queue or an inbound stack */
	struct deadline deadline;
	struct list all;               /* in the list of all threads */
	struct regs *regs;             /* frame of the call it is in */
	const struct regs *trap_frame; /* of its last call that was trapped (trap.c), else NULL */
	struct trap_stack *trap_stack; /* where those are answered */
	int tid;
	bool dead;
	bool is_main;
	bool wants_scheduler; /* its next clone makes a scheduler context */
	bool bound;           /* it keeps its carrier, and blocks in the kernel (bound.c) */
	bool bound_heirs;     /* ... and so will the threads that it makes */
	enum bind_wanted {
		BIND_NOT,
		BIND_ANYWHERE, /* by another thread */
		BIND_AT_HOME,  /* the main thread, to its kernel thread when that is free */
	} bind_wanted;         /* at the next way in or out */
	bool own_files;        /* unshare(CLONE_FILES): its descriptors are the kernel's alone */
	bool ends_in_kernel; /* its kernel thread's end comes before its own: locks that only the kernel can hand on */
	bool owns_tid;       /* its tid is its carrier's */
	bool excludes_next;  /* the thread that it makes next is to be a kernel thread (exclude.c) */
	int real_tid;        /* that tid; 0: it has a made-up one alone, or is the main thread */
	struct thread *next_adopted;
	uintptr_t private_page;   /* a robust lock there is this process's alone */
	_Atomic uint8_t computes; /* compute.c: how many turns until it is not taken for one that computes; 0: is not */
	_Atomic nsec_t gives_way_until; /* ready, but others go first */
	_Atomic uint32_t in_try;        /* it uses the number of a descriptor that it waits for (poller.h) */

	/* alone.c */
	bool alone;           /* it gave its hub away, and blocks in the kernel */
	uint32_t alone_calls; /* since then */
	uint32_t alone_after; /* so many waits with nobody else on the hub */

	/* Several hubs: balance.c. */
	struct hub *goes_to; /* when it is woken */
	nsec_t woke_at;      /* it woke another hub's thread, and has not parked since */
	uint8_t hands_over;  /* how often in a row it parked soon after that */

	nsec_t restart_deadline; /* of a sleep that is being restarted, else 0 */

	/* What the kernel keeps per thread. */
	uint32_t *cleartid;
	struct robust_list_head *robust;
	char name[16];
	struct scheduling scheduling;
	uint64_t timer_slack, timer_slack_inherited;
	int parent_death_signal;

	struct cpu_time cpu;
	struct trace_self trace;
	struct thread_signals sig;
	struct {
		uintptr_t addr;
		size_t len;
	} stack_pending;     /* mapped for a stack, guard not yet asked for (stack.c) */
	uintptr_t stack_low; /* guard included */
	size_t stack_size;
	struct regs vfork_regs; /* a vfork's way back: its stack is the child's for a while */
};

extern struct list threads; /* of the program, alive; under threads_lock */
extern struct spin threads_lock;
extern _Atomic uint32_t threads_alive;

/* The frame of a CLONE_THREAD clone becomes a green thread's first return; its tid or a negative errno. */
struct clone_spec {
	unsigned long flags;
	uintptr_t sp; /* top of the stack */
	size_t size;  /* 0: not known */
	uintptr_t tls;
	int *parent_tid, *child_tid;
};
long thread_create(struct thread *self, const struct regs *r, const struct clone_spec *spec);
struct thread *thread_adopt_main(int tid);
_Noreturn void thread_exit(struct thread *t);
struct thread *thread_by_tid(int tid); /* NULL when there is none; with threads_lock */
bool thread_lives(int tid);
/* A thread with that tid, another than self, is to store 0 to addr at its end, which may be now. */
bool thread_clears(const struct thread *self, int tid, const uint32_t *addr);
/* The tid that it is told, and that its locks hold. */
static inline int thread_tid(const struct thread *t)
{
	return t->real_tid ? t->real_tid : t->tid;
}
void thread_leave_carrier(struct thread *t); /* which goes on without it; returns where somebody resumes the thread */
void thread_adopt_tid(struct thread *t, int tid); /* another name for it, the kernel's */
bool thread_is_kernels(
    struct thread *t, int tid); /* what the kernel has under this tid (0: t's) is that thread's own */
void threads_reset_in_child(void);

/* A thread that just left another carrier may still stand on its stack there for a few instructions. */
static inline void thread_await_off_cpu(const struct thread *t)
{
	while (atomic_load_explicit(&t->on_cpu, memory_order_acquire))
		cpu_relax();
}

/*
 * Parking. The order is
 *	thread_prepare(t);
 *	link yourself where wakers find you;
 *	... check once more that what you wait for has not happened ...
 *	thread_park(t, deadline);
 *	unlink yourself (under the list's lock) if nobody did.
 * thread_park answers the WAKE_ bits, without WAKE_PARKED; it returns at once if a waker came first. The hub must be
 * held (hub_need). Wakers call thread_wake from any carrier that is in the runtime.
 */
void thread_prepare(struct thread *t);
uint32_t thread_park(struct thread *t, nsec_t deadline);
void thread_wake(struct thread *t, uint32_t reason);
bool thread_claim(struct thread *t, uint32_t reason); /* thread_wake in two: true, and the caller owes */
void thread_go_on(struct thread *t);                  /* ... this */
void thread_yield(struct thread *t);
void thread_switch_out(struct thread *t);
void thread_bury(struct thread *t); /* after the switch away from a dead thread */
struct thread *thread_create_scheduler(struct thread *self, const struct regs *r, const struct clone_spec *spec);

#endif
