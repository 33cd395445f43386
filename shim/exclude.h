/* Threads that are to stay kernel threads because of the library that makes them. */
#ifndef GREEN_SHIM_EXCLUDE_H
#define GREEN_SHIM_EXCLUDE_H

#include <stdint.h>

void exclude_start(void); /* armed: options.exclude is in force */
void exclude_stop(void);  /* in the child of a fork, until that is armed */

/* A symbol_arm_hook, for a process that is armed: is the thread that the calling one is about to make to be one? */
void exclude_thread(uint32_t symbol, const void *routine);

#endif
