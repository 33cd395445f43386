/* Bound threads: green threads that keep a kernel thread of their own, and block in the kernel. */
#ifndef GREEN_BOUND_H
#define GREEN_BOUND_H

#include "thread.h"

/* The current thread becomes bound: it comes back on a kernel thread that nobody else has used or will use. 0, -EAGAIN
 * without a kernel thread, -ERESTARTNOINTR for a signal first. */
long thread_bind(struct thread *t);
void thread_bind_as_asked(struct thread *t);     /* thread.bind_wanted */
void thread_ask_to_bind(struct thread *t);       /* another thread, at its next way out; with signal_lock */
void bound_show_name(int tid, const char *name); /* as that of a kernel thread */
int bound_tid(const struct thread *t); /* of its kernel thread; 0: it has none of its own (yet). With threads_lock */

/* At birth, with what the calling kernel thread hands down and t's name: make the carrier, then give it the thread. */
struct carrier *bound_carrier(const struct thread *t);
void bound_give(struct carrier *b, struct thread *t);

/* thread_park, thread_wake and the last of thread_exit, for a bound thread. */
uint32_t bound_park(struct thread *t, nsec_t deadline);
void bound_wake(struct thread *t);
_Noreturn void bound_leave(struct thread *t);

/* Is the mutex there in memory shared with other processes? */
bool mapping_is_shared(struct thread *t, uintptr_t addr);

/* A dead thread whose kernel thread ends first (thread.ends_in_kernel): waits for that. */
void bound_await_end(struct thread *t);

_Noreturn void bound_main(struct carrier *c); /* body of a bound thread's carrier */

#endif
