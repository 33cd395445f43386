/* Threads that compute: they leave the hub before they go on, and let others go first. */
#ifndef GREEN_COMPUTE_H
#define GREEN_COMPUTE_H

#include "carrier.h"
#include "hub.h"

void compute_rescued(struct thread *t);   /* the hub was taken from it while it computed */
void compute_leave_hub(struct thread *t); /* it goes back to the program */
void compute_rejoin(struct thread *t);    /* it needs the hub again */
void compute_woken(struct thread *t);     /* what it waited for happened */
bool compute_gives_way(struct thread *t); /* it is ready: may others go first? */

#endif
