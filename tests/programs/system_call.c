/* system() from many threads at once: exit codes, signals; SIGINT and SIGQUIT are ignored meanwhile and restored. */
// threads
#include "test.h"

#define THREADS 20

static void *run(void *arg)
{
	char command[64];
	int n = (int)(long)arg, status;

	snprintf(command, sizeof(command), "exit %d", n);
	for (int i = 0; i < 5; i++) {
		status = system(command);
		CHECK(WIFEXITED(status));
		CHECK_EQ(WEXITSTATUS(status), n);
	}
	status = system("kill -9 $$");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return NULL;
}

int main(void)
{
	struct sigaction now;
	pthread_t t[THREADS];
	sigset_t mask;

	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	SYS(sigaction(SIGINT, NULL, &now));
	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	printf("SIGINT default %d, SIGCHLD blocked %d\n", now.sa_handler == SIG_DFL, sigismember(&mask, SIGCHLD));
	printf("shell there: %d\n", system(NULL) != 0);
	printf("no such command: %d\n", WEXITSTATUS(system("exec /nonexistent 2>/dev/null")));
	fflush(stdout);
	printf("echo: %d\n", system("echo from the shell"));
	return 0;
}
