/* Kernel threads of the runtime's own that never run a green thread. */
#ifndef GREEN_HELPER_H
#define GREEN_HELPER_H

#include "base.h"

struct carrier;

/* Runs fn(c) with all signals blocked but kicks: set*id is repeated here too. If it returns, the thread ends. 0, or a
 * negative errno. */
int helper_start(void (*fn)(struct carrier *c));

#endif
