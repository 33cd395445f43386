/* MSG_PEEK blocks as a read does and takes nothing; MSG_TRUNC tells the real length; MSG_DONTWAIT never blocks. */
// threads
#include "io_test.h"

static void *sends_later(void *arg)
{
	let_it_block();
	CHECK_EQ(send((int)(long)arg, "hello", 5, 0), 5);
	return NULL;
}

static void peek(int from, int to)
{
	char buf[16];
	pthread_t t;

	SAY("peek, empty, MSG_DONTWAIT", recv(to, buf, sizeof(buf), MSG_PEEK | MSG_DONTWAIT));
	t = start(sends_later, (void *)(long)from);
	SAY("peek, blocks", recv(to, buf, sizeof(buf), MSG_PEEK));
	join(t);
	SAY("peek again", recv(to, buf, 3, MSG_PEEK));
	SAY("read", recv(to, buf, sizeof(buf), 0));
	CHECK(memcmp(buf, "hello", 5) == 0);
	SAY("empty", recv(to, buf, sizeof(buf), MSG_DONTWAIT));
}

static void truncated(int from, int to)
{
	char buf[16];
	struct iovec iov = {buf, 4};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	CHECK_EQ(send(from, "0123456789", 10, 0), 10);
	CHECK_EQ(send(from, "0123456789", 10, 0), 10);
	CHECK_EQ(send(from, "0123456789", 10, 0), 10);
	SAY("datagram of 10 into 4, MSG_TRUNC", recv(to, buf, 4, MSG_TRUNC));
	SAY("datagram of 10 into 4", recv(to, buf, 4, 0));
	SAY("datagram of 10 into 4, recvmsg", recvmsg(to, &msg, 0));
	printf("flags: %s\n", msg.msg_flags & MSG_TRUNC ? "MSG_TRUNC" : "none");
}

static void *body(void *arg)
{
	int sv[2];

	(void)arg;
	for (size_t i = 1; i < ARRAY_LEN(kinds); i++) {
		puts(kinds[i].name);
		kinds[i].make(sv);
		peek(sv[0], sv[1]);
		SYS(close(sv[0]));
		SYS(close(sv[1]));
	}
	for (int i = 0; i < 2; i++) {
		int type = i ? SOCK_SEQPACKET : SOCK_DGRAM;

		puts(i ? "seqpacket" : "datagram");
		SYS(socketpair(AF_UNIX, type, 0, sv));
		peek(sv[0], sv[1]);
		truncated(sv[0], sv[1]);
		SYS(close(sv[0]));
		SYS(close(sv[1]));
	}
	return NULL;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
