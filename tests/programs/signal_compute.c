/* A thread that computes and makes no system call gets its signals all the same, sent to it or to the process. */
// threads
#include "test.h"

static volatile sig_atomic_t stop;
static volatile pid_t handled_by;
static sem_t ready;
static pid_t tid;

static void on_usr1(int sig)
{
	(void)sig;
	handled_by = own_tid();
	stop = 1;
}

static void *computes(void *arg)
{
	volatile unsigned long work = 0;

	tid = own_tid();
	unblock_signal(SIGUSR1);
	SYS(sem_post(&ready));
	while (!stop)
		work++;
	CHECK_EQ(handled_by, own_tid());
	return arg;
}

int main(void)
{
	SYS(sem_init(&ready, 0, 0));
	set_handler(SIGUSR1, on_usr1, 0);
	block_signal(SIGUSR1);
	for (int i = 0; i < 40; i++) {
		pthread_t t;

		stop = 0;
		t = start(computes, NULL);
		SYS(sem_wait(&ready));
		if (i % 2)
			PT(pthread_kill(t, SIGUSR1));
		else
			SYS(kill(getpid(), SIGUSR1));
		join(t);
	}
	puts("interrupted");
	return 0;
}
