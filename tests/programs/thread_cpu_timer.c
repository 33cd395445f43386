/* A timer on a thread's own CPU time: it fires when the thread has computed so long, not while it sleeps or others do.
 */
// threads
#include "test.h"

static _Atomic int fired, stop;

static void on_signal(int sig, siginfo_t *info, void *uc)
{
	(void)sig;
	(void)uc;
	CHECK_EQ(info->si_code, SI_TIMER);
	fired++;
}

static timer_t arm(clockid_t clock, long ms)
{
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1};
	struct itimerspec when = {.it_value = to_timespec(ms * NSEC_PER_MSEC)};
	timer_t timer;

	SYS(timer_create(clock, &ev, &timer));
	SYS(timer_settime(timer, 0, &when, NULL));
	return timer;
}

static void *computes(void *arg)
{
	while (!stop)
		;
	return arg;
}

static void *uses_time(void *arg)
{
	clockid_t clock = CLOCK_THREAD_CPUTIME_ID;
	long long began;
	timer_t timer;

	if (arg)
		PT(pthread_getcpuclockid(pthread_self(), &clock));
	timer = arm(clock, 40);
	began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	sleep_us(60000);
	CHECK_EQ(fired, 0);
	while (!fired)
		;
	CHECK(clock_ns(CLOCK_THREAD_CPUTIME_ID) - began >= 30 * NSEC_PER_MSEC);
	SYS(timer_delete(timer));
	fired = 0;
	return arg;
}

int main(void)
{
	pthread_t other;

	set_sigaction(SIGUSR1, on_signal, SA_RESTART);
	other = start(computes, NULL);
	join(start(uses_time, NULL));
	puts("by CLOCK_THREAD_CPUTIME_ID");
	join(start(uses_time, &stop));
	puts("by its id");
	stop = 1;
	join(other);
	return 0;
}
