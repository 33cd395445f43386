/* Thread names: set and read by oneself and by others, through pthread and prctl; each thread keeps its own. */
// threads
#include "test.h"
#include <sys/prctl.h>

#define THREADS 100

static pthread_barrier_t barrier;

static void *run(void *arg)
{
	char want[16], got[16], kernel[16];

	snprintf(want, sizeof(want), "worker-%ld", (long)arg);
	if ((long)arg % 2)
		PT(pthread_setname_np(pthread_self(), want));
	else
		SYS(prctl(PR_SET_NAME, want));
	pthread_barrier_wait(&barrier);
	PT(pthread_getname_np(pthread_self(), got, sizeof(got)));
	SYS(prctl(PR_GET_NAME, kernel));
	CHECK(strcmp(got, want) == 0 && strcmp(kernel, want) == 0);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	PT(pthread_getname_np(pthread_self(), got, sizeof(got)));
	CHECK(strcmp(got, "renamed") == 0);
	return NULL;
}

int main(void)
{
	char got[16], want[16], tiny[4], before[16];
	pthread_t t[THREADS];

	PT(pthread_getname_np(pthread_self(), before, sizeof(before)));
	PT(pthread_barrier_init(&barrier, NULL, THREADS + 1));
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	pthread_barrier_wait(&barrier);
	pthread_barrier_wait(&barrier);
	for (long i = 0; i < THREADS; i++) {
		snprintf(want, sizeof(want), "worker-%ld", i);
		PT(pthread_getname_np(t[i], got, sizeof(got)));
		CHECK(strcmp(got, want) == 0);
		PT(pthread_setname_np(t[i], "renamed"));
	}
	printf("too long: %s\n", strerrorname_np(pthread_setname_np(t[0], "sixteen-letters!")));
	printf("small buffer: %s\n", strerrorname_np(pthread_getname_np(t[0], tiny, sizeof(tiny))));
	pthread_barrier_wait(&barrier);
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	PT(pthread_getname_np(pthread_self(), got, sizeof(got)));
	printf("main %s\n", strcmp(got, before) == 0 ? "kept its name" : got);
	return 0;
}
