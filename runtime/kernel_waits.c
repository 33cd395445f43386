/*
 * Waits that only the kernel knows: file locks, System V and POSIX queues and semaphores, native AIO, io_uring,
 * entropy. What can be tried without waiting is, so that a short call does not pay for a handoff, and that who releases
 * never waits for a kernel thread.
 */
#include <fcntl.h>
#include <linux/io_uring.h>
#include <linux/random.h>
#include <sys/file.h>
#include <sys/ipc.h>
#include <sys/mman.h>

#include "calls.h"
#include "clock.h"
#include "mem.h"

#define SEMBUFS 32
#define AIO_EVENT_SIZE 32 /* struct io_event, linux/aio_abi.h */

struct ksembuf {
	uint16_t num;
	int16_t op, flags;
};

/* The kernel looks at the timeout before anything else. */
static long timeout_read(uint64_t user, struct ktimespec *ts)
{
	if (!user)
		return 0;
	if (user_read(ts, user))
		return -EFAULT;
	return timespec_valid(ts) ? 0 : -EINVAL;
}

/*
 * The call as it cannot wait; if it would have, as it does. The kernel looks at what is waited for before it looks at
 * signals: what has come by the time that one interrupts the wait is taken (a child's end releases its locks, and sends
 * SIGCHLD).
 */
static long try_or_wait(struct thread *t, const struct regs *try, long would_wait, const struct regs *wait,
    nsec_t until, struct ktimespec *left)
{
	long ret = native_regs(t, try);
	if (ret != would_wait)
		return ret;
	ret = handoff_wait(t, wait, until, left);
	if (ret != -ERESTARTSYS && ret != -ERESTARTNOHAND)
		return ret;
	long found = sys_regs(try);
	return found == would_wait ? ret : found;
}

long call_flock(struct thread *t, struct regs *r)
{
	struct regs try = *r;
	if (r->rsi & LOCK_NB)
		return native_regs(t, r);
	try.rsi |= LOCK_NB;
	return try_or_wait(t, &try, -EWOULDBLOCK, r, NEVER, NULL);
}

/* May it wait at all? Not known of very many operations at once. */
static bool semop_waits(const struct regs *r)
{
	struct ksembuf ops[SEMBUFS];
	if (r->rdx > SEMBUFS || user_copy(ops, (void *)r->rsi, r->rdx * sizeof(*ops)))
		return true;
	for (uint64_t i = 0; i < r->rdx; i++)
		if (!(ops[i].flags & IPC_NOWAIT))
			return true;
	return false;
}

static long semtimedop_with(struct thread *t, struct regs *r, uint64_t timeout)
{
	struct ktimespec zero = {0}, left;
	struct regs try = *r, wait = *r;
	nsec_t until = NEVER;
	long ret = timeout_read(timeout, &left);
	if (ret)
		return ret;
	try.nr = SYS_semtimedop;
	try.r10 = (uint64_t)&zero;
	if (!semop_waits(r))
		return native_regs(t, &try);
	if (timeout) {
		until = deadline_after(timespec_to_nsec(&left));
		wait.r10 = (uint64_t)&left;
	}
	return try_or_wait(t, &try, -EAGAIN, &wait, until, &left);
}

long call_semop(struct thread *t, struct regs *r)
{
	return semtimedop_with(t, r, 0);
}

long call_semtimedop(struct thread *t, struct regs *r)
{
	return semtimedop_with(t, r, r->r10);
}

long call_msgsnd(struct thread *t, struct regs *r)
{
	struct regs try = *r;
	if (r->r10 & IPC_NOWAIT)
		return native_regs(t, r);
	try.r10 |= IPC_NOWAIT;
	return try_or_wait(t, &try, -EAGAIN, r, NEVER, NULL);
}

long call_msgrcv(struct thread *t, struct regs *r)
{
	struct regs try = *r;
	if (r->r8 & IPC_NOWAIT)
		return native_regs(t, r);
	try.r8 |= IPC_NOWAIT;
	return try_or_wait(t, &try, -ENOMSG, r, NEVER, NULL);
}

/* mq_timedsend and mq_timedreceive: a time that is long past is the way to try. */
static long mq_call(struct thread *t, struct regs *r)
{
	struct ktimespec past = {0}, end;
	struct regs try = *r;
	nsec_t until = NEVER;
	long ret = timeout_read(r->r8, &end);
	if (ret)
		return ret;
	if (r->r8)
		until = deadline_at(CLOCK_REALTIME, timespec_to_nsec(&end));
	try.r8 = (uint64_t)&past;
	return try_or_wait(t, &try, -ETIMEDOUT, r, until, NULL);
}

long call_mq_timedsend(struct thread *t, struct regs *r)
{
	return mq_call(t, r);
}

long call_mq_timedreceive(struct thread *t, struct regs *r)
{
	return mq_call(t, r);
}

/* What there is already, then what is missing of `min`. The kernel itself takes events as they come, and answers how
 * many it has whatever ends the wait (read_events() in fs/aio.c). */
static long aio_events(struct thread *t, const struct regs *r)
{
	struct ktimespec zero = {0}, left = {0};
	long min = (long)r->rsi, most = (long)r->rdx;
	if (r->r8 && user_read(&left, r->r8))
		return -EFAULT;
	long got = native(t, SYS_io_getevents, (long)r->rdi, min, most, (long)r->r10, (long)&zero, 0);
	if (got < 0 || got >= min || (r->r8 && !left.sec && !left.nsec))
		return got;
	struct regs wait = {.nr = SYS_io_getevents,
	    .rdi = r->rdi,
	    .rsi = (uint64_t)(min - got),
	    .rdx = (uint64_t)(most - got),
	    .r10 = r->r10 + (uint64_t)got * AIO_EVENT_SIZE,
	    .r8 = r->r8 ? (uint64_t)&left : 0};
	long ret = handoff_wait(t, &wait, r->r8 ? deadline_after(timespec_to_nsec(&left)) : NEVER, &left);
	return got && ret < 0 ? got : got + ret;
}

long call_io_getevents(struct thread *t, struct regs *r)
{
	return aio_events(t, r);
}

/* The kernel's own mask is not the thread's: the wait is made without one, under the virtual mask. */
long call_io_pgetevents(struct thread *t, struct regs *r)
{
	struct {
		const ksigset_t *mask;
		size_t size;
	} sig = {0};
	if (r->r9 && user_read(&sig, r->r9))
		return -EFAULT;
	long ret = signal_set_temporary_mask(t, sig.mask, sig.size);
	if (ret)
		return ret;
	ret = aio_events(t, r);
	if (ret == -EINTR || ret == -ERESTARTSYS || ret == -ERESTARTNOINTR)
		ret = -ERESTARTNOHAND;
	signal_mask_call_done(t, ret == -ERESTARTNOHAND);
	return ret;
}

/* How many completions there are is in memory that is the program's and the kernel's. */
long call_io_uring_enter(struct thread *t, struct regs *r)
{
	bool waits = (r->r10 & IORING_ENTER_GETEVENTS && r->rdx) || r->r10 & IORING_ENTER_SQ_WAIT;
	return waits ? handoff_regs(t, r) : native_regs(t, r);
}

/* Before the system has gathered entropy. */
long call_getrandom(struct thread *t, struct regs *r)
{
	struct regs try = *r;
	if (r->rdx & GRND_NONBLOCK)
		return native_regs(t, r);
	try.rdx |= GRND_NONBLOCK;
	return try_or_wait(t, &try, -EAGAIN, r, NEVER, NULL);
}

/* A record lock, of the process's or of the description's: F_SETLKW, F_OFD_SETLKW. */
long lock_record(struct thread *t, struct regs *r)
{
	struct regs try = *r;
	try.rsi = (int)r->rsi == F_SETLKW ? F_SETLK : F_OFD_SETLK;
	long ret = try_or_wait(t, &try, -EAGAIN, r, NEVER, NULL);
	return ret == -EACCES ? handoff_wait(t, r, NEVER, NULL) : ret; /* what some file systems say instead */
}

long call_msync(struct thread *t, struct regs *r)
{
	return r->rdx & MS_SYNC ? handoff_device_regs(t, r) : native_regs(t, r);
}
