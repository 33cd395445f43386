/* execve from a thread that is not main, with others blocked: same process id, close-on-exec, the mask; failed execs.
 */
// threads
// exit: 6
#include "test.h"

static char *self;
static int kept, closed;
static pid_t process;

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *execs(void *arg)
{
	char a[16], b[16], c[16];

	CHECK(execl("/nonexistent", "x", NULL) == -1 && errno == ENOENT);
	CHECK(execl("/", "x", NULL) == -1 && errno == EACCES);
	sleep_us(100);
	snprintf(a, sizeof(a), "%d", kept);
	snprintf(b, sizeof(b), "%d", closed);
	snprintf(c, sizeof(c), "%d", process);
	block_signal(SIGUSR2);
	puts("before");
	fflush(stdout);
	execl(self, self, a, b, c, NULL);
	return arg;
}

static void *works(void *arg)
{
	sleep_us(100);
	return arg;
}

static int second(char **argv)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	printf("same process %d, main thread %d\n", atoi(argv[3]) == getpid(), own_tid() == getpid());
	printf("kept %d, closed %d\n", fcntl(atoi(argv[1]), F_GETFD) == 0, fcntl(atoi(argv[2]), F_GETFD) == -1);
	printf("blocked %d %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2));
	for (int i = 0; i < 20; i++)
		CHECK_EQ((long)join(start(works, (void *)5L)), 5);
	puts("threads again");
	return 6;
}

int main(int argc, char **argv)
{
	char path[4096] = {0};

	if (argc > 1)
		return second(argv);
	SYS(readlink("/proc/self/exe", path, sizeof(path) - 1));
	self = path;
	process = getpid();
	kept = (int)SYS(open("/dev/null", O_RDONLY));
	closed = (int)SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
	for (int i = 0; i < 20; i++)
		start(idles, NULL);
	join(start(execs, NULL));
	return 1;
}
