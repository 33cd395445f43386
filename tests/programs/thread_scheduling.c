/* Scheduling policy and parameters of threads, asked through pthread and by thread id. */
// threads
#include "test.h"
#include <sys/resource.h>

static sem_t ready, stop;
static pid_t tid;

static void *run(void *arg)
{
	(void)arg;
	tid = own_tid();
	SYS(sem_post(&ready));
	while (sem_wait(&stop) != 0)
		;
	return NULL;
}

int main(void)
{
	struct sched_param param = {.sched_priority = 9};
	int policy = -1;
	pthread_t t;

	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&stop, 0, 0));
	t = start(run, NULL);
	while (sem_wait(&ready) != 0)
		;
	PT(pthread_getschedparam(t, &policy, &param));
	printf("other %d priority %d\n", policy == SCHED_OTHER, param.sched_priority);
	printf("by id %d\n", sched_getscheduler(tid) == SCHED_OTHER);
	SYS(sched_getparam(tid, &param));
	printf("by id, priority %d\n", param.sched_priority);
	PT(pthread_setschedparam(t, SCHED_OTHER, &param));
	printf("priority 5 with SCHED_OTHER: %s\n", strerrorname_np(pthread_setschedprio(t, 5)));
	errno = 0;
	printf("nice %d errno %d\n", getpriority(PRIO_PROCESS, (id_t)tid), errno);
	SYS(sem_post(&stop));
	join(t);
	return 0;
}
