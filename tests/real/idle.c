/* 1000 threads that wait for each other for ever; says when the last one does. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <unistd.h>

static sem_t arrived, never;

static void *waits(void *arg)
{
	sem_post(&arrived);
	sem_wait(&never);
	return arg;
}

int main(void)
{
	pthread_attr_t attr;
	pthread_t t;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 64 << 10);
	for (int i = 0; i < 1000; i++)
		if (pthread_create(&t, &attr, waits, NULL))
			return 1;
	for (int i = 0; i < 1000; i++)
		sem_wait(&arrived);
	puts("idle");
	fflush(stdout);
	pause();
	return 0;
}
