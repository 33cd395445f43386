/*
 * Two threads read one descriptor while a third writes: each record comes to one of them, once; both see the end. TCP
 * cuts where it likes (natively a read of four bytes gives three now and then): there a record is a byte.
 */
// threads
#include "io_test.h"

#define RECORDS 100000

static int sv[2];
static unsigned char seen[RECORDS];
static bool of_bytes;
static unsigned bytes[256];

static void *reads(void *arg)
{
	unsigned record;
	unsigned char byte;
	ssize_t got;

	while (of_bytes && SYS(read(sv[1], &byte, 1)) > 0)
		__atomic_fetch_add(&bytes[byte], 1, __ATOMIC_RELAXED);
	while (!of_bytes && (got = SYS(read(sv[1], &record, sizeof(record)))) > 0) {
		CHECK_EQ(got, sizeof(record));
		CHECK_EQ(__atomic_fetch_add(&seen[record], 1, __ATOMIC_RELAXED), 0);
	}
	return arg;
}

/* In bursts, so that the readers sleep now and then. */
static void *writes(void *arg)
{
	unsigned state = 12345, batch[64];

	for (unsigned i = 0; i < RECORDS;) {
		unsigned n = 1 + rnd(&state) % ARRAY_LEN(batch);

		for (unsigned k = 0; k < n; k++)
			batch[k] = i + k;
		if (i + n > RECORDS)
			n = RECORDS - i;
		for (unsigned k = 0; of_bytes && k < n; k++)
			((unsigned char *)batch)[k] = (unsigned char)(i + k);
		write_full(sv[0], batch, of_bytes ? n : n * sizeof(*batch));
		i += n;
		if (state % 16 == 0)
			sched_yield();
	}
	SYS(close(sv[0]));
	return arg;
}

int main(void)
{
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		pthread_t a, b, w;

		memset(seen, 0, sizeof(seen));
		of_bytes = kinds[k].make == tcp_pair;
		kinds[k].make(sv);
		a = start(reads, NULL);
		b = start(reads, NULL);
		w = start(writes, NULL);
		join(w);
		join(a);
		join(b);
		for (int i = 0; i < RECORDS; i++)
			if (of_bytes)
				CHECK(bytes[i % 256]-- > 0);
			else
				CHECK_EQ(seen[i], 1);
		for (int i = 0; i < 256; i++)
			CHECK_EQ(bytes[i], 0);
		SYS(close(sv[1]));
		printf("%s: %d records\n", kinds[k].name, RECORDS);
	}
	return 0;
}
