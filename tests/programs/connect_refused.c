/* connect that fails: refused by TCP and unix sockets, no such path, wrong family, already connected, in progress. */
// threads
#include "io_test.h"

static struct sockaddr_in unused_port(void)
{
	struct sockaddr_in addr;

	SYS(close(tcp_listen(1, &addr)));
	return addr;
}

static void tcp(void)
{
	struct sockaddr_in addr = unused_port(), good;
	int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0)), listener;
	char c;

	SAY("tcp", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	SAY("tcp again", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	SAY("read", read(fd, &c, 1));
	SAY("send", send(fd, "x", 1, MSG_NOSIGNAL));
	listener = tcp_listen(1, &good);
	SAY("the same socket, now to a listener", connect(fd, (struct sockaddr *)&good, sizeof(good)));
	SAY("connected already", connect(fd, (struct sockaddr *)&good, sizeof(good)));
	SAY("the listener itself", connect(listener, (struct sockaddr *)&good, sizeof(good)));
	SYS(close(fd));
	SYS(close(listener));
	fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
	good.sin_family = AF_INET6;
	SAY("wrong family", connect(fd, (struct sockaddr *)&good, sizeof(good)));
	SAY("short address", connect(fd, (struct sockaddr *)&good, 4));
	SYS(close(fd));
}

static void unix_stream(void)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	int fd = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0)), bound;
	char *path = scratch_path("socket");

	strncpy(addr.sun_path, path, sizeof(addr.sun_path) - 1);
	SAY("unix, no such path", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	bound = (int)SYS(socket(AF_UNIX, SOCK_STREAM, 0));
	SYS(bind(bound, (struct sockaddr *)&addr, sizeof(addr)));
	SAY("unix, nobody listens", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	SYS(listen(bound, 1));
	SAY("unix, listens", connect(fd, (struct sockaddr *)&addr, sizeof(addr)));
	SYS(close(bound));
	SYS(unlink(path));
	free(path);
	SYS(close(fd));
}

static void *many(void *arg)
{
	struct sockaddr_in addr = unused_port();

	for (int i = 0; i < 50; i++) {
		int fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));

		CHECK(connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == -1 && errno == ECONNREFUSED);
		SYS(close(fd));
	}
	return arg;
}

static void *body(void *arg)
{
	tcp();
	unix_stream();
	many(NULL);
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
