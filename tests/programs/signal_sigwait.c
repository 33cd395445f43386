/* SIGTERM is blocked everywhere and one thread waits for it in sigwait, while others work: nothing is lost. */
// threads
#include "test.h"

#define ROUNDS 3000
#define WORKERS 10

static sem_t seen;
static int stop;

static void *waits(void *arg)
{
	sigset_t set = one_signal(SIGTERM);
	int sig;

	(void)arg;
	sigaddset(&set, SIGUSR1);
	for (int i = 0;; i++) {
		PT(sigwait(&set, &sig));
		if (sig == SIGUSR1)
			return (void *)(long)i;
		CHECK_EQ(sig, SIGTERM);
		SYS(sem_post(&seen));
	}
}

static void *works(void *arg)
{
	(void)arg;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		sleep_us(100);
	return NULL;
}

int main(void)
{
	pthread_t waiter, worker[WORKERS];

	SYS(sem_init(&seen, 0, 0));
	block_signal(SIGTERM);
	block_signal(SIGUSR1);
	waiter = start(waits, NULL);
	for (int i = 0; i < WORKERS; i++)
		worker[i] = start(works, NULL);
	/* One at a time: a second SIGTERM on top of a pending one would melt into it. */
	for (int i = 0; i < ROUNDS; i++) {
		SYS(kill(getpid(), SIGTERM));
		SYS(sem_wait(&seen));
	}
	SYS(kill(getpid(), SIGUSR1));
	printf("%ld seen\n", (long)join(waiter));
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < WORKERS; i++)
		join(worker[i]);
	return 0;
}
