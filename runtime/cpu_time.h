/* CPU time of each green thread. */
#ifndef GREEN_CPU_TIME_H
#define GREEN_CPU_TIME_H

#include <time.h>

#include "base.h"

struct thread;
struct carrier;
struct regs;

/* Written by the carrier that runs the thread, read by anyone: seq is odd while it is being changed. */
struct cpu_time {
	_Atomic uint32_t seq;
	_Atomic int clock;    /* tid of the carrier whose CPU clock counts for the thread now; 0: none does */
	_Atomic nsec_t since; /* what that clock showed when it began to */
	_Atomic nsec_t used;  /* before that */
	_Atomic nsec_t shown; /* the most that was told of */
	nsec_t shown_user, shown_system; /* by getrusage, so that neither ever falls */
};

/* Has anybody asked for a thread's time? Set for good by the first who does (and by shim/symbols_x86_64.S). */
extern _Atomic bool cpu_time_kept;

void cpu_time_adopt(struct thread *main);                       /* all that its kernel thread used so far is its own */
void cpu_time_switched(struct carrier *c, struct thread *left); /* once kept: after every switch */
void cpu_time_alone(struct thread *t);                          /* it goes on without its hub */
void cpu_time_stolen(struct carrier *c);                        /* so did the thread of c, when its hub was taken */
void cpu_time_stop(struct thread *t);                           /* it leaves the carrier that it had alone */
nsec_t cpu_time_of_carrier(int tid);

/* Of which thread of ours a clock id is the CPU clock (0: of none), and clock_nanosleep on it. */
int cpu_clock_tid(struct thread *t, clockid_t id);
long cpu_clock_sleep(struct thread *t, int tid, struct regs *r);

#endif
