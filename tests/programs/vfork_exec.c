/* vfork and exec from many threads at once: exit codes, failed execs, the shared memory until then. */
// threads
#include "test.h"

#define THREADS 20
#define EACH 10

/* How the child ends is in `shared`, which lies on the stack that both use until the exec. */
static pid_t vfork_and_exec(const char *program, const char *command, volatile int *shared)
{
	pid_t pid = vfork();

	if (pid == 0) {
		*shared = 7;
		execl(program, "sh", "-c", command, NULL);
		*shared = errno;
		_exit(99);
	}
	CHECK(pid > 0);
	return pid;
}

static void *run(void *arg)
{
	char command[32], want[32];
	long n = (long)arg;

	snprintf(command, sizeof(command), "exit %ld", n + 1);
	snprintf(want, sizeof(want), "exit %ld", n + 1);
	for (int i = 0; i < EACH; i++) {
		volatile int shared = 0;

		CHECK(strcmp(reap(vfork_and_exec("/bin/sh", command, &shared)), want) == 0);
		CHECK_EQ(shared, 7);
		CHECK(strcmp(reap(vfork_and_exec("/nonexistent/sh", command, &shared)), "exit 99") == 0);
		CHECK_EQ(shared, ENOENT);
	}
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	run((void *)50L);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("all as they should");
	return 0;
}
