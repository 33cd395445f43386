/* Unix stream and seqpacket listeners: 100 clients, a thread each, records and bytes checked, the peer's credentials.
 */
// threads
#include "io_test.h"

#define CLIENTS 100
#define ROUNDS 50

static struct sockaddr_un addr = {.sun_family = AF_UNIX};
static int type;

static void *serves(void *arg)
{
	int fd = (int)(long)arg;
	struct ucred who;
	socklen_t len = sizeof(who);
	unsigned char buf[3000];
	ssize_t n;

	SYS(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len));
	CHECK_EQ(who.pid, getpid());
	while ((n = SYS(recv(fd, buf, sizeof(buf), 0))) > 0)
		CHECK_EQ(send(fd, buf, (size_t)n, 0), n);
	SYS(close(fd));
	return NULL;
}

static void *accepts(void *arg)
{
	pthread_t t[CLIENTS];

	for (int i = 0; i < CLIENTS; i++)
		t[i] = start(serves, (void *)SYS(accept((int)(long)arg, NULL, NULL)));
	for (int i = 0; i < CLIENTS; i++)
		join(t[i]);
	return NULL;
}

static void *asks(void *arg)
{
	int fd = (int)SYS(socket(AF_UNIX, type, 0));
	unsigned id = (unsigned)(long)arg;

	SYS(connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	for (unsigned i = 0; i < ROUNDS; i++) {
		size_t n = 1 + (id * 131 + i * 977) % 2000;
		unsigned char out[2000], in[2000];

		pattern_fill(out, n, id, i);
		CHECK_EQ(send(fd, out, n, 0), n);
		CHECK_EQ(recv(fd, in, n, type == SOCK_STREAM ? MSG_WAITALL : 0), n);
		pattern_check(in, n, id, i);
	}
	SYS(close(fd));
	return NULL;
}

static void all(void)
{
	int listener = (int)SYS(socket(AF_UNIX, type, 0));
	pthread_t s, t[CLIENTS];

	snprintf(addr.sun_path + 1, sizeof(addr.sun_path) - 1, "green-test-accept-%d-%d", getpid(), type);
	SYS(bind(listener, (struct sockaddr *)&addr, sizeof(addr)));
	/* Shorter than the line of clients: connect blocks. */
	SYS(listen(listener, 5));
	s = start(accepts, (void *)(long)listener);
	for (long i = 0; i < CLIENTS; i++)
		t[i] = start(asks, (void *)i);
	for (int i = 0; i < CLIENTS; i++)
		join(t[i]);
	join(s);
	SYS(close(listener));
	printf("%d clients\n", CLIENTS);
}

int main(void)
{
	type = SOCK_STREAM;
	all();
	type = SOCK_SEQPACKET;
	all();
	return 0;
}
