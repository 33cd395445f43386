/* Detached threads: by attribute, by others and by themselves; their ends free their stacks. */
// threads
#include "test.h"

#define THREADS 6000
#define AT_ONCE 50

static struct event ended = EVENT_INIT;

static void *run(void *arg)
{
	if ((long)arg % 3 == 1)
		PT(pthread_detach(pthread_self()));
	event_post(&ended);
	return NULL;
}

int main(void)
{
	pthread_attr_t attr;
	int state;
	pthread_t t;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	PT(pthread_attr_getdetachstate(&attr, &state));
	CHECK_EQ(state, PTHREAD_CREATE_DETACHED);
	for (long i = 0; i < THREADS; i++) {
		PT(pthread_create(&t, i % 3 == 0 ? &attr : NULL, run, (void *)i));
		if (i % 3 == 2)
			PT(pthread_detach(t));
		if (i >= AT_ONCE)
			event_wait(&ended, (int)i - AT_ONCE);
	}
	event_wait(&ended, THREADS);
	printf("%d ended\n", ended.count);
	return 0;
}
