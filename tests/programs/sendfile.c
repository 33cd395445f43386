/* sendfile from a file to a socket, a pipe and a file: all of it though the reader is slow; offsets; O_NONBLOCK. */
// threads
#include "io_test.h"
#include <sys/sendfile.h>

#define SIZE (20 << 20)

static int file;

static void *reads_slowly(void *arg)
{
	int fd = (int)(long)arg;
	unsigned char buf[40000];
	size_t done = 0;
	ssize_t got;

	for (unsigned i = 0; (got = SYS(read(fd, buf, sizeof(buf)))) > 0; i++) {
		pattern_check(buf, (size_t)got, 6, done);
		done += (size_t)got;
		if (i % 50 == 0)
			sleep_us(300);
	}
	return (void *)done;
}

static void to(const struct kind *kind, bool with_offset)
{
	off_t offset = 0;
	size_t sent = 0;
	pthread_t t;
	int sv[2];

	kind->make(sv);
	SYS(lseek(file, 0, SEEK_SET));
	t = start(reads_slowly, (void *)(long)sv[1]);
	/* To a pipe Linux may answer a part. */
	while (sent < SIZE) {
		ssize_t n = SYS(sendfile(sv[0], file, with_offset ? &offset : NULL, SIZE - sent));

		CHECK(n > 0);
		sent += (size_t)n;
	}
	SYS(close(sv[0]));
	printf("%s%s: %ld, position %ld, offset %ld\n", kind->name, with_offset ? ", offset" : "", (long)join(t),
	    (long)lseek(file, 0, SEEK_CUR), (long)offset);
	SYS(close(sv[1]));
}

static void *body(void *arg)
{
	unsigned char *data = malloc(SIZE);
	int copy = scratch_file(), sv[2];
	off_t beyond = SIZE, some = 5;
	char buf[16];

	file = scratch_file();
	pattern_fill(data, SIZE, 6, 0);
	write_full(file, data, SIZE);
	free(data);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		to(&kinds[k], false);
		to(&kinds[k], true);
	}
	SYS(lseek(file, 0, SEEK_SET));
	SAY("to a file", sendfile(copy, file, NULL, SIZE));
	SAY("at the end", sendfile(copy, file, &beyond, 10));
	SAY("of nothing", sendfile(copy, file, &some, 0));
	tcp_pair(sv);
	SAY("from a socket", sendfile(copy, sv[0], NULL, 10));
	SAY("to a closed one", sendfile(9999, file, NULL, 10));
	SAY("10 from 5", sendfile(sv[0], file, &some, 10));
	SAY("arrived", recv(sv[1], buf, sizeof(buf), MSG_WAITALL | MSG_DONTWAIT));
	pattern_check((unsigned char *)buf, 10, 6, 5);
	SYS(fcntl(sv[0], F_SETFL, O_NONBLOCK));
	some = 0;
	while (sendfile(sv[0], file, &some, SIZE) > 0)
		if (some == SIZE)
			some = 0;
	SAY("full and O_NONBLOCK", sendfile(sv[0], file, &some, SIZE));
	return arg;
}

int main(void)
{
	join(start(body, NULL));
	return 0;
}
