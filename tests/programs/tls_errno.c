/* errno is each thread's own, across blocking calls that succeed in one thread while they fail in another. */
// threads
#include "test.h"

#define THREADS 60
#define ROUNDS 200

static void *run(void *arg)
{
	static const int errors[] = {EBADF, EINVAL, EAGAIN, EFAULT};
	long n = (long)arg;
	int fds[2];
	void *volatile nowhere = (void *)8;
	char c = 0;

	SYS(pipe2(fds, 0));
	for (int i = 0; i < ROUNDS; i++) {
		struct timespec bad = {0, -1};
		int want = errors[(n + i) % (long)ARRAY_LEN(errors)];

		errno = 0;
		switch (want) {
		case EBADF:
			CHECK_EQ(read(-1, &c, 1), -1);
			break;
		case EINVAL:
			CHECK_EQ(nanosleep(&bad, NULL), -1);
			break;
		case EAGAIN:
			CHECK_EQ(recv(-1, &c, 1, 0), -1);
			errno = EAGAIN;
			break;
		case EFAULT:
			CHECK_EQ(write(fds[1], nowhere, 1), -1);
			break;
		}
		CHECK_EQ(errno, want);
		/* Calls that block and succeed leave errno alone. */
		sched_yield();
		CHECK_EQ(write(fds[1], &c, 1), 1);
		CHECK_EQ(read(fds[0], &c, 1), 1);
		CHECK_EQ(usleep(10), 0);
		CHECK_EQ(errno, want);
	}
	close(fds[0]);
	close(fds[1]);
	return &errno;
}

int main(void)
{
	pthread_t t[THREADS];

	errno = E2BIG;
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (long i = 0; i < THREADS; i++)
		CHECK(join(t[i]) != &errno);
	printf("main %s\n", strerrorname_np(errno));
	return 0;
}
