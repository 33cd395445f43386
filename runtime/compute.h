/* Threads that compute: the monitor does not wait long for them, and they let others go first. */
#ifndef GREEN_COMPUTE_H
#define GREEN_COMPUTE_H

#include "thread.h"

void compute_rescued(struct thread *t);   /* the hub was taken from it while it computed */
void compute_woken(struct thread *t);     /* what it waited for happened */
bool compute_gives_way(struct thread *t); /* it is ready: may others go first? */

#endif
