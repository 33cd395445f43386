/* Two threads that compute, each the only one with a certain signal unblocked, run handlers that block it, thousands of
 * times: what the last one blocks is to be blocked on every kernel thread, and neither waits for the other for ever. */
// threads
#include "test.h"

#define ROUNDS 40
#define BURST 100

static _Atomic int handled[2], stop;

static void on_signal(int sig)
{
	handled[sig - SIGRTMIN]++;
}

static void *compute(void *arg)
{
	int me = (int)(long)arg;
	sigset_t open = one_signal(SIGRTMIN + me);

	sigaddset(&open, me ? SIGUSR2 : SIGUSR1);
	CHECK_EQ(pthread_sigmask(SIG_UNBLOCK, &open, NULL), 0);
	while (!stop)
		;
	return arg;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_signal};
	pthread_t threads[2];
	sigset_t all;

	sigaddset(&sa.sa_mask, SIGUSR1);
	sigaddset(&sa.sa_mask, SIGUSR2);
	for (int i = 0; i < 2; i++)
		SYS(sigaction(SIGRTMIN + i, &sa, NULL));
	sigfillset(&all);
	CHECK_EQ(pthread_sigmask(SIG_BLOCK, &all, NULL), 0);
	for (long i = 0; i < 2; i++)
		threads[i] = start(compute, (void *)i);
	for (int sent = BURST; sent <= ROUNDS * BURST; sent += BURST) {
		for (int i = 0; i < 2 * BURST; i++)
			CHECK_EQ(pthread_kill(threads[i % 2], SIGRTMIN + i % 2), 0);
		while (handled[0] < sent || handled[1] < sent)
			sched_yield();
	}
	stop = 1;
	for (int i = 0; i < 2; i++)
		join(threads[i]);
	printf("%d %d\n", handled[0], handled[1]);
	return 0;
}
