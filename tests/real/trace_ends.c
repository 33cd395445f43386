/* Ends in the way that it is told, with a thread parked in a read; or goes on in another way:
 *
 *     trace_ends exit|fault|abort|waits|fork|exec|locks|deadlock
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int silent[2];
static pthread_barrier_t there;
static pthread_mutex_t first = PTHREAD_MUTEX_INITIALIZER, second = PTHREAD_MUTEX_INITIALIZER;

static void *reads(void *arg)
{
	char c;

	pthread_barrier_wait(&there);
	if (read(silent[0], &c, 1) == -1) /* PARKED */
		perror("read");
	return arg;
}

static void start(void *(*fn)(void *), pthread_t *t)
{
	if (pthread_create(t, NULL, fn, NULL))
		abort();
}

static void *says(void *arg)
{
	if (write(1, "from a thread of the child\n", 27) != 27)
		abort();
	return arg;
}

static void forks(void)
{
	pthread_t t;
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		start(says, &t);
		pthread_join(t, NULL);
		_exit(3);
	}
	waitpid(pid, &status, 0);
	printf("the child ended with %d\n", WEXITSTATUS(status));
}

static void *locks_back(void *arg)
{
	pthread_mutex_lock(&second);
	pthread_barrier_wait(&there);
	pthread_mutex_lock(&first); /* DEADLOCK back */
	return arg;
}

/* Each has what the other wants. */
static void locks_forth(void)
{
	pthread_t t;

	start(locks_back, &t);
	pthread_mutex_lock(&first);
	pthread_barrier_wait(&there);
	pthread_mutex_lock(&second); /* DEADLOCK forth */
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";
	pthread_t t;

	pthread_barrier_init(&there, NULL, 2);
	if (pipe(silent))
		return 2;
	if (!strcmp(how, "deadlock"))
		locks_forth();
	start(reads, &t);
	pthread_barrier_wait(&there);
	usleep(20000); /* it gets to its read; if not, the trace shows that it did not */
	if (!strcmp(how, "fault"))
		*(volatile int *)8 = 1;
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "waits")) {
		puts("waiting");
		fflush(stdout);
		pause();
	}
	if (!strcmp(how, "fork"))
		forks();
	if (!strcmp(how, "exec"))
		execl("/proc/self/exe", argv[0], "exit", NULL);
	return 7;
}
