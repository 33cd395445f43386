/* Affinity, set and read through pthread and by thread id; errors for empty masks. */
// threads
#include "test.h"

static cpu_set_t whole;
static sem_t ready, stop;
static pid_t tid;

static void *run(void *arg)
{
	cpu_set_t got;

	(void)arg;
	tid = own_tid();
	SYS(sched_getaffinity(tid, sizeof(got), &got));
	CHECK(CPU_EQUAL(&got, &whole));
	SYS(sem_post(&ready));
	while (sem_wait(&stop) != 0)
		;
	return NULL;
}

int main(void)
{
	cpu_set_t one, none, got;
	int first = 0;
	pthread_t t;

	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&stop, 0, 0));
	SYS(sched_getaffinity(0, sizeof(whole), &whole));
	while (!CPU_ISSET(first, &whole))
		first++;
	CPU_ZERO(&none);
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	t = start(run, NULL);
	while (sem_wait(&ready) != 0)
		;
	PT(pthread_getaffinity_np(t, sizeof(got), &got));
	printf("inherited %d\n", CPU_EQUAL(&got, &whole));
	PT(pthread_setaffinity_np(t, sizeof(one), &one));
	PT(pthread_getaffinity_np(t, sizeof(got), &got));
	printf("set for a thread %d\n", CPU_EQUAL(&got, &one));
	SYS(sched_getaffinity(tid, sizeof(got), &got));
	printf("seen by its id %d\n", CPU_EQUAL(&got, &one));
	SYS(sched_getaffinity(0, sizeof(got), &got));
	printf("main keeps its own %d\n", CPU_EQUAL(&got, &whole));
	SYS(sched_setaffinity(tid, sizeof(whole), &whole));
	PT(pthread_getaffinity_np(t, sizeof(got), &got));
	printf("set by its id %d\n", CPU_EQUAL(&got, &whole));
	printf("empty mask: %s\n", strerrorname_np(pthread_setaffinity_np(t, sizeof(none), &none)));
	SYS(sem_post(&stop));
	join(t);
	return 0;
}
