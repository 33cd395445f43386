/*
 * A number that readers use all the time is given to another file again and again, by dup2 and by close and dup, from a
 * thread that computes in between: no byte is lost, none is read twice, and everybody ends.
 */
// threads
#include "io_test.h"

#define READERS 4
#define BURSTS 40
#define SWAPS 50

static int number, source[2], sink[2];
static bool stop;
static uint64_t sum_in, sum_out, count_in, count_out;

static void *writes(void *arg)
{
	int fd = sink[(long)arg];
	unsigned char c = 0;

	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		SYS(write(fd, &c, 1));
		__atomic_fetch_add(&count_in, 1, __ATOMIC_RELAXED);
		__atomic_fetch_add(&sum_in, c++, __ATOMIC_RELAXED);
	}
	SYS(close(fd));
	return NULL;
}

static void took(const unsigned char *buf, ssize_t n)
{
	__atomic_fetch_add(&count_out, (uint64_t)n, __ATOMIC_RELAXED);
	for (ssize_t i = 0; i < n; i++)
		__atomic_fetch_add(&sum_out, buf[i], __ATOMIC_RELAXED);
}

static void *reads(void *arg)
{
	unsigned char buf[7];
	ssize_t n;

	(void)arg;
	while ((n = read(number, buf, sizeof(buf))) != 0) {
		if (n > 0)
			took(buf, n);
		else
			CHECK(errno == EBADF); /* between close and dup */
	}
	return NULL;
}

static void compute(long ms)
{
	for (long long until = now_ns() + ms * NSEC_PER_MSEC; now_ns() < until;)
		;
}

/* Nobody else makes descriptors, so the lowest free one is the number. */
static void swap(int i)
{
	if (i % 8) {
		CHECK_EQ(dup2(source[i % 2], number), number);
		return;
	}
	SYS(close(number));
	CHECK_EQ(dup(source[i / 8 % 2]), number);
}

static void drain(int fd)
{
	unsigned char buf[4096];
	ssize_t n;

	while ((n = SYS(read(fd, buf, sizeof(buf)))) > 0)
		took(buf, n);
}

int main(void)
{
	pthread_t r[READERS], w[2];
	int sv[2];

	number = (int)SYS(dup(0));
	pipe_pair(sv);
	sink[0] = sv[0];
	source[0] = sv[1];
	unix_pair(sv);
	sink[1] = sv[0];
	source[1] = sv[1];
	swap(1);
	for (long i = 0; i < 2; i++)
		w[i] = start(writes, (void *)i);
	for (int i = 0; i < READERS; i++)
		r[i] = start(reads, NULL);
	for (int burst = 0; burst < BURSTS; burst++) {
		compute(burst % 4 ? 1 : 15);
		for (int i = 0; i < SWAPS; i++)
			swap(burst * SWAPS + i);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELEASE);
	/* The readers may all be on one of the two, and the other one's writer at a full buffer. */
	drain(source[0]);
	drain(source[1]);
	for (int i = 0; i < 2; i++)
		join(w[i]);
	for (int i = 0; i < READERS; i++)
		join(r[i]);
	CHECK_EQ(count_in, count_out);
	CHECK_EQ(sum_in, sum_out);
	puts("every byte was read once");
	return 0;
}
