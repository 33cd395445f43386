/* Threads that are to stay kernel threads, as --exclude says: they are bound from birth, or from when they are named.
 */
#ifndef GREEN_EXCLUDE_H
#define GREEN_EXCLUDE_H

#include "thread.h"

/* In force from here on, for the calling thread too; NULL: not any more. */
void exclude_begin(const char *list);

bool exclude_newborn(struct thread *parent); /* is the thread that it makes to be one? */
void exclude_named(struct thread *t);        /* it has named itself */
void exclude_renamed(struct thread *t);      /* another thread has named it; with threads_lock */

#endif
