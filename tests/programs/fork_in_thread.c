/* fork in a thread: the child has that thread alone, makes threads of its own, uses locks, sleeps and exits. */
// threads
#include "test.h"

#define THREADS 20
#define FORKS 5

static __thread int own = 0;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_key_t key;
static sem_t never;
static int alive;

static void *idles(void *arg)
{
	sem_wait(&never);
	return arg;
}

static void *works(void *arg)
{
	CHECK_EQ(own, 0);
	pthread_mutex_lock(&lock);
	*(long *)arg += 1;
	pthread_mutex_unlock(&lock);
	sleep_us(100);
	return arg;
}

static void child(int n)
{
	pthread_t t[10];
	long sum = 0;

	CHECK_EQ(own, n);
	CHECK_EQ((long)pthread_getspecific(key), n);
	CHECK_EQ(own_tid(), getpid());
	PT(pthread_mutex_unlock(&lock));
	for (int i = 0; i < 10; i++)
		t[i] = start(works, &sum);
	for (int i = 0; i < 10; i++)
		join(t[i]);
	CHECK_EQ(sum, 10);
	_exit(n % 100);
}

static void *forks(void *arg)
{
	long n = (long)arg;

	own = (int)n;
	PT(pthread_setspecific(key, arg));
	for (int i = 0; i < FORKS; i++) {
		char want[32];
		pid_t pid;

		/* Held across the fork: the child's only thread is its holder. */
		pthread_mutex_lock(&lock);
		pid = fork();
		if (pid == 0)
			child((int)n);
		pthread_mutex_unlock(&lock);
		CHECK(pid > 0);
		snprintf(want, sizeof(want), "exit %ld", n % 100);
		CHECK(strcmp(reap(pid), want) == 0);
		CHECK_EQ(own, n);
	}
	__atomic_fetch_add(&alive, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	SYS(sem_init(&never, 0, 0));
	PT(pthread_key_create(&key, NULL));
	for (int i = 0; i < 20; i++)
		start(idles, NULL);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(forks, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	printf("%d children\n", alive * FORKS);
	return 0;
}
