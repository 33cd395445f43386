/* pthread_cancel in C++: destructors of a blocked thread's frames run; catch (...) sees it and must rethrow. */
// threads
#include "test.h"
#include <atomic>
#include <condition_variable>
#include <cxxabi.h>
#include <mutex>

static std::atomic<int> destroyed{0}, caught{0};
static sem_t inside;
static int fds[2];

struct Guard {
	~Guard()
	{
		sched_yield();
		destroyed++;
	}
};

static __attribute__((noinline)) void block(long how, int depth)
{
	Guard guard;
	char c;

	if (depth > 0)
		return block(how, depth - 1);
	SYS(sem_post(&inside));
	if (how == 0)
		while (read(fds[0], &c, 1) != 1)
			;
	if (how == 1)
		for (;;)
			pause();
	if (how == 2)
		for (;;)
			sleep_us(1000000);
}

static void *run(void *arg)
{
	Guard guard;
	try {
		block((long)arg, 3);
	} catch (abi::__forced_unwind &) {
		caught++;
		throw;
	}
	return NULL;
}

int main()
{
	SYS(sem_init(&inside, 0, 0));
	SYS(pipe(fds));
	for (int round = 0; round < 100; round++) {
		pthread_t t[3];

		for (long how = 0; how < 3; how++)
			t[how] = start(run, (void *)how);
		for (int i = 0; i < 3; i++)
			SYS(sem_wait(&inside));
		for (int i = 0; i < 3; i++) {
			PT(pthread_cancel(t[i]));
			CHECK(join(t[i]) == PTHREAD_CANCELED);
		}
	}
	printf("destroyed %d, caught %d\n", destroyed.load(), caught.load());
	return 0;
}
