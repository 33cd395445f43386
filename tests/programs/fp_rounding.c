/* Rounding mode, x87 control word and mxcsr: inherited by new threads, each thread's own, kept across blocking calls.
 */
// threads
#include "test.h"
#include <fenv.h>
#include <xmmintrin.h>

#define THREADS 40
#define ROUNDS 200

static const int modes[] = {FE_TONEAREST, FE_DOWNWARD, FE_UPWARD, FE_TOWARDZERO};
static volatile double one = 1.0, three = 3.0;
static double expected[4];
static pthread_barrier_t barrier;

static uint16_t control_word(void)
{
	uint16_t cw;

	__asm__ volatile("fnstcw %0" : "=m"(cw));
	return cw;
}

static void block(int how, int fds[2])
{
	char c = 0;

	switch (how % 4) {
	case 0:
		sched_yield();
		break;
	case 1:
		sleep_us(10);
		break;
	case 2:
		CHECK_EQ(write(fds[1], &c, 1), 1);
		CHECK_EQ(read(fds[0], &c, 1), 1);
		break;
	case 3:
		pthread_barrier_wait(&barrier);
		break;
	}
}

static void *run(void *arg)
{
	long n = (long)arg;
	int mode = modes[n % 4], fds[2];
	uint16_t cw;
	unsigned mxcsr;

	SYS(pipe(fds));
	/* The thread that made this one rounds upward. */
	CHECK_EQ(fegetround(), FE_UPWARD);
	CHECK_EQ(fesetround(mode), 0);
	if (n % 2)
		_mm_setcsr(_mm_getcsr() | 0x8040);
	cw = (uint16_t)((control_word() & ~0x300) | (n % 3 == 0 ? 0 : 0x300));
	__asm__ volatile("fldcw %0" : : "m"(cw));
	mxcsr = _mm_getcsr() & ~0x3fu;
	for (int i = 0; i < ROUNDS; i++) {
		block(i, fds);
		CHECK_EQ(fegetround(), mode);
		CHECK_EQ(control_word(), cw);
		CHECK_EQ(_mm_getcsr() & ~0x3fu, mxcsr);
		CHECK(one / three == expected[n % 4]);
	}
	close(fds[0]);
	close(fds[1]);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	for (int i = 0; i < 4; i++) {
		fesetround(modes[i]);
		expected[i] = one / three;
	}
	CHECK(expected[1] < expected[2]);
	fesetround(FE_UPWARD);
	PT(pthread_barrier_init(&barrier, NULL, THREADS));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	printf("main rounds upward: %d\n", fegetround() == FE_UPWARD);
	return 0;
}
