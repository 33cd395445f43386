/* alarm and setitimer: handlers run while main sleeps and while it computes, with other threads blocked or busy. */
// threads
#include "test.h"
#include <sys/time.h>

static volatile sig_atomic_t ticks;

static void on_alarm(int sig)
{
	(void)sig;
	ticks++;
}

static void *blocked(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;)
		sleep_us(1000);
	return arg;
}

static void set_timer(int which, long us)
{
	struct itimerval t = {{0, us}, {0, us}};

	SYS(setitimer(which, &t, NULL));
}

static void by_sleeping(int count)
{
	while (ticks < count)
		sleep_us(100);
}

static void by_pause(int count)
{
	while (ticks < count)
		sleep_us(20000);
}

static void by_computing(int count)
{
	volatile unsigned long work = 0;

	while (ticks < count)
		work++;
}

static void ticking(const char *name, int which, void (*wait)(int))
{
	ticks = 0;
	set_timer(which, 1000);
	wait(20);
	set_timer(which, 0);
	printf("%s\n", name);
}

/* Main blocks the signal: the computing thread is the one to get it. */
static void *in_thread(void *arg)
{
	unblock_signal(SIGALRM);
	ticking("a thread computes", ITIMER_REAL, by_computing);
	return arg;
}

int main(void)
{
	struct itimerval left;
	long long began = now_ns();

	set_handler(SIGALRM, on_alarm, 0);
	set_handler(SIGVTALRM, on_alarm, 0);
	set_handler(SIGPROF, on_alarm, 0);
	for (int i = 0; i < 10; i++)
		start(blocked, NULL);
	alarm(1);
	CHECK_EQ(pause(), -1);
	CHECK_EQ(errno, EINTR);
	CHECK(now_ns() - began >= NSEC_PER_SEC);
	printf("alarm %d\n", (int)ticks);
	ticking("sleeping", ITIMER_REAL, by_sleeping);
	ticking("sleeping long", ITIMER_REAL, by_pause);
	ticking("computing", ITIMER_REAL, by_computing);
	ticking("virtual time", ITIMER_VIRTUAL, by_computing);
	ticking("profiling time", ITIMER_PROF, by_computing);
	block_signal(SIGALRM);
	join(start(in_thread, NULL));
	alarm(100);
	SYS(getitimer(ITIMER_REAL, &left));
	printf("left %d, canceled with %d to go\n", left.it_value.tv_sec >= 90, alarm(0) >= 90);
	return 0;
}
