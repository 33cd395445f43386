/* A full backlog blocks connect: TCP until SO_SNDTIMEO or an accept, a unix socket until an accept. */
// threads
#include "io_test.h"

static struct sockaddr_in addr;
static struct sockaddr_un unix_addr = {.sun_family = AF_UNIX};
static bool done;

static void *connects_unix(void *arg)
{
	long result = connect((int)(long)arg, (struct sockaddr *)&unix_addr, sizeof(unix_addr));

	__atomic_store_n(&done, true, __ATOMIC_RELEASE);
	return (void *)result;
}

static int unix_socket(int type)
{
	return (int)SYS(socket(AF_UNIX, SOCK_STREAM | type, 0));
}

static void unix_backlog(void)
{
	int listener = unix_socket(0), queued[16], n = 0, blocked, got;
	struct timeval tv = {0, 100000}, none = {0, 0};
	pthread_t t;

	snprintf(unix_addr.sun_path + 1, sizeof(unix_addr.sun_path) - 1, "green-test-backlog-%d", getpid());
	SYS(bind(listener, (struct sockaddr *)&unix_addr, sizeof(unix_addr)));
	SYS(listen(listener, 2));
	for (;; n++) {
		queued[n] = unix_socket(SOCK_NONBLOCK);
		if (connect(queued[n], (struct sockaddr *)&unix_addr, sizeof(unix_addr)) == -1)
			break;
	}
	printf("unix: full after %d: %s\n", n, strerrorname_np(errno));
	blocked = unix_socket(0);
	SYS(setsockopt(blocked, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	SAY("unix: with SO_SNDTIMEO", (long)connects_unix((void *)(long)blocked));
	SYS(setsockopt(blocked, SOL_SOCKET, SO_SNDTIMEO, &none, sizeof(none)));
	done = false;
	t = start(connects_unix, (void *)(long)blocked);
	let_it_block();
	printf("unix: connected before the accept: %d\n", __atomic_load_n(&done, __ATOMIC_ACQUIRE));
	got = (int)SYS(accept(listener, NULL, NULL));
	printf("unix: after it: %ld\n", (long)join(t));
	SYS(close(got));
	SYS(close(blocked));
	for (int i = 0; i <= n; i++)
		SYS(close(queued[i]));
	SYS(close(listener));
}

/* Connections that the listener's queue takes at once. */
static int fill(int fds[16])
{
	int n = 0;

	for (;; n++) {
		struct pollfd p = {.events = POLLOUT};

		fds[n] = p.fd = (int)SYS(socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0));
		CHECK(connect(p.fd, (struct sockaddr *)&addr, sizeof(addr)) == -1 && errno == EINPROGRESS);
		if (poll(&p, 1, 100) == 0)
			break;
	}
	SYS(close(fds[n]));
	return n;
}

static void *connects(void *arg)
{
	return (void *)(long)connect((int)(long)arg, (struct sockaddr *)&addr, sizeof(addr));
}

static void tcp_backlog(void)
{
	int listener = tcp_listen(1, &addr), queued[16], n = fill(queued), fd;
	struct timeval tv = {0, 200000};
	pthread_t t;

	printf("tcp: full after %d\n", n);
	fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
	SYS(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof(tv)));
	SAY("tcp: with SO_SNDTIMEO", (long)connects((void *)(long)fd));
	SAY("tcp: again", (long)connects((void *)(long)fd));
	SYS(close(fd));
	fd = (int)SYS(socket(AF_INET, SOCK_STREAM, 0));
	t = start(connects, (void *)(long)fd);
	let_it_block();
	for (int i = 0; i < n; i++)
		SYS(close((int)SYS(accept(listener, NULL, NULL))));
	printf("tcp: after the accepts: %ld\n", (long)join(t));
	SYS(close(fd));
	for (int i = 0; i < n; i++)
		SYS(close(queued[i]));
	SYS(close(listener));
}

static void *body(void *arg)
{
	unix_backlog();
	tcp_backlog();
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
