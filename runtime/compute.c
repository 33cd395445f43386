/*
 * Threads that compute. A rescue comes after two ticks, which is long when it comes each time: in Python a thread that
 * computes gets the interpreter's lock again after each of another's calls. So a thread that was rescued is taken for
 * one that will compute again, until it has come back a few times after a short while: it hands the hub off before it
 * goes on. And when it is woken it lets the others go first for a while, those too that the poller knows of only:
 * natively they would have started at once, on another CPU.
 */
#include "compute.h"

#include "clock.h"

#define LONG (2 * NSEC_PER_MSEC)     /* at least that long without the hub: it computes */
#define GIVE_WAY (1 * NSEC_PER_MSEC) /* a woken one waits for others at most that long */
#define SHORT_ONES 8                 /* in a row: it does not compute any more */

void compute_rescued(struct thread *t)
{
	t->computes = SHORT_ONES;
	t->computes_since = clock_now();
}

void compute_leave_hub(struct thread *t)
{
	if (!carrier_self()->hub)
		return;
	if (hub_handoff(t))
		t->computes_since = clock_now();
}

void compute_rejoin(struct thread *t)
{
	if (clock_now() - t->computes_since >= LONG)
		t->computes = SHORT_ONES;
	else
		t->computes--;
}

void compute_woken(struct thread *t)
{
	t->gives_way_until = clock_now() + GIVE_WAY;
}

bool compute_gives_way(struct thread *t)
{
	if (likely(!t->gives_way_until))
		return false;
	if (clock_now() < t->gives_way_until)
		return true;
	t->gives_way_until = 0;
	return false;
}
