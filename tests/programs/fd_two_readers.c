/* Two threads read one descriptor while a third writes: each record comes to one of them, once; both see the end. */
// threads
#include "io_test.h"

#define RECORDS 100000

static int sv[2];
static unsigned char seen[RECORDS];

static void *reads(void *arg)
{
	unsigned record;
	ssize_t got;

	while ((got = SYS(read(sv[1], &record, sizeof(record)))) > 0) {
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
		write_full(sv[0], batch, n * sizeof(*batch));
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
		kinds[k].make(sv);
		a = start(reads, NULL);
		b = start(reads, NULL);
		w = start(writes, NULL);
		join(w);
		join(a);
		join(b);
		for (int i = 0; i < RECORDS; i++)
			CHECK_EQ(seen[i], 1);
		SYS(close(sv[1]));
		printf("%s: %d records\n", kinds[k].name, RECORDS);
	}
	return 0;
}
