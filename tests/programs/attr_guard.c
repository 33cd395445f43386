/* Guard sizes of 0, one page and 1 MiB: threads run with each, and a child that runs into its guard dies of SIGSEGV. */
// threads
#include "test.h"
#include <sys/resource.h>

#define STACK (256 << 10)

static pthread_t start_guarded(size_t guard, void *(*fn)(void *))
{
	pthread_attr_t attr;
	size_t got;
	pthread_t t;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setstacksize(&attr, STACK + guard));
	PT(pthread_attr_setguardsize(&attr, guard));
	PT(pthread_attr_getguardsize(&attr, &got));
	CHECK_EQ(got, guard);
	PT(pthread_create(&t, &attr, fn, (void *)guard));
	return t;
}

static void *reports(void *arg)
{
	pthread_attr_t attr;
	size_t guard;

	PT(pthread_getattr_np(pthread_self(), &attr));
	PT(pthread_attr_getguardsize(&attr, &guard));
	PT(pthread_attr_destroy(&attr));
	CHECK_EQ(guard, (size_t)arg);
	sleep_us(1000);
	return arg;
}

/* Writes downwards, page by page, until something stops it. */
static void *overflows(void *arg)
{
	pthread_attr_t attr;
	void *base;
	size_t size, guard;

	PT(pthread_getattr_np(pthread_self(), &attr));
	PT(pthread_attr_getstack(&attr, &base, &size));
	PT(pthread_attr_getguardsize(&attr, &guard));
	CHECK(guard > 0);
	for (volatile char *p = (char *)&attr - 8192;; p -= 1024) {
		CHECK((char *)p > (char *)base - guard);
		*p = 1;
	}
	return arg;
}

static void child_overflows(size_t guard)
{
	pid_t pid = SYS(fork());

	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		join(start_guarded(guard, overflows));
		_exit(0);
	}
	printf("overflow with guard %zu: %s\n", guard, reap(pid));
}

int main(void)
{
	static const size_t guards[] = {0, 4096, 1 << 20};

	for (size_t i = 0; i < ARRAY_LEN(guards); i++) {
		for (int k = 0; k < 20; k++)
			CHECK_EQ((long)join(start_guarded(guards[i], reports)), guards[i]);
		printf("guard %zu\n", guards[i]);
	}
	fflush(stdout);
	child_overflows(4096);
	child_overflows(1 << 20);
	return 0;
}
