/* Robust mutexes: an owner that ends while holding one, with and without others waiting; made consistent or lost. */
// threads
#include "test.h"

static pthread_mutex_t mutex;
static sem_t held, leave;

static void init(int protocol, int type)
{
	pthread_mutexattr_t attr;

	PT(pthread_mutexattr_init(&attr));
	PT(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	PT(pthread_mutexattr_setprotocol(&attr, protocol));
	PT(pthread_mutexattr_settype(&attr, type));
	PT(pthread_mutex_init(&mutex, &attr));
}

static void *dies_with_it(void *arg)
{
	PT(pthread_mutex_lock(&mutex));
	SYS(sem_post(&held));
	if (arg)
		while (sem_wait(&leave) != 0)
			;
	return NULL;
}

static void *waits(void *arg)
{
	int error = pthread_mutex_lock(&mutex);

	(void)arg;
	if (error == EOWNERDEAD)
		PT(pthread_mutex_consistent(&mutex));
	else
		PT(error);
	PT(pthread_mutex_unlock(&mutex));
	return (void *)(long)error;
}

static void one_kind(const char *name, int protocol, int type)
{
	pthread_t owner, waiters[10];
	int dead = 0;

	init(protocol, type);
	join(start(dies_with_it, NULL));
	sem_wait(&held);
	printf("%s: then lock %s,", name, strerrorname_np(pthread_mutex_lock(&mutex)));
	PT(pthread_mutex_consistent(&mutex));
	PT(pthread_mutex_unlock(&mutex));
	printf(" trylock %s,", strerrorname_np(pthread_mutex_trylock(&mutex)));
	PT(pthread_mutex_unlock(&mutex));

	owner = start(dies_with_it, &mutex);
	while (sem_wait(&held) != 0)
		;
	for (int i = 0; i < 10; i++)
		waiters[i] = start(waits, NULL);
	sleep_us(5000);
	SYS(sem_post(&leave));
	join(owner);
	for (int i = 0; i < 10; i++)
		dead += (long)join(waiters[i]) == EOWNERDEAD;
	printf(" of 10 waiters %d told,", dead);

	join(start(dies_with_it, NULL));
	sem_wait(&held);
	printf(" %s", strerrorname_np(pthread_mutex_lock(&mutex)));
	PT(pthread_mutex_unlock(&mutex));
	printf(" and not made consistent: %s\n", strerrorname_np(pthread_mutex_lock(&mutex)));
	PT(pthread_mutex_destroy(&mutex));
}

int main(void)
{
	SYS(sem_init(&held, 0, 0));
	SYS(sem_init(&leave, 0, 0));
	one_kind("normal", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_NORMAL);
	one_kind("recursive", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_RECURSIVE);
	one_kind("errorcheck", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_ERRORCHECK);
	one_kind("priority inheritance", PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL);
	return 0;
}
