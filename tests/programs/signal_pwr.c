// threads
/* SIGPWR, which the runtime uses itself, is the program's too: a thread's, another process's, waited for, deadly. */
#include "test.h"

#define TIMES 500

static _Atomic int seen, stop;

static void on_signal(int sig)
{
	(void)sig;
	seen++;
}

static void *raises(void *arg)
{
	int before = seen;

	CHECK_EQ(raise(SIGPWR), 0);
	CHECK(seen > before);
	return arg;
}

/* Leaves its hub again and again. */
static void *computes(void *arg)
{
	while (!stop) {
		long long until = now_ns() + 20 * NSEC_PER_MSEC;

		while (now_ns() < until && !stop)
			;
		sleep_us(100);
	}
	return arg;
}

/* Another process sends the next one when the last one has been seen. */
static void from_outside(int times)
{
	int tell[2], status;
	char c = 0;

	SYS(pipe(tell));
	pid_t child = (pid_t)SYS(fork());
	if (child == 0) {
		close(tell[1]);
		while (read(tell[0], &c, 1) == 1)
			SYS(kill(getppid(), SIGPWR));
		_exit(0);
	}
	close(tell[0]);
	for (int i = 0; i < times; i++) {
		int before = seen;

		SYS(write(tell[1], &c, 1));
		WAIT_UNTIL(seen > before);
	}
	close(tell[1]);
	CHECK_EQ(SYS(waitpid(child, &status, 0)), child);
	CHECK_EQ(status, 0);
}

static void handled(void)
{
	pthread_t busy[2];

	set_handler(SIGPWR, on_signal, SA_RESTART);
	for (int i = 0; i < TIMES; i++) {
		int before = seen;

		SYS(kill(getpid(), SIGPWR));
		WAIT_UNTIL(seen > before);
		join(start(raises, NULL));
	}
	from_outside(TIMES);
	for (int i = 0; i < 2; i++)
		busy[i] = start(computes, NULL);
	from_outside(50);
	stop = 1;
	for (int i = 0; i < 2; i++)
		join(busy[i]);
}

static void waited_for(void)
{
	sigset_t set;
	siginfo_t info;
	int got;

	sigemptyset(&set);
	sigaddset(&set, SIGPWR);
	PT(pthread_sigmask(SIG_BLOCK, &set, NULL));
	SYS(kill(getpid(), SIGPWR));
	PT(sigwait(&set, &got));
	printf("sigwait %d\n", got);
	fflush(stdout);

	pid_t child = (pid_t)SYS(fork());
	if (child == 0) {
		SYS(kill(getppid(), SIGPWR));
		_exit(0);
	}
	CHECK_EQ(sigwaitinfo(&set, &info), SIGPWR);
	CHECK_EQ(info.si_code, SI_USER);
	CHECK_EQ(info.si_pid, child);
	SYS(waitpid(child, NULL, 0));
	PT(pthread_sigmask(SIG_UNBLOCK, &set, NULL));
}

static void deadly(void)
{
	int status;
	pid_t child = (pid_t)SYS(fork());

	if (child == 0) {
		set_handler(SIGPWR, SIG_DFL, 0);
		join(start(raises, NULL));
		_exit(0);
	}
	SYS(waitpid(child, &status, 0));
	CHECK(WIFSIGNALED(status));
	printf("killed by %d\n", WTERMSIG(status));
}

int main(void)
{
	handled();
	waited_for();
	deadly();
	return 0;
}
