/* Descriptors closed and used again under load: thousands of short connections, whose numbers recur, never mix data. */
// threads
#include "io_test.h"

#define WORKERS 12
#define ROUNDS 400

struct pair {
	int fd;
	unsigned id;
};

/* Answers on its end what it was told, then closes it. */
static void *answers(void *arg)
{
	int orders = (int)(long)arg;
	struct pair p;

	while (read_full(orders, &p, sizeof(p)) == sizeof(p)) {
		unsigned char buf[300];
		size_t n = 1 + p.id % sizeof(buf);

		CHECK_EQ(read_full(p.fd, buf, n), n);
		pattern_check(buf, n, p.id, 0);
		pattern_fill(buf, n, ~p.id, 0);
		write_full(p.fd, buf, n);
		SYS(close(p.fd));
	}
	return NULL;
}

static void *works(void *arg)
{
	unsigned me = (unsigned)(long)arg, state = me + 1;
	int orders[2];
	pthread_t t;

	SYS(pipe(orders));
	t = start(answers, (void *)(long)orders[0]);
	for (unsigned i = 0; i < ROUNDS; i++) {
		struct pair p = {.id = me * ROUNDS + i};
		size_t n = 1 + p.id % 300;
		unsigned char buf[300];
		int sv[2];

		/* Few by TCP: each leaves a port in TIME_WAIT. */
		kinds[rnd(&state) % 8 ? 1 : 2].make(sv);
		p.fd = sv[1];
		write_full(orders[1], &p, sizeof(p));
		if (rnd(&state) % 2)
			sched_yield();
		pattern_fill(buf, n, p.id, 0);
		write_full(sv[0], buf, n);
		CHECK_EQ(read_full(sv[0], buf, n), n);
		pattern_check(buf, n, ~p.id, 0);
		CHECK_EQ(read(sv[0], buf, 1), 0);
		SYS(close(sv[0]));
	}
	SYS(close(orders[1]));
	join(t);
	SYS(close(orders[0]));
	return NULL;
}

int main(void)
{
	pthread_t t[WORKERS];

	for (long i = 0; i < WORKERS; i++)
		t[i] = start(works, (void *)i);
	for (int i = 0; i < WORKERS; i++)
		join(t[i]);
	printf("%d rounds\n", WORKERS * ROUNDS);
	return 0;
}
