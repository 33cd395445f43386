/* SO_RCVTIMEO and SO_SNDTIMEO: never early, EAGAIN or what was moved till then, for each call that takes part. */
// threads
#include "io_test.h"

#define TIMEOUT_MS 100
#define EARLIEST_MS (TIMEOUT_MS - 12) /* the kernel counts in jiffies, of up to 10 ms */

static void set_timeout(int fd, int option, long ms)
{
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	SYS(setsockopt(fd, SOL_SOCKET, option, &tv, sizeof(tv)));
}

#define TIMED(what, call)                                                \
	do {                                                             \
		long long began_ = now_ns();                             \
		SAY(what, call);                                         \
		CHECK(now_ns() - began_ >= EARLIEST_MS * NSEC_PER_MSEC); \
	} while (0)

static void receives(int fd)
{
	char buf[16];
	struct iovec iov = {buf, sizeof(buf)};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	set_timeout(fd, SO_RCVTIMEO, TIMEOUT_MS);
	TIMED("read", read(fd, buf, sizeof(buf)));
	TIMED("readv", readv(fd, &iov, 1));
	TIMED("recv", recv(fd, buf, sizeof(buf), 0));
	TIMED("recvfrom", recvfrom(fd, buf, sizeof(buf), 0, NULL, NULL));
	TIMED("recvmsg", recvmsg(fd, &msg, 0));
	TIMED("recv MSG_PEEK", recv(fd, buf, sizeof(buf), MSG_PEEK));
	SAY("recv MSG_DONTWAIT", recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
}

static void waits_for_all(int peer, int fd)
{
	char buf[16];

	write_full(peer, "12345", 5);
	TIMED("recv MSG_WAITALL, 5 of 16", recv(fd, buf, sizeof(buf), MSG_WAITALL));
}

static void sends(int fd)
{
	static char big[8 << 20];
	ssize_t sent;

	set_timeout(fd, SO_SNDTIMEO, TIMEOUT_MS);
	sent = send(fd, big, sizeof(big), 0);
	printf("send, much: %s\n", sent > 0 && sent < (ssize_t)sizeof(big) ? "a part" : outcome(sent));
	/* A TCP window may open a little later. */
	for (int i = 0; i < 20 && (sent = send(fd, big, sizeof(big), 0)) > 0; i++)
		;
	TIMED("send, full", send(fd, big, sizeof(big), 0));
	TIMED("write, full", write(fd, big, sizeof(big)));
}

static void accepts(void)
{
	struct sockaddr_in addr;
	int listener = tcp_listen(5, &addr), fd, got;
	struct timeval tv;
	socklen_t len = sizeof(tv);

	set_timeout(listener, SO_RCVTIMEO, TIMEOUT_MS);
	TIMED("accept", accept(listener, NULL, NULL));
	TIMED("accept4", accept4(listener, NULL, NULL, SOCK_CLOEXEC));
	fd = tcp_connect(&addr);
	got = (int)SYS(accept(listener, NULL, NULL));
	SYS(getsockopt(got, SOL_SOCKET, SO_RCVTIMEO, &tv, &len));
	/* Linux: the new socket inherits the listener's. */
	printf("inherited: %s\n", tv.tv_usec ? "yes" : "no");
	SYS(close(fd));
	SYS(close(got));
	SYS(close(listener));
}

static void *later(void *arg)
{
	sleep_us(50000);
	write_full((int)(long)arg, "x", 1);
	return NULL;
}

static void changes(int peer, int fd)
{
	pthread_t t;
	char buf[16];

	set_timeout(fd, SO_RCVTIMEO, 0);
	t = start(later, (void *)(long)peer);
	SAY("no timeout again", read(fd, buf, sizeof(buf)));
	join(t);
	set_timeout(fd, SO_RCVTIMEO, 5000);
	t = start(later, (void *)(long)peer);
	SAY("data before the timeout", read(fd, buf, sizeof(buf)));
	join(t);
}

static void *body(void *arg)
{
	int sv[2];

	(void)arg;
	for (size_t i = 1; i < ARRAY_LEN(kinds); i++) {
		puts(kinds[i].name);
		kinds[i].make(sv);
		receives(sv[1]);
		waits_for_all(sv[0], sv[1]);
		changes(sv[0], sv[1]);
		sends(sv[0]);
		SYS(close(sv[0]));
		SYS(close(sv[1]));
	}
	puts("listener");
	accepts();
	return NULL;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
