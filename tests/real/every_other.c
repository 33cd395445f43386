/* A library that makes every second thread of a program; the program makes the others, as without it. */
#include <dlfcn.h>
#include <pthread.h>

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	static _Atomic unsigned made;
	create_fn *next = (create_fn *)dlsym(RTLD_NEXT, "pthread_create");
	int err;

	if (made++ % 2)
		return next(t, attr, fn, arg); /* a jump: the caller is the program's function */
	err = next(t, attr, fn, arg);
	__asm__ volatile("" : "+r"(err)); /* no jump */
	return err;
}
