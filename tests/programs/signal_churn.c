/* Signals to the process while threads begin and end all the time (glibc blocks all signals in both): each is handled.
 */
// threads
#include "test.h"
#include <sys/time.h>

#define ROUNDS 1500

static sem_t handled;
static volatile sig_atomic_t ticks;
static int stop;

static void on_usr1(int sig)
{
	(void)sig;
	SYS(sem_post(&handled));
}

static void on_alarm(int sig)
{
	(void)sig;
	ticks++;
}

static void *ends(void *arg)
{
	return arg;
}

static void *churns(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		pthread_t t[3];

		for (int i = 0; i < 3; i++)
			t[i] = start(ends, NULL);
		for (int i = 0; i < 3; i++)
			join(t[i]);
	}
	return arg;
}

int main(void)
{
	struct itimerval every_ms = {{0, 1000}, {0, 1000}}, off = {{0, 0}, {0, 0}};
	pthread_t t[3];

	SYS(sem_init(&handled, 0, 0));
	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	set_handler(SIGALRM, on_alarm, SA_RESTART);
	for (int i = 0; i < 3; i++)
		t[i] = start(churns, NULL);
	SYS(setitimer(ITIMER_REAL, &every_ms, NULL));
	for (int i = 0; i < ROUNDS; i++) {
		SYS(kill(getpid(), SIGUSR1));
		while (sem_wait(&handled) != 0)
			CHECK_EQ(errno, EINTR);
	}
	/* Main sleeps; whoever takes the ticks, they go on. */
	for (int i = 0, seen = ticks; i < 20; i++, seen = ticks)
		WAIT_UNTIL(ticks != seen);
	SYS(setitimer(ITIMER_REAL, &off, NULL));
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	puts("each handled");
	return 0;
}
