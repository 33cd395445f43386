/* What the kernel's scheduler keeps per thread. */
#include "scheduling.h"

#include <sched.h>
#include <sys/resource.h>

#include "mem.h"
#include "sys_x86_64.h"

void scheduling_read(int tid, struct scheduling *s)
{
	*s = (struct scheduling){
	    .policy = (int)sys(SYS_sched_getscheduler, tid), .nice = 20 - (int)sys(SYS_getpriority, PRIO_PROCESS, tid)};
	sys(SYS_sched_getparam, tid, &s->priority);
	long size = sys(SYS_sched_getaffinity, tid, sizeof(s->affinity), s->affinity);
	s->affinity_size = (uint8_t)(size > 0 ? size : 0);
}

/* Sets only what differs: a program that has shut itself in with seccomp may not be allowed to. */
void scheduling_apply(int tid, const struct scheduling *s)
{
	struct scheduling now;
	scheduling_read(tid, &now);
	if (s->affinity_size && memcmp(s->affinity, now.affinity, s->affinity_size))
		sys(SYS_sched_setaffinity, tid, s->affinity_size, s->affinity);
	if (s->policy != now.policy || s->priority != now.priority)
		sys(SYS_sched_setscheduler, tid, s->policy, &s->priority);
	if (s->nice != now.nice)
		sys(SYS_setpriority, PRIO_PROCESS, tid, s->nice);
	if (s->io_priority)
		sys(SYS_ioprio_set, IOPRIO_WHO_PROCESS, tid, s->io_priority);
}

/* sched(7): SCHED_RESET_ON_FORK is not inherited itself, nor a real-time policy or a nice value below 0 under it. */
void scheduling_inherit(struct scheduling *child, const struct scheduling *parent)
{
	*child = *parent;
	if (!(parent->policy & SCHED_RESET_ON_FORK))
		return;
	child->policy &= ~SCHED_RESET_ON_FORK;
	if (child->policy == SCHED_FIFO || child->policy == SCHED_RR)
		child->policy = child->priority = child->nice = 0;
	if (child->nice < 0)
		child->nice = 0;
}
