/* Counters. */
#include "stats.h"

#include <signal.h>

#include "hub.h"
#include "poller.h"
#include "say.h"

struct stats stats;
int stats_fd = -1;

static bool wanted;

void stats_ask(void)
{
	wanted = true;
}

void stats_begin(void)
{
	stats_fd = wanted && say_heard() ? fd_duplicate_high(2) : -1;
}

static void print(int fd)
{
	say_to(fd, "stats: threads created %l, most alive at once %l", stats.threads, stats.threads_peak);
	if (stats.excluded)
		say_to(fd, "stats: threads excluded %l", stats.excluded);
	say_to(fd, "stats: carriers %l, rescues %l, handoffs %l, rejoins %l", stats.carriers, stats.rescues,
	    stats.handoffs, stats.rejoins);
	struct hub_count all = {0};
	for (int i = 0; i < hub_count; i++) {
		struct hub_count *n = &hubs[i]->count;
		all.switches += n->switches;
		all.parks += n->parks;
		all.polls += n->polls;
		all.poll_ns += n->poll_ns;
	}
	say_to(fd, "stats: switches %l, parks %l, signals delivered %l", all.switches, all.parks, stats.signals);
	say_to(fd, "stats: polls %l, time in poll %l ms", all.polls, all.poll_ns / NSEC_PER_MSEC);
	if (hubs_several())
		say_to(fd, "stats: hubs %l, stolen threads %l", (unsigned long)hub_count, stats.steals);
	if (stats.alone)
		say_to(fd, "stats: went on alone %l", stats.alone);
	if (stats.overlooked)
		say_to(fd, "stats: overlooked %l: ready, but no event said so", stats.overlooked);
	if (stats.trapped)
		say_to(fd, "stats: calls trapped %l, made as they are %l", stats.trapped, stats.trapped_as_is);
	say_to(fd, "stats: calls not covered by name %l", stats.not_covered);
	for (unsigned nr = 0; nr < ARRAY_LEN(stats.not_covered_by); nr++)
		if (stats.not_covered_by[nr])
			say_to(fd, "stats:   system call %u: %l", nr, (unsigned long)stats.not_covered_by[nr]);
}

void stats_end(void)
{
	ksigset_t all = ~0UL;
	if (!wanted || (stats_fd < 0 && !say_heard()))
		return;
	sys(SYS_rt_sigprocmask, SIG_SETMASK, &all, 0, 8); /* nobody may read them any more: no SIGPIPE */
	print(stats_fd >= 0 ? stats_fd : 2);
}
