/*
 * Waits that only the kernel knows: file locks, System V and POSIX queues and semaphores, native AIO. What can be tried
 * without waiting is, so that a short call does not pay for a handoff, and that who releases never waits for a kernel
 * thread.
 */
#include <sys/file.h>
#include <sys/ipc.h>

#include "calls.h"
#include "mem.h"

#define SEMBUFS 32

struct ksembuf {
	uint16_t num;
	int16_t op, flags;
};

/* The kernel looks at the timeout before anything else. */
static long timeout_check(uint64_t user)
{
	struct ktimespec ts;
	if (!user)
		return 0;
	if (user_read(&ts, user))
		return -EFAULT;
	return timespec_valid(&ts) ? 0 : -EINVAL;
}

long call_flock(struct thread *t, struct regs *r)
{
	long ret = native(t, SYS_flock, (long)r->rdi, (long)r->rsi | LOCK_NB, 0, 0, 0, 0);
	return ret == -EWOULDBLOCK && !(r->rsi & LOCK_NB) ? handoff_regs(t, r) : ret;
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
	struct ktimespec zero = {0};
	long ret = timeout_check(timeout);
	if (ret)
		return ret;
	ret = native(t, SYS_semtimedop, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)&zero, 0, 0);
	return ret == -EAGAIN && semop_waits(r) ? handoff_regs(t, r) : ret;
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
	return ret == -EAGAIN && !(flags & IPC_NOWAIT) ? handoff_regs(t, r) : ret;
}

long call_msgrcv(struct thread *t, struct regs *r)
{
	long flags = (long)r->r8;
	long ret = native(t, SYS_msgrcv, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, flags | IPC_NOWAIT, 0);
	return ret == -ENOMSG && !(flags & IPC_NOWAIT) ? handoff_regs(t, r) : ret;
}

/* mq_timedsend and mq_timedreceive: a time that is long past is the way to try. */
static long mq_call(struct thread *t, struct regs *r)
{
	struct ktimespec past = {0};
	long ret = timeout_check(r->r8);
	if (ret)
		return ret;
	ret = native(t, (long)r->nr, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)&past, 0);
	return ret == -ETIMEDOUT ? handoff_regs(t, r) : ret;
}

long call_mq_timedsend(struct thread *t, struct regs *r)
{
	return mq_call(t, r);
}

long call_mq_timedreceive(struct thread *t, struct regs *r)
{
	return mq_call(t, r);
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
	ret = handoff(t, SYS_io_getevents, (long)r->rdi, (long)r->rsi, (long)r->rdx, (long)r->r10, (long)r->r8, 0);
	if (ret == -EINTR || ret == -ERESTARTSYS || ret == -ERESTARTNOINTR)
		ret = -ERESTARTNOHAND;
	signal_mask_call_done(t, ret == -ERESTARTNOHAND);
	return ret;
}
