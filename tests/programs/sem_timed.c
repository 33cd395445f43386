/* Semaphores: timed waits on both clocks, trywait, value, overflow; many waiters and posts from many sides. */
// threads
#include "test.h"
#include <limits.h>

static sem_t sem;

static int wait_until(clockid_t clock, bool by_clock, const struct timespec *until)
{
	int result = by_clock ? sem_clockwait(&sem, clock, until) : sem_timedwait(&sem, until);

	return result == 0 ? 0 : errno;
}

static void *post_later(void *arg)
{
	(void)arg;
	sleep_us(2000);
	SYS(sem_post(&sem));
	return NULL;
}

static void one(const char *name, clockid_t clock, bool by_clock)
{
	struct timespec past = {1, 0}, bad = {1, 1000000000}, until;
	pthread_t t;

	for (int i = 1; i <= 20; i++) {
		long long end = clock_ns(clock) + i * 250000;

		until = to_timespec(end);
		CHECK_EQ(wait_until(clock, by_clock, &until), ETIMEDOUT);
		CHECK(clock_ns(clock) >= end);
	}
	printf("%s: past %s,", name, strerrorname_np(wait_until(clock, by_clock, &past)));
	printf(" invalid %s,", strerrorname_np(wait_until(clock, by_clock, &bad)));
	SYS(sem_post(&sem));
	printf(" past but posted %s,", strerrorname_np(wait_until(clock, by_clock, &past)));
	t = start(post_later, NULL);
	until = after_ms(clock, 30000);
	printf(" posted %s\n", strerrorname_np(wait_until(clock, by_clock, &until)));
	join(t);
}

static void *waits(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		SYS(sem_wait(&sem));
	return NULL;
}

static void *posts(void *arg)
{
	(void)arg;
	for (int i = 0; i < 100; i++)
		SYS(sem_post(&sem));
	return NULL;
}

int main(void)
{
	pthread_t t[200];
	int value;

	SYS(sem_init(&sem, 0, 0));
	one("timedwait", CLOCK_REALTIME, false);
	one("clockwait realtime", CLOCK_REALTIME, true);
	one("clockwait monotonic", CLOCK_MONOTONIC, true);
	printf("trywait %s\n", sem_trywait(&sem) == -1 ? strerrorname_np(errno) : "0");
	for (int i = 0; i < 200; i++)
		t[i] = start(i < 100 ? waits : posts, NULL);
	for (int i = 0; i < 200; i++)
		join(t[i]);
	SYS(sem_getvalue(&sem, &value));
	printf("value %d\n", value);
	SYS(sem_init(&sem, 0, SEM_VALUE_MAX));
	printf("overflow %s\n", sem_post(&sem) == -1 ? strerrorname_np(errno) : "0");
	return 0;
}
