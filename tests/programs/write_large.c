/* One blocking write of 100 MiB answers 100 MiB, however slowly the other side reads: pipe, unix socket, TCP. */
// threads
// timeout: 120
#include "io_test.h"

#define SIZE (100 << 20)

static void *reads_slowly(void *arg)
{
	int fd = (int)(long)arg;
	unsigned char *buf = malloc(256 << 10);
	size_t done = 0;
	ssize_t got;

	for (unsigned i = 0; (got = SYS(read(fd, buf, 256 << 10))) > 0; i++) {
		pattern_check(buf, (size_t)got, 7, done);
		done += (size_t)got;
		if (i % 100 == 0)
			sleep_us(500);
	}
	free(buf);
	return (void *)done;
}

int main(void)
{
	unsigned char *data = malloc(SIZE);

	pattern_fill(data, SIZE, 7, 0);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		pthread_t reader;
		int sv[2];

		kinds[i].make(sv);
		reader = start(reads_slowly, (void *)(long)sv[1]);
		printf("%s: write %zd", kinds[i].name, write(sv[0], data, SIZE));
		SYS(close(sv[0]));
		printf(", read %ld\n", (long)join(reader));
		SYS(close(sv[1]));
	}
	free(data);
	return 0;
}
