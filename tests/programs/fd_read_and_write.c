/* One thread reads a socket while another writes to the same socket, both blocking, both directions full. */
// threads
#include "io_test.h"

#define SIZE (8 << 20)

static void *writes(void *arg)
{
	unsigned char buf[9973];

	for (size_t done = 0; done < SIZE;) {
		size_t n = SIZE - done < sizeof(buf) ? SIZE - done : sizeof(buf);

		pattern_fill(buf, n, 1, done);
		write_full((int)(long)arg, buf, n);
		done += n;
	}
	return NULL;
}

static void *reads(void *arg)
{
	unsigned char buf[7919];
	size_t done = 0;

	while (done < SIZE) {
		ssize_t got = SYS(read((int)(long)arg, buf, sizeof(buf)));

		CHECK(got > 0);
		pattern_check(buf, (size_t)got, 1, done);
		done += (size_t)got;
	}
	return NULL;
}

/* Sends back what comes, by one thread: it may not read while it writes. */
static void *echoes(void *arg)
{
	unsigned char buf[5003];
	ssize_t got;

	while ((got = SYS(read((int)(long)arg, buf, sizeof(buf)))) > 0)
		write_full((int)(long)arg, buf, (size_t)got);
	return NULL;
}

int main(void)
{
	for (size_t k = 1; k < ARRAY_LEN(kinds); k++) {
		pthread_t r, w, e;
		int sv[2];

		kinds[k].make(sv);
		e = start(echoes, (void *)(long)sv[1]);
		r = start(reads, (void *)(long)sv[0]);
		w = start(writes, (void *)(long)sv[0]);
		join(w);
		join(r);
		SYS(close(sv[0]));
		join(e);
		SYS(close(sv[1]));
		printf("%s: %d bytes\n", kinds[k].name, SIZE);
	}
	return 0;
}
