/* A thread that has given up root for itself alone makes setresuid for all impossible: glibc aborts the process, since
 * half of it would be somebody else. Needs root. */
// threads
#include "test.h"
#include <sys/resource.h>

static pthread_barrier_t barrier;

static void *alone(void *arg)
{
	SYS(syscall(SYS_setresuid, 2001, 2002, 2003));
	pthread_barrier_wait(&barrier);
	pause();
	return arg;
}

static void on_abort(int sig)
{
	(void)sig;
	_exit(42);
}

static void change(bool with_handler)
{
	struct rlimit none = {0, 0};

	SYS(setrlimit(RLIMIT_CORE, &none));
	if (with_handler)
		set_handler(SIGABRT, on_abort, 0);
	pthread_barrier_init(&barrier, NULL, 2);
	start(alone, NULL);
	pthread_barrier_wait(&barrier);
	printf("setresuid %d\n", setresuid(1001, 1002, 1003));
	_exit(0);
}

int main(void)
{
	if (getuid()) {
		puts("needs root");
		return 0;
	}
	for (int with_handler = 0; with_handler < 2; with_handler++) {
		int status;
		pid_t child = fork();

		if (child == 0)
			change(with_handler);
		SYS(waitpid(child, &status, 0));
		if (WIFSIGNALED(status))
			printf("killed by %d\n", WTERMSIG(status));
		else
			printf("exit %d\n", WEXITSTATUS(status));
	}
	return 0;
}
