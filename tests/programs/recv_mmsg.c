/* recvmmsg and sendmmsg: several messages a call, MSG_WAITFORONE, the timeout that is only looked at between messages.
 */
// threads
#include "io_test.h"

#define MANY 64

static int sv[2];
static struct mmsghdr in[MANY], out[MANY];
static struct iovec in_iov[MANY], out_iov[MANY];
static int in_data[MANY], out_data[MANY];

static void prepare(void)
{
	for (int i = 0; i < MANY; i++) {
		in_iov[i] = (struct iovec){&in_data[i], sizeof(int)};
		out_iov[i] = (struct iovec){&out_data[i], sizeof(int)};
		in[i].msg_hdr = (struct msghdr){.msg_iov = &in_iov[i], .msg_iovlen = 1};
		out[i].msg_hdr = (struct msghdr){.msg_iov = &out_iov[i], .msg_iovlen = 1};
		out_data[i] = i;
	}
	memset(in_data, -1, sizeof(in_data));
}

static void sends(int n)
{
	CHECK_EQ(sendmmsg(sv[0], out, (unsigned)n, 0), n);
}

static void expect(int n)
{
	for (int i = 0; i < n; i++) {
		CHECK_EQ(in[i].msg_len, sizeof(int));
		CHECK_EQ(in_data[i], i);
	}
}

static void *sends_later(void *arg)
{
	(void)arg;
	sleep_us(150000);
	CHECK_EQ(send(sv[0], &out_data[1], sizeof(int), 0), sizeof(int));
	return NULL;
}

static void timeouts(void)
{
	struct timespec ts = to_timespec(100 * NSEC_PER_MSEC);
	pthread_t t;

	/* The first message comes within the timeout, the second ends it. */
	CHECK_EQ(send(sv[0], &out_data[0], sizeof(int), 0), sizeof(int));
	t = start(sends_later, NULL);
	SAY("timeout of 100 ms, messages at 0 and 150 ms", recvmmsg(sv[1], in, 3, 0, &ts));
	printf("left: %s\n", ts.tv_sec == 0 && ts.tv_nsec == 0 ? "nothing" : "something");
	expect(2);
	join(t);
	ts = to_timespec(0);
	sends(3);
	SAY("timeout of 0, three there", recvmmsg(sv[1], in, 3, 0, &ts));
	SAY("rest", recvmmsg(sv[1], in, MANY, MSG_DONTWAIT, NULL));
	ts.tv_nsec = NSEC_PER_SEC;
	SAY("bad timeout", recvmmsg(sv[1], in, 3, MSG_DONTWAIT, &ts));
}

static void *sends_many(void *arg)
{
	for (int i = 0; i < 1000; i++)
		for (int done = 0; done < MANY;)
			done += (int)SYS(sendmmsg(sv[0], out + done, (unsigned)(MANY - done), 0));
	return arg;
}

static void many(void)
{
	pthread_t t = start(sends_many, NULL);

	for (int i = 0; i < 1000; i++) {
		CHECK_EQ(recvmmsg(sv[1], in, MANY, 0, NULL), MANY);
		expect(MANY);
	}
	join(t);
	printf("%d messages\n", 1000 * MANY);
}

static void *body(void *arg)
{
	SYS(socketpair(AF_UNIX, SOCK_DGRAM, 0, sv));
	prepare();
	SAY("empty, MSG_DONTWAIT", recvmmsg(sv[1], in, MANY, MSG_DONTWAIT, NULL));
	sends(5);
	SAY("five there, MSG_WAITFORONE", recvmmsg(sv[1], in, MANY, MSG_WAITFORONE, NULL));
	expect(5);
	SAY("none asked for", recvmmsg(sv[1], in, 0, 0, NULL));
	SAY("none to send", sendmmsg(sv[0], out, 0, 0));
	timeouts();
	many();
	SYS(close(sv[1]));
	SAY("peer gone, MSG_NOSIGNAL", sendmmsg(sv[0], out, 3, MSG_NOSIGNAL));
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
