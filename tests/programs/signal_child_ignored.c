/* The SIGCHLD of a child that ended while nobody wanted to know is not found by a handler that comes later. */
// threads
#include <sys/wait.h>

#include "test.h"

#define CHILDREN 150

static volatile sig_atomic_t late;
static volatile bool over;

static void on_child(int sig)
{
	(void)sig;
	late++;
}

/* One that is ignored is reaped by itself: the wait ends when there is none. */
static void end_one(bool ignored)
{
	pid_t pid = (pid_t)SYS(fork());

	if (!pid)
		_exit(0);
	CHECK_EQ(waitpid(pid, NULL, 0), ignored ? -1 : pid);
}

static void *has_children(void *arg)
{
	for (int i = 0; i < CHILDREN; i++) {
		signal(SIGCHLD, i % 2 ? SIG_IGN : SIG_DFL);
		end_one(i % 2);
		set_handler(SIGCHLD, on_child, SA_RESTART);
		sleep_us(300);
	}
	printf("%s: %d came late\n", (const char *)arg, (int)late);
	return NULL;
}

static void *ticks(void *arg)
{
	while (!over)
		sleep_us(100);
	return arg;
}

int main(void)
{
	pthread_t others[4];

	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		others[i] = start(ticks, NULL);
	has_children("main");
	join(start(has_children, "a thread"));
	over = true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		join(others[i]);
	return 0;
}
