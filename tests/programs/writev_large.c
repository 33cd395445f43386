/* Full blocking writev, sendmsg, send and sendto of 32 MiB in uneven pieces, with a slow reader. */
// threads
// timeout: 120
#include "io_test.h"

#define SIZE (32 << 20)
#define PIECES 1000

static unsigned char *data;
static struct iovec iov[PIECES];

static ssize_t by_writev(int fd)
{
	return writev(fd, iov, PIECES);
}

static ssize_t by_pwritev2(int fd)
{
	return pwritev2(fd, iov, PIECES, -1, 0);
}

static ssize_t by_sendmsg(int fd)
{
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = PIECES};

	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static ssize_t by_send(int fd)
{
	return send(fd, data, SIZE, 0);
}

static ssize_t by_sendto(int fd)
{
	return sendto(fd, data, SIZE, 0, NULL, 0);
}

static const struct call {
	const char *name;
	ssize_t (*fn)(int fd);
	bool sockets_only;
} calls[] = {
    {"writev", by_writev, false},
    {"pwritev2", by_pwritev2, false},
    {"sendmsg", by_sendmsg, true},
    {"send", by_send, true},
    {"sendto", by_sendto, true},
};

static void *reads_slowly(void *arg)
{
	int fd = (int)(long)arg;
	unsigned char buf[30001];
	size_t done = 0;
	ssize_t got;

	for (unsigned i = 0; (got = SYS(read(fd, buf, sizeof(buf)))) > 0; i++) {
		pattern_check(buf, (size_t)got, 3, done);
		done += (size_t)got;
		if (i % 200 == 0)
			sleep_us(300);
	}
	return (void *)done;
}

static void split(void)
{
	size_t left = SIZE;

	for (size_t i = 0; i < PIECES; i++) {
		size_t n = i == PIECES - 1 ? left : i * 7919 % 60000;

		if (n > left)
			n = left;
		iov[i] = (struct iovec){data + SIZE - left, n};
		left -= n;
	}
}

int main(void)
{
	data = malloc(SIZE);
	pattern_fill(data, SIZE, 3, 0);
	split();
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++)
		for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
			pthread_t reader;
			int sv[2];

			if (calls[i].sockets_only && k == 0)
				continue;
			kinds[k].make(sv);
			reader = start(reads_slowly, (void *)(long)sv[1]);
			printf("%s: %s %zd", kinds[k].name, calls[i].name, calls[i].fn(sv[0]));
			SYS(close(sv[0]));
			printf(", read %ld\n", (long)join(reader));
			SYS(close(sv[1]));
		}
	free(data);
	return 0;
}
