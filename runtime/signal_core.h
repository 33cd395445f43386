/* Inside of the signals: what the other files of the runtime need of it. */
#ifndef GREEN_SIGNAL_CORE_H
#define GREEN_SIGNAL_CORE_H

#include <signal.h>

#include "carrier.h"
#include "thread.h"

/* Signals of glibc's own. What it sends with the second one (setxid) is answered without the kernel. */
#define SIGNAL_CANCEL 32
#define SIGNAL_SETXID 33
/* The kicks between carriers. A standard signal, because the kernel refuses a real-time one when the user has too many
 * queued (RLIMIT_SIGPENDING); one that neither the kernel nor anybody else sends to an ordinary process, so that kicks
 * are told apart by their sender; and one that debuggers pass on: gdb swallows SIGSTKFLT, which it does not know. */
#define SIGNAL_KICK SIGPWR
#define SIGNALS 64

/* Never blocked for real: faults must reach us (user_copy), kicks must arrive; and SIGSYS where calls are trapped, even
 * in the runtime, which reads the clock in the vDSO. Kicks wait while the handler runs. */
extern ksigset_t never_blocked;
#define OPEN_IN_HANDLER (never_blocked & ~SIGBIT(SIGNAL_KICK))
/* Sent by the kernel to the very thread whose call or time it is about, on whatever carrier that runs. */
#define SYNCHRONOUS (SIGBIT(SIGPIPE) | SIGBIT(SIGXFSZ))
#define OF_WHO_RUNS (SIGBIT(SIGPROF) | SIGBIT(SIGVTALRM))
/* A fault's signal that is blocked kills at once (force_sig()), whatever handler there is. */
#define FAULTS (SIGBIT(SIGILL) | SIGBIT(SIGTRAP) | SIGBIT(SIGFPE) | SIGBIT(SIGSYS))
/* Whether a terminal's reader, writer or setter in the background is stopped, or told EIO, or let through, the kernel
 * decides by the mask of the kernel thread that calls (__tty_check_change()). */
#define JOB_CONTROL (SIGBIT(SIGTTIN) | SIGBIT(SIGTTOU))
#define UNBLOCKABLE (SIGBIT(SIGKILL) | SIGBIT(SIGSTOP))

extern struct kaction actions[SIGNALS + 1]; /* the program's view; written and copied under signal_lock */
extern struct spin signal_lock;             /* pending sets, queues, masks' counts */
extern _Atomic ksigset_t process_pending;
extern _Atomic ksigset_t real_mask; /* what every green thread blocks */

int signals_start(struct thread *main_thread);
void signalfds_find(void);
void signal_real_bit(int sig);           /* with signal_lock: the masks, the action or a signalfd have changed */
extern _Atomic ksigset_t signalfd_masks; /* of all that were ever made */
void signals_restore_kernel(struct thread *survivor); /* in the child of a fork */
bool kernel_action_differs(int sig);                  /* from the program's view */
void kernel_action_set(int sig);                      /* tells the kernel what to do for actions[sig] */

/* The kernel's mask of a carrier. */
ksigset_t carrier_mask_to_return(struct carrier *c);
void carrier_mask_in_handler(struct carrier *c);
ksigset_t carrier_closes(struct carrier *c); /* in a kick's handler: what is to be added to the mask it returns to */
void carrier_block_signals(struct carrier *c);
void carrier_set_mask(struct carrier *c, ksigset_t mask); /* but what the trap needs */
void carrier_set_mask_exactly(struct carrier *c, ksigset_t mask);
void carrier_sync_mask(struct carrier *c);

void signal_set_mask(struct thread *t, ksigset_t mask);
void signal_send_thread(struct thread *t, const struct ksiginfo *info);
/* By a call of the program's: -ESRCH, -EAGAIN. */
long signal_send_tid(int tid, const struct ksiginfo *info);
long signal_send_process(const struct ksiginfo *info);
void signals_discard(ksigset_t set);               /* they are being ignored now */
void signal_child_begins(struct thread *t);        /* a process that t makes: its SIGCHLD is for t first */
void signal_child_made(struct thread *t, int pid); /* pid <= 0: there is none */
bool signal_take(struct thread *t, ksigset_t set, struct ksiginfo *info); /* the next pending one of set */
void signal_wait_begin(struct thread *t, ksigset_t set);
void signal_wait_end(struct thread *t);
void signals_discard_timer(int id); /* what it sent and nobody took */
bool signal_ignored(int sig);
void signal_interrupt(struct carrier *c);          /* its thread comes into the runtime, if it may be kicked */
void signal_nudge(struct thread *t);               /* t looks at what it is asked to; with signal_lock */
void signal_kicks(struct thread *t, bool allowed); /* of the calling thread. Not allowed: none is under way either */
void signals_look(struct thread *t);               /* if a handler left a note: takes the records */
void signals_take_records(struct carrier *c, struct thread *t);
void signal_stray(const struct ksiginfo *info); /* nobody's carrier was met by one that it has open */
void signals_drain(struct carrier *c);          /* what the handler recorded while the carrier was in the runtime */
void signals_settle(int sig);                   /* the process's, from the kernel: what was sent before is here */

bool signal_on_altstack(const struct kaltstack *alt, uint64_t sp);
long signal_set_altstack(struct thread *t, struct kaltstack new, uint64_t sp);

/* A pending signal that needs the program's handler: arranges for it and does not return. Returns when there is none
 * (left), after default actions and ignored ones. `ret`: the interrupted call's result. */
void signal_deliver(struct thread *t, struct regs *r, long ret);
/* The rest of the thread's life is fn(), called on its own stack as program code. */
_Noreturn void signal_run_in_program(struct thread *t, void (*fn)(void));

_Noreturn void signal_return(struct thread *t, struct regs *r); /* rt_sigreturn */
struct lent_signals {
	ksigset_t set;
	uint32_t count;
};
struct lent_signals signals_lend(struct thread *t, int tid); /* to the kernel: the program may be replaced now */
void signals_take_back(struct lent_signals lent);            /* it was not */
void signal_die(int sig);                                    /* the default action, for real */
void signal_stop(int sig);                                   /* the same of a stop signal: goes on after SIGCONT */

#endif
