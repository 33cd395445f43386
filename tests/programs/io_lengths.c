/* Lengths at the edges: zero bytes, no iovecs, too many, sums that overflow, more than a call moves at once. */
// threads
#include "io_test.h"

static struct iovec iov[IOV_MAX + 1];
static char bytes[IOV_MAX + 1];
static volatile int minus_one = -1;

static void on(const char *name, int in, int out)
{
	char buf[16];

	printf("-- %s\n", name);
	SHOW(write(out, buf, 0));
	SHOW(read(in, buf, 0));
	SHOW(write(out, NULL, 0));
	SHOW(read(in, NULL, 0));
	SHOW(readv(in, iov, 0));
	SHOW(writev(out, iov, 0));
	SHOW(readv(in, iov, minus_one));
	SHOW(writev(out, iov, minus_one));
	SHOW(writev(out, iov, IOV_MAX + 1));
	SHOW(readv(in, iov, IOV_MAX + 1));
	SHOW(writev(out, iov, IOV_MAX));
	SHOW(readv(in, iov, IOV_MAX));
	for (int i = 0; i < IOV_MAX; i++)
		CHECK_EQ(bytes[i], (char)i);
	iov[0].iov_len = SSIZE_MAX;
	SHOW(writev(out, iov, 2));
	iov[0].iov_len = (size_t)-1;
	SHOW(writev(out, iov, 1));
	SHOW(readv(in, iov, 1));
	iov[0].iov_len = 1;
}

static void sockets(int in, int out)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = IOV_MAX + 1};
	char buf[16];

	SHOW(sendmsg(out, &msg, 0));
	SHOW(recvmsg(in, &msg, MSG_DONTWAIT));
	msg.msg_iovlen = 0;
	SHOW(sendmsg(out, &msg, 0));
	SHOW(send(out, buf, 0, 0));
	SHOW(recv(in, buf, 0, MSG_DONTWAIT));
	SHOW(recv(in, buf, 1, MSG_DONTWAIT));
	msg.msg_iovlen = 1;
	msg.msg_namelen = (socklen_t)-1;
	SHOW(sendmsg(out, &msg, 0));
	SHOW(sendto(out, buf, 1, MSG_NOSIGNAL, (struct sockaddr *)buf, 4096));
}

static void datagrams(void)
{
	char buf[16];
	int sv[2];

	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	puts("-- datagrams");
	SHOW(send(sv[0], buf, 0, 0));
	SHOW(write(sv[0], buf, 0));
	SHOW(recv(sv[1], buf, 16, 0));
	SHOW(read(sv[1], buf, 16));
	SHOW(recv(sv[1], buf, 16, MSG_DONTWAIT));
	SHOW(send(sv[0], buf, 5, 0));
	SHOW(recv(sv[1], buf, 0, 0));
	SHOW(recv(sv[1], buf, 16, MSG_DONTWAIT));
}

static void *body(void *arg)
{
	int sv[2];

	for (int i = 0; i <= IOV_MAX; i++) {
		bytes[i] = (char)i;
		iov[i] = (struct iovec){&bytes[i], 1};
	}
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		kinds[k].make(sv);
		on(kinds[k].name, sv[1], sv[0]);
		if (k > 0)
			sockets(sv[1], sv[0]);
	}
	datagrams();
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
