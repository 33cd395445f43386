/* CPU time of a thread: its own work counts, its sleep and the work of others do not; asked by itself and by another.
 */
// threads
#include "test.h"

static sem_t ready, stop, worked;

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

/* Computes until its own CPU clock has gone on by `ms`. */
static void compute(long ms)
{
	long long began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	volatile unsigned long work = 0;

	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - began < ms * NSEC_PER_MSEC)
		work++;
}

static void *works(void *arg)
{
	(void)arg;
	CHECK(clock_ns(CLOCK_THREAD_CPUTIME_ID) < 20 * NSEC_PER_MSEC);
	SYS(sem_post(&ready));
	compute(100);
	SYS(sem_post(&worked));
	wait_sem(&stop);
	return NULL;
}

static void *sleeps(void *arg)
{
	(void)arg;
	SYS(sem_post(&ready));
	sleep_us(50000);
	CHECK(clock_ns(CLOCK_THREAD_CPUTIME_ID) < 30 * NSEC_PER_MSEC);
	wait_sem(&stop);
	return NULL;
}

int main(void)
{
	pthread_t worker, sleeper;
	clockid_t worker_clock, sleeper_clock;
	long long process;

	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&stop, 0, 0));
	SYS(sem_init(&worked, 0, 0));
	worker = start(works, NULL);
	sleeper = start(sleeps, NULL);
	wait_sem(&ready);
	wait_sem(&ready);
	PT(pthread_getcpuclockid(worker, &worker_clock));
	PT(pthread_getcpuclockid(sleeper, &sleeper_clock));
	wait_sem(&worked);
	CHECK(clock_ns(worker_clock) >= 100 * NSEC_PER_MSEC);
	CHECK(clock_ns(sleeper_clock) < 50 * NSEC_PER_MSEC);
	process = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(process >= 100 * NSEC_PER_MSEC);
	SYS(sem_post(&stop));
	SYS(sem_post(&stop));
	join(worker);
	join(sleeper);
	puts("counted");
	return 0;
}
