/* The program's own O_NONBLOCK, set in every way there is: EAGAIN at once; taken away again: it blocks. */
// threads
#include "io_test.h"
#include <sys/eventfd.h>
#include <sys/timerfd.h>

static void set(int fd, bool on)
{
	int flags = (int)SYS(fcntl(fd, F_GETFL));

	SYS(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK));
}

static void by_fcntl(int fd, bool on)
{
	set(fd, on);
}

static void by_ioctl(int fd, bool on)
{
	int value = on;

	SYS(ioctl(fd, FIONBIO, &value));
}

static void by_dup(int fd, bool on)
{
	int copy = (int)SYS(dup(fd));

	set(copy, on);
	SYS(close(copy));
}

struct order {
	int fd;
	bool on;
};

static void *obeys(void *arg)
{
	set(((struct order *)arg)->fd, ((struct order *)arg)->on);
	return NULL;
}

static void by_thread(int fd, bool on)
{
	struct order order = {fd, on};

	join(start(obeys, &order));
}

/* The description is shared: what a child sets holds here too. */
static void by_child(int fd, bool on)
{
	pid_t pid = SYS(fork());

	if (pid == 0) {
		int flags = fcntl(fd, F_GETFL);

		_exit(fcntl(fd, F_SETFL, on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK) == -1);
	}
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

static const struct {
	const char *name;
	void (*set)(int fd, bool on);
} ways[] = {
    {"fcntl", by_fcntl},
    {"FIONBIO", by_ioctl},
    {"dup", by_dup},
    {"thread", by_thread},
    {"child", by_child},
};

static void *reads(void *arg)
{
	char buf[8];

	return (void *)read((int)(long)arg, buf, sizeof(buf));
}

static void way(size_t w, int from, int to, const void *data, size_t n)
{
	char buf[8];
	pthread_t t;

	ways[w].set(to, true);
	errno = 0;
	printf("%s: %s", ways[w].name, outcome(read(to, buf, sizeof(buf))));
	ways[w].set(to, false);
	t = start(reads, (void *)(long)to);
	let_it_block();
	/* Set while somebody is blocked: that call stays blocked. */
	ways[w].set(to, true);
	sleep_us(5000);
	write_full(from, data, n);
	printf(", %ld", (long)join(t));
	printf(", %s\n", outcome(read(to, buf, sizeof(buf))));
	ways[w].set(to, false);
}

static void made_so(void)
{
	struct sockaddr_in addr;
	int p[2], listener = tcp_listen(5, &addr), fd = tcp_connect(&addr), got;
	char buf[8];

	SYS(pipe2(p, O_NONBLOCK));
	SAY("pipe2 O_NONBLOCK", read(p[0], buf, sizeof(buf)));
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p));
	SAY("socketpair SOCK_NONBLOCK", read(p[0], buf, sizeof(buf)));
	SAY("socket SOCK_NONBLOCK", recv((int)SYS(socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0)), buf, 1, 0));
	got = (int)SYS(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	SAY("accept4 SOCK_NONBLOCK", read(got, buf, sizeof(buf)));
	SAY("its peer's MSG_DONTWAIT", recv(fd, buf, sizeof(buf), MSG_DONTWAIT));
	SAY("eventfd EFD_NONBLOCK", read((int)SYS(eventfd(0, EFD_NONBLOCK)), buf, 8));
	SAY("timerfd TFD_NONBLOCK", read((int)SYS(timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK)), buf, 8));
}

/* By an instruction of this program's own, of which a preloaded library need not know. */
static void close_unseen(int fd)
{
	long ret;

	__asm__ volatile("syscall" : "=a"(ret) : "a"(SYS_close), "D"(fd) : "rcx", "r11", "memory");
	CHECK_EQ(ret, 0);
}

/* The number of one that was waited for is one's that was made with the flag. */
static void number_again(void)
{
	struct sockaddr_in addr;
	int listener = tcp_listen(5, &addr), first = tcp_connect(&addr), second = tcp_connect(&addr), got, again;
	char buf[8];
	pthread_t t;

	got = (int)SYS(accept(listener, NULL, NULL));
	for (int i = 0; i < 2; i++) {
		t = start(reads, (void *)(long)got);
		let_it_block();
		write_full(first, "abc", 3);
		printf("%ld, ", (long)join(t));
	}
	close_unseen(got);
	again = (int)SYS(accept4(listener, NULL, NULL, SOCK_NONBLOCK));
	CHECK_EQ(again, got);
	SAY("accept4 SOCK_NONBLOCK, the number again", read(again, buf, sizeof(buf)));
	SYS(close(again));
	SYS(close(first));
	SYS(close(second));
	SYS(close(listener));
}

static void *body(void *arg)
{
	uint64_t one = 1;
	int sv[2];

	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		puts(kinds[k].name);
		kinds[k].make(sv);
		for (size_t w = 0; w < ARRAY_LEN(ways); w++)
			way(w, sv[0], sv[1], "abc", 3);
	}
	puts("eventfd");
	sv[0] = (int)SYS(eventfd(0, 0));
	for (size_t w = 0; w < ARRAY_LEN(ways); w++)
		way(w, sv[0], sv[0], &one, sizeof(one));
	made_so();
	number_again();
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
