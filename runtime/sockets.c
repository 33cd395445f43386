/* Sockets themselves: made, accepted, connected, their options. What goes over them is net.c's. */
#include <arpa/inet.h>
#include <netinet/tcp.h>

#include "drained.h"
#include "io.h"
#include "mem.h"
#include "nonblock.h"

/* asm-generic/socket.h: the forms with 64-bit time. */
#define SO_RCVTIMEO_NEW 66
#define SO_SNDTIMEO_NEW 67

/* What does not listen gets its error at once. */
static bool accept_waits(int fd)
{
	return socket_option(fd, SO_ACCEPTCONN) == 1;
}

/*
 * No flag makes accept not wait. After a poll it blocks only if another process, or a thread on another hub, took the
 * connection in between: then the rescue frees the hub.
 */
static long accept_any(struct thread *t, struct regs *r)
{
	uint64_t before = nonblock_before_birth();
	struct blocking b;
	long ret;
	if (!fd_entry(r->rdi) || (r->nr == SYS_accept4 && ((int)r->r10 & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))))
		return native_regs(t, r);
	blocking_init(&b, t, r->rdi, FD_IN, true);
	for (;;) {
		int fd = blocking_begin(&b);
		bool sure = fd_poll_now(fd, POLLIN) || !accept_waits(fd);
		if (!sure) {
			ret = blocking_wait(&b);
			if (!ret)
				continue;
			if (ret != -EPERM)
				break;
		}
		if (sure)
			ret = native(t, r->nr, fd, r->rsi, r->rdx, r->r10, 0, 0);
		else
			ret = handoff(t, r->nr, fd, r->rsi, r->rdx, r->r10, 0, 0);
		hub_need(t);
		break;
	}
	blocking_done(&b);
	nonblock_born((int)ret, before);
	return ret;
}

long call_socket(struct thread *t, struct regs *r)
{
	uint64_t before = nonblock_before_birth();
	long ret = native_regs(t, r);
	nonblock_born((int)ret, before);
	return ret;
}

long call_accept(struct thread *t, struct regs *r)
{
	return accept_any(t, r);
}

long call_accept4(struct thread *t, struct regs *r)
{
	return accept_any(t, r);
}

/* Is the peer on this machine? Then the kernel answers inside the call: TCP's handshake over the loopback runs to its
 * end on the caller's own processor. */
static bool is_local(const void *addr, size_t len)
{
	union {
		sa_family_t family;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} a = {0};
	if (user_copy(&a, addr, len < sizeof a ? len : sizeof a))
		return true; /* EFAULT, at once */
	switch (a.family) {
	case AF_INET:
		return (ntohl(a.in.sin_addr.s_addr) >> 24) == 127 || !a.in.sin_addr.s_addr;
	case AF_INET6: {
		const uint32_t *w = a.in6.sin6_addr.s6_addr32;
		if (w[0] || w[1])
			return false;
		if (w[2] == htonl(0xffff))
			return (ntohl(w[3]) >> 24) == 127;
		return !w[2] && ntohl(w[3]) <= 1;
	}
	default:
		return true;
	}
}

/* A local connect blocks where a listener's backlog is full (AF_UNIX; TCP sends its SYN again after a second). If
 * another one is under way then the hub was rescued from it, and this one will hardly fare better: it is handed off at
 * once. */
static _Atomic uint32_t connecting;

static long connect_local(struct thread *t, struct regs *r)
{
	int64_t tv[2] = {0, 0};
	int len = sizeof tv;
	bool others = atomic_fetch_add_explicit(&connecting, 1, memory_order_relaxed);
	/* With a timeout it does not go on after a signal, not even after one that another carrier took instead. */
	bool timed = !sys(SYS_getsockopt, r->rdi, SOL_SOCKET, SO_SNDTIMEO, tv, &len) && (tv[0] || tv[1]);
	long ret = (others || timed ? handoff_regs : native_regs)(t, r);
	atomic_fetch_sub_explicit(&connecting, 1, memory_order_relaxed);
	return ret;
}

/* A stream's connect to elsewhere takes a round trip, or minutes. Nothing but the call itself does it without changing
 * the description. */
long call_connect(struct thread *t, struct regs *r)
{
	int fd = r->rdi;
	if (is_local((void *)r->rsi, r->rdx))
		return connect_local(t, r);
	if (!is_stream(fd) || fd_nonblocking(fd))
		return native_regs(t, r);
	return handoff_regs(t, r);
}

/* The timeouts are cached for FD_IN and FD_OUT. */
long call_setsockopt(struct thread *t, struct regs *r)
{
	long ret = native_regs(t, r);
	if ((int)r->rsi == SOL_TCP && (int)r->rdx == TCP_ULP)
		drained_tells_nothing((int)r->rdi);
	if ((int)r->rsi != SOL_SOCKET)
		return ret;
	switch ((int)r->rdx) {
	case SO_RCVTIMEO:
	case SO_RCVTIMEO_NEW:
	case SO_SNDTIMEO:
	case SO_SNDTIMEO_NEW: {
		struct fd *e = fd_entry(r->rdi);
		if (e)
			atomic_store_explicit(&e->timeo_known, 0, memory_order_release);
	}
	}
	return ret;
}
