/*
 * Threads that compute. A thread that was rescued is taken for one that will compute again, until it has been woken a
 * number of times without another rescue. The monitor takes the hub from it at the first look at which somebody waits;
 * in Python a thread that computes gets the interpreter's lock again after each of another's calls. And when it is
 * woken it lets the others go first for a while, those too that the poller knows of only: natively they would have
 * started at once, on another CPU.
 */
#include "compute.h"

#include "clock.h"

#define GIVE_WAY (1 * NSEC_PER_MSEC) /* a woken one waits for others at most that long */
#define SHORT_ONES 16                /* turns without a rescue: it does not compute any more */

void compute_rescued(struct thread *t)
{
	t->computes = SHORT_ONES;
}

void compute_woken(struct thread *t)
{
	t->computes--;
	atomic_store_explicit(&t->gives_way_until, clock_now() + GIVE_WAY, memory_order_relaxed);
}

bool compute_gives_way(struct thread *t)
{
	nsec_t until = compute_until(t);
	if (likely(!until))
		return false;
	if (clock_now() < until)
		return true;
	compute_goes_first(t);
	return false;
}
