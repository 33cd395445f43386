/* pthread_mutex_timedlock and clocklock on both clocks, plain and priority inheriting: timed out, past, won, invalid.
 */
// threads
#include "test.h"

static pthread_mutex_t mutex;
static struct event held = EVENT_INIT;
static sem_t release;

static void *holds(void *arg)
{
	(void)arg;
	PT(pthread_mutex_lock(&mutex));
	event_post(&held);
	while (sem_wait(&release) != 0)
		;
	PT(pthread_mutex_unlock(&mutex));
	return NULL;
}

static int lock_until(clockid_t clock, const struct timespec *until, bool by_clock)
{
	return by_clock ? pthread_mutex_clocklock(&mutex, clock, until) : pthread_mutex_timedlock(&mutex, until);
}

static void one(const char *name, int protocol, clockid_t clock, bool by_clock)
{
	static int holders;
	struct timespec past = {1, 0}, bad = {1, 1000000000}, until;
	pthread_mutexattr_t attr;
	long long began;
	pthread_t t;

	PT(pthread_mutexattr_init(&attr));
	PT(pthread_mutexattr_setprotocol(&attr, protocol));
	PT(pthread_mutex_init(&mutex, &attr));
	t = start(holds, NULL);
	event_wait(&held, ++holders);
	for (int i = 0; i < 20; i++) {
		began = clock_ns(clock);
		until = to_timespec(began + (i + 1) * 300000);
		CHECK_EQ(lock_until(clock, &until, by_clock), ETIMEDOUT);
		CHECK(clock_ns(clock) >= began + (i + 1) * 300000);
	}
	printf("%s: past %s,", name, strerrorname_np(lock_until(clock, &past, by_clock)));
	printf(" invalid %s,", strerrorname_np(lock_until(clock, &bad, by_clock)));
	until = after_ms(clock, 30000);
	SYS(sem_post(&release));
	printf(" won %s\n", strerrorname_np(lock_until(clock, &until, by_clock)));
	PT(pthread_mutex_unlock(&mutex));
	join(t);
}

int main(void)
{
	SYS(sem_init(&release, 0, 0));
	one("timedlock", PTHREAD_PRIO_NONE, CLOCK_REALTIME, false);
	one("clocklock realtime", PTHREAD_PRIO_NONE, CLOCK_REALTIME, true);
	one("clocklock monotonic", PTHREAD_PRIO_NONE, CLOCK_MONOTONIC, true);
	one("timedlock, priority inheritance", PTHREAD_PRIO_INHERIT, CLOCK_REALTIME, false);
	return 0;
}
