/* A thread that another one pins to a CPU while a signal for it is on its way: it gets the signal on its new kernel
 * thread. */
// threads
#include "test.h"

#define ROUNDS 200

static sem_t ready, handled, stop;

static void on_usr1(int sig)
{
	(void)sig;
	SYS(sem_post(&handled));
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		CHECK_EQ(errno, EINTR);
}

static void *run(void *arg)
{
	SYS(sem_post(&ready));
	wait_sem(&stop);
	return arg;
}

/* One of the CPUs that this process may use. */
static void pin(pthread_t t)
{
	cpu_set_t all, one;
	int cpu = 0;

	SYS(sched_getaffinity(0, sizeof(all), &all));
	while (!CPU_ISSET(cpu, &all))
		cpu++;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	PT(pthread_setaffinity_np(t, sizeof(one), &one));
}

int main(void)
{
	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&handled, 0, 0));
	SYS(sem_init(&stop, 0, 0));
	set_handler(SIGUSR1, on_usr1, 0);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_t t;

		PT(pthread_create(&t, NULL, run, NULL));
		wait_sem(&ready);
		pin(t);
		PT(pthread_kill(t, SIGUSR1));
		wait_sem(&handled);
		SYS(sem_post(&stop));
		PT(pthread_join(t, NULL));
	}
	puts("all came");
	return 0;
}
