/* sendfile, splice, tee, vmsplice: both ends are waited for with poll, then the kernel moves the bytes. */
#include <fcntl.h>
#include <linux/sock_diag.h>
#include <sys/stat.h>

#include "io.h"
#include "mem.h"

#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

#define SPLICE_FLAGS (SPLICE_F_MOVE | SPLICE_F_NONBLOCK | SPLICE_F_MORE | SPLICE_F_GIFT)

static bool fd_ready(int fd, enum fd_dir dir)
{
	return fd_poll_now(fd, dir == FD_IN ? POLLIN | POLLRDHUP : POLLOUT);
}

/* Until fd is ready. -EPERM: the call is to be made natively, by handoff; -EAGAIN: the same, it will not block, but for
 * a socket's timeout: then it is the answer. */
static long wait_ready(struct blocking *b, enum fd_dir dir)
{
	while (!fd_ready(blocking_begin(b), dir)) {
		long err = blocking_wait(b);
		if (err)
			return err;
	}
	return 0;
}

static bool timed_out(const struct blocking *b)
{
	return b->deadline != NEVER && clock_now() >= b->deadline;
}

/*
 * How much a blocking socket takes without blocking. The kernel has no flag for it here (splice's own is about pipes),
 * so it must not be given more than it has room for: half of the free space leaves the other half to the overhead of
 * packets. Poll says writable when a third is free.
 */
static size_t socket_room(int fd)
{
	uint32_t mem[SK_MEMINFO_VARS] = {0};
	int len = sizeof mem;
	if (sys(SYS_getsockopt, fd, SOL_SOCKET, SO_MEMINFO, mem, &len))
		return 4096; /* before Linux 4.12 */
	uint32_t used = mem[SK_MEMINFO_WMEM_QUEUED];
	if (mem[SK_MEMINFO_WMEM_ALLOC] > used)
		used = mem[SK_MEMINFO_WMEM_ALLOC];
	size_t room = mem[SK_MEMINFO_SNDBUF] > used ? (mem[SK_MEMINFO_SNDBUF] - used) / 2 : 0;
	return room > 4096 ? room : 4096;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* How the kernel is to move a file's bytes, which it may have to read first: at *offset, or at the file's position. */
typedef long mover_fn(struct thread *t, long nr, long a, long b, long c, long d, long e, long f);

static mover_fn *mover(int in, uint64_t offset)
{
	long pos = 0;
	if (offset)
		user_read(&pos, offset);
	else
		pos = sys(SYS_lseek, in, 0, SEEK_CUR);
	return pos < 0 || file_cached(in, pos) ? native : handoff_device;
}

/* Part after part, until all is sent, the file ends, or something happens: then the count so far. The kernel itself
 * keeps the offset, in the file or in *offset. */
static long sendfile_socket(struct thread *t, const struct regs *r, struct blocking *b)
{
	size_t count = least(r->r10, MAX_RW_COUNT), done = 0;
	long ret;
	do {
		ret = wait_ready(b, FD_OUT);
		bool all = ret == -EPERM;
		if (ret && !all)
			break;
		int fd = b->wait.fd;
		size_t part = all ? count - done : least(count - done, socket_room(fd));
		ret = (all ? handoff : mover(r->rsi, r->rdx))(t, SYS_sendfile, fd, r->rsi, r->rdx, part, 0, 0);
		hub_need(t);
		if (ret == -EAGAIN && !all) /* somebody else filled it */
			ret = 1;
		else if (ret > 0)
			done += ret;
	} while (ret > 0 && done < count);
	return done ? (long)done : ret;
}

/* To a pipe or a device the kernel moves what there is room for. */
static long sendfile_other(struct thread *t, const struct regs *r, struct blocking *b)
{
	long ret = wait_ready(b, FD_OUT);
	if (ret == -ERESTARTSYS)
		return ret;
	ret = (ret == -EPERM ? handoff : mover(r->rsi, r->rdx))(t, SYS_sendfile, r->rdi, r->rsi, r->rdx, r->r10, 0, 0);
	hub_need(t);
	return ret;
}

static bool is_file(int fd)
{
	struct stat st;
	return !sys(SYS_fstat, fd, &st) && (S_ISREG(st.st_mode) || S_ISBLK(st.st_mode));
}

static bool writable_mode(long flags)
{
	return (flags & O_ACCMODE) != O_RDONLY;
}

static bool readable_mode(long flags)
{
	return (flags & O_ACCMODE) != O_WRONLY;
}

/* What the kernel refuses, or will not wait for, goes to it at once. */
long call_sendfile(struct thread *t, struct regs *r)
{
	int out = r->rdi, in = r->rsi;
	struct fd *e = fd_entry(out);
	int kind = e ? fd_kind(e, out, FD_OUT) : FD_NATIVE;
	if (kind == FD_UNKNOWN || !r->r10 || (long)r->r10 < 0)
		return native_uninterrupted(t, r);
	if (kind >= FD_NATIVE) {
		mover_fn *move = r->r10 >= LARGE_TRANSFER ? handoff_device : mover(in, r->rdx);
		return uninterrupted(move(t, SYS_sendfile, out, in, r->rdx, r->r10, 0, 0));
	}
	long flags = sys(SYS_fcntl, out, F_GETFL), in_flags = sys(SYS_fcntl, in, F_GETFL);
	if (flags < 0 || in_flags < 0 || (flags & O_NONBLOCK) || !writable_mode(flags) || !readable_mode(in_flags) ||
	    !is_file(in))
		return native_regs(t, r);
	struct blocking b;
	bool is_socket = kind == FD_SOCKET;
	blocking_init(&b, t, out, FD_OUT, is_socket);
	long ret = is_socket ? sendfile_socket(t, r, &b) : sendfile_other(t, r, &b);
	blocking_done(&b);
	return ret;
}

struct splice_end {
	bool pipe, socket, file;
	bool usable; /* may be read or written */
	unsigned long ino;
};

static struct splice_end splice_end(int fd, enum fd_dir dir)
{
	struct stat st;
	long flags = sys(SYS_fcntl, fd, F_GETFL);
	if (flags < 0 || sys(SYS_fstat, fd, &st))
		return (struct splice_end){0};
	return (struct splice_end){
	    .pipe = S_ISFIFO(st.st_mode),
	    .socket = S_ISSOCK(st.st_mode),
	    .file = S_ISREG(st.st_mode) || S_ISBLK(st.st_mode),
	    .usable = dir == FD_IN ? readable_mode(flags) : writable_mode(flags),
	    .ino = st.st_ino,
	};
}

/* Waits for one end. 1: it was ready as it is. */
static long splice_wait(struct thread *t, int fd, enum fd_dir dir, const struct splice_end *end)
{
	struct blocking b;
	if (fd_ready(fd, dir))
		return 1;
	blocking_init(&b, t, fd, dir, end->socket);
	long ret = wait_ready(&b, dir);
	if (ret == -EAGAIN && timed_out(&b))
		ret = -ETIME;
	blocking_done(&b);
	return ret;
}

/* Both ends ready at the same time: 0. */
static long splice_wait_both(
    struct thread *t, int in, const struct splice_end *from, int out, const struct splice_end *to, bool nonblock)
{
	for (;;) {
		long a = nonblock && from->pipe ? 1 : splice_wait(t, in, FD_IN, from);
		if (a < 0)
			return a;
		long b = nonblock && to->pipe ? 1 : splice_wait(t, out, FD_OUT, to);
		if (b < 0)
			return b;
		if (b == 1 || nonblock || fd_ready(in, FD_IN))
			return 0;
	}
}

/* A pipe into a blocking socket, in parts that it has room for, as long as the pipe has more. */
static long splice_to_socket(struct thread *t, const struct regs *r, const struct splice_end *to)
{
	int in = r->rdi, out = r->rdx;
	size_t len = least(r->r8, MAX_RW_COUNT), done = 0;
	unsigned flags = r->r9;
	do {
		size_t part = least(len - done, socket_room(out));
		long ret = native(t, SYS_splice, in, r->rsi, out, r->r10, part, flags);
		hub_need(t);
		if (ret <= 0)
			return done ? (long)done : ret;
		done += ret;
		flags |= SPLICE_F_NONBLOCK; /* the pipe has given something: an empty one ends the call */
	} while (done < len && fd_ready(in, FD_IN) && splice_wait(t, out, FD_OUT, to) >= 0);
	return done;
}

long call_splice(struct thread *t, struct regs *r)
{
	int in = r->rdi, out = r->rdx;
	unsigned flags = r->r9;
	if (!r->r8 || (flags & ~SPLICE_FLAGS))
		return native_regs(t, r);
	struct splice_end from = splice_end(in, FD_IN), to = splice_end(out, FD_OUT);
	if (!from.usable || !to.usable || !(from.pipe || to.pipe) || (from.pipe && r->rsi) || (to.pipe && r->r10) ||
	    (from.pipe && to.pipe && from.ino == to.ino))
		return native_regs(t, r);
	long ret = splice_wait_both(t, in, &from, out, &to, flags & SPLICE_F_NONBLOCK);
	if (ret == -EPERM)
		return handoff_regs(t, r);
	if (ret == -ETIME)
		return -EAGAIN;
	if (ret == -EAGAIN)
		return native_regs(t, r); /* O_NONBLOCK at one end: the kernel knows what that means here */
	if (ret)
		return ret;
	if (to.socket)
		return splice_to_socket(t, r, &to);
	mover_fn *move = from.file ? mover(in, r->rsi) : to.file && r->r8 >= LARGE_TRANSFER ? handoff_device : native;
	return move(t, SYS_splice, in, r->rsi, out, r->r10, r->r8, flags);
}

long call_tee(struct thread *t, struct regs *r)
{
	int in = r->rdi, out = r->rsi;
	unsigned flags = r->r10;
	struct splice_end from = splice_end(in, FD_IN), to = splice_end(out, FD_OUT);
	if (!r->rdx || (flags & ~SPLICE_FLAGS) || !from.usable || !to.usable || !from.pipe || !to.pipe ||
	    from.ino == to.ino)
		return native_regs(t, r);
	long ret = splice_wait_both(t, in, &from, out, &to, flags & SPLICE_F_NONBLOCK);
	if (ret == -EPERM)
		return handoff_regs(t, r);
	return ret && ret != -EAGAIN ? ret : native_regs(t, r);
}

/* Into a pipe, or out of it, as it was opened. */
long call_vmsplice(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	long total = vec_total((struct iovec *)r->rsi, r->rdx);
	long mode = sys(SYS_fcntl, fd, F_GETFL);
	enum fd_dir dir = mode >= 0 && writable_mode(mode) ? FD_OUT : FD_IN;
	struct splice_end end = splice_end(fd, dir);
	if (total <= 0 || !end.pipe || (r->r10 & SPLICE_F_NONBLOCK) || (r->r10 & ~(uint64_t)SPLICE_FLAGS))
		return native_regs(t, r);
	long ret = splice_wait(t, fd, dir, &end);
	if (ret == -EPERM)
		return handoff_regs(t, r);
	return ret == -ERESTARTSYS ? ret : native_regs(t, r);
}
