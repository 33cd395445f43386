/* pthread_tryjoin_np, pthread_timedjoin_np and pthread_clockjoin_np: busy, timed out never early, done. */
// threads
#include "test.h"

static sem_t go;

static void *run(void *arg)
{
	while (sem_wait(&go) != 0)
		;
	return arg;
}

static void times_out(pthread_t t, clockid_t clock, const char *name)
{
	long long began = clock_ns(clock);
	struct timespec until = to_timespec(began + 50 * NSEC_PER_MSEC);
	int error = clock == CLOCK_REALTIME ? pthread_timedjoin_np(t, NULL, &until)
					    : pthread_clockjoin_np(t, NULL, clock, &until);

	CHECK(clock_ns(clock) >= began + 50 * NSEC_PER_MSEC);
	printf("%s: %s\n", name, strerrorname_np(error));
}

int main(void)
{
	struct timespec past = {1, 0}, later = after_ms(CLOCK_MONOTONIC, 30000);
	void *value;
	pthread_t t, other;

	SYS(sem_init(&go, 0, 0));
	t = start(run, (void *)5L);
	other = start(run, (void *)6L);
	printf("tryjoin: %s\n", strerrorname_np(pthread_tryjoin_np(t, NULL)));
	times_out(t, CLOCK_REALTIME, "timedjoin realtime");
	times_out(t, CLOCK_MONOTONIC, "clockjoin monotonic");
	printf("clockjoin, time past: %s\n", strerrorname_np(pthread_clockjoin_np(t, NULL, CLOCK_MONOTONIC, &past)));
	SYS(sem_post(&go));
	SYS(sem_post(&go));
	PT(pthread_clockjoin_np(t, &value, CLOCK_MONOTONIC, &later));
	printf("value %ld\n", (long)value);
	WAIT_UNTIL(pthread_tryjoin_np(other, &value) == 0);
	printf("value %ld\n", (long)value);
	return 0;
}
