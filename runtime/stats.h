/* Counters for `green run --stats`: those of the process; a hub has its own (hub.h). */
#ifndef GREEN_STATS_H
#define GREEN_STATS_H

#include "base.h"

struct stats {
	_Atomic uint64_t threads, threads_peak, carriers, rescues, handoffs, rejoins, signals, excluded, steals, alone;
	_Atomic uint64_t trapped, trapped_as_is; /* all, and those that the kernel answered unseen */
	_Atomic uint64_t not_covered;
	_Atomic uint64_t
	    overlooked; /* waits for a descriptor that only the look after a second ended: none, if all is well */
	_Atomic uint32_t not_covered_by[512];
};
extern struct stats stats;

#define STAT_ADD(field, n) atomic_fetch_add_explicit(&stats.field, (n), memory_order_relaxed)

/* The totals go to the stderr that the process was started with. */
void stats_ask(void);   /* at start */
void stats_begin(void); /* at arming: keeps hold of it, if it is still there */
void stats_end(void);   /* at exit_group: prints them, if they were asked for */
extern int stats_fd;    /* -1: none */

#endif
