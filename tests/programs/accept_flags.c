/* accept and accept4: flags of the new socket, the address, a non-blocking listener, a connection gone before accept.
 */
// threads
#include "io_test.h"

static struct sockaddr_in addr;

static void flags_of(const char *name, int fd)
{
	printf("%s: non-blocking %d, close-on-exec %d\n", name, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0,
	    fcntl(fd, F_GETFD) & FD_CLOEXEC);
	SYS(close(fd));
}

static void *connects(void *arg)
{
	(void)arg;
	let_it_block();
	return (void *)(long)tcp_connect(&addr);
}

static int blocked_accept(int listener, int flags)
{
	pthread_t t = start(connects, NULL);
	struct sockaddr_in from, name;
	socklen_t len = sizeof(from), name_len = sizeof(name);
	int fd = (int)SYS(accept4(listener, (struct sockaddr *)&from, &len, flags)), peer = (int)(long)join(t);

	SYS(getsockname(peer, (struct sockaddr *)&name, &name_len));
	CHECK(from.sin_port == name.sin_port && len == sizeof(from));
	SYS(close(peer));
	return fd;
}

static void short_address(int listener)
{
	struct sockaddr_in from;
	socklen_t len = 4;
	int peer = tcp_connect(&addr), fd;

	memset(&from, 0x55, sizeof(from));
	fd = (int)SYS(accept(listener, (struct sockaddr *)&from, &len));
	printf("address into 4 bytes: length %u, the rest %s\n", len,
	    from.sin_addr.s_addr == 0x55555555 ? "untouched" : "written");
	SYS(close(fd));
	SYS(close(peer));
}

static void gone(int listener)
{
	struct linger reset = {1, 0};
	int peer = tcp_connect(&addr), fd;
	char c;

	SYS(setsockopt(peer, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)));
	SYS(close(peer));
	fd = (int)SYS(accept(listener, NULL, NULL));
	SAY("read from a connection reset before the accept", read(fd, &c, 1));
	SYS(close(fd));
}

static void *body(void *arg)
{
	int listener = tcp_listen(5, &addr);

	flags_of("no flags", blocked_accept(listener, 0));
	flags_of("SOCK_NONBLOCK", blocked_accept(listener, SOCK_NONBLOCK));
	flags_of("both", blocked_accept(listener, SOCK_NONBLOCK | SOCK_CLOEXEC));
	SAY("unknown flag", accept4(listener, NULL, NULL, 1));
	short_address(listener);
	gone(listener);
	SYS(fcntl(listener, F_SETFL, O_NONBLOCK));
	SAY("non-blocking listener", accept(listener, NULL, NULL));
	SYS(close(tcp_connect(&addr)));
	flags_of("from a non-blocking listener", (int)SYS(accept(listener, NULL, NULL)));
	SYS(close(listener));
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
