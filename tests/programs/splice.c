/* splice between pipes and sockets, tee and vmsplice: blocking, to the end, with SPLICE_F_NONBLOCK. */
// threads
#include "io_test.h"

#define SIZE (8 << 20)

static int from[2], through[2], to[2];

static void *feeds(void *arg)
{
	unsigned char buf[7000];

	for (size_t done = 0; done < SIZE;) {
		size_t n = SIZE - done < sizeof(buf) ? SIZE - done : sizeof(buf);

		pattern_fill(buf, n, 8, done);
		write_full(from[0], buf, n);
		done += n;
	}
	SYS(close(from[0]));
	return arg;
}

/* Socket to pipe to socket, as a proxy does. */
static void *proxies(void *arg)
{
	ssize_t n;

	while ((n = SYS(splice(from[1], NULL, through[0], NULL, 1 << 16, SPLICE_F_MOVE))) > 0)
		while (n > 0)
			n -= SYS(splice(through[1], NULL, to[0], NULL, (size_t)n, SPLICE_F_MORE));
	SYS(close(to[0]));
	return arg;
}

static void *drains(void *arg)
{
	unsigned char buf[9000];
	size_t done = 0;
	ssize_t got;

	(void)arg;
	for (unsigned i = 0; (got = SYS(read(to[1], buf, sizeof(buf)))) > 0; i++) {
		pattern_check(buf, (size_t)got, 8, done);
		done += (size_t)got;
		if (i % 100 == 0)
			sleep_us(300);
	}
	return (void *)done;
}

static void proxy(const struct kind *in, const struct kind *out)
{
	pthread_t f, p, d;

	in->make(from);
	pipe_pair(through);
	out->make(to);
	f = start(feeds, NULL);
	p = start(proxies, NULL);
	d = start(drains, NULL);
	join(f);
	join(p);
	printf("%s to %s: %ld\n", in->name, out->name, (long)join(d));
	SYS(close(from[1]));
	SYS(close(to[1]));
	SYS(close(through[0]));
	SYS(close(through[1]));
}

static void *tees(void *arg)
{
	int *fds = arg;

	return (void *)tee(fds[0], fds[1], 4096, 0);
}

static void tee_and_vmsplice(void)
{
	struct iovec iov = {"0123456789", 10};
	int a[2], b[2], fds[2];
	char buf[64];
	pthread_t t;

	SYS(pipe(a));
	SYS(pipe(b));
	SAY("tee, empty, SPLICE_F_NONBLOCK", tee(a[0], b[1], 10, SPLICE_F_NONBLOCK));
	SAY("splice, empty, SPLICE_F_NONBLOCK", splice(a[0], NULL, b[1], NULL, 10, SPLICE_F_NONBLOCK));
	fds[0] = a[0];
	fds[1] = b[1];
	t = start(tees, fds);
	let_it_block();
	SAY("vmsplice", vmsplice(a[1], &iov, 1, 0));
	printf("blocked tee: %ld\n", (long)join(t));
	SAY("the original", read(a[0], buf, sizeof(buf)));
	SAY("the copy", read(b[0], buf, sizeof(buf)));
	SAY("splice, same pipe", splice(a[0], NULL, a[1], NULL, 10, 0));
	SAY("splice, no pipe", splice(scratch_file(), NULL, scratch_file(), NULL, 10, 0));
	SAY("splice, offset of a pipe", splice(a[0], &(loff_t){0}, b[1], NULL, 10, 0));
	SYS(close(a[1]));
	SAY("splice at the end", splice(a[0], NULL, b[1], NULL, 10, 0));
	SAY("tee at the end", tee(a[0], b[1], 10, 0));
}

static void *body(void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
			proxy(&kinds[i], &kinds[k]);
	tee_and_vmsplice();
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
