/* Producers and consumers over one pipe: every record arrives whole and once, order kept per producer and consumer. */
// threads
#include "io_test.h"

#define PRODUCERS 20
#define CONSUMERS 10
#define EACH 3000

struct record {
	unsigned producer, number, check, padding;
};

static int in, out;
static unsigned char seen[PRODUCERS][EACH];

static void *produces(void *arg)
{
	struct record r = {.producer = (unsigned)(long)arg};

	for (r.number = 0; r.number < EACH; r.number++) {
		r.check = r.producer * 65599 ^ r.number;
		CHECK_EQ(write(in, &r, sizeof(r)), sizeof(r));
	}
	return NULL;
}

static void *consumes(void *arg)
{
	long last[PRODUCERS], records = 0;
	struct record r;
	ssize_t got;

	(void)arg;
	memset(last, -1, sizeof(last));
	while ((got = SYS(read(out, &r, sizeof(r)))) > 0) {
		CHECK_EQ(got, sizeof(r));
		CHECK_EQ(r.check, r.producer * 65599 ^ r.number);
		CHECK((long)r.number > last[r.producer]);
		last[r.producer] = (long)r.number;
		CHECK_EQ(__atomic_fetch_add(&seen[r.producer][r.number], 1, __ATOMIC_RELAXED), 0);
		records++;
	}
	return (void *)records;
}

int main(void)
{
	pthread_t p[PRODUCERS], c[CONSUMERS];
	long records = 0;
	int fds[2];

	SYS(pipe(fds));
	out = fds[0];
	in = fds[1];
	for (long i = 0; i < CONSUMERS; i++)
		c[i] = start(consumes, NULL);
	for (long i = 0; i < PRODUCERS; i++)
		p[i] = start(produces, (void *)i);
	for (int i = 0; i < PRODUCERS; i++)
		join(p[i]);
	SYS(close(in));
	for (int i = 0; i < CONSUMERS; i++)
		records += (long)join(c[i]);
	printf("%ld records\n", records);
	return 0;
}
