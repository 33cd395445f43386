/* pthread_getattr_np, of oneself, of another and of main: the stack's bounds hold a local, detach state and size fit.
 */
// threads
#include "test.h"

static sem_t seen, checked;
static char *local_of_thread;

static void check_bounds(pthread_t of, const char *local, size_t least, int detached)
{
	pthread_attr_t attr;
	void *base;
	size_t size;
	int state;

	PT(pthread_getattr_np(of, &attr));
	PT(pthread_attr_getstack(&attr, &base, &size));
	PT(pthread_attr_getdetachstate(&attr, &state));
	PT(pthread_attr_destroy(&attr));
	CHECK(local > (char *)base && local < (char *)base + size);
	CHECK(size >= least);
	CHECK_EQ(state, detached ? PTHREAD_CREATE_DETACHED : PTHREAD_CREATE_JOINABLE);
}

static void *run(void *arg)
{
	char local;

	check_bounds(pthread_self(), &local, (size_t)arg, 0);
	local_of_thread = &local;
	SYS(sem_post(&seen));
	while (sem_wait(&checked) != 0)
		;
	return NULL;
}

int main(void)
{
	static const size_t sizes[] = {64 << 10, 1 << 20, 32 << 20};
	char local;

	SYS(sem_init(&seen, 0, 0));
	SYS(sem_init(&checked, 0, 0));
	for (int round = 0; round < 50; round++) {
		for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
			pthread_attr_t attr;
			pthread_t t;

			PT(pthread_attr_init(&attr));
			PT(pthread_attr_setstacksize(&attr, sizes[i]));
			PT(pthread_create(&t, &attr, run, (void *)sizes[i]));
			while (sem_wait(&seen) != 0)
				;
			check_bounds(t, local_of_thread, sizes[i], 0);
			SYS(sem_post(&checked));
			join(t);
		}
	}
	puts("threads");
	check_bounds(pthread_self(), &local, 64 << 10, 0);
	puts("main");
	return 0;
}
