/* Thread ids are unique among the living, stay the same, differ from the process's; pthread_self and equal agree. */
// threads
#include "test.h"

#define THREADS 300

static pthread_barrier_t barrier;
static pid_t tids[THREADS];
static pthread_t selves[THREADS];

static void *run(void *arg)
{
	long n = (long)arg;
	pid_t tid = gettid();

	tids[n] = tid;
	selves[n] = pthread_self();
	CHECK(getpid() != tid);
	pthread_barrier_wait(&barrier);
	CHECK_EQ(own_tid(), tid);
	CHECK(pthread_equal(pthread_self(), selves[n]));
	pthread_barrier_wait(&barrier);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	pid_t x = *(const pid_t *)a, y = *(const pid_t *)b;

	return (x > y) - (x < y);
}

int main(void)
{
	pthread_t t[THREADS];

	CHECK_EQ(gettid(), getpid());
	PT(pthread_barrier_init(&barrier, NULL, THREADS + 1));
	for (int round = 0; round < 10; round++) {
		for (long i = 0; i < THREADS; i++)
			t[i] = start(run, (void *)i);
		pthread_barrier_wait(&barrier);
		for (long i = 0; i < THREADS; i++) {
			CHECK(pthread_equal(t[i], selves[i]));
			CHECK(!pthread_equal(t[i], pthread_self()));
			CHECK(tids[i] > 0);
			SYS(syscall(SYS_tgkill, getpid(), tids[i], 0));
		}
		qsort(tids, THREADS, sizeof(tids[0]), by_value);
		for (long i = 1; i < THREADS; i++)
			CHECK(tids[i] != tids[i - 1]);
		pthread_barrier_wait(&barrier);
		for (long i = 0; i < THREADS; i++)
			join(t[i]);
	}
	CHECK_EQ(gettid(), getpid());
	CHECK(syscall(SYS_tgkill, getpid(), 0x7fffff00, 0) == -1 && errno == ESRCH);
	puts("unique");
	return 0;
}
