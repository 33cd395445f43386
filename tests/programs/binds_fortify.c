/* What -D_FORTIFY_SOURCE makes of read, recv, poll and open: the checked variants work, and still check. */
// cflags: -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -Wno-unused-result
#include "test.h"

#include <sys/resource.h>

static volatile size_t four = 4, eight = 8;
static volatile int read_only = O_RDONLY, creating = O_RDWR | O_CREAT;

static void overflow(void)
{
	char four_bytes[4];
	int fd = open("/dev/zero", read_only);

	read(fd, four_bytes, eight);
	_exit(0);
}

static void no_mode(void)
{
	open("/dev/null", creating);
	_exit(0);
}

static const char *end_of(void (*child)(void))
{
	pid_t pid = SYS(fork());

	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		close(STDERR_FILENO);
		child();
	}
	return reap(pid);
}

int main(void)
{
	char buf[8] = "";
	struct pollfd polled[1];
	struct timespec soon = {0, 1000};
	int pair[2], dir, fd;

	SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	SYS(write(pair[0], "abcdefghijklmnopqrst", 20));
	CHECK_EQ(recv(pair[1], buf, four, 0), 4);
	CHECK_EQ(recvfrom(pair[1], buf + 4, four, 0, NULL, NULL), 4);
	CHECK_EQ(read(pair[1], buf, four), 4);
	printf("%.8s\n", buf);
	polled[0] = (struct pollfd){.fd = pair[1], .events = POLLIN};
	CHECK_EQ(poll(polled, four / 4, 1000), 1);
	CHECK_EQ(ppoll(polled, four / 4, &soon, NULL), 1);
	fd = SYS(open("/dev/zero", read_only));
	CHECK_EQ(pread(fd, buf, eight, 0), 8);
	CHECK_EQ(pread64(fd, buf, eight, 0), 8);
	dir = SYS(open("/dev", read_only | O_DIRECTORY));
	SYS(openat(dir, "null", read_only));
	printf("overflow: %s\n", end_of(overflow));
	printf("open without a mode: %s\n", end_of(no_mode));
	return 0;
}
