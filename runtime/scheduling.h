/* What the kernel's scheduler keeps per thread. A green thread's is kept and answered; it has its effect where the
 * thread has a kernel thread of its own: bound, after a fork, in the next program. */
#ifndef GREEN_SCHEDULING_H
#define GREEN_SCHEDULING_H

#include "base.h"

#define IOPRIO_WHO_PROCESS 1
#define AFFINITY_BYTES 128 /* 1024 CPUs, as cpu_set_t */

struct scheduling {
	int policy, priority, nice;
	int io_priority;       /* 0: as it is */
	uint8_t affinity_size; /* 0: as it is */
	uint8_t affinity[AFFINITY_BYTES];
};

/* Of a kernel thread; tid 0: the calling one. */
void scheduling_read(int tid, struct scheduling *s);
void scheduling_apply(int tid, const struct scheduling *s);

void scheduling_inherit(struct scheduling *child, const struct scheduling *parent);

#endif
