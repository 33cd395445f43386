/* pthread_create that cannot: a stack larger than the address space; and that the program goes on as before. */
// threads
#include "test.h"

static void *run(void *arg)
{
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, 1UL << 50));
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(pthread_create(&t, &attr, run, NULL), EAGAIN);
		CHECK_EQ((long)join(start(run, (void *)3L)), 3);
	}
	PT(pthread_attr_setstacksize(&attr, 1 << 20));
	PT(pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED));
	PT(pthread_attr_setschedpolicy(&attr, SCHED_OTHER));
	PT(pthread_create(&t, &attr, run, (void *)4L));
	printf("%ld\n", (long)join(t));
	return 0;
}
