/* What pthread_join reports: returned values, pthread_exit from deep inside, PTHREAD_CANCELED, and its errors. */
// threads
#include "test.h"

static void *returns(void *arg)
{
	return arg;
}

/* By pointer: the compiler shall not know that it never returns. */
static void (*volatile leave)(void *) = pthread_exit;

static __attribute__((noinline)) void deep(int depth, void *value)
{
	if (depth == 0)
		leave(value);
	else
		deep(depth - 1, value);
	__asm__ volatile("" ::: "memory");
}

static void *exits(void *arg)
{
	deep(20, arg);
	return NULL;
}

static void *canceled(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *joins_itself(void *arg)
{
	(void)arg;
	return (void *)(long)pthread_join(pthread_self(), NULL);
}

int main(void)
{
	pthread_t t;

	printf("returned %ld\n", (long)join(start(returns, (void *)-5L)));
	printf("exited %ld\n", (long)join(start(exits, (void *)77L)));
	t = start(canceled, NULL);
	PT(pthread_cancel(t));
	printf("canceled %d\n", join(t) == PTHREAD_CANCELED);
	printf("joining itself: EDEADLK %d\n", (long)join(start(joins_itself, NULL)) == EDEADLK);
	t = start(canceled, NULL);
	PT(pthread_detach(t));
	printf("joining a detached thread: EINVAL %d\n", pthread_join(t, NULL) == EINVAL);
	PT(pthread_cancel(t));
	return 0;
}
