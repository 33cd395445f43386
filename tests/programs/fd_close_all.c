/* A program that closes every descriptor, as daemons do, by three methods and while threads live; afterwards I/O works.
 */
// threads
#include "io_test.h"
#include <dirent.h>

static pthread_barrier_t barrier;

/* Lives through it all: blocked on no descriptor while they go, then does I/O with those it is given. */
static int given[2];

static void *lives(void *arg)
{
	for (int i = 0; i < 3; i++) {
		char c = 0;

		pthread_barrier_wait(&barrier);
		pthread_barrier_wait(&barrier);
		CHECK_EQ(read(given[1], &c, 1), 1);
		CHECK_EQ(c, 'x');
		sleep_us(1000);
		CHECK_EQ(write(given[1], "y", 1), 1);
	}
	return arg;
}

static void by_close(void)
{
	for (int fd = 3; fd < 20000; fd++)
		close(fd);
}

static void by_close_range(void)
{
	SYS(close_range(3, ~0u, 0));
}

static void by_proc(void)
{
	DIR *d = opendir("/proc/self/fd");
	struct dirent *e;

	CHECK(d);
	while ((e = readdir(d))) {
		int fd = atoi(e->d_name);

		if (fd > 2 && fd != dirfd(d))
			close(fd);
	}
	closedir(d);
}

static void *sleeps(void *arg)
{
	sleep_us(1000);
	return arg;
}

static void *echoes(void *arg)
{
	int fd = (int)SYS(accept((int)(long)arg, NULL, NULL));
	char c;

	while (read(fd, &c, 1) == 1)
		write_full(fd, &c, 1);
	SYS(close(fd));
	return NULL;
}

static void use_everything(void)
{
	struct sockaddr_in addr;
	int listener = tcp_listen(5, &addr), fd;
	pthread_t t = start(echoes, (void *)(long)listener), s[20];
	struct pollfd p;
	char c;

	for (int i = 0; i < 20; i++)
		s[i] = start(sleeps, NULL);
	fd = tcp_connect(&addr);
	for (int i = 0; i < 100; i++) {
		write_full(fd, "z", 1);
		p = (struct pollfd){.fd = fd, .events = POLLIN};
		CHECK_EQ(poll(&p, 1, -1), 1);
		CHECK(read(fd, &c, 1) == 1 && c == 'z');
	}
	SYS(close(fd));
	join(t);
	for (int i = 0; i < 20; i++)
		join(s[i]);
	SYS(close(listener));
}

static const struct {
	const char *name;
	void (*fn)(void);
} methods[] = {
    {"close(3..)", by_close},
    {"close_range", by_close_range},
    {"/proc/self/fd", by_proc},
};

int main(void)
{
	pthread_t t;

	PT(pthread_barrier_init(&barrier, NULL, 2));
	t = start(lives, NULL);
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		char c;
		int fd;

		unix_pair(given);
		use_everything();
		pthread_barrier_wait(&barrier);
		methods[i].fn();
		fd = (int)SYS(open("/dev/null", O_RDONLY));
		printf("%s: the next descriptor is %d\n", methods[i].name, fd);
		SYS(close(fd));
		unix_pair(given);
		pthread_barrier_wait(&barrier);
		write_full(given[0], "x", 1);
		CHECK(read(given[0], &c, 1) == 1 && c == 'y');
		use_everything();
	}
	join(t);
	return 0;
}
