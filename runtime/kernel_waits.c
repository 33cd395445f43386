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

/* A try has shown that it waits. */
static long waits(struct thread *t, const struct regs *r)
{
	return handoff_wait(t, r, NEVER, NULL);
}

long call_flock(struct thread *t, struct regs *r)
{
	long ret = native(t, SYS_flock, (long)r->rdi, (long)r->rsi | LOCK_NB, 0, 0, 0, 0);
	return ret == -EWOULDBLOCK && !(r->rsi & LOCK_NB) ? waits(t, r) : ret;
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
	struct regs wait = *r;
	nsec_t until = NEVER;
	long ret = timeout_read(timeout, &left);
	if (ret)
		return ret;
	ret = native(t, SYS_semtimedop, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)&zero, 0, 0);
	if (ret != -EAGAIN || !semop_waits(r))
		return ret;
	if (timeout) {
		until = deadline_after(timespec_to_nsec(&left));
		wait.r10 = (uint64_t)&left;
	}
	ret = handoff_wait(t, &wait, until, &left);
	return ret == -ETIMEDOUT ? -EAGAIN : ret;
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
	long flags = (long)r->r10;
	long ret = native(t, SYS_msgsnd, (long)r->rdi, (long)r->rsi, (long)r->rdx, flags | IPC_NOWAIT, 0, 0);
	return ret == -EAGAIN && !(flags & IPC_NOWAIT) ? waits(t, r) : ret;
}

long call_msgrcv(struct thread *t, struct regs *r)
{
	long flags = (long)r->r8;
	long ret = native(t, SYS_msgrcv, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, flags | IPC_NOWAIT, 0);
	return ret == -ENOMSG && !(flags & IPC_NOWAIT) ? waits(t, r) : ret;
}

/* mq_timedsend and mq_timedreceive: a time that is long past is the way to try. */
static long mq_call(struct thread *t, struct regs *r)
{
	struct ktimespec past = {0}, end;
	long ret = timeout_read(r->r8, &end);
	if (ret)
		return ret;
	ret = native(t, (long)r->nr, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)&past, 0);
	if (ret != -ETIMEDOUT)
		return ret;
	return handoff_wait(t, r, r->r8 ? deadline_at(CLOCK_REALTIME, timespec_to_nsec(&end)) : NEVER, NULL);
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
	if (ret == -ETIMEDOUT)
		ret = 0;
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
	long ret = native(t, SYS_getrandom, (long)r->rdi, (long)r->rsi, (long)r->rdx | GRND_NONBLOCK, 0, 0, 0);
	return ret == -EAGAIN && !(r->rdx & GRND_NONBLOCK) ? waits(t, r) : ret;
}

/* A record lock, of the process's or of the description's: F_SETLKW, F_OFD_SETLKW. */
long lock_record(struct thread *t, struct regs *r)
{
	int try = (int)r->rsi == F_SETLKW ? F_SETLK : F_OFD_SETLK;
	long ret = native(t, SYS_fcntl, (long)r->rdi, try, (long)r->rdx, 0, 0, 0);
	return ret == -EAGAIN || ret == -EACCES ? waits(t, r) : ret;
}

long call_msync(struct thread *t, struct regs *r)
{
	return r->rdx & MS_SYNC ? handoff_device_regs(t, r) : native_regs(t, r);
}
