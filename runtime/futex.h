/* Futexes in user space. */
#ifndef GREEN_FUTEX_H
#define GREEN_FUTEX_H

#include "thread.h"

void futex_wake_all(uint32_t *addr);      /* as the kernel does at CLONE_CHILD_CLEARTID */
void futex_exit_robust(struct thread *t); /* walks the robust list of an exiting thread */
void futex_reset_in_child(void);

#endif
