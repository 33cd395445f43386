/* Threads that compute: the monitor does not wait long for them, and they let others go first. */
#ifndef GREEN_COMPUTE_H
#define GREEN_COMPUTE_H

#include "thread.h"

void compute_rescued(struct thread *t);   /* the hub was taken from it while it computed */
void compute_woken(struct thread *t);     /* what it waited for happened */
bool compute_gives_way(struct thread *t); /* it is ready: may others go first? */

/* Others may go before it until then; 0: they may not. Asked of one too that is stolen meanwhile. */
static inline nsec_t compute_until(const struct thread *t)
{
	return atomic_load_explicit(&t->gives_way_until, memory_order_relaxed);
}

static inline void compute_goes_first(struct thread *t)
{
	atomic_store_explicit(&t->gives_way_until, 0, memory_order_relaxed);
}

#endif
