/* A SIGCHLD handler reaps many children while threads block; none is left, none is lost. */
// threads
#include "test.h"

#define CHILDREN 200

static int reaped;
static long status_sum;
static struct event dummy = EVENT_INIT;

static void on_child(int sig)
{
	int saved = errno, status;

	(void)sig;
	while (waitpid(-1, &status, WNOHANG) > 0) {
		CHECK(WIFEXITED(status));
		__atomic_fetch_add(&status_sum, WEXITSTATUS(status), __ATOMIC_SEQ_CST);
		__atomic_fetch_add(&reaped, 1, __ATOMIC_SEQ_CST);
	}
	errno = saved;
}

static void *blocks(void *arg)
{
	event_wait(&dummy, 1);
	return arg;
}

static void *forks(void *arg)
{
	for (int i = 0; i < CHILDREN / 4; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0)
			_exit(i % 7);
		if (i % 10 == 0)
			sleep_us(100);
	}
	return arg;
}

int main(void)
{
	pthread_t t[20], f[4];

	set_handler(SIGCHLD, on_child, SA_RESTART);
	for (int i = 0; i < 20; i++)
		t[i] = start(blocks, NULL);
	for (int i = 0; i < 4; i++)
		f[i] = start(forks, NULL);
	for (int i = 0; i < 4; i++)
		join(f[i]);
	WAIT_UNTIL(__atomic_load_n(&reaped, __ATOMIC_SEQ_CST) == CHILDREN);
	printf("reaped %d, statuses %ld\n", reaped, status_sum);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	event_post(&dummy);
	for (int i = 0; i < 20; i++)
		join(t[i]);
	return 0;
}
