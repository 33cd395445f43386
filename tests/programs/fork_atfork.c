/* pthread_atfork: prepare handlers in reverse order, the others in order, on the forking thread; they may lock. */
// threads
#include "test.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char order[32];
static pthread_t forking;
static int stop;

static void note(char c)
{
	CHECK(pthread_equal(pthread_self(), forking));
	order[strlen(order)] = c;
}

static void prepare1(void)
{
	pthread_mutex_lock(&lock);
	note('1');
}

static void parent1(void)
{
	note('a');
	pthread_mutex_unlock(&lock);
}

static void child1(void)
{
	note('x');
	pthread_mutex_unlock(&lock);
}

static void prepare2(void)
{
	note('2');
}

static void parent2(void)
{
	note('b');
}

static void child2(void)
{
	note('y');
}

static void *locks(void *arg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		pthread_mutex_lock(&lock);
		sleep_us(50);
		pthread_mutex_unlock(&lock);
		sched_yield();
	}
	return arg;
}

static void *forks(void *arg)
{
	pid_t pid;

	forking = pthread_self();
	/* prepare2 runs before prepare1 and takes no lock, so the string is this thread's all the way. */
	memset(order, 0, sizeof(order));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		pthread_mutex_lock(&lock);
		if (arg)
			printf("child %s\n", order);
		fflush(stdout);
		_exit(0);
	}
	CHECK(strcmp(reap(pid), "exit 0") == 0);
	if (arg)
		printf("parent %s\n", order);
	fflush(stdout);
	return NULL;
}

int main(void)
{
	pthread_t t[3];

	/* The second is registered last: its prepare handler runs first. */
	PT(pthread_atfork(prepare1, parent1, child1));
	PT(pthread_atfork(prepare2, parent2, child2));
	for (int i = 0; i < 3; i++)
		t[i] = start(locks, NULL);
	for (int i = 0; i < 15; i++)
		join(start(forks, i == 0 ? &stop : NULL));
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 3; i++)
		join(t[i]);
	puts("done");
	return 0;
}
