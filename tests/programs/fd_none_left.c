/* The first thread comes when few descriptors are left, or none: nobody's are closed, and where the threads are the
 * kernel's none is gone. */
// may-run-native
#include "test.h"
#include <sys/resource.h>

#define LIMIT 80
#define MOST_FREE 40

static void *tells_tid(void *arg)
{
	*(pid_t *)arg = gettid();
	return arg;
}

static int fill(int *fds)
{
	int n = 0, fd;

	while ((fd = open("/dev/null", O_RDONLY)) != -1)
		fds[n++] = fd;
	CHECK_EQ(errno, EMFILE);
	return n;
}

static void child(int left)
{
	struct rlimit limit = {LIMIT, LIMIT};
	int fds[LIMIT], n;
	pid_t tid;

	SYS(setrlimit(RLIMIT_NOFILE, &limit));
	n = fill(fds);
	for (int i = 0; i < left; i++)
		SYS(close(fds[--n]));
	join(start(tells_tid, &tid));
	for (int fd = 0; fd < 3; fd++)
		SYS(fcntl(fd, F_GETFD));
	for (int i = 0; i < n; i++)
		SYS(fcntl(fds[i], F_GETFD));
	if (tid < 1 << 22) /* the kernel's: no pid is higher */
		CHECK_EQ(fill(fds), left);
	_exit(0);
}

int main(void)
{
	for (int left = 0; left <= MOST_FREE; left++) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid == 0)
			child(left);
		CHECK(strcmp(reap(pid), "exit 0") == 0);
	}
	puts("all are there");
	return 0;
}
