/* The table of calls: what answers each system call of a green thread. */
#ifndef GREEN_CALLS_H
#define GREEN_CALLS_H

#include "carrier.h"
#include "clock.h"
#include "hub.h"
#include "poller.h"
#include "thread.h"

/*
 * A handler gets the calling thread and its register frame: arguments 1..6 are r->rdi, rsi, rdx, r10, r8, r9. It
 * answers the kernel's result, or ERESTARTSYS/ERESTARTNOINTR/ERESTARTNOHAND (negated) when a signal is to be delivered
 * first. It must not change r unless it goes on elsewhere (sigreturn).
 */
typedef long call_fn(struct thread *t, struct regs *r);

struct call {
	call_fn *fn; /* NULL: the site is left alone, the call runs natively under the rescue */
	enum {
		NOTHING,
		OWN_FILES_OR_KERNEL, /* nothing; a thread with descriptors of its own leaves it to the kernel */
		HUB,                 /* rejoin the hub before fn is called */
		HUB_OR_KERNEL,       /* the same; a bound thread, which has none, leaves it to the kernel */
		CARRIER_OR_KERNEL,   /* the same, if there are threads that wait for a carrier to block on */
	} needs;
};

/* Calls of our own, from the symbol door. */
#define GREEN_CALL_LOCK 511 /* rdi: a mutex that is about to be locked, and that may be shared with other processes */

#define CALLS 512
extern const struct call calls[CALLS];

/* The handlers, one group per file. */
/* io.c */
extern call_fn call_read, call_write, call_readv, call_writev, call_pread64, call_pwrite64;
extern call_fn call_preadv, call_pwritev, call_preadv2, call_pwritev2;
/* splice.c */
extern call_fn call_sendfile, call_splice, call_tee, call_vmsplice;
/* net.c */
extern call_fn call_recvfrom, call_recvmsg, call_recvmmsg, call_sendto, call_sendmsg, call_sendmmsg;
/* sockets.c */
extern call_fn call_socket, call_accept, call_accept4, call_connect, call_setsockopt;
/* multiplex.c */
extern call_fn call_poll, call_ppoll, call_select, call_pselect6, call_epoll_wait, call_epoll_pwait, call_epoll_pwait2;
extern call_fn call_epoll_ctl;
/* descriptors.c: close and its kin */
extern call_fn call_close, call_dup2, call_dup3, call_close_range, call_fcntl, call_ioctl;
/* sleep.c */
extern call_fn call_nanosleep, call_clock_nanosleep, call_sched_yield;
/* futex.c */
extern call_fn call_futex, call_futex_waitv;
/* lifecycle.c */
extern call_fn call_clone, call_clone3, call_exit, call_set_tid_address, call_set_robust_list, call_get_robust_list,
    call_rseq, call_arch_prctl;
/* process.c */
extern call_fn call_fork, call_vfork, call_execve, call_execveat, call_exit_group, call_wait4, call_waitid;
/* identity.c */
extern call_fn call_gettid, call_sched_getaffinity, call_sched_setaffinity, call_sched_getparam, call_sched_setparam;
extern call_fn call_open, call_openat, call_openat2, call_creat, call_getpriority, call_setpriority;
extern call_fn call_sched_getattr, call_sched_setattr, call_of_process, call_kcmp, call_pidfd_open, call_ptrace;
/* cpu_time.c */
extern call_fn call_clock_gettime, call_clock_getres, call_getrusage;
/* timer.c */
extern call_fn call_timer_create, call_timer_settime, call_timer_getoverrun, call_timer_delete;
/* identity.c */
extern call_fn call_sched_getscheduler, call_sched_setscheduler, call_prctl, call_setid;
/* signals: signal_calls.c */
extern call_fn call_rt_sigaction, call_rt_sigprocmask, call_rt_sigpending, call_rt_sigsuspend, call_rt_sigtimedwait;
extern call_fn call_rt_sigreturn, call_sigaltstack, call_tgkill, call_tkill, call_rt_tgsigqueueinfo, call_pause,
    call_kill;
extern call_fn call_rt_sigqueueinfo, call_pidfd_send_signal, call_signalfd;
/* kernel_waits.c */
extern call_fn call_flock, call_semop, call_semtimedop, call_msgsnd, call_msgrcv, call_mq_timedsend,
    call_mq_timedreceive, call_io_getevents, call_io_pgetevents, call_io_uring_enter, call_getrandom, call_msync;
/* bound.c */
extern call_fn call_binds, call_seccomp, call_personality, call_unshare, call_perf_event_open, call_io_uring_setup;
extern call_fn call_ioprio_set, call_ioprio_get, call_setfsid, call_lock;
/* stack.c */
extern call_fn call_mmap, call_mprotect;
long lock_record(struct thread *t, struct regs *r); /* of fcntl's */

/* The frame's call, by the kernel, as it is. */
static inline long sys_regs(const struct regs *r)
{
	return sys6((long)r->nr, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, (long)r->r9);
}

void dispatch(struct regs *r);                 /* from shim/entry_x86_64.S */
_Noreturn void dispatch_leave(struct regs *r); /* back to the program, by way of pending signals */

#endif
