/* Signals that keep coming do not give a thread that computes more than its share: the others go on. */
// threads
#include "test.h"
#include <sys/time.h>

static volatile bool go_on;
static volatile sig_atomic_t handled;
static volatile bool hog_blocks;
static sem_t computing;

static void on_alarm(int sig)
{
	(void)sig;
	handled++;
}

static void *computes(void *arg)
{
	volatile unsigned long work = 0;

	if (hog_blocks)
		block_signal(SIGALRM);
	SYS(sem_post(&computing));
	while (!go_on)
		work++;
	return arg;
}

/* The timer runs before the hog does: nobody has been given the hub meanwhile. */
static void round_of(int period_us)
{
	struct itimerval often = {{0, period_us}, {0, period_us}}, off = {0};
	pthread_t hog;
	int from = handled;

	go_on = false;
	SYS(setitimer(ITIMER_REAL, &often, NULL));
	hog = start(computes, NULL);
	while (sem_wait(&computing) == -1)
		CHECK_EQ(errno, EINTR);
	for (int i = 0; i < 5; i++)
		sleep_us(1000);
	WAIT_UNTIL(handled > from + 3);
	go_on = true;
	join(hog);
	SYS(setitimer(ITIMER_REAL, &off, NULL));
}

int main(void)
{
	SYS(sem_init(&computing, 0, 0));
	set_handler(SIGALRM, on_alarm, SA_RESTART);
	for (int i = 0; i < 20; i++) {
		hog_blocks = i % 2;
		round_of(i < 10 ? 1000 : 3000);
	}
	puts("everybody went on");
	return 0;
}
