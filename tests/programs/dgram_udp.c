/* UDP: request and answer by address, empty datagrams, a closed port's refusal, shutdown, many clients on one socket.
 */
// threads
#include "io_test.h"

#define CLIENTS 30
#define ROUNDS 200

static struct sockaddr_in addr;
static int server_fd;

static int udp(struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = (int)SYS(socket(AF_INET, SOCK_DGRAM, 0));

	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	SYS(bind(fd, (struct sockaddr *)a, sizeof(*a)));
	SYS(getsockname(fd, (struct sockaddr *)a, &len));
	return fd;
}

/* Several threads share the one socket; an empty datagram ends one of them. */
static void *serves(void *arg)
{
	for (;;) {
		unsigned char buf[2048];
		struct sockaddr_in from;
		socklen_t len = sizeof(from);
		ssize_t n = SYS(recvfrom(server_fd, buf, sizeof(buf), 0, (struct sockaddr *)&from, &len));

		if (n == 0)
			return arg;
		CHECK_EQ(sendto(server_fd, buf, (size_t)n, 0, (struct sockaddr *)&from, len), n);
	}
}

static void *asks(void *arg)
{
	unsigned id = (unsigned)(long)arg;
	struct sockaddr_in own;
	int fd = udp(&own);

	if (id % 2)
		SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t n = 1 + i * 37 % 1400;
		unsigned char out[1400], in[2048];

		pattern_fill(out, n, id, i);
		CHECK_EQ(
		    id % 2 ? send(fd, out, n, 0) : sendto(fd, out, n, 0, (struct sockaddr *)&addr, sizeof(addr)), n);
		CHECK_EQ(recv(fd, in, sizeof(in), 0), n);
		pattern_check(in, n, id, i);
	}
	SYS(close(fd));
	return NULL;
}

static void refused(void)
{
	struct sockaddr_in gone, own;
	char c;
	int fd;

	SYS(close(udp(&gone)));
	fd = udp(&own);
	SYS(connect(fd, (struct sockaddr *)&gone, sizeof(gone)));
	SAY("send to a closed port", send(fd, "x", 1, 0));
	SAY("recv after it", recv(fd, &c, 1, 0));
	SYS(close(fd));
}

static void *receives(void *arg)
{
	char c;

	return (void *)recv((int)(long)arg, &c, 1, 0);
}

static void shut(void)
{
	struct sockaddr_in own;
	int fd = udp(&own);
	pthread_t t;

	SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	t = start(receives, (void *)(long)fd);
	let_it_block();
	SAY("shutdown", shutdown(fd, SHUT_RD));
	printf("blocked recv: %ld\n", (long)join(t));
	SYS(close(fd));
}

int main(void)
{
	pthread_t s[3], t[CLIENTS];
	struct sockaddr_in own;
	int fd;

	server_fd = udp(&addr);
	for (int i = 0; i < 3; i++)
		s[i] = start(serves, NULL);
	for (long i = 0; i < CLIENTS; i++)
		t[i] = start(asks, (void *)i);
	for (int i = 0; i < CLIENTS; i++)
		join(t[i]);
	fd = udp(&own);
	for (int i = 0; i < 3; i++)
		CHECK_EQ(sendto(fd, "", 0, 0, (struct sockaddr *)&addr, sizeof(addr)), 0);
	for (int i = 0; i < 3; i++)
		join(s[i]);
	printf("%d answers\n", CLIENTS * ROUNDS);
	refused();
	shut();
	return 0;
}
