/*
 * What the runtime tells `green trace`: calls, stays in the program, locks, stacks. Off, each point costs a branch.
 *
 *	trace.c          the memory that is shared with the tool; when tracing begins and ends
 *	trace_ring.c     records into rings
 *	trace_call.c     a call's begin and end, and what became of it
 *	trace_slot.c     what each thread does now
 *	trace_stack.c    stacks, by the numbers that the tool knows them by
 *	trace_capture.c  the memory that arguments point to
 *	trace_parked.c   who is parked when tracing begins
 *	trace_maps.c     which file's code lies where
 *	trace_run.c      who stays in the program for long, and where the monitor finds it
 *	trace_native.c   the same of a program that keeps its kernel threads
 */
#ifndef GREEN_TRACE_H
#define GREEN_TRACE_H

#include "base.h"
#include "regs_x86_64.h"

struct thread;
struct carrier;
struct kucontext;

extern _Atomic bool trace_on;
extern bool trace_native; /* the program's threads are the kernel's: it is only watched */

static inline bool tracing(void)
{
	return unlikely(atomic_load_explicit(&trace_on, memory_order_relaxed));
}

/* trace.c. At load: the memory of the tool that started us, by the path in the environment. false: there is none. */
bool trace_join(const char *path);
bool trace_joined(void);       /* there is one: all sites are wanted */
bool trace_wants_native(void); /* ... and it wants the program's threads left alone */
void trace_armed(void);        /* the runtime runs: tracing begins, or may be asked for from now on */
bool trace_tool_lives(void);   /* which wants that: else there is nothing to start */
void trace_start_native(void); /* instead: every call comes to dispatch_native() */
void trace_reset_in_child(void);
void trace_look(nsec_t slept);    /* the monitor's, after so much sleep: is tracing to begin, or to end? */
bool trace_evict(int fd, int to); /* the descriptor has another number now; false: it was not ours */

/* The monitor's futex word, where a tool can wake it too. */
extern _Atomic uint32_t *monitor_asleep;

/* trace_call.c: around each call of a green thread, on its stack. rescued: the carrier from which the hub was taken
 * before this call, or NULL. */
void trace_call_begins(struct thread *t, const struct regs *r, const struct carrier *rescued);
void trace_call_ends(struct thread *t, const struct regs *r, long result);
void trace_leaves(void); /* it has let others run first, and goes back to the program only now */
/* In between, of the calling thread. */
void trace_parks(void);             /* before any waker may find it parked */
void trace_woken(struct thread *t); /* by whoever: what it waited for happened, whenever it runs */
void trace_hands_off(void);
struct trace_native_call {
	nsec_t start;
	struct hub *hub;
};
struct trace_native_call trace_native_begins(struct thread *t);
void trace_native_ends(const struct trace_native_call *n, const struct carrier *rescued);
void trace_waits(const uint32_t *addr, uint32_t val, bool is_pi, nsec_t deadline);

/* trace_run.c */
void trace_sample(struct carrier *c, nsec_t since, bool sleeps, uint32_t waiting); /* by the monitor */
void trace_sample_here(struct carrier *c, const struct kucontext *uc); /* by the handler that it asked for */

/* trace_slot.c */
void trace_thread_gone(struct thread *t); /* with threads_lock */

/* trace_maps.c */
void trace_mapped(const struct regs *r, long at); /* code was mapped */

/* trace_native.c */
bool trace_native_call(struct regs *r); /* false: the call cannot be watched, and is to be made */

#endif
