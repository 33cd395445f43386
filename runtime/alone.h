/*
 * A thread that has its hub for itself. To park, to be told by the poller and to try again is worth it for many
 * threads; for one it only takes longer than the kernel's own wait. So who has parked many times in a row with nobody
 * else on the hub gives that away at its next read from a socket, and goes on alone, on the kernel thread where it is,
 * where its calls that block do so in the kernel. It is back at the first call that needs a hub (a futex, a sleep).
 *
 * Few may: each keeps a kernel thread for as long as it waits.
 */
#ifndef GREEN_ALONE_H
#define GREEN_ALONE_H

#include "calls.h"
#include "carrier.h"
#include "hub.h"

extern uint32_t alone_after; /* so many times in a row */

/* t parks, on its hub. */
static inline void alone_parks(struct hub *h, const struct thread *t)
{
	/* It was switched to twice since, once by way of the scheduler: nobody ran in between. */
	bool again = h->parked == t && h->count.switches - h->parked_at <= 2;
	h->parked_in_a_row = again ? h->parked_in_a_row + 1 : 0;
	h->parked = t;
	h->parked_at = h->count.switches;
}

bool alone_goes(struct thread *t, int fd); /* before a read of fd; true: it has no hub any more, and is to block */

static inline bool alone_may_go(const struct thread *t)
{
	const struct hub *h = carrier_self()->hub;
	return unlikely(h && h->parked_in_a_row >= t->alone_after);
}

/* It is alone: is the call made where it is? */
bool alone_stays(struct thread *t, const struct regs *r, const struct call *call);
void alone_ends(struct thread *t); /* it is about to have a hub, or is bound */
void alone_reset_in_child(void);

#endif
