/* Realtime signals queue: all of them arrive, lowest number first, in order, with their values; plain ones melt. */
// threads
#include "test.h"

#define EACH 200

static int got[3 * EACH];
static volatile sig_atomic_t count, plain;

static void on_realtime(int sig, siginfo_t *info, void *context)
{
	(void)context;
	(void)sig;
	got[count] = info->si_value.sival_int;
	count++;
}

static void on_plain(int sig)
{
	(void)sig;
	plain++;
}

static void *run(void *arg)
{
	bool to_thread = arg != NULL;
	sigset_t set, pending;

	count = plain = 0;
	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		sigaddset(&set, SIGRTMIN + i);
	sigaddset(&set, SIGUSR1);
	PT(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < EACH; i++) {
		for (int k = 2; k >= 0; k--) {
			union sigval value = {.sival_int = i};

			if (to_thread)
				PT(pthread_sigqueue(pthread_self(), SIGRTMIN + k, value));
			else
				SYS(sigqueue(getpid(), SIGRTMIN + k, value));
		}
		PT(pthread_kill(pthread_self(), SIGUSR1));
	}
	CHECK_EQ(count, 0);
	SYS(sigpending(&pending));
	CHECK(sigismember(&pending, SIGRTMIN) && sigismember(&pending, SIGUSR1) && !sigismember(&pending, SIGUSR2));
	PT(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
	/* All were delivered before the unblocking call returned. */
	CHECK_EQ(count, 3 * EACH);
	CHECK_EQ(plain, 1);
	for (int i = 0; i < count; i++)
		CHECK(got[i] == i % EACH || got[i] == EACH - 1 - i % EACH);
	return NULL;
}

static void *in_order(void *arg)
{
	sigset_t set;
	siginfo_t info;

	sigemptyset(&set);
	for (int i = 0; i < 3; i++)
		sigaddset(&set, SIGRTMIN + i);
	PT(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (int i = 0; i < EACH; i++)
		for (int k = 2; k >= 0; k--)
			SYS(sigqueue(getpid(), SIGRTMIN + k, (union sigval){.sival_int = i}));
	for (int i = 0; i < 3 * EACH; i++) {
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN + i / EACH);
		CHECK_EQ(info.si_value.sival_int, i % EACH);
	}
	return arg;
}

int main(void)
{
	sigset_t set;

	for (int i = 0; i < 3; i++) {
		struct sigaction sa = {.sa_sigaction = on_realtime, .sa_flags = SA_SIGINFO};

		sigfillset(&sa.sa_mask);
		SYS(sigaction(SIGRTMIN + i, &sa, NULL));
	}
	set_handler(SIGUSR1, on_plain, 0);
	run(NULL);
	puts("main, to the process");
	run(&set);
	puts("main, to itself");
	/* From here on main blocks them, or it would take what is sent to the process. */
	sigfillset(&set);
	PT(pthread_sigmask(SIG_BLOCK, &set, NULL));
	join(start(run, NULL));
	puts("a thread, to the process");
	join(start(run, &set));
	puts("a thread, to itself");
	join(start(in_order, NULL));
	puts("in order");
	return 0;
}
