/* `__thread` variables: initial values, alignment, apart in 500 threads, kept across every kind of switch. */
// threads
#include "test.h"

#define THREADS 500

static __thread long initialized = 42;
static __thread char buffer[4096];
static __thread struct {
	char bytes[64];
} __attribute__((aligned(64))) aligned;
__thread int global_tls = 7;

static pthread_barrier_t barrier;

static void *run(void *arg)
{
	long n = (long)arg;

	CHECK_EQ(initialized, 42);
	CHECK_EQ(global_tls, 7);
	CHECK_EQ((uintptr_t)&aligned % 64, 0);
	for (size_t i = 0; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], 0);
	initialized = n;
	global_tls = (int)n * 2;
	memset(buffer, (int)n, sizeof(buffer));
	memset(&aligned, (int)~n, sizeof(aligned));
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < 5; i++) {
		sched_yield();
		sleep_us(100);
		CHECK_EQ(initialized, n + i);
		initialized++;
		CHECK_EQ(global_tls, n * 2);
	}
	for (size_t i = 0; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], (char)n);
	for (size_t i = 0; i < sizeof(aligned); i++)
		CHECK_EQ(aligned.bytes[i], (char)~n);
	pthread_barrier_wait(&barrier);
	return &initialized;
}

int main(void)
{
	pthread_t t[THREADS];

	initialized = -1;
	PT(pthread_barrier_init(&barrier, NULL, THREADS));
	for (int round = 0; round < 3; round++) {
		for (long i = 0; i < THREADS; i++)
			t[i] = start(run, (void *)i);
		for (long i = 0; i < THREADS; i++)
			CHECK(join(t[i]) != &initialized);
	}
	printf("main %ld %d\n", initialized, global_tls);
	return 0;
}
