/* Masks are each thread's own and inherited at creation; a process-directed signal goes to a thread that takes it. */
// threads
#include "test.h"

#define THREADS 20
#define ROUNDS 300

static volatile pid_t handled_by;
static sem_t handled, ready, stop;
static pid_t open_thread;

static void on_usr1(int sig)
{
	(void)sig;
	handled_by = own_tid();
	SYS(sem_post(&handled));
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static bool blocked(int sig)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, sig);
}

static void *run(void *arg)
{
	long n = (long)arg;

	CHECK(blocked(SIGUSR1) && blocked(SIGUSR2) && !blocked(SIGTERM));
	mask_signal(SIG_SETMASK, 34 + (int)n % 20);
	CHECK(!blocked(SIGUSR2));
	block_signal(SIGUSR1);
	sched_yield();
	if (n == THREADS / 2) {
		unblock_signal(SIGUSR1);
		open_thread = own_tid();
	}
	SYS(sem_post(&ready));
	wait_sem(&stop);
	CHECK_EQ(blocked(SIGUSR1), n != THREADS / 2);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];
	sigset_t pending;

	SYS(sem_init(&handled, 0, 0));
	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&stop, 0, 0));
	set_handler(SIGUSR1, on_usr1, 0);
	set_handler(SIGUSR2, on_usr1, 0);
	block_signal(SIGUSR1);
	block_signal(SIGUSR2);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		wait_sem(&ready);
	for (int i = 0; i < ROUNDS; i++) {
		SYS(kill(getpid(), SIGUSR1));
		wait_sem(&handled);
		CHECK_EQ(handled_by, open_thread);
	}
	puts("to the one that takes it");
	for (int i = 0; i < THREADS; i++)
		SYS(sem_post(&stop));
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	SYS(kill(getpid(), SIGUSR1));
	SYS(sigpending(&pending));
	CHECK_EQ(sigismember(&pending, SIGUSR1), 1);
	CHECK_EQ(sem_trywait(&handled), -1);
	unblock_signal(SIGUSR1);
	/* Delivered before the call returned. */
	CHECK_EQ(sem_trywait(&handled), 0);
	CHECK_EQ(handled_by, own_tid());
	puts("pending until unblocked");
	return 0;
}
