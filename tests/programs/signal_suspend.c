/* sigsuspend and ppoll let in a signal of another process that everybody blocks. */
// threads
#include "test.h"

#include <poll.h>

static volatile sig_atomic_t seen;

static void on_signal(int sig)
{
	seen = sig;
}

static void *blocked(void *arg)
{
	SYS(sem_wait(arg));
	return NULL;
}

/* A child that signals us again and again until it is told to stop: no moment has to be met. */
static pid_t signal_us(int sig)
{
	pid_t parent = getpid(), child = (pid_t)SYS(fork());
	if (child == 0)
		for (;;) {
			kill(parent, sig);
			usleep(1000);
		}
	return child;
}

static void stop(pid_t child)
{
	SYS(kill(child, SIGKILL));
	SYS(waitpid(child, NULL, 0));
}

int main(void)
{
	sigset_t none, usr1;
	sem_t end;
	sigemptyset(&none);
	sigemptyset(&usr1);
	sigaddset(&usr1, SIGUSR1);
	SYS(sem_init(&end, 0, 0));
	PT(pthread_sigmask(SIG_BLOCK, &usr1, NULL));
	pthread_t t = start(blocked, &end);
	signal(SIGUSR1, on_signal);

	pid_t child = signal_us(SIGUSR1);
	for (int i = 0; i < 100; i++) {
		seen = 0;
		CHECK(sigsuspend(&none) == -1 && seen == SIGUSR1);
	}
	printf("sigsuspend lets it in\n");
	for (int i = 0; i < 100; i++) {
		seen = 0;
		CHECK(ppoll(NULL, 0, NULL, &none) == -1 && seen == SIGUSR1);
	}
	printf("ppoll lets it in\n");
	stop(child);

	SYS(sem_post(&end));
	join(t);
	return 0;
}
