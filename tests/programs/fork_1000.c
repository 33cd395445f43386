/* 1000 forks while 50 threads are blocked in reads, sleeps and locks, none of which may notice. */
// threads
#include "test.h"

#define FORKS 1000
#define THREADS 50

static int fds[THREADS][2], stop;

static void *blocks(void *arg)
{
	long n = (long)arg, count = 0;
	char c;

	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		if (n % 2 == 0) {
			ssize_t got = read(fds[n][0], &c, 1);

			CHECK(got == 0 || got == 1);
			count += got;
		} else {
			sleep_us(1000);
		}
	}
	return (void *)count;
}

int main(void)
{
	pthread_t t[THREADS];
	long bytes = 0;

	for (long i = 0; i < THREADS; i++) {
		SYS(pipe2(fds[i], O_CLOEXEC));
		t[i] = start(blocks, (void *)i);
	}
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0)
			_exit(i % 50);
		if (i % 20 == 0)
			CHECK_EQ(write(fds[i / 20 % THREADS / 2 * 2][1], "", 1), 1);
		reap(pid);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < THREADS; i++)
		close(fds[i][1]);
	for (int i = 0; i < THREADS; i++) {
		char c;

		bytes += (long)join(t[i]);
		/* A byte that came as the thread was told to stop. */
		while (read(fds[i][0], &c, 1) == 1)
			bytes++;
	}
	printf("%d forks, %ld bytes\n", FORKS, bytes);
	return 0;
}
