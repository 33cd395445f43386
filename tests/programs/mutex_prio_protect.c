/* A mutex with a priority ceiling, which glibc allows to real-time threads alone. Needs the right to be one. */
// threads
#include "test.h"

static pthread_mutex_t mutex;
static long count;

static void *run(void *arg)
{
	struct sched_param param = {.sched_priority = 1};
	int error = pthread_setschedparam(pthread_self(), SCHED_FIFO, &param);

	(void)arg;
	if (error == EPERM)
		return (void *)1L;
	PT(error);
	for (int i = 0; i < 200; i++) {
		PT(pthread_mutex_lock(&mutex));
		count++;
		PT(pthread_mutex_unlock(&mutex));
	}
	return NULL;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t t[4];
	int ceiling;

	PT(pthread_mutexattr_init(&attr));
	PT(pthread_mutexattr_setprotocol(&attr, PTHREAD_PRIO_PROTECT));
	PT(pthread_mutexattr_setprioceiling(&attr, 10));
	PT(pthread_mutex_init(&mutex, &attr));
	for (int i = 0; i < 4; i++)
		t[i] = start(run, NULL);
	for (int i = 0; i < 4; i++)
		if (join(t[i]) != NULL)
			test_skip("no right to make real-time threads");
	PT(pthread_mutex_getprioceiling(&mutex, &ceiling));
	printf("%ld with ceiling %d\n", count, ceiling);
	return 0;
}
