/* Virtual signals: a mask and pending set per green thread, delivered with the kernel's own frame. */
#ifndef GREEN_SIGNAL_H
#define GREEN_SIGNAL_H

#include "base.h"

struct thread;
struct regs;
struct ksiginfo {
	int si_signo, si_errno, si_code, pad;
	uint64_t rest[14];
};

struct kaction {
	uint64_t handler; /* SIG_DFL, SIG_IGN or a function */
	uint64_t flags;
	uint64_t restorer;
	ksigset_t mask;
};

struct kaltstack {
	uint64_t sp;
	int flags;
	uint64_t size;
};

struct queued_signal;
struct signal_queue { /* oldest first; `last` means something while there is a first */
	struct queued_signal *first, *last;
};

struct thread_signals {
	ksigset_t mask;
	ksigset_t before;          /* the mask before the program's last change of it */
	_Atomic ksigset_t pending; /* directed to this thread */
	_Atomic uint32_t work;     /* something is pending that is not blocked: look before going back */
	ksigset_t saved_mask;      /* to be restored after the handler (sigsuspend, ppoll ...) */
	bool restore_mask;
	ksigset_t waiting; /* in rt_sigtimedwait for these */
	struct kaltstack alt;
	struct signal_queue queue; /* the pending ones' siginfo */
	bool gone;                 /* exiting: takes no more */
	bool forking;              /* a child of it is being made */
	bool not_kicked;           /* about to be another program, which would die of a kick */
};

/* Does t have a pending signal that it does not block? */
static inline bool signal_pending(struct thread_signals *s)
{
	return atomic_load_explicit(&s->work, memory_order_acquire) != 0;
}

/* For ppoll, pselect6, epoll_pwait, rt_sigsuspend: the mask while waiting. The old one comes back when the call ends
 * without a handler, else after the handler. -EINVAL for a wrong size, -EFAULT. */
int signal_set_temporary_mask(struct thread *t, const ksigset_t *user_mask, size_t size);
void signal_mask_call_done(struct thread *t, bool interrupted);

/* t blocks SIGTTIN or SIGTTOU, which others do not: a terminal sees that only while t has a carrier without a hub. */
bool signal_job_control_differs(const struct thread *t);

void signal_thread_born(struct thread *t);
void signal_thread_gone(struct thread *t);

struct hub;
void signals_route(struct hub *h); /* gives process-directed signals to threads that do not block them */

#endif
