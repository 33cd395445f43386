/* read, write and their vectored forms. Sockets are net.c's; here: pipes, files, devices. */
#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "io.h"
#include "mem.h"
#include "nonblock.h"

/* ext4 and tmpfs have no RWF_NOWAIT for buffered writes, and they seldom block. */
static int kind_of_written(int fd)
{
	return sys(SYS_fcntl, fd, F_GETFL) & (O_DIRECT | O_DSYNC) ? FD_SYNCED : FD_NATIVE; /* O_SYNC is O_DSYNC too */
}

static int kind_of_mode(int fd, unsigned mode, enum fd_dir dir)
{
	switch (mode & S_IFMT) {
	case S_IFSOCK:
		return FD_SOCKET;
	case S_IFREG:
	case S_IFBLK:
		return dir == FD_IN ? FD_FILE : kind_of_written(fd);
	case S_IFDIR:
		return FD_NATIVE;
	default: /* what has no such operation at all says EINVAL to the try */
		return FD_NOWAIT;
	}
}

static void kind_set(struct fd *e, enum fd_dir dir, int kind, uint32_t epoch)
{
	if (!fd_learn_end(e, epoch))
		return;
	atomic_store_explicit(&e->kind[dir], kind, memory_order_relaxed);
	fd_learn_done(e);
}

static int fd_probe(struct fd *e, int fd, enum fd_dir dir)
{
	struct stat st;
	uint32_t epoch = fd_learn_begin(e);
	if (sys(SYS_fstat, fd, &st))
		return FD_UNKNOWN;
	int kind = kind_of_mode(fd, st.st_mode, dir);
	kind_set(e, dir, kind, epoch);
	if (kind == FD_SOCKET) /* both ways */
		kind_set(e, !dir, kind, epoch);
	return kind;
}

int fd_kind(struct fd *e, int fd, enum fd_dir dir)
{
	int kind = atomic_load_explicit(&e->kind[dir], memory_order_relaxed);
	return likely(kind != FD_UNKNOWN) ? kind : fd_probe(e, fd, dir);
}

bool fd_nonblocking(int fd)
{
	long flags = sys(SYS_fcntl, fd, F_GETFL);
	return flags >= 0 && (flags & O_NONBLOCK);
}

int fd_poll_now(int fd, short events)
{
	struct pollfd p = {.fd = fd, .events = events};
	return sys(SYS_poll, &p, 1, 0) > 0 ? p.revents : 0;
}

int socket_option(int fd, int option)
{
	int value = 0, len = sizeof value;
	long ret = sys(SYS_getsockopt, fd, SOL_SOCKET, option, &value, &len);
	return ret ? (int)ret : value;
}

/* SO_RCVTIMEO or SO_SNDTIMEO, cached until setsockopt: struct timeval of longs, {0, 0} for none. */
static nsec_t socket_timeout(struct fd *e, int fd, enum fd_dir dir)
{
	uint8_t bit = 1 << dir;
	if (atomic_load_explicit(&e->timeo_known, memory_order_acquire) & bit)
		return atomic_load_explicit(&e->timeo[dir], memory_order_relaxed);
	uint32_t epoch = fd_learn_begin(e);
	int64_t tv[2] = {0, 0};
	int len = sizeof tv;
	if (sys(SYS_getsockopt, fd, SOL_SOCKET, dir == FD_IN ? SO_RCVTIMEO : SO_SNDTIMEO, tv, &len))
		return NEVER;
	nsec_t timeo = NEVER;
	if ((tv[0] || tv[1]) && tv[0] < NEVER / NSEC_PER_SEC)
		timeo = tv[0] * NSEC_PER_SEC + tv[1] * 1000;
	if (fd_learn_end(e, epoch)) {
		atomic_store_explicit(&e->timeo[dir], timeo, memory_order_relaxed);
		atomic_fetch_or_explicit(&e->timeo_known, bit, memory_order_release);
		fd_learn_done(e);
	}
	return timeo;
}

/*
 * A writer on AF_UNIX whose peer shuts its reading side down, or whose own writing side is shut down by another thread,
 * is woken in the kernel's own wait; but nothing can be polled for: unix_poll() tells of RCV_SHUTDOWN only, so epoll,
 * which asks it before it reports, says nothing (Linux 6.18). The only way to learn of it is to try again: soon, and
 * then less and less often, so that the end is seen late in proportion to how long the peer has not been reading, and a
 * thousand writers to peers that do not read cost a thousand tries a second at most. TCP reports both (tcp_poll), and
 * is never tried without an event.
 */
#define SEND_AGAIN (50 * NSEC_PER_MSEC)
#define SEND_AGAIN_MOST NSEC_PER_SEC

static int blocking_ask(struct blocking *b)
{
	struct fd_wait *w = &b->wait;
	b->asked = true;
	b->timeo = b->deadline = b->again = NEVER;
	if (nonblocking(w->entry, w->fd))
		return -EAGAIN;
	if (!b->is_socket)
		return 0;
	b->timeo = socket_timeout(w->entry, w->fd, w->dir);
	if (b->timeo != NEVER)
		b->deadline = deadline_after(b->timeo);
	if (w->dir == FD_OUT && is_unix(w->fd))
		b->again = SEND_AGAIN;
	return 0;
}

static nsec_t next_try(struct blocking *b)
{
	if (b->again == NEVER)
		return NEVER;
	nsec_t at = deadline_after(b->again);
	b->again = b->again * 2 < SEND_AGAIN_MOST ? b->again * 2 : SEND_AGAIN_MOST;
	return at;
}

void blocking_progress(struct blocking *b)
{
	b->poll_lies = false;
	if (b->again != NEVER)
		b->again = SEND_AGAIN;
}

/* An unconnected AF_UNIX datagram socket is writable, says poll, though its peer is full; TCP short of memory too. */
static int output_wait(struct blocking *b)
{
	if (!(fd_poll_now(b->wait.fd, POLLOUT) & (POLLOUT | POLLERR | POLLHUP))) {
		b->poll_lies = false;
		nsec_t again = next_try(b);
		int err = fd_wait(&b->wait, b->seq, again < b->deadline ? again : b->deadline);
		return err == -EAGAIN && clock_now() < b->deadline ? 0 : err;
	}
	if (b->poll_lies)
		return -EPERM;
	b->poll_lies = true; /* or it became ready just now: one more try */
	return 0;
}

int blocking_wait(struct blocking *b)
{
	int err = b->asked ? 0 : blocking_ask(b);
	if (err)
		return err;
	if (b->is_socket && b->wait.dir == FD_OUT)
		err = output_wait(b);
	else
		err = fd_wait(&b->wait, b->seq, b->deadline);
	/* signal(7): a call with a socket timeout is not restarted */
	return err == -ERESTARTSYS && b->deadline != NEVER ? -EINTR : err;
}

long vec_total(const struct iovec *iov, size_t count)
{
	struct iovec part[8];
	size_t total = 0;
	if (count > IOV_MAX)
		return -EINVAL;
	while (count) {
		size_t n = count < ARRAY_LEN(part) ? count : ARRAY_LEN(part);
		if (user_copy(part, iov, n * sizeof *iov))
			return -EFAULT;
		for (size_t i = 0; i < n; i++) {
			if ((ssize_t)part[i].iov_len < 0)
				return -EINVAL;
			total += part[i].iov_len < MAX_RW_COUNT - total ? part[i].iov_len : MAX_RW_COUNT - total;
		}
		iov += n;
		count -= n;
	}
	return total;
}

/* Leaves out the first `skip` bytes. */
long vec_open(struct vec *v, const struct iovec *iov, size_t count, size_t skip)
{
	v->pages = NULL;
	v->at = v->few;
	if (count > ARRAY_LEN(v->few)) {
		v->size = count * sizeof *iov;
		v->pages = v->at = pages_alloc(v->size);
		if (!v->pages)
			return -ENOMEM;
	}
	if (user_copy(v->at, iov, count * sizeof *iov)) {
		vec_close(v);
		return -EFAULT;
	}
	v->count = 0;
	v->left = 0;
	while (v->count < count && v->left < MAX_RW_COUNT) {
		struct iovec *s = &v->at[v->count++];
		if (s->iov_len > MAX_RW_COUNT - v->left)
			s->iov_len = MAX_RW_COUNT - v->left;
		v->left += s->iov_len;
	}
	vec_advance(v, skip);
	return 0;
}

void vec_advance(struct vec *v, size_t n)
{
	v->left -= n;
	for (; v->count; v->at++, v->count--) {
		if (n < v->at->iov_len) {
			v->at->iov_base = (char *)v->at->iov_base + n;
			v->at->iov_len -= n;
			return;
		}
		n -= v->at->iov_len;
	}
}

void vec_close(struct vec *v)
{
	if (v->pages)
		pages_free(v->pages, v->size);
	v->pages = NULL;
}

/* preadv2 and pwritev2 take their position in two halves, of which x86-64 uses the first. */
static long nowait(int fd, enum fd_dir dir, const struct iovec *iov, size_t count, long pos)
{
	return sys(dir == FD_IN ? SYS_preadv2 : SYS_pwritev2, fd, iov, count, pos, 0, RWF_NOWAIT);
}

/* No file operation of its own for this, or a kernel or sandbox without the call. */
static bool no_nowait(long err)
{
	return err == -EOPNOTSUPP || err == -ENOSYS;
}

static bool is_fifo(int fd)
{
	struct stat st;
	return !sys(SYS_fstat, fd, &st) && S_ISFIFO(st.st_mode);
}

/* A terminal's read is the line discipline's: with VMIN and VTIME, or from the background, it does not wait for what
 * poll waits for. */
static bool is_tty(int fd)
{
	struct termios tio;
	return sys(SYS_ioctl, fd, TCGETS, &tio) == 0;
}

/* The call of r on another number of the same description. */
static long handoff_on(struct thread *t, const struct regs *r, int fd)
{
	return handoff(t, r->nr, fd, r->rsi, r->rdx, r->r10, r->r8, r->r9);
}

static long native_on(struct thread *t, const struct regs *r, int fd)
{
	if (unlikely(signal_job_control_differs(t)) && is_tty(fd))
		return handoff_on(t, r, fd);
	return native(t, r->nr, fd, r->rsi, r->rdx, r->r10, r->r8, r->r9);
}

/* Poll, then the call. Another process may be quicker in between: the rescue covers it; with other threads that wait
 * here it is likely, so the hub is given away at once. */
static long polled(struct thread *t, const struct regs *r, enum fd_dir dir)
{
	struct blocking b;
	short events = dir == FD_IN ? POLLIN | POLLRDHUP : POLLOUT;
	long ret;
	hub_need(t);
	blocking_init(&b, t, r->rdi, dir, false);
	for (;;) {
		int fd = blocking_begin(&b);
		if (fd_poll_now(fd, events)) {
			bool others = !list_empty(&b.wait.entry->waiters[dir]);
			ret = others ? handoff_on(t, r, fd) : native_on(t, r, fd);
			hub_need(t);
			break;
		}
		if (dir == FD_IN && is_tty(fd))
			ret = -EPERM;
		else
			ret = blocking_wait(&b);
		if (ret == -EAGAIN)
			ret = native_on(t, r, fd); /* O_NONBLOCK: the kernel says what */
		else if (ret == -EPERM)
			ret = handoff_on(t, r, fd);
		else if (!ret)
			continue;
		hub_need(t);
		break;
	}
	blocking_done(&b);
	return ret;
}

/* A named FIFO's partial write cannot be had: what poll calls writable is room for PIPE_BUF bytes. */
static long polled_write(struct thread *t, const struct regs *r, size_t n)
{
	if (n > PIPE_BUF && is_fifo(r->rdi))
		return handoff_regs(t, r);
	return polled(t, r, FD_OUT);
}

/* A pipe and whatever else knows RWF_NOWAIT. */
static long nowait_read(struct thread *t, const struct regs *r, struct fd *e, const struct iovec *iov, size_t count)
{
	struct blocking b;
	long ret;
	uint32_t epoch = fd_learn_begin(e);
	hub_need(t);
	blocking_init(&b, t, r->rdi, FD_IN, false);
	do {
		ret = nowait(blocking_begin(&b), FD_IN, iov, count, -1);
		if (ret != -EAGAIN)
			break;
		ret = blocking_wait(&b);
	} while (!ret);
	if (ret == -EPERM) {
		ret = handoff_on(t, r, b.wait.fd);
		hub_need(t);
	}
	blocking_done(&b);
	if (!no_nowait(ret))
		return ret;
	kind_set(e, FD_IN, FD_POLL, epoch);
	return polled(t, r, FD_IN);
}

/* The rest of a pipe's write, after the first `done` bytes. A reader that goes away raises SIGPIPE and leaves the
 * count, as in pipe_write(). */
static long pipe_write_rest(struct blocking *b, const struct iovec *iov, size_t count, size_t done)
{
	struct vec v;
	long ret = vec_open(&v, iov, count, done);
	if (ret)
		return done;
	while (v.left) {
		ret = blocking_wait(b);
		if (ret)
			break;
		ret = nowait(blocking_begin(b), FD_OUT, v.at, v.count, -1);
		if (ret == -EAGAIN)
			continue;
		if (ret < 0)
			break;
		done += ret;
		vec_advance(&v, ret);
	}
	vec_close(&v);
	return done;
}

static long nowait_write(
    struct thread *t, const struct regs *r, struct fd *e, const struct iovec *iov, size_t count, size_t total)
{
	struct blocking b;
	long ret;
	uint32_t epoch = fd_learn_begin(e);
	hub_need(t);
	blocking_init(&b, t, r->rdi, FD_OUT, false);
	do {
		ret = nowait(blocking_begin(&b), FD_OUT, iov, count, -1);
		if (ret != -EAGAIN)
			break;
		ret = blocking_wait(&b);
	} while (!ret);
	if (ret > 0 && (size_t)ret < total && is_fifo(b.wait.fd)) /* others that take less mean it */
		ret = pipe_write_rest(&b, iov, count, ret);
	if (ret == -EPERM) {
		ret = handoff_on(t, r, b.wait.fd);
		hub_need(t);
	}
	blocking_done(&b);
	if (!no_nowait(ret))
		return ret;
	kind_set(e, FD_OUT, FD_POLL, epoch);
	return polled_write(t, r, total);
}

bool file_cached(int fd, long pos)
{
	char byte;
	struct iovec iov = {&byte, 1};
	return nowait(fd, FD_IN, &iov, 1, pos) != -EAGAIN;
}

/* The device is to be asked. A signal does not cut a file's read short. */
static long file_read_cold(struct thread *t, const struct fd_wait *held, const struct vec *v, long pos)
{
	fd_try_ends(t);
	hub_handoff(t);
	fd_try_begins_hubless(t);
	long ret = native_in_try(t, SYS_preadv2, held->fd, (long)v->at, v->count, pos, 0, 0);
	if (ret == -ERESTARTSYS || ret == -ERESTARTNOINTR)
		ret = sys(SYS_preadv2, held->fd, v->at, v->count, pos, 0, 0);
	return ret;
}

/* What is missing of a file's read: there was no more in the page cache, or in the file. */
static long file_read_rest(
    struct thread *t, const struct fd_wait *held, const struct iovec *iov, size_t count, size_t done, long pos)
{
	struct vec v;
	if (vec_open(&v, iov, count, done))
		return done;
	while (v.left) {
		long at = pos < 0 ? -1 : pos + (long)done;
		fd_try_begins_hubless(t);
		long ret = nowait(held->fd, FD_IN, v.at, v.count, at);
		if (ret == -EAGAIN)
			ret = file_read_cold(t, held, &v, at);
		if (ret <= 0)
			break;
		done += ret;
		vec_advance(&v, ret);
	}
	vec_close(&v);
	return done;
}

/* pos -1: at the file's own position. What comes in two parts is one file's: it is held from before the first. */
static long file_read(
    struct thread *t, const struct regs *r, struct fd *e, const struct iovec *iov, size_t count, size_t total, long pos)
{
	if (total >= LARGE_TRANSFER) /* a try would hold the hub for as long as it takes to copy */
		return uninterrupted(handoff_device_regs(t, r));
	struct fd_wait held;
	uint32_t epoch = fd_learn_begin(e);
	long ret = -EAGAIN;
	if (likely(fd_hold(&held, t, r->rdi))) {
		fd_try_begins_hubless(t);
		ret = nowait(held.fd, FD_IN, iov, count, pos);
		if (ret > 0 && (size_t)ret < total)
			ret = file_read_rest(t, &held, iov, count, ret, pos);
		fd_try_ends(t);
	}
	fd_unwatch(&held);
	if (ret == -EAGAIN)
		return uninterrupted(handoff_device_regs(t, r));
	if (no_nowait(ret)) {
		kind_set(e, FD_IN, FD_NATIVE, epoch);
		return native_uninterrupted(t, r);
	}
	return ret;
}

/* A small one ends in the page cache. A large one may have to wait until the device has taken others, and takes long
 * beside a handoff at any rate. */
static long file_write(struct thread *t, const struct regs *r, int kind, size_t total)
{
	if (kind == FD_SYNCED || total >= LARGE_TRANSFER)
		return uninterrupted(handoff_device_regs(t, r));
	return native_uninterrupted(t, r);
}

static long read_kind(
    struct thread *t, struct regs *r, struct fd *e, int kind, const struct iovec *iov, size_t count, size_t total)
{
	switch (kind) {
	case FD_NOWAIT:
		return nowait_read(t, r, e, iov, count);
	case FD_POLL:
		return polled(t, r, FD_IN);
	case FD_FILE:
		return file_read(t, r, e, iov, count, total, -1);
	default:
		return native_uninterrupted(t, r);
	}
}

static long write_kind(
    struct thread *t, struct regs *r, struct fd *e, int kind, const struct iovec *iov, size_t count, size_t total)
{
	switch (kind) {
	case FD_NOWAIT:
		return nowait_write(t, r, e, iov, count, total);
	case FD_POLL:
		return polled_write(t, r, total);
	default:
		return file_write(t, r, kind, total);
	}
}

/* A length of zero means something else to each kind of file; a length beyond any memory is for the kernel to refuse.
 * Neither blocks. */
static inline bool plain_length(size_t n)
{
	return n - 1 < MAX_RW_COUNT;
}

long call_read(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	struct fd *e = fd_entry(fd);
	if (unlikely(!e || !plain_length(r->rdx)))
		return native_regs(t, r);
	int kind = fd_kind(e, fd, FD_IN);
	if (likely(kind == FD_SOCKET)) {
		hub_need(t);
		long ret = socket_receive(t, fd, &(struct message){.buf = (void *)r->rsi, .len = r->rdx});
		if (likely(ret != -ENOTSOCK))
			return ret;
		kind = fd_probe(e, fd, FD_IN); /* the number was given to something else behind our back */
	}
	struct iovec iov = {(void *)r->rsi, r->rdx};
	return read_kind(t, r, e, kind, &iov, 1, r->rdx);
}

long call_write(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	struct fd *e = fd_entry(fd);
	if (unlikely(!e || !plain_length(r->rdx)))
		return native_regs(t, r);
	int kind = fd_kind(e, fd, FD_OUT);
	if (likely(kind == FD_SOCKET)) {
		hub_need(t);
		long ret = socket_send(t, fd, &(struct message){.buf = (void *)r->rsi, .len = r->rdx});
		if (likely(ret != -ENOTSOCK))
			return ret;
		kind = fd_probe(e, fd, FD_OUT);
	}
	struct iovec iov = {(void *)r->rsi, r->rdx};
	return write_kind(t, r, e, kind, &iov, 1, r->rdx);
}

/* An fd, a vector. An empty or refused vector is the kernel's: it does not block. */
static long vectored(struct thread *t, struct regs *r, enum fd_dir dir)
{
	int fd = r->rdi;
	struct iovec *iov = (struct iovec *)r->rsi;
	struct fd *e = fd_entry(fd);
	long total = vec_total(iov, r->rdx);
	if (!e || total <= 0)
		return native_regs(t, r);
	int kind = fd_kind(e, fd, dir);
	if (kind == FD_SOCKET) {
		struct msghdr msg = {.msg_iov = iov, .msg_iovlen = r->rdx};
		struct message m = {.msg = &msg};
		hub_need(t);
		long ret = dir == FD_IN ? socket_receive(t, fd, &m) : socket_send(t, fd, &m);
		if (ret != -ENOTSOCK)
			return ret;
		kind = fd_probe(e, fd, dir);
	}
	return (dir == FD_IN ? read_kind : write_kind)(t, r, e, kind, iov, r->rdx, total);
}

long call_readv(struct thread *t, struct regs *r)
{
	return vectored(t, r, FD_IN);
}

long call_writev(struct thread *t, struct regs *r)
{
	return vectored(t, r, FD_OUT);
}

/* Reads at a position: files alone have one, and only they may keep us waiting. */
long call_pread64(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	struct fd *e = fd_entry(fd);
	if (!e || !plain_length(r->rdx) || (long)r->r10 < 0 || fd_kind(e, fd, FD_IN) != FD_FILE)
		return native_uninterrupted(t, r);
	struct iovec iov = {(void *)r->rsi, r->rdx};
	return file_read(t, r, e, &iov, 1, r->rdx, r->r10);
}

long call_preadv(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	struct iovec *iov = (struct iovec *)r->rsi;
	struct fd *e = fd_entry(fd);
	long total = vec_total(iov, r->rdx);
	if (!e || total <= 0 || (long)r->r10 < 0 || fd_kind(e, fd, FD_IN) != FD_FILE)
		return native_uninterrupted(t, r);
	return file_read(t, r, e, iov, r->rdx, total, r->r10);
}

long call_pwrite64(struct thread *t, struct regs *r)
{
	struct fd *e = fd_entry(r->rdi);
	return file_write(t, r, e ? fd_kind(e, r->rdi, FD_OUT) : FD_NATIVE, plain_length(r->rdx) ? r->rdx : 0);
}

long call_pwritev(struct thread *t, struct regs *r)
{
	struct fd *e = fd_entry(r->rdi);
	long total = vec_total((struct iovec *)r->rsi, r->rdx);
	return file_write(t, r, e ? fd_kind(e, r->rdi, FD_OUT) : FD_NATIVE, total > 0 ? total : 0);
}

/* preadv2 and pwritev2: without flags they are readv and preadv. With flags of the program's own the call itself is to
 * be made, when poll says so. */
static long flagged(struct thread *t, struct regs *r, enum fd_dir dir)
{
	if (r->r9 & ~(uint64_t)(RWF_HIPRI | RWF_DSYNC | RWF_SYNC | RWF_APPEND)) /* RWF_NOWAIT, or refused, or new */
		return native_regs(t, r);
	if (dir == FD_OUT && r->r9 & (RWF_DSYNC | RWF_SYNC) && (long)r->r10 != -1)
		return uninterrupted(handoff_device_regs(t, r));
	if ((long)r->r10 != -1)
		return r->r9 ? native_regs(t, r) : dir == FD_IN ? call_preadv(t, r) : call_pwritev(t, r);
	if (!r->r9)
		return vectored(t, r, dir);
	struct fd *e = fd_entry(r->rdi);
	int kind = e ? fd_kind(e, r->rdi, dir) : FD_NATIVE;
	if (kind != FD_SOCKET && kind != FD_NOWAIT && kind != FD_POLL)
		return native_regs(t, r);
	return polled(t, r, dir);
}

long call_preadv2(struct thread *t, struct regs *r)
{
	return flagged(t, r, FD_IN);
}

long call_pwritev2(struct thread *t, struct regs *r)
{
	return flagged(t, r, FD_OUT);
}
