/* The hub's libuv loop: embedded, run without blocking from the scheduler context only. */
#ifndef GREEN_LOOP_H
#define GREEN_LOOP_H

#include "base.h"

struct hub;

/* Opens libuv, a copy of our own; at arming, on an ordinary libc context. -ENOENT: no libuv. */
int loop_load(void *(*open_library)(const char *name));
int loop_open(struct hub *h);
nsec_t loop_next_deadline(struct hub *h);
void loop_run(struct hub *h);

#endif
