/* More threads wait for a condition variable that processes share than there are kernel threads at first, and nobody
 * goes on before all do: each gets one in the end. A child that is forked then has the same to do. */
// threads
#include "test.h"

#define WAITERS 1500

static struct shared {
	pthread_mutex_t lock;
	pthread_cond_t all_wait, go;
	int waiting;
	bool gone;
} * shared;

static void *waits(void *arg)
{
	PT(pthread_mutex_lock(&shared->lock));
	if (++shared->waiting == WAITERS)
		PT(pthread_cond_signal(&shared->all_wait));
	while (!shared->gone)
		PT(pthread_cond_wait(&shared->go, &shared->lock));
	PT(pthread_mutex_unlock(&shared->lock));
	return arg;
}

static void init(void)
{
	pthread_mutexattr_t lock;
	pthread_condattr_t cond;

	PT(pthread_mutexattr_init(&lock));
	PT(pthread_mutexattr_setpshared(&lock, PTHREAD_PROCESS_SHARED));
	PT(pthread_mutex_init(&shared->lock, &lock));
	PT(pthread_condattr_init(&cond));
	PT(pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED));
	PT(pthread_cond_init(&shared->all_wait, &cond));
	PT(pthread_cond_init(&shared->go, &cond));
	shared->waiting = 0;
	shared->gone = false;
}

static void all_wait_and_go(const char *where)
{
	static pthread_t waiters[WAITERS];

	init();
	for (int i = 0; i < WAITERS; i++)
		waiters[i] = start(waits, NULL);
	PT(pthread_mutex_lock(&shared->lock));
	while (shared->waiting < WAITERS)
		PT(pthread_cond_wait(&shared->all_wait, &shared->lock));
	shared->gone = true;
	PT(pthread_cond_broadcast(&shared->go));
	PT(pthread_mutex_unlock(&shared->lock));
	for (int i = 0; i < WAITERS; i++)
		join(waiters[i]);
	printf("%s: %d waited\n", where, shared->waiting);
	fflush(stdout);
}

int main(void)
{
	int status;
	pid_t pid;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	all_wait_and_go("parent");
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		all_wait_and_go("child");
		_exit(0);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK_EQ(status, 0);
	return 0;
}
