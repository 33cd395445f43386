/* Timed condition waits on both clocks: never early, the mutex held again after, woken before the time. */
// threads
#include "test.h"

static pthread_mutex_t lock;
static pthread_cond_t cond;
static bool flag;

static void *signals(void *arg)
{
	(void)arg;
	pthread_mutex_lock(&lock);
	flag = true;
	pthread_cond_signal(&cond);
	pthread_mutex_unlock(&lock);
	return NULL;
}

static int wait_until(clockid_t clock, bool by_clock, const struct timespec *until)
{
	return by_clock ? pthread_cond_clockwait(&cond, &lock, clock, until)
			: pthread_cond_timedwait(&cond, &lock, until);
}

static void one(const char *name, clockid_t clock, bool by_clock)
{
	struct timespec past = {1, 0}, bad = {1, -1}, until;
	pthread_condattr_t attr;
	pthread_mutexattr_t mutex_attr;
	int error = 0;
	pthread_t t;

	PT(pthread_condattr_init(&attr));
	if (!by_clock)
		PT(pthread_condattr_setclock(&attr, clock));
	PT(pthread_cond_init(&cond, &attr));
	PT(pthread_mutexattr_init(&mutex_attr));
	PT(pthread_mutexattr_settype(&mutex_attr, PTHREAD_MUTEX_ERRORCHECK));
	PT(pthread_mutex_init(&lock, &mutex_attr));
	flag = false;
	pthread_mutex_lock(&lock);
	for (int i = 1; i <= 20; i++) {
		long long end = clock_ns(clock) + i * 250000;

		until = to_timespec(end);
		do
			error = wait_until(clock, by_clock, &until);
		while (error == 0);
		CHECK_EQ(error, ETIMEDOUT);
		CHECK(clock_ns(clock) >= end);
		CHECK_EQ(pthread_mutex_lock(&lock), EDEADLK);
	}
	printf("%s: past %s,", name, strerrorname_np(wait_until(clock, by_clock, &past)));
	printf(" invalid %s,", strerrorname_np(wait_until(clock, by_clock, &bad)));
	t = start(signals, NULL);
	until = after_ms(clock, 30000);
	for (error = 0; !flag && error == 0;)
		error = wait_until(clock, by_clock, &until);
	printf(" signalled %s\n", strerrorname_np(error));
	PT(pthread_mutex_unlock(&lock));
	join(t);
}

int main(void)
{
	one("timedwait realtime", CLOCK_REALTIME, false);
	one("timedwait monotonic", CLOCK_MONOTONIC, false);
	one("clockwait realtime", CLOCK_REALTIME, true);
	one("clockwait monotonic", CLOCK_MONOTONIC, true);
	return 0;
}
