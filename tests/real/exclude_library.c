/* A library with threads: of its own function, of the program's, by C11. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <threads.h>

typedef void *tell_fn(void *);

static tell_fn *tell;

static void *own(void *what)
{
	return tell(what);
}

static int own_c11(void *what)
{
	tell(what);
	return 0;
}

static void made(pthread_t t, int err)
{
	if (err || pthread_join(t, NULL))
		abort();
}

/* With an attribute: libc sets the scheduling of such a thread before it begins. */
void make_own(tell_fn *fn)
{
	struct sched_param param = {0};
	pthread_attr_t attr;
	pthread_t t;

	tell = fn;
	pthread_attr_init(&attr);
	pthread_attr_setinheritsched(&attr, PTHREAD_EXPLICIT_SCHED);
	pthread_attr_setschedpolicy(&attr, SCHED_BATCH);
	pthread_attr_setschedparam(&attr, &param);
	made(t, pthread_create(&t, &attr, own, "a library's"));
}

void make_programs(tell_fn *fn)
{
	pthread_t t;

	made(t, pthread_create(&t, NULL, fn, "a library's, of the program's function"));
}

void make_c11(tell_fn *fn)
{
	thrd_t t;

	tell = fn;
	if (thrd_create(&t, own_c11, "a library's of C11") != thrd_success || thrd_join(t, NULL) != thrd_success)
		abort();
}

void *routine(void *what)
{
	return tell(what);
}
