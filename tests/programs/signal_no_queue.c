/* A user who may not queue a single signal more: standard signals reach threads all the same. */
// threads
#include "test.h"
#include <sys/resource.h>

static volatile sig_atomic_t handled;
static volatile bool enough;
static sem_t ready;

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
}

static void *computes(void *arg)
{
	SYS(sem_post(&ready));
	while (!enough)
		;
	return arg;
}

static void *waits(void *arg)
{
	SYS(sem_post(&ready));
	while (!enough)
		pause();
	return arg;
}

static void send_to(void *(*fn)(void *))
{
	pthread_t t;

	enough = false;
	t = start(fn, NULL);
	while (sem_wait(&ready) == -1)
		CHECK_EQ(errno, EINTR);
	for (int i = 0; i < 100; i++) {
		int before = handled;

		PT(pthread_kill(t, SIGUSR1));
		WAIT_UNTIL(handled != before);
	}
	enough = true;
	while (pthread_tryjoin_np(t, NULL) == EBUSY) { /* it may not be in pause() yet */
		pthread_kill(t, SIGUSR1);
		sleep_us(200);
	}
}

int main(void)
{
	struct rlimit none = {0, 0};

	SYS(setrlimit(RLIMIT_SIGPENDING, &none));
	SYS(sem_init(&ready, 0, 0));
	set_handler(SIGUSR1, on_usr1, 0);
	send_to(computes);
	send_to(waits);
	for (int i = 0; i < 100; i++) {
		int before = handled;

		SYS(kill(getpid(), SIGUSR1));
		WAIT_UNTIL(handled != before);
	}
	puts("all arrived");
	return 0;
}
