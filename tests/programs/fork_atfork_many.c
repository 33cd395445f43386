/* pthread_atfork with handlers of many "libraries", which lock, wait, allocate, print and start threads, while forks
 * come from several threads at once; handlers registered by a handler's library later, and by the child. */
// threads
#include "test.h"

#define LIBRARIES 12
#define FORKERS 5
#define FORKS 12

static pthread_mutex_t locks[LIBRARIES];
static char order[256];
static int length;
static _Atomic int done;
static pthread_mutex_t tables = PTHREAD_MUTEX_INITIALIZER;
static sem_t slots;

static void note(char c)
{
	order[length++] = c;
}

/* Each library protects itself by its lock; the last one registered is asked first. */
#define LIBRARY(n)                               \
	static void prepare##n(void)             \
	{                                        \
		pthread_mutex_lock(&locks[n]);   \
		if (n == LIBRARIES - 1)          \
			length = 0;              \
		note((char)('A' + n));           \
	}                                        \
	static void parent##n(void)              \
	{                                        \
		note((char)('a' + n));           \
		pthread_mutex_unlock(&locks[n]); \
	}                                        \
	static void child##n(void)               \
	{                                        \
		note((char)('a' + n));           \
		pthread_mutex_unlock(&locks[n]); \
	}
LIBRARY(0)
LIBRARY(1)
LIBRARY(2)
LIBRARY(3)
LIBRARY(4)
LIBRARY(5)
LIBRARY(6)
LIBRARY(7)
LIBRARY(8)
LIBRARY(9)
LIBRARY(10)
LIBRARY(11)

static void *adds(void *arg)
{
	*(int *)arg += 1;
	return arg;
}

/* In the middle: blocks for real, in a lock that others hold over sleeps, and starts a thread. */
static void prepare_slow(void)
{
	int n = 1;

	pthread_mutex_lock(&tables);
	while (sem_wait(&slots) == -1)
		;
	sleep_us(200);
	free(malloc(100));
	join(start(adds, &n));
	CHECK_EQ(n, 2);
	note('*');
}

static void parent_slow(void)
{
	sem_post(&slots);
	pthread_mutex_unlock(&tables);
	note('+');
}

static void child_slow(void)
{
	int n = 1;

	sem_post(&slots);
	pthread_mutex_unlock(&tables);
	join(start(adds, &n));
	CHECK_EQ(n, 2);
	note('-');
}

static void late(void)
{
	note('!');
}

static void *uses(void *arg)
{
	long n = (long)arg;

	while (!done) {
		pthread_mutex_lock(&locks[n]);
		pthread_mutex_unlock(&locks[n]);
		pthread_mutex_lock(&tables);
		sleep_us(100);
		pthread_mutex_unlock(&tables);
		sleep_us(1000);
		if (n % 3 == 0 && sem_trywait(&slots) == 0) {
			sleep_us(100);
			sem_post(&slots);
		}
	}
	return arg;
}

static void *computes(void *arg)
{
	while (!done)
		for (volatile int i = 0; i < 1000000; i++)
			;
	return arg;
}

static void *grandchild(void *arg)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		_exit(strcmp(order, "LKJIHG*FEDCBAabcdef-ghijkl!") == 0 ? 5 : 6);
	CHECK(strcmp(reap(pid), "exit 5") == 0);
	return arg;
}

static void *forks(void *arg)
{
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0) {
			CHECK(strcmp(order, "LKJIHG*FEDCBAabcdef-ghijkl") == 0);
			for (int n = 0; n < LIBRARIES; n++)
				CHECK_EQ(pthread_mutex_trylock(&locks[n]), 0);
			for (int n = 0; n < LIBRARIES; n++)
				pthread_mutex_unlock(&locks[n]);
			if (i % 4 == 0) {
				PT(pthread_atfork(NULL, NULL, late));
				join(start(grandchild, NULL));
			}
			_exit(4);
		}
		CHECK(strcmp(reap(pid), "exit 4") == 0);
	}
	return arg;
}

int main(void)
{
	pthread_t u[LIBRARIES], f[FORKERS], c;

	SYS(sem_init(&slots, 0, 2));
	for (int i = 0; i < LIBRARIES; i++)
		PT(pthread_mutex_init(&locks[i], NULL));
#define REGISTER(n) PT(pthread_atfork(prepare##n, parent##n, child##n))
	REGISTER(0);
	REGISTER(1);
	REGISTER(2);
	REGISTER(3);
	REGISTER(4);
	/* Some are registered by a process with threads. */
	c = start(computes, NULL);
	REGISTER(5);
	PT(pthread_atfork(prepare_slow, parent_slow, child_slow));
	REGISTER(6);
	REGISTER(7);
	REGISTER(8);
	REGISTER(9);
	REGISTER(10);
	REGISTER(11);
	for (long i = 0; i < LIBRARIES; i++)
		u[i] = start(uses, (void *)i);
	for (int i = 0; i < FORKERS; i++)
		f[i] = start(forks, NULL);
	for (int i = 0; i < FORKERS; i++)
		join(f[i]);
	done = 1;
	join(c);
	for (int i = 0; i < LIBRARIES; i++)
		join(u[i]);
	puts("done");
	return 0;
}
