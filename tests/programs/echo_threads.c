/* Thread-per-connection echo server and 200 clients in one process: every byte belongs to its connection. */
// threads
#include "io_test.h"

#define CONNECTIONS 200
#define ROUNDS 30
#define MAX_MESSAGE 16384

static struct sockaddr_in addr;
static long bytes_served;

static void *serves(void *arg)
{
	int fd = (int)(long)arg;
	char buf[4096];
	ssize_t got;

	while ((got = SYS(read(fd, buf, sizeof(buf)))) > 0) {
		write_full(fd, buf, (size_t)got);
		__atomic_fetch_add(&bytes_served, got, __ATOMIC_RELAXED);
	}
	SYS(close(fd));
	return NULL;
}

static void *accepts(void *arg)
{
	int listener = (int)(long)arg;
	pthread_t t[CONNECTIONS];

	for (int i = 0; i < CONNECTIONS; i++)
		t[i] = start(serves, (void *)SYS(accept(listener, NULL, NULL)));
	for (int i = 0; i < CONNECTIONS; i++)
		join(t[i]);
	return NULL;
}

static void *asks(void *arg)
{
	unsigned id = (unsigned)(long)arg, state = id * 7919 + 1;
	unsigned char *out = malloc(MAX_MESSAGE), *in = malloc(MAX_MESSAGE);
	int fd = tcp_connect(&addr);
	uint64_t offset = 0;

	for (int i = 0; i < ROUNDS; i++) {
		size_t n = 1 + rnd(&state) % MAX_MESSAGE;

		pattern_fill(out, n, id, offset);
		write_full(fd, out, n);
		CHECK_EQ(read_full(fd, in, n), n);
		pattern_check(in, n, id, offset);
		offset += n;
	}
	SYS(shutdown(fd, SHUT_WR));
	CHECK_EQ(read(fd, in, 1), 0);
	SYS(close(fd));
	free(out);
	free(in);
	return (void *)offset;
}

int main(void)
{
	int listener = tcp_listen(CONNECTIONS, &addr);
	pthread_t server = start(accepts, (void *)(long)listener), t[CONNECTIONS];
	long bytes = 0;

	for (long i = 0; i < CONNECTIONS; i++)
		t[i] = start(asks, (void *)i);
	for (int i = 0; i < CONNECTIONS; i++)
		bytes += (long)join(t[i]);
	join(server);
	CHECK_EQ(bytes, bytes_served);
	printf("%ld bytes echoed\n", bytes);
	return 0;
}
