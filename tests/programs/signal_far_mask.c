/* A thread that has a kernel thread of its own, or computes on one, opens its mask for the process's signals while
 * everybody else is asleep with them blocked: it gets those that wait, and those that come, from timers and by kill.
 * When it closes its mask again, what would end the process waits, from that moment on. */
// threads
#include "test.h"
#include <sys/fsuid.h>
#include <sys/time.h>

#define ROUNDS 200

static _Atomic int handled;
static pthread_t expected;

static void on_signal(int sig)
{
	(void)sig;
	CHECK(pthread_equal(pthread_self(), expected));
	handled++;
}

static void *asleep(void *arg)
{
	for (;;)
		pause();
	return arg;
}

/* As long as it takes the others to fall asleep, now and then. */
static void compute(long us)
{
	for (long long until = now_ns() + us * 1000; now_ns() < until;)
		;
}

static void await(int count)
{
	while (handled < count)
		;
}

static void *opens(void *arg)
{
	struct itimerval timer = {{0, 500}, {0, 500}}, off = {{0, 0}, {0, 0}};

	expected = pthread_self();
	if (arg)
		setfsuid(geteuid());
	else
		compute(25000); /* by now the others have another kernel thread */
	for (int i = 0; i < ROUNDS; i++) {
		handled = 0;
		compute(i % 8 * 20);
		if (i % 3 == 0)
			SYS(kill(getpid(), SIGALRM));
		if (i % 3 == 1)
			SYS(setitimer(ITIMER_REAL, &timer, NULL));
		unblock_signal(SIGALRM);
		if (i % 3 == 2)
			SYS(kill(getpid(), SIGALRM));
		await(i % 3 == 1 ? 3 : 1);
		SYS(setitimer(ITIMER_REAL, &off, NULL));
		block_signal(SIGALRM);
	}
	return arg;
}

static void *closes(void *arg)
{
	sigset_t set = one_signal(SIGUSR1);
	struct timespec zero = {0, 0};

	if (arg)
		setfsuid(geteuid());
	else
		compute(25000);
	for (int i = 0; i < ROUNDS; i++) {
		unblock_signal(SIGUSR1);
		if (i % 2)
			sleep_us(i % 7 * 30);
		else
			compute(i % 8 * 20);
		block_signal(SIGUSR1);
		SYS(kill(getpid(), SIGUSR1));
		CHECK_EQ(sigtimedwait(&set, NULL, &zero), SIGUSR1);
	}
	return arg;
}

int main(void)
{
	set_handler(SIGALRM, on_signal, 0);
	block_signal(SIGALRM);
	block_signal(SIGUSR1);
	for (int i = 0; i < 5; i++)
		start(asleep, NULL);
	join(start(opens, &handled));
	join(start(closes, &handled));
	puts("own kernel thread");
	join(start(opens, NULL));
	join(start(closes, NULL));
	puts("computing");
	return 0;
}
