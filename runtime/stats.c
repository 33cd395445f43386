/* Counters. */
#include "stats.h"

#include "say.h"

struct stats stats;

void stats_print(void)
{
	say("stats: threads created %l, most alive at once %l", stats.threads, stats.threads_peak);
	say("stats: carriers %l, rescues %l, handoffs %l, rejoins %l", stats.carriers, stats.rescues, stats.handoffs,
	    stats.rejoins);
	say("stats: switches %l, parks %l, signals delivered %l", stats.switches, stats.parks, stats.signals);
	say("stats: polls %l, time in poll %l ms", stats.polls, stats.poll_ns / NSEC_PER_MSEC);
	say("stats: calls not covered by name %l", stats.not_covered);
	for (unsigned nr = 0; nr < ARRAY_LEN(stats.not_covered_by); nr++)
		if (stats.not_covered_by[nr])
			say("stats:   system call %u: %l", nr, (unsigned long)stats.not_covered_by[nr]);
}
