/* SIGCHLD has been handled when the wait for the child returns, by the thread that made the child; and it
 * does not interrupt that wait. */
// threads
// not-watched
#include <sched.h>
#include <sys/wait.h>

#include "test.h"

#define CHILDREN 24

static __thread volatile sig_atomic_t handled;
static volatile bool over;

/* Who opens its mask may take any signal: a thread that begins, and the one that has made it. */
static pthread_barrier_t begun, made;

static void on_child(int sig)
{
	(void)sig;
	handled++;
}

/* It ends when *hold is written to, or at once: when fork() has let signals in again. */
static pid_t forks(int *hold)
{
	int ends[2];
	char c;
	pid_t pid;

	SYS(pipe2(ends, O_CLOEXEC));
	pid = (pid_t)SYS(fork());
	if (!pid) {
		close(ends[1]);
		_exit((int)read(ends[0], &c, 1));
	}
	SYS(close(ends[0]));
	if (hold)
		*hold = ends[1];
	else
		SYS(close(ends[1]));
	return pid;
}

static pid_t vforks(void)
{
	pid_t pid = (pid_t)SYS(vfork());

	if (!pid)
		_exit(0);
	return pid;
}

static void waits(pid_t pid)
{
	CHECK_EQ(SYS(waitpid(pid, NULL, 0)), pid);
}

static void waits_with_waitid(pid_t pid)
{
	siginfo_t info;

	SYS(waitid(P_PID, (id_t)pid, &info, WEXITED));
	CHECK_EQ(info.si_pid, pid);
}

static void polls(pid_t pid)
{
	while (waitpid(pid, NULL, WNOHANG) == 0)
		sched_yield();
}

static void waits_for_any(pid_t pid)
{
	CHECK_EQ(SYS(waitpid(-1, NULL, 0)), pid);
}

static void (*const ways[])(pid_t) = {waits, waits_with_waitid, polls, waits_for_any};

static void one(int i)
{
	sig_atomic_t before = handled;

	ways[i % (int)ARRAY_LEN(ways)](i % 3 ? forks(NULL) : vforks());
	CHECK_EQ(handled, before + 1);
}

/* The first of two ends first: the last child is not the only one that is known. */
static void two(void)
{
	sig_atomic_t before = handled;
	int holds[2];
	pid_t pids[2];

	for (int i = 0; i < 2; i++)
		pids[i] = forks(&holds[i]);
	for (int i = 0; i < 2; i++) {
		SYS(write(holds[i], "x", 1));
		SYS(close(holds[i]));
		waits(pids[i]);
		CHECK_EQ(handled, before + 1 + i);
	}
}

static void *has_children(void *arg)
{
	for (int i = 0; i < CHILDREN; i++)
		one(i);
	for (int i = 0; i < CHILDREN / 8; i++)
		two();
	printf("%s: %d handled\n", (const char *)arg, (int)handled);
	return NULL;
}

static void *has_them_later(void *arg)
{
	pthread_barrier_wait(&made);
	return has_children(arg);
}

static void *has_a_state_of_its_own(void *arg)
{
	SYS(unshare(CLONE_FS));
	return has_them_later(arg);
}

static void in_thread(void *(*fn)(void *), char *name)
{
	pthread_t t = start(fn, name);

	pthread_barrier_wait(&made);
	join(t);
}

static void *computes(void *arg)
{
	volatile unsigned long n = 0;

	pthread_barrier_wait(&begun);
	while (!over)
		n++;
	return arg;
}

static void *ticks(void *arg)
{
	pthread_barrier_wait(&begun);
	while (!over)
		sleep_us(200);
	return arg;
}

int main(void)
{
	pthread_t others[4];

	PT(pthread_barrier_init(&begun, NULL, ARRAY_LEN(others) + 1));
	PT(pthread_barrier_init(&made, NULL, 2));
	set_handler(SIGCHLD, on_child, 0);
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		others[i] = start(i ? ticks : computes, NULL);
	pthread_barrier_wait(&begun);
	has_children("main");
	in_thread(has_them_later, "a thread");
	in_thread(has_a_state_of_its_own, "a thread with a state of its own in the kernel");
	over = true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		join(others[i]);
	return 0;
}
