/* Stacks of green threads. */
#ifndef GREEN_STACK_H
#define GREEN_STACK_H

#include "thread.h"

void stack_report_overflow(struct thread *t, uint64_t addr, uint64_t ip); /* says so if addr is in t's guard */

#endif
