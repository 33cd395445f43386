/* Timed-out waiters must not swallow the wake-up of another: many short timed locks beside plain ones, for long. */
// threads
#include "test.h"

#define PLAIN 4
#define TIMED 12
#define ROUNDS 400

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t sem;
static unsigned seed;
static long locked;

static void *plain(void *arg)
{
	unsigned random = seed + (unsigned)(long)arg * 7919;

	for (int i = 0; i < ROUNDS; i++) {
		PT(pthread_mutex_lock(&mutex));
		locked++;
		if (rnd(&random) % 4 == 0)
			sleep_us(rnd(&random) % 60);
		pthread_cond_signal(&cond);
		PT(pthread_mutex_unlock(&mutex));
		SYS(sem_post(&sem));
		while (sem_wait(&sem) != 0)
			;
	}
	return NULL;
}

static void *timed(void *arg)
{
	unsigned random = seed + (unsigned)(long)arg * 104729;

	for (int i = 0; i < ROUNDS; i++) {
		struct timespec until = to_timespec(clock_ns(CLOCK_REALTIME) + rnd(&random) % 150000);
		int error = pthread_mutex_timedlock(&mutex, &until);

		if (error == 0) {
			until = to_timespec(clock_ns(CLOCK_REALTIME) + rnd(&random) % 100000);
			error = pthread_cond_timedwait(&cond, &mutex, &until);
			CHECK(error == 0 || error == ETIMEDOUT);
			PT(pthread_mutex_unlock(&mutex));
		} else {
			CHECK_EQ(error, ETIMEDOUT);
		}
		until = to_timespec(clock_ns(CLOCK_REALTIME) + rnd(&random) % 100000);
		if (sem_timedwait(&sem, &until) == 0)
			SYS(sem_post(&sem));
		else
			CHECK_EQ(errno, ETIMEDOUT);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[PLAIN + TIMED];
	int value;

	seed = test_seed();
	SYS(sem_init(&sem, 0, 0));
	for (long i = 0; i < PLAIN + TIMED; i++)
		t[i] = start(i < PLAIN ? plain : timed, (void *)i);
	for (long i = 0; i < PLAIN + TIMED; i++)
		join(t[i]);
	SYS(sem_getvalue(&sem, &value));
	printf("locked %ld, semaphore %d\n", locked, value);
	return 0;
}
