/* What SA_SIGINFO tells: code, sender and value for kill, tgkill, raise, sigqueue, a child's end and a timer. */
// threads
#include "test.h"

static siginfo_t last;
static sem_t seen;

static void on_signal(int sig, siginfo_t *info, void *context)
{
	CHECK(context != NULL);
	CHECK_EQ(sig, info->si_signo);
	last = *info;
	SYS(sem_post(&seen));
}

static const char *code_name(int code)
{
	switch (code) {
	case SI_USER:
		return "SI_USER";
	case SI_TKILL:
		return "SI_TKILL";
	case SI_QUEUE:
		return "SI_QUEUE";
	case SI_TIMER:
		return "SI_TIMER";
	case CLD_EXITED:
		return "CLD_EXITED";
	case CLD_KILLED:
		return "CLD_KILLED";
	}
	return "?";
}

static void show(const char *how, int sig)
{
	while (sem_wait(&seen) != 0)
		;
	printf("%s: %s %s", how, sig == last.si_signo ? "right signal" : "wrong signal",
	    sig == SIGCHLD ? (last.si_code == CLD_EXITED ? "CLD_EXITED" : "CLD_KILLED") : code_name(last.si_code));
	if (last.si_code != SI_TIMER && sig != SIGCHLD)
		printf(", from us %d, uid %d", last.si_pid == getpid(), last.si_uid == getuid());
	if (last.si_code == SI_QUEUE || last.si_code == SI_TIMER)
		printf(", value %d", last.si_value.sival_int);
	if (sig == SIGCHLD)
		printf(", status %d", last.si_status);
	putchar('\n');
	fflush(stdout);
}

static void child(bool kills_itself)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		if (kills_itself)
			raise(SIGKILL);
		_exit(5);
	}
	show(kills_itself ? "child killed" : "child exited", SIGCHLD);
	CHECK_EQ(last.si_pid, pid);
	reap(pid);
}

static void all(pthread_t other)
{
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM, .sigev_value.sival_int = 31};
	struct itimerspec in_1ms = {.it_value = {0, NSEC_PER_MSEC}};
	timer_t timer;

	SYS(kill(getpid(), SIGUSR1));
	show("kill", SIGUSR1);
	PT(pthread_kill(other, SIGUSR1));
	show("pthread_kill", SIGUSR1);
	SYS(raise(SIGUSR1));
	show("raise", SIGUSR1);
	SYS(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 17}));
	show("sigqueue", SIGRTMIN);
	PT(pthread_sigqueue(other, SIGRTMIN, (union sigval){.sival_int = 18}));
	show("pthread_sigqueue", SIGRTMIN);
	SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
	SYS(timer_settime(timer, 0, &in_1ms, NULL));
	show("timer", SIGALRM);
	SYS(timer_delete(timer));
	child(false);
	child(true);
}

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *run(void *arg)
{
	puts("a thread");
	all(*(pthread_t *)arg);
	return NULL;
}

int main(void)
{
	pthread_t idle;

	SYS(sem_init(&seen, 0, 0));
	set_sigaction(SIGUSR1, on_signal, SA_RESTART);
	set_sigaction(SIGRTMIN, on_signal, SA_RESTART);
	set_sigaction(SIGALRM, on_signal, SA_RESTART);
	set_sigaction(SIGCHLD, on_signal, SA_RESTART);
	idle = start(idles, NULL);
	puts("main");
	all(idle);
	join(start(run, &idle));
	return 0;
}
