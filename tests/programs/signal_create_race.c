/* Signals sent while the only thread that takes them makes and joins threads, which blocks everything for a moment:
 * each arrives, and exactly once. */
// threads
// timeout: 120
#include "test.h"

#define SENT 3000

static sem_t handled[2];
static const int signals[2] = {SIGUSR1, SIGUSR2};
static _Atomic int senders = 2;

static void on_signal(int sig)
{
	sem_post(&handled[sig == SIGUSR2]);
}

static void *send_signals(void *arg)
{
	long n = (long)arg;
	struct timespec limit;

	for (int i = 0; i < SENT; i++) {
		SYS(kill(getpid(), signals[n]));
		SYS(clock_gettime(CLOCK_REALTIME, &limit));
		limit.tv_sec += 10;
		SYS(sem_timedwait(&handled[n], &limit));
	}
	CHECK(sem_trywait(&handled[n]) == -1);
	senders--;
	return NULL;
}

static void *nothing(void *arg)
{
	sched_yield();
	return arg;
}

static void *make_threads(void *arg)
{
	pthread_t t;

	unblock_signal(SIGUSR1);
	unblock_signal(SIGUSR2);
	while (senders) {
		PT(pthread_create(&t, NULL, nothing, NULL));
		PT(pthread_join(t, NULL));
	}
	return arg;
}

/* Computes: others go on on other kernel threads than the first. */
static void *compute(void *arg)
{
	while (senders)
		;
	return arg;
}

int main(void)
{
	pthread_t maker, computer, sender[2];

	for (int i = 0; i < 2; i++) {
		SYS(sem_init(&handled[i], 0, 0));
		set_handler(signals[i], on_signal, 0);
		block_signal(signals[i]);
	}
	PT(pthread_create(&computer, NULL, compute, NULL));
	PT(pthread_create(&maker, NULL, make_threads, NULL));
	for (long i = 0; i < 2; i++)
		PT(pthread_create(&sender[i], NULL, send_signals, (void *)i));
	for (int i = 0; i < 2; i++)
		PT(pthread_join(sender[i], NULL));
	PT(pthread_join(maker, NULL));
	PT(pthread_join(computer, NULL));
	puts("each arrived once");
	return 0;
}
