/* Which system call is answered by what. A number that is not here is left to the kernel. */
#include "calls.h"

#define PARKS(name) [SYS_##name] = {call_##name, HUB_OR_KERNEL}
#define ON_HUB(name) [SYS_##name] = {call_##name, HUB}
#define PLAIN(name) [SYS_##name] = {call_##name, NOTHING}
#define FILES(name) [SYS_##name] = {call_##name, OWN_FILES_OR_KERNEL}
#define NATIVE(name) [SYS_##name] = {call_native, NOTHING}
#define HANDOFF(name) [SYS_##name] = {call_handoff, HUB_OR_KERNEL}
#define DEVICE(name) [SYS_##name] = {call_device, HUB_OR_KERNEL}
#define SETID(name) [SYS_##name] = {call_setid, NOTHING}
#define OF_PROCESS(name) [SYS_##name] = {call_of_process, NOTHING}
#define BINDS(name) [SYS_##name] = {call_binds, NOTHING}

/* May block, but seldom for long: in the kernel, where the monitor rescues the hub. By name, so that a signal
 * interrupts and restarts it exactly. */
static long call_native(struct thread *t, struct regs *r)
{
	return native_regs(t, r);
}

long call_handoff(struct thread *t, struct regs *r)
{
	return handoff_regs(t, r);
}

static long call_device(struct thread *t, struct regs *r)
{
	return handoff_device_regs(t, r);
}

/* clang-format off */
const struct call calls[CALLS] = {
    /* files and descriptors */
    PARKS(read), PARKS(write), PARKS(readv), PARKS(writev), PARKS(pread64), PARKS(pwrite64), PARKS(preadv),
    PARKS(pwritev), PARKS(preadv2), PARKS(pwritev2), PARKS(sendfile), PARKS(splice), PARKS(tee), PARKS(vmsplice),
    FILES(close), FILES(dup2), FILES(dup3), FILES(close_range), FILES(fcntl), FILES(ioctl),
    FILES(open), FILES(openat), NATIVE(openat2), NATIVE(creat),
    PARKS(flock), DEVICE(fsync), DEVICE(fdatasync), DEVICE(msync), DEVICE(sync), DEVICE(syncfs),
    DEVICE(sync_file_range), DEVICE(copy_file_range),
    /* sockets */
    PARKS(accept), PARKS(accept4), PARKS(connect), PARKS(recvfrom), PARKS(recvmsg), PARKS(recvmmsg), PARKS(sendto),
    PARKS(sendmsg), PARKS(sendmmsg), FILES(setsockopt),
    /* many at once */
    PARKS(poll), PARKS(select), PARKS(epoll_wait), ON_HUB(epoll_ctl),
    /* with a mask, which is virtual for bound threads too */
    ON_HUB(ppoll), ON_HUB(pselect6), ON_HUB(epoll_pwait), ON_HUB(epoll_pwait2), ON_HUB(io_pgetevents),
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
    PLAIN(fork), PLAIN(vfork), PLAIN(execve), PLAIN(execveat), PLAIN(exit_group), PARKS(wait4), PARKS(waitid),
    SETID(setuid), SETID(setgid), SETID(setreuid), SETID(setregid), SETID(setresuid), SETID(setresgid),
    SETID(setgroups),
    /* signals */
    PLAIN(rt_sigaction), PLAIN(rt_sigprocmask), PLAIN(rt_sigpending), ON_HUB(rt_sigsuspend), ON_HUB(rt_sigtimedwait),
    PLAIN(rt_sigreturn), PLAIN(sigaltstack), PLAIN(tgkill), PLAIN(tkill), PLAIN(rt_tgsigqueueinfo), ON_HUB(pause),
    PLAIN(kill), PLAIN(rt_sigqueueinfo), [SYS_signalfd] = {call_signalfd, false},
    [SYS_signalfd4] = {call_signalfd, false},
    PLAIN(timer_create), PLAIN(timer_settime), PLAIN(timer_getoverrun), PLAIN(timer_delete),
    /* System V and POSIX queues, semaphores, native AIO: the kernel's own waits */
    PARKS(msgrcv), PARKS(msgsnd), PARKS(semop), PARKS(semtimedop), PARKS(mq_timedsend), PARKS(mq_timedreceive),
    HANDOFF(io_getevents), NATIVE(getrandom),
    /* what the kernel keeps per kernel thread (bound.c) */
    [SYS_setfsuid] = {call_setfsid, NOTHING}, [SYS_setfsgid] = {call_setfsid, NOTHING}, BINDS(capset), BINDS(setns), BINDS(keyctl), BINDS(add_key), BINDS(request_key),
    PLAIN(ptrace), BINDS(set_mempolicy), BINDS(iopl), BINDS(ioperm), BINDS(landlock_restrict_self),
    PLAIN(seccomp), PLAIN(personality), PLAIN(unshare), PLAIN(perf_event_open), PLAIN(io_uring_setup),
    PLAIN(ioprio_set), PLAIN(ioprio_get),
    [GREEN_CALL_LOCK] = {call_lock, NOTHING},
};
/* clang-format on */
