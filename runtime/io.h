/* What the calls on file descriptors share: the kind of an fd, the wait after EAGAIN, vectors, calls on sockets. */
#ifndef GREEN_IO_H
#define GREEN_IO_H

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "calls.h"
#include "sys_x86_64.h"

/* More kinds, of what is not pollable. */
enum {
	FD_FILE =
	    FD_NATIVE + 1, /* a regular file that knows RWF_NOWAIT: what is not in the page cache is read by handoff */
	FD_SYNCED,         /* O_DIRECT, O_SYNC, O_DSYNC: each write waits for the device */
};

/* include/linux/fs.h: no call moves more. */
#define MAX_RW_COUNT 0x7ffff000UL

/* That many bytes are read from a file or written to one by handoff, wherever they are. */
#define LARGE_TRANSFER (1UL << 20)

/* The kind of `fd`, found by fstat at first use. */
int fd_kind(struct fd *e, int fd, enum fd_dir dir);

/* In the page cache? Without an answer it is taken for it. */
bool file_cached(int fd, long pos);

bool fd_nonblocking(int fd);           /* the program's own O_NONBLOCK, asked now */
int fd_poll_now(int fd, short events); /* revents */
int socket_option(int fd, int option); /* an int of SOL_SOCKET, or a negative errno */

static inline bool is_stream(int fd)
{
	return socket_option(fd, SO_TYPE) == SOCK_STREAM;
}

static inline bool is_unix(int fd)
{
	return socket_option(fd, SO_DOMAIN) == AF_UNIX;
}

/* A blocking call on one fd. */
struct blocking {
	struct fd_wait wait;
	struct fd_wait hold;  /* with several hubs, where one call may take several tries: from before the first */
	struct fd_wait *held; /* that, or who calls holds it; NULL: nobody does */
	uint32_t seq;
	bool asked; /* it is known whether to wait, and until when */
	bool is_socket;
	bool poll_lies; /* poll says ready, the call says EAGAIN */
	nsec_t timeo;   /* SO_RCVTIMEO or SO_SNDTIMEO */
	nsec_t again;   /* AF_UNIX output: no event may come, try again after this long; else NEVER */
	nsec_t deadline;
};

/* All that the call reads or writes is the file's that the number means now. */
static inline void blocking_hold(struct blocking *b)
{
	if (!hubs_several() || !b->wait.entry)
		return;
	fd_hold(&b->hold, b->wait.thread, b->wait.fd);
	fd_try_begins(b->wait.thread);
	b->held = &b->hold;
}

static inline void blocking_clear(struct blocking *b, bool is_socket)
{
	b->held = NULL;
	b->asked = false;
	b->is_socket = is_socket;
	b->poll_lies = false;
}

static inline void blocking_init(struct blocking *b, struct thread *t, int fd, enum fd_dir dir, bool is_socket)
{
	fd_wait_init(&b->wait, t, fd, dir);
	blocking_clear(b, is_socket);
	if (dir == FD_OUT)
		blocking_hold(b);
}

/* On what the caller holds. */
static inline void blocking_init_held(
    struct blocking *b, struct thread *t, struct fd_wait *held, enum fd_dir dir, bool is_socket)
{
	fd_wait_init(&b->wait, t, held->fd, dir);
	blocking_clear(b, is_socket);
	b->held = held;
}

/* Before each try. */
static inline int blocking_begin(struct blocking *b)
{
	if (b->held)
		fd_wait_follows(&b->wait, b->held);
	b->seq = fd_seq(&b->wait);
	return b->wait.fd;
}

/*
 * After a try that said EAGAIN. 0: try again; -EPERM: poll cannot tell when, do the call natively; else what the call
 * answers, -EAGAIN included (O_NONBLOCK, or the socket's timeout).
 */
int blocking_wait(struct blocking *b);
void blocking_progress(struct blocking *b); /* after a try that sent something, before the next wait */

static inline void blocking_done(struct blocking *b)
{
	fd_wait_done(&b->wait);
	if (b->held == &b->hold)
		fd_unwatch(&b->hold);
}

/* For calls that no signal interrupts. At the very `syscall` instruction a handler cannot tell a call that did not
 * begin from one that the kernel restarts, and says the latter; for close, EINTR would mean that it was done. */
static inline long uninterrupted(long ret)
{
	return ret == -ERESTARTSYS ? -ERESTARTNOINTR : ret;
}

static inline long native_uninterrupted(struct thread *t, const struct regs *r)
{
	return uninterrupted(native_regs(t, r));
}

/* How many bytes the program's vector holds, MAX_RW_COUNT at most; -EFAULT, -EINVAL. */
long vec_total(const struct iovec *iov, size_t count);

/* A copy of the program's vector that can be advanced. */
struct vec {
	struct iovec *at; /* what is left: segments and bytes */
	size_t count, left;
	struct iovec *pages; /* NULL: in `few` */
	size_t size;
	struct iovec few[8];
};

long vec_open(struct vec *v, const struct iovec *iov, size_t count, size_t skip);
void vec_advance(struct vec *v, size_t n);
void vec_close(struct vec *v);

/* Blocking calls on a socket: recv and recvfrom or recvmsg; -ENOTSOCK when it is none. */
struct message {
	int flags;
	void *buf; /* when msg is NULL */
	size_t len;
	void *addr;
	uintptr_t addrlen;  /* recvfrom: where it is; sendto: what it is */
	struct msghdr *msg; /* the program's, or ours for readv and writev */
	size_t controllen;  /* with MSG_WAITALL: room for control data before the kernel wrote its length there */
};

void socket_noted(const struct regs *r); /* what a call tells of sockets, before it is made, by whomever */
long socket_receive(struct thread *t, int fd, const struct message *m);
long socket_send(struct thread *t, int fd, const struct message *m);

#endif
