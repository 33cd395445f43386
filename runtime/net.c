/* Calls on sockets: each is tried with MSG_DONTWAIT and carried on with as the kernel would inside one blocking call.
 */
#include <sys/ioctl.h>

#include "alone.h"
#include "drained.h"
#include "io.h"
#include "mem.h"
#include "nonblock.h"

/* Has the socket an error or its end? After partial success the kernel leaves an error for the next call; another try
 * would take it away. */
static bool ended(int fd)
{
	return fd_poll_now(fd, POLLRDHUP) & (POLLERR | POLLHUP | POLLRDHUP);
}

static bool failed(int fd)
{
	return fd_poll_now(fd, 0) & (POLLERR | POLLHUP);
}

static bool unread(int fd)
{
	int n = 0;
	return sys(SYS_ioctl, fd, FIONREAD, &n) == 0 && n > 0;
}

/* The bytes a message has room for. */
static long message_total(const struct message *m)
{
	struct msghdr msg;
	if (!m->msg)
		return m->len < MAX_RW_COUNT ? m->len : MAX_RW_COUNT;
	if (user_read(&msg, m->msg))
		return -EFAULT;
	return vec_total(msg.msg_iov, msg.msg_iovlen);
}

/* A header of ours and a vector for what is left after `done` bytes. */
static long message_rest(const struct message *m, struct msghdr *msg, struct vec *v, size_t done)
{
	struct iovec one = {m->buf, m->len};
	*msg = (struct msghdr){.msg_iov = &one, .msg_iovlen = 1};
	if (m->msg && user_read(msg, m->msg))
		return -EFAULT;
	long ret = vec_open(v, msg->msg_iov, msg->msg_iovlen, done);
	msg->msg_name = NULL;
	msg->msg_namelen = 0;
	return ret;
}

static inline long receive_once(const struct message *m, int fd, int flags)
{
	if (m->msg)
		return sys(SYS_recvmsg, fd, m->msg, flags);
	return sys(SYS_recvfrom, fd, m->buf, m->len, flags, m->addr, m->addrlen);
}

static inline long send_once(const struct message *m, int fd, int flags)
{
	if (m->msg)
		return sys(SYS_sendmsg, fd, m->msg, flags);
	return sys(SYS_sendto, fd, m->buf, m->len, flags, m->addr, m->addrlen);
}

/* The whole call, where no event tells when to try again. */
static long receive_handoff(struct thread *t, int fd, const struct message *m)
{
	if (m->msg)
		return handoff(t, SYS_recvmsg, fd, (long)m->msg, m->flags, 0, 0, 0);
	return handoff(t, SYS_recvfrom, fd, (long)m->buf, m->len, m->flags, (long)m->addr, m->addrlen);
}

static long send_handoff(struct thread *t, int fd, const struct message *m)
{
	if (m->msg)
		return handoff(t, SYS_sendmsg, fd, (long)m->msg, m->flags, 0, 0, 0);
	return handoff(t, SYS_sendto, fd, (long)m->buf, m->len, m->flags, (long)m->addr, m->addrlen);
}

/* What the last part brought besides bytes is the result's: the kernel writes both once, at the end. */
static void message_results(const struct message *m, const struct msghdr *msg)
{
	if (m->msg) {
		user_write(&m->msg->msg_controllen, &msg->msg_controllen);
		user_write(&m->msg->msg_flags, &msg->msg_flags);
	}
}

/* MSG_WAITALL on a stream, after the first `done` bytes. An AF_UNIX read ends behind passed descriptors. */
static long receive_rest(struct blocking *b, const struct message *m, size_t done)
{
	struct msghdr msg;
	struct vec v;
	if (message_rest(m, &msg, &v, done))
		return done;
	bool local = is_unix(b->wait.fd);
	while (v.left && !(local && m->msg && msg.msg_controllen)) {
		if (blocking_wait(b))
			break;
		int fd = blocking_begin(b);
		if (failed(fd) && !unread(fd))
			break;
		msg.msg_iov = v.at;
		msg.msg_iovlen = v.count;
		msg.msg_controllen = m->controllen;
		long ret = sys(SYS_recvmsg, fd, &msg, m->flags | MSG_DONTWAIT);
		if (ret == -EAGAIN)
			continue;
		if (ret <= 0)
			break;
		message_results(m, &msg);
		done += ret;
		vec_advance(&v, ret);
	}
	vec_close(&v);
	return done;
}

/* MSG_WAITALL | MSG_PEEK on TCP: looks at all of it again until there is enough, or an end. */
static long peek_rest(struct blocking *b, const struct message *m, size_t done, size_t total)
{
	if (is_unix(b->wait.fd))
		return done;
	while (done < total) {
		if (ended(b->wait.fd) || blocking_wait(b))
			break;
		long ret = receive_once(m, blocking_begin(b), m->flags | MSG_DONTWAIT);
		if (ret < 0 && ret != -EAGAIN)
			break;
		if (ret > (long)done)
			done = ret;
	}
	return done;
}

static long receive_all(struct blocking *b, const struct message *m, size_t done)
{
	long total = message_total(m);
	if ((long)done >= total || !is_stream(b->wait.fd))
		return done;
	return m->flags & MSG_PEEK ? peek_rest(b, m, done, total) : receive_rest(b, m, done);
}

static long receive_try(struct blocking *b, const struct message *m)
{
	long ret = receive_once(m, blocking_begin(b), m->flags | MSG_DONTWAIT);
	if (ret > 0 && !(m->flags & ~(MSG_NOSIGNAL | MSG_CMSG_CLOEXEC)))
		drained_read(b, ret, message_total(m));
	return ret;
}

long socket_receive(struct thread *t, int fd, const struct message *m)
{
	struct blocking b;
	long ret;
	if (m->flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE))
		return receive_once(m, fd, m->flags); /* never block */
	if (alone_may_go(t) && alone_goes(t, fd))
		return receive_handoff(t, fd, m);
	blocking_init(&b, t, fd, FD_IN, true);
	if (unlikely(m->flags & MSG_WAITALL))
		blocking_hold(&b);
	blocking_begin(&b);
	int waited = drained(&b) ? blocking_wait(&b) : 0;
	do {
		ret = receive_try(&b, m);
		if (ret != -EAGAIN)
			break;
		ret = waited ? waited : blocking_wait(&b);
	} while (!ret);
	if (unlikely(m->flags & MSG_WAITALL) && ret > 0)
		ret = receive_all(&b, m, ret);
	if (unlikely(ret == -EPERM) && b.asked) {
		ret = receive_handoff(t, b.wait.fd, m);
		hub_need(t);
	}
	blocking_done(&b);
	return ret;
}

/* The rest of a stream's send, after the first `done` bytes. MSG_NOSIGNAL: the kernel raises SIGPIPE for a count of
 * zero only. */
static long send_rest(struct blocking *b, const struct message *m, size_t done)
{
	struct msghdr msg;
	struct vec v;
	if (message_rest(m, &msg, &v, done))
		return done;
	bool local = is_unix(b->wait.fd);
	if (local) { /* descriptors went with the first part */
		msg.msg_control = NULL;
		msg.msg_controllen = 0;
	}
	int flags = m->flags | MSG_NOSIGNAL;
	while (v.left) {
		long ret = blocking_wait(b);
		if (ret && ret != -EPERM)
			break;
		int fd = blocking_begin(b);
		if (failed(fd))
			break;
		msg.msg_iov = v.at;
		msg.msg_iovlen = v.count;
		if (ret == -EPERM) {
			ret = handoff(b->wait.thread, SYS_sendmsg, fd, (long)&msg, flags, 0, 0, 0);
			hub_need(b->wait.thread);
		} else {
			ret = sys(SYS_sendmsg, fd, &msg, flags | MSG_DONTWAIT);
		}
		if (ret == -EAGAIN)
			continue;
		if (ret < 0)
			break;
		done += ret;
		vec_advance(&v, ret);
		blocking_progress(b);
		if (local && b->deadline != NEVER) /* net/unix: SO_SNDTIMEO counts per buffer */
			b->deadline = deadline_after(b->timeo);
	}
	vec_close(&v);
	return done;
}

long socket_send(struct thread *t, int fd, const struct message *m)
{
	struct blocking b;
	long ret;
	if (m->flags & MSG_DONTWAIT)
		return send_once(m, fd, m->flags);
	/* Fast open connects first; zero copy notifies once per call: neither can be taken in parts. */
	if (unlikely(m->flags & (MSG_FASTOPEN | MSG_ZEROCOPY)))
		return send_handoff(t, fd, m);
	blocking_init(&b, t, fd, FD_OUT, true);
	do {
		ret = send_once(m, blocking_begin(&b), m->flags | MSG_DONTWAIT);
		if (ret != -EAGAIN)
			break;
		ret = blocking_wait(&b);
	} while (!ret);
	if (ret > 0 && ret < message_total(m))
		ret = send_rest(&b, m, ret);
	if (unlikely(ret == -EPERM) && b.asked) {
		ret = send_handoff(t, b.wait.fd, m);
		hub_need(t);
	}
	blocking_done(&b);
	return ret;
}

/* Urgent data that has been read is reported no more, but its place is still where a read stops. */
static void noted_flags(int fd, int flags)
{
	if (unlikely(flags & MSG_OOB))
		drained_tells_nothing(fd);
}

/* It may be descriptors that go along (SCM_RIGHTS). */
static void noted_control(const struct msghdr *user)
{
	size_t len;
	if (!user_read(&len, &user->msg_controllen) && len)
		nonblock_shared();
}

void socket_noted(const struct regs *r)
{
	switch (r->nr) {
	case SYS_recvfrom:
	case SYS_recvmmsg:
		noted_flags((int)r->rdi, (int)r->r10);
		return;
	case SYS_recvmsg:
		noted_flags((int)r->rdi, (int)r->rdx);
		return;
	case SYS_sendmsg:
		noted_control((struct msghdr *)r->rsi);
		return;
	case SYS_sendmmsg:
		for (unsigned i = 0, n = (unsigned)r->rdx; i < n && i < UIO_MAXIOV; i++)
			noted_control(&((struct mmsghdr *)r->rsi)[i].msg_hdr);
	}
}

long call_recvfrom(struct thread *t, struct regs *r)
{
	socket_noted(r);
	if (unlikely(!fd_entry(r->rdi)))
		return native_regs(t, r);
	return socket_receive(t, r->rdi,
	    &(struct message){
		.flags = r->r10, .buf = (void *)r->rsi, .len = r->rdx, .addr = (void *)r->r8, .addrlen = r->r9});
}

long call_sendto(struct thread *t, struct regs *r)
{
	if (unlikely(!fd_entry(r->rdi)))
		return native_regs(t, r);
	return socket_send(t, r->rdi,
	    &(struct message){
		.flags = r->r10, .buf = (void *)r->rsi, .len = r->rdx, .addr = (void *)r->r8, .addrlen = r->r9});
}

long call_recvmsg(struct thread *t, struct regs *r)
{
	socket_noted(r);
	if (!fd_entry(r->rdi) || !r->rsi)
		return native_regs(t, r);
	struct message m = {.flags = r->rdx, .msg = (void *)r->rsi};
	if ((m.flags & MSG_WAITALL) && user_read(&m.controllen, &m.msg->msg_controllen))
		return -EFAULT;
	return socket_receive(t, r->rdi, &m);
}

long call_sendmsg(struct thread *t, struct regs *r)
{
	socket_noted(r);
	if (!fd_entry(r->rdi) || !r->rsi)
		return native_regs(t, r);
	return socket_send(t, r->rdi, &(struct message){.flags = r->rdx, .msg = (void *)r->rsi});
}

/* Until vlen messages are there. The kernel itself looks at the timeout, after each of them (recvmmsg(2), BUGS). */
long call_recvmmsg(struct thread *t, struct regs *r)
{
	struct mmsghdr *vec = (struct mmsghdr *)r->rsi;
	unsigned vlen = r->rdx < UIO_MAXIOV ? r->rdx : UIO_MAXIOV, done = 0;
	int flags = r->r10;
	struct ktimespec limit;
	nsec_t end = NEVER;
	struct blocking b;
	long ret;

	socket_noted(r);
	if (!fd_entry(r->rdi) || !vlen || (flags & (MSG_DONTWAIT | MSG_OOB | MSG_ERRQUEUE)))
		return native_regs(t, r);
	if (r->r8) {
		if (user_read(&limit, r->r8))
			return -EFAULT;
		if (timespec_valid(&limit))
			end = deadline_after(timespec_to_nsec(&limit));
	}
	blocking_init(&b, t, r->rdi, FD_IN, true);
	blocking_hold(&b);
	for (;;) {
		int fd = blocking_begin(&b);
		if (done && failed(fd))
			break; /* the error is the next call's */
		if (end != NEVER) {
			nsec_t left = end - clock_now();
			limit = nsec_to_timespec(left > 0 ? left : 0);
		}
		/* MSG_DONTWAIT makes a batch of what is there */
		ret = sys(SYS_recvmmsg, fd, vec + done, vlen - done, flags | MSG_DONTWAIT, r->r8 ? &limit : NULL);
		if (ret > 0) {
			done += ret;
			if (done == vlen || (flags & MSG_WAITFORONE) || (end != NEVER && clock_now() >= end))
				break;
			continue;
		}
		if (ret != -EAGAIN)
			break;
		b.asked = b.asked && b.deadline == NEVER; /* SO_RCVTIMEO counts per message */
		ret = blocking_wait(&b);
		if (!ret)
			continue;
		if (ret == -EPERM && !done) {
			ret = handoff_regs(t, r);
			hub_need(t);
		}
		break;
	}
	blocking_done(&b);
	if (!done)
		return ret;
	return r->r8 && user_write(r->r8, &limit) ? -EFAULT : (long)done;
}

/* The last message that sendmmsg counts may be incomplete, on a stream. 0: it is complete now. */
static long sendmmsg_complete(struct thread *t, int fd, struct mmsghdr *last, int flags)
{
	struct message m = {.flags = flags, .msg = &last->msg_hdr};
	unsigned len;
	long total = message_total(&m);
	if (total < 0 || user_read(&len, &last->msg_len) || len >= total)
		return 0;
	struct blocking b;
	blocking_init(&b, t, fd, FD_OUT, true);
	blocking_begin(&b);
	long ret = 0;
	/* that it was cut short stands for the EAGAIN */
	len = send_rest(&b, &m, len);
	blocking_done(&b);
	if (len < total)
		ret = -EAGAIN;
	user_write(&last->msg_len, &len);
	return ret;
}

long call_sendmmsg(struct thread *t, struct regs *r)
{
	int fd = r->rdi, flags = r->r10;
	struct mmsghdr *vec = (struct mmsghdr *)r->rsi;
	unsigned vlen = r->rdx < UIO_MAXIOV ? r->rdx : UIO_MAXIOV, done = 0;

	socket_noted(r);
	if (!fd_entry(fd) || !vlen || (flags & MSG_DONTWAIT))
		return native_regs(t, r);
	if (flags & (MSG_FASTOPEN | MSG_ZEROCOPY))
		return handoff_regs(t, r);
	while (done < vlen) {
		long ret = sys(SYS_sendmmsg, fd, vec + done, vlen - done, flags | MSG_DONTWAIT);
		if (ret > 0) {
			done += ret;
			if (sendmmsg_complete(t, fd, &vec[done - 1], flags))
				break;
		} else if (ret == -EAGAIN) { /* this one by the call that waits */
			ret = socket_send(t, fd, &(struct message){.flags = flags, .msg = &vec[done].msg_hdr});
			if (ret < 0)
				return done ? (long)done : ret;
			unsigned len = ret;
			if (user_write(&vec[done].msg_len, &len))
				return done ? (long)done : -EFAULT;
			done++;
		} else {
			return done ? (long)done : ret;
		}
	}
	return done;
}
