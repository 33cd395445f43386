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

/*
 * Both ends of a call, which may wait for one of them, and move its bytes in parts: natively it holds both files to its
 * end. Ours are looked up by number for each part, and are others when the program has closed them meanwhile.
 */
struct ends {
	struct thread *thread;
	struct fd_wait in, out;
};

static void ends_release(struct ends *ends)
{
	fd_try_ends(ends->thread);
	fd_unwatch(&ends->in);
	fd_unwatch(&ends->out);
}

/* false: one of them is being closed; the kernel alone knows which file that leaves. */
static bool ends_hold(struct ends *ends, struct thread *t, int in, int out)
{
	ends->thread = t;
	bool held = fd_hold(&ends->in, t, in);
	held &= fd_hold(&ends->out, t, out);
	if (!held)
		ends_release(ends);
	return held;
}

/* Until the next wait or the end of the next call nobody closes it. */
static int number_of(struct ends *ends, const struct fd_wait *end)
{
	fd_try_begins_hubless(ends->thread);
	return end->fd;
}

/* At *offset or at the file's position: or the kernel has to read it first. */
static bool is_cached(int in, uint64_t offset)
{
	long pos = 0;
	if (offset)
		user_read(&pos, offset);
	else
		pos = sys(SYS_lseek, in, 0, SEEK_CUR);
	return pos < 0 || file_cached(in, pos);
}

static void prepare_to_read(struct ends *ends, uint64_t offset)
{
	if (is_cached(number_of(ends, &ends->in), offset))
		return;
	fd_try_ends(ends->thread);
	hub_handoff(ends->thread);
}

static long sendfile_part(struct ends *ends, uint64_t offset, size_t n)
{
	prepare_to_read(ends, offset);
	int in = number_of(ends, &ends->in);
	long ret = native_in_try(ends->thread, SYS_sendfile, ends->out.fd, in, offset, n, 0, 0);
	fd_try_ends(ends->thread);
	return ret;
}

/* Part after part, until all is sent, the file ends, or something happens: then the count so far. The kernel itself
 * keeps the offset, in the file or in *offset. */
static long sendfile_socket(struct ends *ends, const struct regs *r, struct blocking *b)
{
	struct thread *t = ends->thread;
	size_t count = least(r->r10, MAX_RW_COUNT), done = 0;
	long ret;
	do {
		ret = wait_ready(b, FD_OUT);
		bool all = ret == -EPERM;
		if (ret && !all)
			break;
		if (all)
			ret = handoff(t, SYS_sendfile, ends->out.fd, ends->in.fd, r->rdx, count - done, 0, 0);
		else
			ret = sendfile_part(ends, r->rdx, least(count - done, socket_room(b->wait.fd)));
		hub_need(t);
		if (ret == -EAGAIN && !all) /* somebody else filled it */
			ret = 1;
		else if (ret > 0)
			done += ret;
	} while (ret > 0 && done < count);
	return done ? (long)done : ret;
}

/* To a pipe or a device the kernel moves what there is room for. */
static long sendfile_other(struct ends *ends, const struct regs *r, struct blocking *b)
{
	struct thread *t = ends->thread;
	long ret = wait_ready(b, FD_OUT);
	if (ret == -ERESTARTSYS)
		return ret;
	if (ret == -EPERM)
		ret = handoff(t, SYS_sendfile, ends->out.fd, ends->in.fd, r->rdx, r->r10, 0, 0);
	else
		ret = sendfile_part(ends, r->rdx, r->r10);
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
		if (r->r10 >= LARGE_TRANSFER || !is_cached(in, r->rdx))
			return uninterrupted(handoff_device_regs(t, r));
		return native_uninterrupted(t, r);
	}
	long flags = sys(SYS_fcntl, out, F_GETFL), in_flags = sys(SYS_fcntl, in, F_GETFL);
	if (flags < 0 || in_flags < 0 || (flags & O_NONBLOCK) || !writable_mode(flags) || !readable_mode(in_flags) ||
	    !is_file(in))
		return native_regs(t, r);
	struct ends ends;
	struct blocking b;
	bool is_socket = kind == FD_SOCKET;
	if (!ends_hold(&ends, t, in, out))
		return handoff_regs(t, r);
	blocking_init_held(&b, t, &ends.out, FD_OUT, is_socket);
	long ret = is_socket ? sendfile_socket(&ends, r, &b) : sendfile_other(&ends, r, &b);
	blocking_done(&b);
	ends_release(&ends);
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
static long splice_wait(struct ends *ends, struct fd_wait *held, enum fd_dir dir, const struct splice_end *end)
{
	struct blocking b;
	if (fd_ready(number_of(ends, held), dir))
		return 1;
	blocking_init_held(&b, ends->thread, held, dir, end->socket);
	long ret = wait_ready(&b, dir);
	if (ret == -EAGAIN && timed_out(&b))
		ret = -ETIME;
	blocking_done(&b);
	return ret;
}

/* Both ends ready at the same time: 0. */
static long splice_wait_both(
    struct ends *ends, const struct splice_end *from, const struct splice_end *to, bool nonblock)
{
	for (;;) {
		long a = nonblock && from->pipe ? 1 : splice_wait(ends, &ends->in, FD_IN, from);
		if (a < 0)
			return a;
		long b = nonblock && to->pipe ? 1 : splice_wait(ends, &ends->out, FD_OUT, to);
		if (b < 0)
			return b;
		if (b == 1 || nonblock || fd_ready(number_of(ends, &ends->in), FD_IN))
			return 0;
	}
}

static long splice_part(struct ends *ends, const struct regs *r, size_t n, unsigned flags)
{
	int in = number_of(ends, &ends->in);
	long ret = native_in_try(ends->thread, SYS_splice, in, r->rsi, ends->out.fd, r->r10, n, flags);
	fd_try_ends(ends->thread);
	return ret;
}

/* A pipe into a blocking socket, in parts that it has room for, as long as the pipe has more. */
static long splice_to_socket(struct ends *ends, const struct regs *r, const struct splice_end *to)
{
	size_t len = least(r->r8, MAX_RW_COUNT), done = 0;
	unsigned flags = r->r9;
	do {
		size_t room = socket_room(number_of(ends, &ends->out));
		long ret = splice_part(ends, r, least(len - done, room), flags);
		hub_need(ends->thread);
		if (ret <= 0)
			return done ? (long)done : ret;
		done += ret;
		flags |= SPLICE_F_NONBLOCK; /* the pipe has given something: an empty one ends the call */
	} while (done < len && fd_ready(number_of(ends, &ends->in), FD_IN) &&
		 splice_wait(ends, &ends->out, FD_OUT, to) >= 0);
	return done;
}

/* r's call on what its ends are by now; it may block for long. */
static long handoff_ends(struct ends *ends, const struct regs *r)
{
	if (r->nr == SYS_tee)
		return handoff(ends->thread, r->nr, ends->in.fd, ends->out.fd, r->rdx, r->r10, 0, 0);
	return handoff(ends->thread, r->nr, ends->in.fd, r->rsi, ends->out.fd, r->r10, r->r8, r->r9);
}

static long splice_ends(
    struct ends *ends, const struct regs *r, const struct splice_end *from, const struct splice_end *to)
{
	long ret = splice_wait_both(ends, from, to, r->r9 & SPLICE_F_NONBLOCK);
	if (ret == -EPERM)
		return handoff_ends(ends, r);
	if (ret == -ETIME)
		return -EAGAIN;
	if (ret == -EAGAIN) /* O_NONBLOCK at one end: the kernel knows what that means here */
		return splice_part(ends, r, r->r8, r->r9);
	if (ret)
		return ret;
	if (to->socket)
		return splice_to_socket(ends, r, to);
	if (from->file)
		prepare_to_read(ends, r->rsi);
	else if (to->file && r->r8 >= LARGE_TRANSFER)
		hub_handoff(ends->thread);
	return splice_part(ends, r, r->r8, r->r9);
}

long call_splice(struct thread *t, struct regs *r)
{
	int in = r->rdi, out = r->rdx;
	if (!r->r8 || ((unsigned)r->r9 & ~SPLICE_FLAGS))
		return native_regs(t, r);
	struct splice_end from = splice_end(in, FD_IN), to = splice_end(out, FD_OUT);
	if (!from.usable || !to.usable || !(from.pipe || to.pipe) || (from.pipe && r->rsi) || (to.pipe && r->r10) ||
	    (from.pipe && to.pipe && from.ino == to.ino))
		return native_regs(t, r);
	struct ends ends;
	if (!ends_hold(&ends, t, in, out))
		return handoff_regs(t, r);
	long ret = splice_ends(&ends, r, &from, &to);
	ends_release(&ends);
	return ret;
}

long call_tee(struct thread *t, struct regs *r)
{
	int in = r->rdi, out = r->rsi;
	unsigned flags = r->r10;
	struct splice_end from = splice_end(in, FD_IN), to = splice_end(out, FD_OUT);
	if (!r->rdx || (flags & ~SPLICE_FLAGS) || !from.usable || !to.usable || !from.pipe || !to.pipe ||
	    from.ino == to.ino)
		return native_regs(t, r);
	struct ends ends;
	if (!ends_hold(&ends, t, in, out))
		return handoff_regs(t, r);
	long ret = splice_wait_both(&ends, &from, &to, flags & SPLICE_F_NONBLOCK);
	if (ret == -EPERM)
		ret = handoff_ends(&ends, r);
	else if (!ret || ret == -EAGAIN)
		ret = native_in_try(t, r->nr, number_of(&ends, &ends.in), ends.out.fd, r->rdx, r->r10, 0, 0);
	ends_release(&ends);
	return ret;
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
	struct ends ends;
	if (!ends_hold(&ends, t, fd, fd))
		return handoff_regs(t, r);
	long ret = splice_wait(&ends, &ends.in, dir, &end);
	if (ret == -EPERM)
		ret = handoff(t, r->nr, ends.in.fd, r->rsi, r->rdx, r->r10, 0, 0);
	else if (ret != -ERESTARTSYS)
		ret = native_in_try(t, r->nr, number_of(&ends, &ends.in), r->rsi, r->rdx, r->r10, 0, 0);
	ends_release(&ends);
	return ret;
}
