/* timer_create for one thread: overruns while it blocks the signal, a timer deleted or stopped while its signal is
 * pending, a thread that is gone, SIGEV_NONE; what a timer of CPU time interrupts is what computes. */
// threads
// libs: -lrt
#include "test.h"
#include <sys/resource.h>
#include <sys/time.h>

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static timer_t make(int notify, int sig, pid_t tid, int value)
{
	struct sigevent ev = {.sigev_notify = notify, .sigev_signo = sig};
	timer_t timer;

	ev.sigev_notify_thread_id = tid;
	ev.sigev_value.sival_int = value;
	SYS(timer_create(CLOCK_MONOTONIC, &ev, &timer));
	return timer;
}

static void set(timer_t timer, long first_us, long every_us)
{
	struct itimerspec its = {{0, every_us * 1000}, {0, first_us * 1000}};

	SYS(timer_settime(timer, 0, &its, NULL));
}

static bool pending(int sig)
{
	sigset_t now;

	SYS(sigpending(&now));
	return sigismember(&now, sig);
}

/* The main thread lets the signal in, this one does not: it is for this one all the same. */
static void *overruns(void *arg)
{
	sigset_t mine = one_signal(SIGRTMIN + 1);
	struct timespec zero = {0, 0};
	siginfo_t info;
	timer_t timer;

	block_signal(SIGRTMIN + 1);
	timer = make(SIGEV_THREAD_ID, SIGRTMIN + 1, own_tid(), 5);
	set(timer, 1000, 1000);
	WAIT_UNTIL(pending(SIGRTMIN + 1));
	sleep_us(30000);
	set(timer, 0, 0);
	printf("stopped: %s\n", sigtimedwait(&mine, &info, &zero) > 0 ? "taken" : "none");
	set(timer, 1000, 1000);
	sleep_us(30000);
	CHECK_EQ(sigtimedwait(&mine, &info, NULL), SIGRTMIN + 1);
	CHECK_EQ(info.si_code, SI_TIMER);
	CHECK_EQ(info.si_value.sival_int, 5);
	CHECK(info.si_overrun >= 15);
	CHECK(timer_getoverrun(timer) >= info.si_overrun);
	fprintf(stderr, "overrun %d\n", info.si_overrun);
	WAIT_UNTIL(pending(SIGRTMIN + 1));
	SYS(timer_delete(timer));
	printf("deleted: %s\n", sigtimedwait(&mine, &info, &zero) > 0 ? "taken" : "none");
	CHECK(timer_getoverrun(timer) == -1 && errno == EINVAL);
	return arg;
}

static volatile sig_atomic_t strays;

static void on_stray(int sig)
{
	(void)sig;
	strays++;
}

static void *leaves(void *arg)
{
	timer_t *timer = arg;

	*timer = make(SIGEV_THREAD_ID, SIGRTMIN + 2, own_tid(), 0);
	return NULL;
}

static void *idle(void *arg)
{
	sem_t *sem = arg;

	while (sem_wait(sem) != 0)
		;
	return NULL;
}

static void thread_gone(void)
{
	struct itimerspec now;
	timer_t timer;
	sem_t end;
	pthread_t other;

	SYS(sem_init(&end, 0, 0));
	set_handler(SIGRTMIN + 2, on_stray, 0);
	join(start(leaves, &timer));
	other = start(idle, &end);
	set(timer, 1000, 0);
	sleep_us(10000);
	SYS(timer_gettime(timer, &now));
	printf("thread gone: %d signals, %s\n", (int)strays, now.it_value.tv_nsec ? "runs" : "done");
	SYS(timer_delete(timer));
	SYS(sem_post(&end));
	join(other);
}

static void none(void)
{
	struct itimerspec now;
	timer_t timer = make(SIGEV_NONE, SIGRTMIN + 2, 0, 0);

	set(timer, 500000, 0);
	SYS(timer_gettime(timer, &now));
	CHECK(now.it_value.tv_nsec > 0 && now.it_value.tv_nsec <= 500000000);
	CHECK_EQ(timer_getoverrun(timer), 0);
	SYS(timer_delete(timer));
	struct sigevent bad = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGUSR1};
	bad.sigev_notify_thread_id = (1 << 22) + 3000000;
	CHECK(timer_create(CLOCK_MONOTONIC, &bad, &timer) == -1);
	CHECK_EQ(errno, EINVAL);
}

static pid_t computing;
static volatile sig_atomic_t on_it, elsewhere;

static void on_profile(int sig)
{
	(void)sig;
	if (own_tid() == computing)
		on_it++;
	else
		elsewhere++;
}

static void *computes(void *arg)
{
	computing = own_tid();
	while (on_it + elsewhere < 10)
		;
	return arg;
}

static void profile(int which, int sig, const char *name)
{
	struct itimerval often = {{0, 4000}, {0, 4000}}, off = {{0, 0}, {0, 0}};

	on_it = elsewhere = 0;
	set_handler(sig, on_profile, SA_RESTART);
	pthread_t t = start(computes, NULL);
	WAIT_UNTIL(computing);
	SYS(setitimer(which, &often, NULL));
	join(t);
	SYS(setitimer(which, &off, NULL));
	printf("%s: %s\n", name, on_it > elsewhere ? "who computes" : "another");
}

static void *writes_too_much(void *arg)
{
	int fd = *(int *)arg;

	computing = own_tid();
	on_it = elsewhere = 0;
	CHECK_EQ(pwrite(fd, "x", 1, 5000), -1);
	CHECK_EQ(errno, EFBIG);
	CHECK_EQ(on_it, 1);
	CHECK_EQ(elsewhere, 0);
	return NULL;
}

static void too_large(void)
{
	struct rlimit old, limit;
	int fd = (int)SYS(memfd_create("large", 0));

	SYS(getrlimit(RLIMIT_FSIZE, &old));
	limit = old;
	limit.rlim_cur = 4096;
	SYS(setrlimit(RLIMIT_FSIZE, &limit));
	set_handler(SIGXFSZ, on_profile, 0);
	for (int i = 0; i < 100; i++)
		join(start(writes_too_much, &fd));
	SYS(setrlimit(RLIMIT_FSIZE, &old));
	puts("SIGXFSZ: who writes");
	close(fd);
}

int main(void)
{
	set_handler(SIGRTMIN + 1, on_stray, 0);
	join(start(overruns, NULL));
	CHECK_EQ(strays, 0);
	thread_gone();
	none();
	profile(ITIMER_PROF, SIGPROF, "SIGPROF");
	profile(ITIMER_VIRTUAL, SIGVTALRM, "SIGVTALRM");
	too_large();
	return 0;
}
