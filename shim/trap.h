/* The trap door: Syscall User Dispatch, for system calls outside libc. */
#ifndef GREEN_SHIM_TRAP_H
#define GREEN_SHIM_TRAP_H

#include <stdbool.h>
#include <stdint.h>

/* Why it cannot be had; NULL if it can. except: patterns of libraries whose calls are to be left alone; NULL or empty:
 * none. It must stay where it is. On an ordinary libc context. */
const char *trap_prepare(const char *except);

void trap_begin(void);             /* on the calling kernel thread, from here on */
bool trap_is_except(uintptr_t ip); /* in signal handlers too */
bool trap_has_exceptions(void);

#endif
