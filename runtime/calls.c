/* Which system call is answered by what. A number that is not here is left to the kernel. */
#include "calls.h"

#define PARKS(name) [SYS_##name] = {call_##name, true}
#define PLAIN(name) [SYS_##name] = {call_##name, false}
#define NATIVE(name) [SYS_##name] = {call_native, false}
#define HANDOFF(name) [SYS_##name] = {call_handoff, true}
#define DEVICE(name) [SYS_##name] = {call_device, true}
#define SETID(name) [SYS_##name] = {call_setid, false}

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

#ifndef SYS_epoll_pwait2
#define SYS_epoll_pwait2 441
#endif
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* clang-format off */
const struct call calls[CALLS] = {
    /* files and descriptors */
    PARKS(read), PARKS(write), PARKS(readv), PARKS(writev), PARKS(pread64), PARKS(pwrite64), PARKS(preadv),
    PARKS(pwritev), PARKS(preadv2), PARKS(pwritev2), PARKS(sendfile), PARKS(splice), PARKS(tee), PARKS(vmsplice),
    PLAIN(close), PLAIN(dup2), PLAIN(dup3), PLAIN(close_range), PLAIN(fcntl), PLAIN(ioctl),
    PLAIN(open), PLAIN(openat), NATIVE(openat2), NATIVE(creat),
    PARKS(flock), DEVICE(fsync), DEVICE(fdatasync), DEVICE(msync), DEVICE(sync), DEVICE(syncfs),
    DEVICE(sync_file_range), DEVICE(copy_file_range),
    /* sockets */
    PARKS(accept), PARKS(accept4), PARKS(connect), PARKS(recvfrom), PARKS(recvmsg), PARKS(recvmmsg), PARKS(sendto),
    PARKS(sendmsg), PARKS(sendmmsg), PLAIN(setsockopt),
    /* many at once */
    PARKS(poll), PARKS(ppoll), PARKS(select), PARKS(pselect6), PARKS(epoll_wait), PARKS(epoll_pwait),
    PARKS(epoll_pwait2), PARKS(epoll_ctl),
    /* time */
    PARKS(nanosleep), PARKS(clock_nanosleep), PARKS(sched_yield),
    /* threads */
    PARKS(futex), PARKS(futex_waitv), PARKS(clone), PARKS(clone3), PARKS(exit), PLAIN(set_tid_address),
    PLAIN(set_robust_list), PLAIN(get_robust_list), PLAIN(rseq), PLAIN(gettid), PLAIN(sched_getaffinity),
    PLAIN(sched_setaffinity), PLAIN(sched_getparam), PLAIN(sched_setparam), PLAIN(sched_getscheduler),
    PLAIN(sched_setscheduler), PLAIN(getpriority), PLAIN(setpriority), PLAIN(prctl), PLAIN(mmap), PLAIN(mprotect),
    /* processes */
    PARKS(fork), PARKS(vfork), PLAIN(execve), PLAIN(execveat), PLAIN(exit_group), PARKS(wait4), PARKS(waitid),
    SETID(setuid), SETID(setgid), SETID(setreuid), SETID(setregid), SETID(setresuid), SETID(setresgid),
    SETID(setgroups),
    /* signals */
    PLAIN(rt_sigaction), PLAIN(rt_sigprocmask), PLAIN(rt_sigpending), PARKS(rt_sigsuspend), PARKS(rt_sigtimedwait),
    PLAIN(rt_sigreturn), PLAIN(sigaltstack), PLAIN(tgkill), PLAIN(tkill), PLAIN(rt_tgsigqueueinfo), PARKS(pause),
    PLAIN(kill), PLAIN(rt_sigqueueinfo),
    PLAIN(timer_create), PLAIN(timer_delete),
    /* System V and POSIX queues, semaphores, native AIO: the kernel's own waits */
    PARKS(msgrcv), PARKS(msgsnd), PARKS(semop), PARKS(semtimedop), PARKS(mq_timedsend), PARKS(mq_timedreceive),
    HANDOFF(io_getevents), NATIVE(getrandom),
};
/* clang-format on */
