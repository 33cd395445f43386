/* A robust process-shared mutex whose owner, a thread of a child process, dies by exit, by _exit or by SIGKILL. */
// threads
#include "test.h"

static pthread_mutex_t *mutex;

static void *locks(void *arg)
{
	PT(pthread_mutex_lock(mutex));
	CHECK_EQ(write((int)(long)arg, "", 1), 1);
	for (;;)
		pause();
	return NULL;
}

static void *waits(void *arg)
{
	int error = pthread_mutex_lock(mutex);

	(void)arg;
	if (error == EOWNERDEAD)
		PT(pthread_mutex_consistent(mutex));
	PT(pthread_mutex_unlock(mutex));
	return (void *)(long)error;
}

static void one(const char *how, int sig)
{
	int fds[2], tell[2];
	pthread_t t;
	pid_t pid;
	char c;

	SYS(pipe(fds));
	SYS(pipe(tell));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		start(locks, (void *)(long)fds[1]);
		CHECK_EQ(read(tell[0], &c, 1), 1);
		if (sig)
			raise(sig);
		_exit(0);
	}
	CHECK_EQ(read(fds[0], &c, 1), 1);
	CHECK_EQ(pthread_mutex_trylock(mutex), EBUSY);
	t = start(waits, NULL);
	sleep_us(2000);
	CHECK_EQ(write(tell[1], "", 1), 1);
	printf("%s: waiter %s,", how, strerrorname_np((int)(long)join(t)));
	printf(" child %s\n", reap(pid));
	fflush(stdout);
}

int main(void)
{
	pthread_mutexattr_t attr;

	mutex = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(mutex != MAP_FAILED);
	PT(pthread_mutexattr_init(&attr));
	PT(pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST));
	PT(pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED));
	PT(pthread_mutex_init(mutex, &attr));
	one("_exit", 0);
	one("SIGKILL", SIGKILL);
	one("SIGTERM", SIGTERM);
	return 0;
}
