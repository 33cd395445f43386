/* Counters. */
#include "stats.h"

#include "say.h"

struct stats stats;

void stats_print(int fd)
{
	say_to(fd, "stats: threads created %l, most alive at once %l", stats.threads, stats.threads_peak);
	say_to(fd, "stats: carriers %l, rescues %l, handoffs %l, rejoins %l", stats.carriers, stats.rescues, stats.handoffs,
	    stats.rejoins);
	say_to(fd, "stats: switches %l, parks %l, signals delivered %l", stats.switches, stats.parks, stats.signals);
	say_to(fd, "stats: polls %l, time in poll %l ms", stats.polls, stats.poll_ns / NSEC_PER_MSEC);
	say_to(fd, "stats: calls not covered by name %l", stats.not_covered);
	for (unsigned nr = 0; nr < ARRAY_LEN(stats.not_covered_by); nr++)
		if (stats.not_covered_by[nr])
			say_to(fd, "stats:   system call %u: %l", nr, (unsigned long)stats.not_covered_by[nr]);
}
