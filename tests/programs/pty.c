/* A pseudo terminal: blocking reads of both ends, line editing, raw bytes, the window size, the end at last close. */
// threads
#include "io_test.h"
#include <termios.h>

static int master, slave;

static void *reads(void *arg)
{
	static char text[64];
	ssize_t n = read((int)(long)arg, text, sizeof(text) - 1);

	if (n < 0)
		return (void *)strerrorname_np(errno);
	text[n] = 0;
	for (char *p = text; *p; p++)
		if (*p == '\r' || *p == '\n')
			*p = '|';
	return text;
}

static void expect(const char *what, int from, int to, const char *bytes, size_t n)
{
	pthread_t t = start(reads, (void *)(long)to);

	let_it_block();
	write_full(from, bytes, n);
	printf("%s: %s\n", what, (char *)join(t));
}

static void raw(void)
{
	struct termios tio;

	SYS(tcgetattr(slave, &tio));
	cfmakeraw(&tio);
	SYS(tcsetattr(slave, TCSANOW, &tio));
	expect("raw, to the slave", master, slave, "x\r", 2);
	expect("raw, to the master", slave, master, "y\n", 2);
}

static void *copies(void *arg)
{
	char buf[100];
	size_t left = 20000;

	(void)arg;
	while (left) {
		ssize_t n = SYS(read(slave, buf, sizeof(buf)));

		write_full(slave, buf, (size_t)n);
		left -= (size_t)n;
	}
	return NULL;
}

static void *feeds(void *arg)
{
	unsigned char buf[500];

	for (size_t done = 0; done < 20000; done += sizeof(buf)) {
		pattern_fill(buf, sizeof(buf), 4, done);
		write_full(master, buf, sizeof(buf));
	}
	return arg;
}

static void both_ways(void)
{
	unsigned char *buf = malloc(20000);
	pthread_t c = start(copies, NULL), f = start(feeds, NULL);

	CHECK_EQ(read_full(master, buf, 20000), 20000);
	pattern_check(buf, 20000, 4, 0);
	join(c);
	join(f);
	free(buf);
	puts("20000 bytes there and back");
}

int main(void)
{
	struct winsize size = {.ws_row = 10, .ws_col = 20}, got;
	char name[128];
	pthread_t t;

	master = (int)SYS(posix_openpt(O_RDWR | O_NOCTTY));
	SYS(grantpt(master));
	SYS(unlockpt(master));
	PT(ptsname_r(master, name, sizeof(name)));
	slave = (int)SYS(open(name, O_RDWR | O_NOCTTY));
	expect("a line", master, slave, "hello\n", 6);
	printf("echo: %s\n", (char *)join(start(reads, (void *)(long)master)));
	expect("edited", master, slave, "ab\177c\n", 5);
	join(start(reads, (void *)(long)master));
	expect("to the master", slave, master, "out\n", 4);
	raw();
	both_ways();
	SYS(ioctl(master, TIOCSWINSZ, &size));
	SYS(ioctl(slave, TIOCGWINSZ, &got));
	printf("size %d %d\n", got.ws_row, got.ws_col);
	t = start(reads, (void *)(long)master);
	let_it_block();
	SYS(close(slave));
	printf("slave closed: %s\n", (char *)join(t));
	return 0;
}
