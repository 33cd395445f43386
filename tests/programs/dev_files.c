/* /dev/null, /dev/zero, /dev/full, /dev/urandom, /proc files and directories from 20 threads. */
// threads
#include "io_test.h"
#include <sys/random.h>

static long big_read(const char *path, size_t n)
{
	int fd = (int)SYS(open(path, O_RDONLY));
	char *buf = malloc(n);
	long got = (long)read_full(fd, buf, n);

	free(buf);
	SYS(close(fd));
	return got;
}

static void *uses(void *arg)
{
	int null = (int)SYS(open("/dev/null", O_RDWR)), full = (int)SYS(open("/dev/full", O_RDWR));
	static const char data[100000];
	char c, random[256];

	for (int i = 0; i < 20; i++) {
		CHECK_EQ(read(null, &c, 1), 0);
		CHECK_EQ(write(null, data, sizeof(data)), sizeof(data));
		CHECK_EQ(big_read("/dev/zero", 1 << 20), 1 << 20);
		CHECK_EQ(big_read("/dev/urandom", 10000), 10000);
		CHECK_EQ(getrandom(random, sizeof(random), 0), sizeof(random));
		CHECK(write(full, &c, 1) == -1 && errno == ENOSPC);
		CHECK(big_read("/proc/self/status", 65536) > 100);
	}
	SYS(close(null));
	SYS(close(full));
	return arg;
}

int main(void)
{
	pthread_t t[20];
	int dir = (int)SYS(open("/", O_RDONLY | O_DIRECTORY));
	char c;

	for (int i = 0; i < 20; i++)
		t[i] = start(uses, NULL);
	for (int i = 0; i < 20; i++)
		join(t[i]);
	SHOW(read(dir, &c, 1));
	puts("devices read and written");
	return 0;
}
