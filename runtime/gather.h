/*
 * Several hubs: whether the threads are spread over them, or gathered on the first.
 *
 * Where one big lock goes round, a second carrier only gets into the first one's way: who is woken finds the lock taken
 * again, by another CPU. No single wake-up shows that, but how many calls the program gets done does. So the monitor
 * tries both, and what does more stays; it is tried again after a time that grows.
 */
#ifndef GREEN_GATHER_H
#define GREEN_GATHER_H

#include "hub.h"

extern _Atomic bool gather_is_on;

/* Nobody steals then, and who is woken goes on with the first hub. */
static inline bool gathered(void)
{
	return atomic_load_explicit(&gather_is_on, memory_order_relaxed);
}

void gather_count(uint64_t nr); /* a call that the running thread has made */
void gather_judge(nsec_t now);  /* by the monitor, at each look */
void gather_reset(void);        /* in a child */

#endif
