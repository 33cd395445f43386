/* Non-blocking connect: EINPROGRESS, EALREADY, then poll and SO_ERROR; success and refusal, 500 times. */
// threads
#include "io_test.h"

#define ROUNDS 500

static struct sockaddr_in good, bad;

static int begin(const struct sockaddr_in *addr)
{
	int fd = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));

	CHECK(connect(fd, (const struct sockaddr *)addr, sizeof(*addr)) == -1 && errno == EINPROGRESS);
	return fd;
}

static int finish(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	socklen_t len = sizeof(int);
	int error;

	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK(p.revents & POLLOUT);
	SYS(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len));
	return error;
}

static void *accepts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++)
		SYS(close((int)SYS(accept((int)(long)arg, NULL, NULL))));
	return NULL;
}

static void *connects(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int fd = begin(&good);
		char c;

		CHECK_EQ(finish(fd), 0);
		CHECK_EQ(connect(fd, (struct sockaddr *)&good, sizeof(good)), 0);
		CHECK(connect(fd, (struct sockaddr *)&good, sizeof(good)) == -1 && errno == EISCONN);
		CHECK(read(fd, &c, 1) <= 0);
		SYS(close(fd));
		fd = begin(&bad);
		CHECK_EQ(finish(fd), ECONNREFUSED);
		SYS(close(fd));
	}
	return arg;
}

int main(void)
{
	int listener = tcp_listen(ROUNDS, &good);
	pthread_t t = start(accepts, (void *)(long)listener);

	SYS(close(tcp_listen(1, &bad)));
	join(start(connects, NULL));
	join(t);
	printf("%d connections\n", ROUNDS);
	return 0;
}
