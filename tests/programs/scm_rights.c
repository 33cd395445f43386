/* Descriptors and credentials over a unix socket: received ones work, carry their flags, and block as they should. */
// threads
#include "io_test.h"

#define ROUNDS 2000

static int sv[2];

static void *gives_pipes(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int p[2];

		SYS(pipe(p));
		CHECK_EQ(send_fds(sv[0], p, 1, 'p'), 1);
		SYS(close(p[0]));
		write_full(p[1], &i, sizeof(i));
		SYS(close(p[1]));
	}
	return arg;
}

static void pipes(void)
{
	pthread_t t = start(gives_pipes, NULL);

	for (int i = 0; i < ROUNDS; i++) {
		int fd, flags, n;

		CHECK_EQ(receive_fds(sv[1], &fd, 1, 0, &flags), 1);
		CHECK_EQ(read_full(fd, &n, sizeof(n)), sizeof(n));
		CHECK_EQ(n, i);
		CHECK_EQ(read(fd, &n, 1), 0);
		SYS(close(fd));
	}
	join(t);
	printf("%d pipes\n", ROUNDS);
}

static void flags(void)
{
	int p[2], got[8], msg_flags;

	SYS(pipe2(p, O_NONBLOCK));
	CHECK_EQ(send_fds(sv[0], p, 2, 'f'), 1);
	CHECK_EQ(receive_fds(sv[1], got, 8, MSG_CMSG_CLOEXEC, &msg_flags), 2);
	printf("close-on-exec %d, non-blocking %d\n", fcntl(got[0], F_GETFD) & FD_CLOEXEC,
	    (fcntl(got[0], F_GETFL) & O_NONBLOCK) != 0);
	SAY("read of the received one, empty", read(got[0], &msg_flags, 1));
	SYS(close(got[0]));
	SYS(close(got[1]));
	/* CMSG_SPACE rounds up: room for one is room for two. */
	CHECK_EQ(send_fds(sv[0], (int[]){p[0], p[1], p[0]}, 3, 'f'), 1);
	printf("room for fewer: %d came", receive_fds(sv[1], got, 1, 0, &msg_flags));
	printf(", %s\n", msg_flags & MSG_CTRUNC ? "MSG_CTRUNC" : "not told");
	SAY("bad descriptor", send_fds(sv[0], (int[]){9999}, 1, 'f'));
}

static void *says_who(void *arg)
{
	struct ucred me = {getpid(), getuid(), getgid()};
	union {
		char buf[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {"w", 1};
	struct msghdr msg = {
	    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.buf, .msg_controllen = sizeof(control.buf)};
	struct cmsghdr *h = CMSG_FIRSTHDR(&msg);

	let_it_block();
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_CREDENTIALS;
	h->cmsg_len = CMSG_LEN(sizeof(me));
	memcpy(CMSG_DATA(h), &me, sizeof(me));
	CHECK_EQ(sendmsg(sv[0], &msg, 0), 1);
	/* Without a word the kernel fills in who wrote. */
	CHECK_EQ(send(sv[0], "k", 1, 0), 1);
	return arg;
}

static void credentials(void)
{
	int one = 1;
	pthread_t t;

	SYS(setsockopt(sv[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)));
	t = start(says_who, NULL);
	for (int i = 0; i < 2; i++) {
		char buf[CMSG_SPACE(sizeof(struct ucred))], c;
		struct iovec iov = {&c, 1};
		struct msghdr msg = {
		    .msg_iov = &iov, .msg_iovlen = 1, .msg_control = buf, .msg_controllen = sizeof(buf)};
		struct ucred who;

		CHECK_EQ(recvmsg(sv[1], &msg, 0), 1);
		CHECK(CMSG_FIRSTHDR(&msg) && CMSG_FIRSTHDR(&msg)->cmsg_type == SCM_CREDENTIALS);
		memcpy(&who, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(who));
		printf("%c: %s\n", c, who.pid == getpid() && who.uid == getuid() ? "it was us" : "a stranger");
	}
	join(t);
}

static void *body(void *arg)
{
	unix_pair(sv);
	pipes();
	flags();
	credentials();
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
