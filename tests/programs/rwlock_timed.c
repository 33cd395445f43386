/* Timed read and write locks on both clocks: never early, past, invalid, won. */
// threads
#include "test.h"

static pthread_rwlock_t lock = PTHREAD_RWLOCK_INITIALIZER;
static sem_t held, release;

static void *holds(void *arg)
{
	PT(arg ? pthread_rwlock_wrlock(&lock) : pthread_rwlock_rdlock(&lock));
	SYS(sem_post(&held));
	while (sem_wait(&release) != 0)
		;
	PT(pthread_rwlock_unlock(&lock));
	return NULL;
}

static int lock_until(bool write, clockid_t clock, bool by_clock, const struct timespec *until)
{
	if (by_clock)
		return write ? pthread_rwlock_clockwrlock(&lock, clock, until)
			     : pthread_rwlock_clockrdlock(&lock, clock, until);
	return write ? pthread_rwlock_timedwrlock(&lock, until) : pthread_rwlock_timedrdlock(&lock, until);
}

static void one(const char *name, bool write, clockid_t clock, bool by_clock)
{
	struct timespec past = {1, 0}, bad = {1, 1000000000}, until;
	pthread_t t = start(holds, write ? NULL : &lock);

	while (sem_wait(&held) != 0)
		;
	for (int i = 1; i <= 10; i++) {
		long long end = clock_ns(clock) + i * 300000;

		until = to_timespec(end);
		CHECK_EQ(lock_until(write, clock, by_clock, &until), ETIMEDOUT);
		CHECK(clock_ns(clock) >= end);
	}
	printf("%s %s: past %s,", name, write ? "write" : "read",
	    strerrorname_np(lock_until(write, clock, by_clock, &past)));
	printf(" invalid %s,", strerrorname_np(lock_until(write, clock, by_clock, &bad)));
	until = after_ms(clock, 30000);
	SYS(sem_post(&release));
	printf(" won %s\n", strerrorname_np(lock_until(write, clock, by_clock, &until)));
	PT(pthread_rwlock_unlock(&lock));
	join(t);
}

int main(void)
{
	SYS(sem_init(&held, 0, 0));
	SYS(sem_init(&release, 0, 0));
	for (int write = 0; write < 2; write++) {
		one("timed", write, CLOCK_REALTIME, false);
		one("clock realtime", write, CLOCK_REALTIME, true);
		one("clock monotonic", write, CLOCK_MONOTONIC, true);
	}
	return 0;
}
