/* The trap door: system calls outside the sites, which the kernel turns into SIGSYS (Syscall User Dispatch). */
#ifndef GREEN_TRAP_H
#define GREEN_TRAP_H

#include "thread.h"

struct carrier;
struct kucontext;

extern const char trap_native[], trap_native_again[],
    trap_native_end[]; /* calls that are made as they are: the program's own text */
extern bool trap_on;   /* the carriers are told by runtime_hooks.carrier_begins */

/* The kernel's frame of such a SIGSYS goes on where the call is answered or made. false: there is no memory for that.
 */
bool trap_come_in(struct carrier *c, const struct ksiginfo *info, struct kucontext *uc);

/* Is r the frame of a call that came in so? Frames of the sites are never where a trap's are. */
static inline bool trapped(const struct thread *t, const struct regs *r)
{
	return unlikely(t->trap_frame == r);
}

/* Before a program's handler runs: the call that it interrupted, if it was made as it is, ends with EINTR. */
void trap_interrupted(struct kucontext *uc);

/* It was issued in the program's own code: by a trap, or by syscall(2). */
bool call_is_raw(const struct thread *t, const struct regs *r);

/* The trap stack is large enough for a child that shares it to begin that far below its parent. */
#define TRAP_STACK_OF_CHILD 8192

#define SYSCALL_LENGTH 2 /* the instruction before a trapped frame's rip */

/* The registers that a frame does not hold, as they were at the call: after the last switch, before its way out. */
void trap_restore_extended(const struct regs *r);
void trap_forget(struct thread *t); /* t is dead, and nobody stands on its stacks */
void traps_reset_in_child(void);

#endif
