/* Signals that were pending before the first thread was made: the main thread's stay its own, the process's are seen by
 * all. */
// threads
#include "test.h"

#define QUEUED 5

static bool sees(int sig)
{
	sigset_t set;

	SYS(sigpending(&set));
	return sigismember(&set, sig);
}

static void *run(void *arg)
{
	(void)arg;
	CHECK(!sees(SIGUSR1));
	CHECK(!sees(SIGRTMIN));
	CHECK(sees(SIGUSR2));
	return NULL;
}

static void expect(int sig, int value)
{
	struct timespec zero = {0};
	siginfo_t info;
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	CHECK_EQ(sigtimedwait(&set, &info, &zero), sig);
	printf("%d: code %d\n", sig, info.si_code);
	if (value >= 0)
		CHECK_EQ(info.si_value.sival_int, value);
	if (value < 0 || value == QUEUED - 1)
		CHECK(!sees(sig));
}

int main(void)
{
	pthread_t t;

	block_signal(SIGUSR1);
	block_signal(SIGUSR2);
	block_signal(SIGRTMIN);
	SYS(raise(SIGUSR1));
	SYS(kill(getpid(), SIGUSR2));
	for (int i = 0; i < QUEUED; i++)
		PT(pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){.sival_int = i}));
	PT(pthread_create(&t, NULL, run, NULL));
	PT(pthread_join(t, NULL));
	CHECK(sees(SIGUSR1) && sees(SIGUSR2));
	expect(SIGUSR1, -1);
	expect(SIGUSR2, -1);
	for (int i = 0; i < QUEUED; i++)
		expect(SIGRTMIN, i);
	return 0;
}
