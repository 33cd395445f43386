/* FIFOs: open blocks until the other side opens, O_NONBLOCK and O_RDWR do not; data, the end, a writer with no reader.
 */
// threads
#include "io_test.h"
#include <sys/stat.h>

static char *path;

static void *opens(void *arg)
{
	return (void *)(long)open(path, (int)(long)arg);
}

static void opening(int mine, int other, const char *what)
{
	pthread_t t = start(opens, (void *)(long)mine);
	int fd, got;

	let_it_block();
	fd = (int)SYS(open(path, other));
	got = (int)(long)join(t);
	printf("%s: %s\n", what, got >= 0 ? "opened" : "failed");
	SYS(close(fd));
	SYS(close(got));
}

static void *writes(void *arg)
{
	for (unsigned i = 0; i < 300; i++) {
		int fd = (int)SYS(open(path, O_WRONLY));
		unsigned char buf[500];

		pattern_fill(buf, sizeof(buf), i, 0);
		write_full(fd, buf, sizeof(buf));
		SYS(close(fd));
		/* The reader must have seen the end before the next one opens. */
		CHECK_EQ(read((int)(long)arg, buf, 1), 1);
	}
	return NULL;
}

static void rounds(void)
{
	int told[2];
	pthread_t t;

	SYS(pipe(told));
	t = start(writes, (void *)(long)told[0]);
	for (unsigned i = 0; i < 300; i++) {
		int fd = (int)SYS(open(path, O_RDONLY));
		unsigned char buf[1000];

		CHECK_EQ(read_full(fd, buf, sizeof(buf)), 500);
		pattern_check(buf, 500, i, 0);
		SYS(close(fd));
		write_full(told[1], "k", 1);
	}
	join(t);
	puts("300 rounds");
}

static void *reads(void *arg)
{
	char buf[16];

	return (void *)read((int)(long)arg, buf, sizeof(buf));
}

static void *body(void *arg)
{
	struct stat st;
	char c = 'x';
	pthread_t t;
	int fd, in;

	opening(O_RDONLY, O_WRONLY, "reader waits for a writer");
	opening(O_WRONLY, O_RDONLY, "writer waits for a reader");
	SAY("O_WRONLY | O_NONBLOCK, no reader", open(path, O_WRONLY | O_NONBLOCK));
	in = (int)SYS(open(path, O_RDONLY | O_NONBLOCK));
	SAY("read, no writer", read(in, &c, 1));
	fd = (int)SYS(open(path, O_WRONLY | O_NONBLOCK));
	SAY("read, a writer", read(in, &c, 1));
	SYS(fcntl(in, F_SETFL, 0));
	t = start(reads, (void *)(long)in);
	let_it_block();
	write_full(fd, "abc", 3);
	printf("blocked read: %ld\n", (long)join(t));
	t = start(reads, (void *)(long)in);
	let_it_block();
	SYS(close(fd));
	printf("writer gone: %ld\n", (long)join(t));
	fd = (int)SYS(open(path, O_RDWR));
	SYS(close(in));
	write_full(fd, &c, 1);
	SAY("O_RDWR", read(fd, &c, 1));
	SYS(fstat(fd, &st));
	printf("a FIFO: %d\n", S_ISFIFO(st.st_mode));
	SYS(close(fd));
	rounds();
	return arg;
}

int main(void)
{
	path = scratch_path("fifo");
	SYS(mkfifo(path, 0600));
	join(start(body, NULL));
	SYS(unlink(path));
	free(path);
	return 0;
}
