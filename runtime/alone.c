/* Who waits in the kernel, for want of company. */
#include "alone.h"

#include "monitor.h"
#include "poller.h"
#include "stats.h"
#include "trace.h"

#define LEAST_CALLS 64     /* a stay of so many was worth it */
#define AFTER_MOST 100000U /* who is called back soon waits twice as long before it goes again, but no longer */

uint32_t alone_after;

static _Atomic uint32_t count;

static uint32_t most(void)
{
	uint32_t by_hubs = 4 * (uint32_t)hub_count, by_carriers = max_carriers / 8;
	return by_hubs < by_carriers ? by_hubs : by_carriers;
}

static bool counted(void)
{
	if (atomic_fetch_add(&count, 1) < most())
		return true;
	atomic_fetch_sub(&count, 1);
	return false;
}

/* The leader is to be had for the main thread: the hub goes to another carrier, and the thread along. */
static void leave_leader(struct thread *t)
{
	if (hub_handoff(t))
		hub_need(t);
}

bool alone_goes(struct thread *t, int fd)
{
	struct hub *h = t->hub;
	h->parked_in_a_row = 0; /* whatever comes of it, not at once again */
	if (!monitor_runs || tracing() || run_queue_length(&h->run) || signal_pending(&t->sig) || t->bind_wanted)
		return false;
	if (carrier_self() == leader)
		leave_leader(t);
	if (carrier_self() == leader || !carrier_self()->hub || !counted())
		return false;
	if (!spares_to_be_had() || !hub_handoff(t)) {
		atomic_fetch_sub(&count, 1);
		return false;
	}
	STAT_ADD(alone, 1);
	t->alone = true;
	t->alone_calls = 0;
	fd_leave_poller(fd);
	return true;
}

static bool reads(uint64_t nr)
{
	return nr == SYS_read || nr == SYS_readv || nr == SYS_recvfrom || nr == SYS_recvmsg;
}

bool alone_stays(struct thread *t, const struct regs *r, const struct call *call)
{
	if (call->needs == HUB || carriers_wanted() || tracing()) {
		alone_ends(t);
		return false;
	}
	t->alone_calls++;
	if (reads(r->nr))
		fd_leave_poller((int)r->rdi);
	return true;
}

void alone_ends(struct thread *t)
{
	if (likely(!t->alone))
		return;
	t->alone = false;
	atomic_fetch_sub(&count, 1);
	if (t->alone_calls >= LEAST_CALLS)
		t->alone_after = alone_after;
	else if (t->alone_after < AFTER_MOST)
		t->alone_after *= 2;
}

void alone_reset_in_child(void)
{
	atomic_store(&count, 0);
}
