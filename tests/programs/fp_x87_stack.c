/* long double arithmetic in many threads, in a function that is interrupted by signals which use the x87 stack too. */
// threads
#include "test.h"

#define THREADS 8

static __thread volatile sig_atomic_t handled;
static volatile bool enough;
static volatile long double sink;

static void on_usr1(int sig)
{
	long double x = 1.0L;

	for (int i = 0; i < 50; i++)
		x = x * 1.01L + (long double)sig;
	sink = x;
	handled++;
}

static void *run(void *arg)
{
	long n = (long)arg;

	do {
		long double sum = 0.0L, again = 0.0L;

		for (long i = 1; i < 200000; i++)
			sum += 1.0L / (long double)(i + n);
		for (long i = 1; i < 200000; i++) {
			again += 1.0L / (long double)(i + n);
			if (i % 5000 == 0)
				sched_yield();
		}
		CHECK(sum == again);
	} while (!enough);
	CHECK(handled > 0);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < 100; i++) {
		pthread_kill(t[i % THREADS], SIGUSR1);
		sleep_us(100);
	}
	enough = true;
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	puts("sums agree");
	return 0;
}
