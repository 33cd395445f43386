/*
 * Which system call is answered by what: the policy, call by call. A number that is not here is left to the kernel,
 * where the monitor rescues the hub if it takes long after all (unlink, truncate, ...). What becomes of a call that
 * would wait:
 *
 *	PARKS      the thread parks, and another runs; what cannot be waited for so is handed off
 *	TRIES      it is made so that it cannot wait; if it would have, the hub goes to another carrier first, and the
 *	           call is made again. As many as there may be carriers wait at once
 *	DEVICE     the hub goes to another carrier first, if there is one: it takes long, but it ends by itself
 *	TRANSFERS  of a file: like DEVICE if it is large, synchronous or not in memory; of all else: PARKS
 *
 * A thread without a hub, because that was handed off or rescued, makes DEVICE and TRANSFERS calls where it is, so that
 * a loop of writes and syncs costs one handoff. A bound thread waits in the kernel.
 */
#include "calls.h"

#define PARKS(name) [SYS_##name] = {call_##name, HUB_OR_KERNEL}
#define TRIES(name) PARKS(name)
#define ON_HUB(name) [SYS_##name] = {call_##name, HUB}
#define PLAIN(name) [SYS_##name] = {call_##name, NOTHING}
#define FILES(name) [SYS_##name] = {call_##name, OWN_FILES_OR_KERNEL}
#define DEVICE(name) [SYS_##name] = {call_device, CARRIER_OR_KERNEL}
#define TRANSFERS(name) [SYS_##name] = {call_##name, CARRIER_OR_KERNEL}
#define SETID(name) [SYS_##name] = {call_setid, NOTHING}
#define OF_PROCESS(name) [SYS_##name] = {call_of_process, NOTHING}
#define BINDS(name) [SYS_##name] = {call_binds, NOTHING}

static long call_device(struct thread *t, struct regs *r)
{
	return handoff_device_regs(t, r);
}

/* clang-format off */
const struct call calls[CALLS] = {
    /* files and descriptors */
    TRANSFERS(read), TRANSFERS(write), TRANSFERS(readv), TRANSFERS(writev), TRANSFERS(pread64), TRANSFERS(pwrite64),
    TRANSFERS(preadv), TRANSFERS(pwritev), TRANSFERS(preadv2), TRANSFERS(pwritev2), PARKS(sendfile), PARKS(splice), PARKS(tee), PARKS(vmsplice),
    FILES(close), FILES(dup2), FILES(dup3), FILES(close_range), FILES(fcntl), FILES(ioctl),
    FILES(open), FILES(openat), FILES(openat2), FILES(creat),
    TRIES(flock), DEVICE(fsync), DEVICE(fdatasync), TRIES(msync), DEVICE(sync), DEVICE(syncfs),
    DEVICE(sync_file_range), DEVICE(copy_file_range), DEVICE(fallocate),
    /* sockets */
    PARKS(accept), PARKS(accept4), PARKS(connect), PARKS(recvfrom), PARKS(recvmsg), PARKS(recvmmsg), PARKS(sendto),
    PARKS(sendmsg), PARKS(sendmmsg), FILES(setsockopt), FILES(socket),
    /* many at once */
    PARKS(poll), PARKS(select), PARKS(epoll_wait), ON_HUB(epoll_ctl),
    /* with a mask, which is virtual for bound threads too */
    ON_HUB(ppoll), ON_HUB(pselect6), ON_HUB(epoll_pwait), ON_HUB(epoll_pwait2), ON_HUB(io_pgetevents) /* tries */,
    /* time */
    ON_HUB(nanosleep), ON_HUB(clock_nanosleep), ON_HUB(sched_yield), PLAIN(clock_gettime),
    PLAIN(clock_getres), PLAIN(getrusage),
    /* threads */
    ON_HUB(futex), ON_HUB(futex_waitv), PLAIN(clone), PLAIN(clone3), ON_HUB(exit), PLAIN(set_tid_address),
    PLAIN(set_robust_list), PLAIN(get_robust_list), PLAIN(rseq), PLAIN(arch_prctl), PLAIN(gettid), PLAIN(sched_getaffinity),
    PLAIN(sched_setaffinity), PLAIN(sched_getparam), PLAIN(sched_setparam), PLAIN(sched_getscheduler),
    PLAIN(sched_setscheduler), PLAIN(getpriority), PLAIN(setpriority), PLAIN(prctl), PLAIN(mmap), PLAIN(mprotect),
    PLAIN(sched_getattr), PLAIN(sched_setattr), OF_PROCESS(sched_rr_get_interval),
    /* processes, by a thread's id */
    OF_PROCESS(getsid), OF_PROCESS(getpgid), OF_PROCESS(setpgid), OF_PROCESS(prlimit64), OF_PROCESS(process_vm_readv),
    OF_PROCESS(process_vm_writev), OF_PROCESS(move_pages), OF_PROCESS(migrate_pages), PLAIN(kcmp), PLAIN(pidfd_open),
    /* processes */
    PLAIN(fork), PLAIN(vfork), PLAIN(execve), PLAIN(execveat), PLAIN(exit_group), ON_HUB(wait4), ON_HUB(waitid),
    SETID(setuid), SETID(setgid), SETID(setreuid), SETID(setregid), SETID(setresuid), SETID(setresgid),
    SETID(setgroups),
    /* signals */
    PLAIN(rt_sigaction), PLAIN(rt_sigprocmask), PLAIN(rt_sigpending), ON_HUB(rt_sigsuspend), ON_HUB(rt_sigtimedwait),
    PLAIN(rt_sigreturn), PLAIN(sigaltstack), PLAIN(tgkill), PLAIN(tkill), PLAIN(rt_tgsigqueueinfo), ON_HUB(pause),
    PLAIN(kill), PLAIN(rt_sigqueueinfo), PLAIN(pidfd_send_signal), [SYS_signalfd] = {call_signalfd, false},
    [SYS_signalfd4] = {call_signalfd, false},
    PLAIN(timer_create), PLAIN(timer_settime), PLAIN(timer_getoverrun), PLAIN(timer_delete),
    /* System V and POSIX queues, semaphores, native AIO: the kernel's own waits */
    TRIES(msgrcv), TRIES(msgsnd), TRIES(semop), TRIES(semtimedop), TRIES(mq_timedsend), TRIES(mq_timedreceive),
    TRIES(io_getevents), TRIES(io_uring_enter), PLAIN(getrandom) /* tries */,
    /* what the kernel keeps per kernel thread (bound.c) */
    [SYS_setfsuid] = {call_setfsid, NOTHING}, [SYS_setfsgid] = {call_setfsid, NOTHING}, BINDS(capset), BINDS(setns), BINDS(keyctl), BINDS(add_key), BINDS(request_key),
    PLAIN(ptrace), BINDS(set_mempolicy), BINDS(iopl), BINDS(ioperm), BINDS(landlock_restrict_self),
    PLAIN(seccomp), PLAIN(personality), PLAIN(unshare), PLAIN(perf_event_open), PLAIN(io_uring_setup),
    PLAIN(ioprio_set), PLAIN(ioprio_get),
    [GREEN_CALL_LOCK] = {call_lock, NOTHING},
};
/* clang-format on */
