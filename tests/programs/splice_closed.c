/*
 * Another file gets the number of either end under a sendfile, splice, tee or vmsplice that waits, or is in the middle:
 * to its end the call moves what it began with, from the file to the file, and the other two are left alone.
 */
// threads
#include "io_test.h"

#include <fcntl.h>
#include <sys/sendfile.h>

#define SIZE (4 << 20)

static int in, out, length;
static ssize_t moved;

static void *sends(void *arg)
{
	moved = sendfile(out, in, NULL, SIZE);
	return arg;
}

static void *splices(void *arg)
{
	moved = splice(in, NULL, out, NULL, (size_t)length, 0);
	return arg;
}

static void *tees(void *arg)
{
	moved = tee(in, out, (size_t)length, 0);
	return arg;
}

static void *gives(void *arg)
{
	char page[4096];

	memset(page, 'a', sizeof(page));
	moved = vmsplice(out, &(struct iovec){page, 1}, 1, 0);
	return arg;
}

/* The other file at the number of this one, which lives on elsewhere if anybody holds it. */
static void replace(int fd, int other)
{
	CHECK_EQ(dup2(other, fd), fd);
}

static int file_of(char byte)
{
	static char block[SIZE];
	int fd = scratch_file();

	memset(block, byte, sizeof(block));
	write_full(fd, block, sizeof(block));
	SYS(lseek(fd, 0, SEEK_SET));
	return fd;
}

static bool nothing_in(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 0;
}

/* A file to a socket whose peer reads late: both numbers change after the first parts. */
static void sendfile_in_parts(void (*make)(int sv[2]), const char *name)
{
	int sv[2], other[2], second = file_of('z');
	static char got[SIZE];
	pthread_t t;

	make(sv);
	make(other);
	in = file_of('a');
	out = sv[1];
	t = start(sends, NULL);
	let_it_block();
	CHECK_EQ(read_full(sv[0], got, 1000), 1000);
	replace(out, other[1]);
	replace(in, second);
	CHECK_EQ(read_full(sv[0], got + 1000, SIZE - 1000), SIZE - 1000);
	join(t);
	for (int i = 0; i < SIZE; i++)
		CHECK_EQ(got[i], 'a');
	printf("sendfile to %s: %zd, nothing in the other: %d\n", name, moved, nothing_in(other[0]));
	CHECK_EQ(lseek(second, 0, SEEK_CUR), 0);
	close(in), close(out), close(other[0]), close(other[1]), close(sv[0]), close(second);
}

/* An empty pipe into a socket, which has another number's file by the time that something comes. */
static void blocked(const char *name, void *(*call)(void *), void (*make)(int sv[2]))
{
	int source[2], other_source[2], sv[2], other[2];
	char got[8] = "";
	pthread_t t;

	pipe_pair(source);
	pipe_pair(other_source);
	make(sv);
	make(other);
	in = source[1];
	out = make == pipe_pair ? sv[0] : sv[1];
	length = 3;
	t = start(call, NULL);
	let_it_block();
	replace(out, make == pipe_pair ? other[0] : other[1]);
	replace(in, other_source[1]);
	write_full(source[0], "abc", 3);
	join(t);
	int to = make == pipe_pair ? sv[1] : sv[0], not_to = make == pipe_pair ? other[1] : other[0];
	CHECK_EQ(read(to, got, sizeof(got)), 3);
	printf("%s: %zd, %s, nothing in the other: %d\n", name, moved, got, nothing_in(not_to));
	close(source[0]), close(other_source[0]), close(in), close(out);
	for (int i = 0; i < 2; i++)
		close(other[i]), close(sv[i]);
	close(other_source[1]);
}

/* A full pipe. */
static void given(void)
{
	int p[2], other[2];
	static char full[1 << 16];
	pthread_t t;

	pipe_pair(p);
	pipe_pair(other);
	SYS(fcntl(p[0], F_SETPIPE_SZ, 4096));
	write_full(p[0], full, 4096);
	out = p[0];
	t = start(gives, NULL);
	let_it_block();
	replace(out, other[0]);
	CHECK_EQ(read_full(p[1], full, 4097), 4097);
	join(t);
	printf("vmsplice: %zd, %c, nothing in the other: %d\n", moved, full[4096], nothing_in(other[1]));
	close(p[1]), close(out), close(other[0]), close(other[1]);
}

int main(void)
{
	sendfile_in_parts(tcp_pair, "tcp");
	sendfile_in_parts(unix_pair, "unix");
	blocked("splice to tcp", splices, tcp_pair);
	blocked("splice to a pipe", splices, pipe_pair);
	blocked("tee", tees, pipe_pair);
	given();
	return 0;
}
