/* close and its kin: the fd table learns of them before the kernel does, and the runtime's own fds are not there. */
#include <asm/termbits.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include "epoll_set.h"
#include "io.h"
#include "nonblock.h"

/* What was known of this number. */
static int forget(struct thread *t, int fd)
{
	if (unlikely(fd_waited(fd)))
		hub_need(t);
	int err = fd_closing(fd);
	if (!err)
		epoll_set_closing(fd);
	return err;
}

/* What was learnt of it while it was being closed. */
static void forgotten(int fd)
{
	epoll_set_closing(fd);
	fd_closed(fd);
}

/* SO_LINGER, and a file whose last reference this is, may take long. */
long call_close(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	int err = forget(t, fd);
	if (err)
		return err;
	long ret = native_uninterrupted(t, r);
	forgotten(fd);
	return ret;
}

static bool fd_open(int fd)
{
	return !fd_hidden(fd) && sys(SYS_fcntl, fd, F_GETFD) >= 0;
}

/* Only where the call will surely happen is the target disturbed; every refusal is the kernel's own. */
static long dup_onto(struct thread *t, struct regs *r)
{
	int from = r->rdi, to = r->rsi;
	if (!fd_open(from))
		return -EBADF;
	if (from == to)
		return sys(r->nr, from, to, r->rdx);
	if (fd_hidden(to)) {
		hub_need(t); /* nobody uses this hub's descriptors meanwhile; for other hubs see there */
		int err = fd_evict(to);
		if (err < 0)
			return err;
	}
	int err = forget(t, to);
	if (err)
		return err;
	long ret = native_uninterrupted(t, r);
	forgotten(to);
	return ret;
}

long call_dup2(struct thread *t, struct regs *r)
{
	return dup_onto(t, r);
}

long call_dup3(struct thread *t, struct regs *r)
{
	/* refused before the numbers are looked at */
	if ((r->rdx & ~O_CLOEXEC) || (int)r->rdi == (int)r->rsi)
		return -EINVAL;
	return dup_onto(t, r);
}

/* The last number that can be open, as far as the fd table goes. */
static unsigned fd_last(void)
{
	unsigned most = 1 << 22;
	struct rlimit64 limit;
	if (sys(SYS_prlimit64, 0, RLIMIT_NOFILE, NULL, &limit) || limit.rlim_max > most)
		return most;
	return limit.rlim_max;
}

/* Around the runtime's own fds. */
static long close_between(struct thread *t, unsigned first, unsigned last, unsigned flags)
{
	for (;;) {
		int hidden = first > INT32_MAX ? -1 : fd_hidden_first(first);
		bool split = hidden >= 0 && (unsigned)hidden <= last;
		if (!split || (unsigned)hidden > first) {
			unsigned end = split ? (unsigned)hidden - 1 : last;
			long ret = uninterrupted(native(t, SYS_close_range, first, end, flags, 0, 0, 0));
			if (ret)
				return ret;
			hub_need(t);
		}
		if (!split || (unsigned)hidden == last)
			return 0;
		first = hidden + 1;
	}
}

long call_close_range(struct thread *t, struct regs *r)
{
	unsigned first = r->rdi, last = r->rsi, flags = r->rdx;
	if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) || first > last)
		return -EINVAL;
	/* One thread with a table of its own cannot share its carrier; refused as by a kernel that does not know it. */
	if ((flags & CLOSE_RANGE_UNSHARE) && atomic_load(&threads_alive) > 1)
		return -EINVAL;
	if (flags & CLOSE_RANGE_CLOEXEC)
		return close_between(t, first, last, CLOSE_RANGE_CLOEXEC);
	unsigned end = fd_last();
	if (last < end)
		end = last;
	for (unsigned fd = first; fd <= end; fd++)
		forget(t, fd); /* a hidden one stays as it is */
	long ret = close_between(t, first, last, 0);
	for (unsigned fd = first; fd <= end; fd++)
		forgotten(fd);
	return ret;
}

/* The signals that a descriptor's owner gets are the kernel's, and a kernel thread of one green thread's takes none of
 * them: as for a tid that it does not know. */
static bool owner_is_bound(struct thread *t, uint64_t user_owner)
{
	struct f_owner_ex owner;
	return !user_read(&owner, user_owner) && owner.type == F_OWNER_TID && owner.pid &&
	       thread_is_kernels(t, owner.pid);
}

static long changes_flags(long nr, const struct regs *r)
{
	long ret = sys(nr, r->rdi, r->rsi, r->rdx);
	nonblock_changed();
	return ret;
}

long call_fcntl(struct thread *t, struct regs *r)
{
	if (fd_hidden(r->rdi))
		return -EBADF;
	switch ((int)r->rsi) {
	case F_SETLKW:
	case F_OFD_SETLKW:
		return lock_record(t, r);
	case F_SETOWN_EX:
		return owner_is_bound(t, r->rdx) ? -ESRCH : native_regs(t, r);
	case F_SETFL:
		return changes_flags(SYS_fcntl, r);
	case F_GETFD:
	case F_SETFD:
	case F_GETFL:
	case F_DUPFD:
	case F_DUPFD_CLOEXEC:
		return sys(SYS_fcntl, r->rdi, r->rsi, r->rdx);
	default:
		return native_regs(t, r);
	}
}

/* What waits for a terminal's output to be sent waits only while there is some. */
static bool tty_drained(int fd)
{
	int left;
	return sys(SYS_ioctl, fd, TIOCOUTQ, &left) == 0 && left == 0;
}

/* ioctls that wait. A number means what it says here to this kind of file only; to another, a handoff does no harm. */
long call_ioctl(struct thread *t, struct regs *r)
{
	if (fd_hidden(r->rdi))
		return -EBADF;
	switch ((unsigned)r->rsi) {
	case FIONBIO:
		return changes_flags(SYS_ioctl, r);
	case FIONREAD:
	case FIOCLEX:
	case FIONCLEX:
		return sys(SYS_ioctl, r->rdi, r->rsi, r->rdx);
	case TCSBRK:
		if (!r->rdx) /* sends a break, 250 ms long */
			return handoff_device_regs(t, r);
		/* fall through */
	case TCSETSW:
	case TCSETSF:
	case TCSETAW:
	case TCSETAF:
	case TCSETSW2:
	case TCSETSF2:
		if (!tty_drained(r->rdi))
			return handoff_regs(t, r);
		break;
	case TCSBRKP:
	case TIOCMIWAIT:
		return handoff_regs(t, r);
	case FITRIM:
	case FIFREEZE:
	case FITHAW:
	case FICLONE:
	case FICLONERANGE:
	case FIDEDUPERANGE:
	case BLKFLSBUF:
	case BLKDISCARD:
	case BLKSECDISCARD:
	case BLKZEROOUT:
		return handoff_device_regs(t, r);
	}
	if (unlikely(signal_job_control_differs(t)) && _IOC_TYPE((unsigned)r->rsi) == 'T' /* of terminals */)
		return handoff_regs(t, r);
	return native_regs(t, r);
}
