/* The main thread leaves by pthread_exit while others are blocked: the process ends with its last thread, code 0. */
// threads
#include "test.h"

#define THREADS 20

static pthread_t main_thread;
static int left = THREADS;

static void at_end(void)
{
	puts("atexit handler");
}

static void *run(void *arg)
{
	(void)arg;
	if (__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST) == 0) {
		PT(pthread_join(main_thread, NULL));
		puts("last thread joined main");
	} else {
		WAIT_UNTIL(__atomic_load_n(&left, __ATOMIC_SEQ_CST) == 0);
		sleep_us(20000);
	}
	return (void *)9L;
}

int main(void)
{
	main_thread = pthread_self();
	atexit(at_end);
	for (int i = 0; i < THREADS; i++)
		start(run, NULL);
	puts("main leaves");
	pthread_exit((void *)3L);
}
