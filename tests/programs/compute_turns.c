/* More threads that compute, and make no call, than there may be kernel threads: they take turns, nobody else starves,
 * and none finds its registers changed. */
// threads
// env: GREEN_MAX_CARRIERS=4
// libs: -lm
#include "test.h"
#include <fenv.h>
#include <math.h>

#define HOGS 8
#define PINGS 5

static _Atomic int stop, rounds[HOGS];
static int there[2], back[2];
static const int roundings[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};

struct sums {
	double d;
	long double l;
	float f[8];
	unsigned long n;
};

/* Values in SSE, x87 and general registers and, in a leaf function, in the red zone. */
static struct sums sum_up(int seed)
{
	struct sums s = {.d = seed, .l = seed, .n = (unsigned)seed};

	for (int i = 1; i < 20000; i++) {
		s.d += 1.0 / (i + seed);
		s.l += sqrtl((long double)i);
		for (int k = 0; k < 8; k++)
			s.f[k] += 1.0f / (float)(i + k);
		s.n = s.n * 6364136223846793005UL + 1442695040888963407UL;
	}
	return s;
}

static bool same(const struct sums *a, const struct sums *b)
{
	return a->d == b->d && a->l == b->l && memcmp(a->f, b->f, sizeof(a->f)) == 0 && a->n == b->n;
}

static void *hog(void *arg)
{
	int me = (int)(long)arg;
	struct sums first;

	CHECK_EQ(fesetround(roundings[me % 4]), 0);
	first = sum_up(me);
	while (!stop) {
		struct sums again = sum_up(me);

		CHECK(same(&first, &again));
		rounds[me]++;
	}
	CHECK_EQ(fegetround(), roundings[me % 4]);
	return arg;
}

static void *echoes(void *arg)
{
	char c;

	while (SYS(read(there[0], &c, 1)) == 1)
		CHECK_EQ(write(back[1], &c, 1), 1);
	return arg;
}

static bool all_ran(void)
{
	for (int i = 0; i < HOGS; i++)
		if (rounds[i] < 2)
			return false;
	return true;
}

int main(void)
{
	pthread_t hogs[HOGS], echo;

	SYS(pipe(there));
	SYS(pipe(back));
	echo = start(echoes, NULL);
	for (long i = 0; i < HOGS; i++)
		hogs[i] = start(hog, (void *)i);
	for (int i = 0; i < PINGS || !all_ran(); i++) {
		char c = (char)i, d;

		CHECK_EQ(write(there[1], &c, 1), 1);
		CHECK_EQ(read(back[0], &d, 1), 1);
		CHECK_EQ(c, d);
	}
	stop = 1;
	for (int i = 0; i < HOGS; i++)
		join(hogs[i]);
	close(there[1]);
	join(echo);
	puts("all ran");
	return 0;
}
