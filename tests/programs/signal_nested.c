/* SIGSEGV and SIGBUS from another process end one that computes, at whatever moment they come. A library's own handler
 * that needs these two open is met by them, too: under a trace it runs to show where the thread is. */
// threads
// always-traced
#include "test.h"
#include <sys/resource.h>

#define ROUNDS 60

static int ready[2];
static sem_t computing;

static void *computes(void *arg)
{
	SYS(sem_post(&computing));
	for (volatile unsigned long work = 0;; work++)
		;
	return arg;
}

static void child(void)
{
	struct rlimit no_core = {0, 0};

	SYS(setrlimit(RLIMIT_CORE, &no_core));
	start(computes, NULL);
	SYS(sem_wait(&computing));
	CHECK_EQ(write(ready[1], "", 1), 1);
	for (;;)
		pause();
}

static void *kills_children(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int sig = i & 1 ? SIGSEGV : SIGBUS, status;
		pid_t pid = (pid_t)SYS(fork());
		char c;

		if (pid == 0)
			child();
		CHECK_EQ(read(ready[0], &c, 1), 1);
		SYS(kill(pid, sig));
		CHECK_EQ(waitpid(pid, &status, 0), pid);
		CHECK(WIFSIGNALED(status));
		CHECK_EQ(WTERMSIG(status), sig);
	}
	printf("%d ended\n", ROUNDS);
	return arg;
}

int main(void)
{
	SYS(sem_init(&computing, 0, 0));
	SYS(pipe(ready));
	join(start(kills_children, NULL));
	return 0;
}
