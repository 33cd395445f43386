/* Forks in threads while signals pour in, directed to the process and to threads: no fork fails, no signal is lost or
 * runs a handler in a child that did not get it, and a child has no timer and nothing pending. */
// threads
#include "test.h"
#include <sys/time.h>

#define THREADS 6
#define FORKS 60

static _Atomic int alarms, chlds, directed, queued, sent, forked, done;
static pid_t parent;
static _Atomic int in_child;
static pthread_t forking[THREADS];

static void on_alarm(int sig)
{
	(void)sig;
	if (getpid() != parent)
		in_child = 1;
	alarms++;
}

static void on_chld(int sig)
{
	(void)sig;
	chlds++;
}

static void on_directed(int sig)
{
	(void)sig;
	directed++;
}

static void *forks(void *arg)
{
	for (int i = 0; i < FORKS; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (pid == 0) {
			struct itimerval it;
			sigset_t pending;

			SYS(getitimer(ITIMER_REAL, &it));
			CHECK(it.it_value.tv_sec == 0 && it.it_value.tv_usec == 0);
			SYS(sigpending(&pending));
			CHECK(sigisemptyset(&pending));
			CHECK(!in_child);
			/* Its own signals work. */
			int before = alarms;
			if (i % 4 == 0)
				raise(SIGALRM);
			else
				kill(getpid(), SIGALRM);
			CHECK_EQ(alarms, before + 1);
			_exit(i % 50);
		}
		char want[16];
		snprintf(want, sizeof(want), "exit %d", i % 50);
		CHECK(strcmp(reap(pid), want) == 0);
	}
	/* Its id must stay valid for pthread_kill. */
	forked++;
	WAIT_UNTIL(done);
	return arg;
}

static void *signals(void *arg)
{
	unsigned seed = test_seed();

	while (!done) {
		PT(pthread_kill(forking[rnd(&seed) % THREADS], SIGUSR1));
		sleep_us(300);
	}
	return arg;
}

static void on_queued(int sig)
{
	(void)sig;
	queued++;
}

/* Realtime signals queue: each one is counted. */
static void *queues(void *arg)
{
	union sigval v = {0};

	while (!done) {
		if (sigqueue(parent, SIGRTMIN + 2, v) == 0)
			sent++;
		sleep_us(300);
	}
	return arg;
}

int main(void)
{
	struct itimerval it = {{0, 2000}, {0, 2000}};
	pthread_t s, q;

	parent = getpid();
	set_handler(SIGALRM, on_alarm, SA_RESTART);
	set_handler(SIGCHLD, on_chld, SA_RESTART);
	set_handler(SIGUSR1, on_directed, SA_RESTART);
	set_handler(SIGRTMIN + 2, on_queued, SA_RESTART);
	SYS(setitimer(ITIMER_REAL, &it, NULL));
	for (long i = 0; i < THREADS; i++)
		forking[i] = start(forks, (void *)i);
	q = start(queues, NULL);
	s = start(signals, NULL);
	WAIT_UNTIL(forked == THREADS);
	done = 1;
	join(s);
	join(q);
	WAIT_UNTIL(queued == sent);
	for (int i = 0; i < THREADS; i++)
		join(forking[i]);
	CHECK(alarms > 5 && chlds > 0 && directed > 0);
	puts("done");
	return 0;
}
