/*
 * What exec in a thread that is not main takes along, and what not, while other threads block, hold locks and compute:
 * the mask, ignored and pending signals, the interval timer, the alarm, record locks, names, limits, descriptors; not
 * handlers, alternate stacks, POSIX timers, memory locks. Many do it at once, and each gets the process for itself.
 */
// threads
#include "test.h"
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/time.h>

#define ROUNDS 6

static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static char path[4096];

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *waits(void *arg)
{
	PT(pthread_mutex_lock(&held));
	return arg;
}

static void *computes(void *arg)
{
	for (volatile unsigned long i = 0;; i++)
		;
	return arg;
}

static void on_signal(int sig)
{
	(void)sig;
	CHECK(!"a handler of the program before");
}

static void show_signals(const char *what, const sigset_t *set)
{
	printf("%s:", what);
	for (int sig = 1; sig < SIGRTMAX; sig++)
		if (sig != 32 && sig != 33 && sigismember(set, sig) == 1)
			sig < 32 ? printf(" %s", sigabbrev_np(sig)) : printf(" %d", sig);
	puts("");
}

static void *works(void *arg)
{
	sleep_us(100);
	return arg;
}

/* The program afterwards. */
static int second(char **argv)
{
	sigset_t set, ignored;
	struct itimerval timer;
	struct rlimit limit;
	stack_t stack;
	char name[16];
	siginfo_t info;
	struct timespec zero = {0, 0};
	struct sigaction sa;

	printf("same process %d, its main thread %d, signals itself %d\n", atoi(argv[1]) == getpid(),
	    own_tid() == getpid(), raise(0));
	printf("kept %d, closed %d\n", fcntl(atoi(argv[2]), F_GETFD) != -1, fcntl(atoi(argv[3]), F_GETFD) == -1);
	PT(pthread_sigmask(SIG_SETMASK, NULL, &set));
	show_signals("blocked", &set);
	SYS(sigpending(&set));
	show_signals("pending", &set);
	sigemptyset(&ignored);
	for (int sig = 1; sig < 65; sig++) {
		if (sigaction(sig, NULL, &sa) == -1)
			continue;
		CHECK(sa.sa_handler == SIG_IGN || sa.sa_handler == SIG_DFL);
		if (sa.sa_handler == SIG_IGN)
			sigaddset(&ignored, sig);
	}
	show_signals("ignored", &ignored);
	SYS(getitimer(ITIMER_REAL, &timer));
	printf("timer runs %d, every %ld s\n", timer.it_value.tv_sec > 0, (long)timer.it_interval.tv_sec);
	SYS(getrlimit(RLIMIT_CORE, &limit));
	printf("core limit %ld\n", (long)limit.rlim_cur);
	SYS(sigaltstack(NULL, &stack));
	printf("alternate stack off %d\n", stack.ss_flags == SS_DISABLE);
	SYS(prctl(PR_GET_NAME, name));
	printf("name %s\n", name);
	struct flock l = {.l_type = F_WRLCK, .l_len = 1};
	int fd = (int)SYS(open("lock", O_RDWR));
	pid_t pid = (pid_t)SYS(fork());
	if (pid == 0) {
		int rc = fcntl(fd, F_SETLK, &l);
		_exit(rc == -1 && errno == EAGAIN ? 1 : 0);
	}
	printf("record lock kept: %s\n", reap(pid));
	sigset_t wanted = one_signal(SIGUSR1);
	sigaddset(&wanted, SIGRTMIN);
	for (;;) {
		int sig = sigtimedwait(&wanted, &info, &zero);

		if (sig < 0)
			break;
		printf("took %d, value %d\n", sig, info.si_code == SI_QUEUE ? info.si_value.sival_int : -1);
	}
	for (int i = 0; i < 5; i++)
		CHECK_EQ((long)join(start(works, (void *)5L)), 5);
	puts("threads again");
	return 0;
}

static void *execs(void *arg)
{
	char a[16], b[16], c[16];
	stack_t stack = {.ss_sp = malloc(65536), .ss_size = 65536};
	timer_t timer;
	struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2};
	struct itimerspec soon = {{0, 0}, {0, 100000}};

	(void)arg;
	block_signal(SIGUSR1);
	block_signal(SIGRTMIN);
	SYS(sigaltstack(&stack, NULL));
	SYS(timer_create(CLOCK_MONOTONIC, &event, &timer));
	SYS(timer_settime(timer, 0, &soon, NULL));
	WAIT_UNTIL(({
		sigset_t p;
		sigpending(&p);
		sigismember(&p, SIGUSR2);
	}));
	/* To this thread, which becomes the process. */
	PT(pthread_kill(pthread_self(), SIGUSR1));
	for (int i = 0; i < 3; i++)
		PT(pthread_sigqueue(pthread_self(), SIGRTMIN, (union sigval){.sival_int = i}));
	int kept = (int)SYS(open("/dev/null", O_RDONLY)), closed = (int)SYS(open("/dev/null", O_RDONLY | O_CLOEXEC));
	struct flock l = {.l_type = F_WRLCK, .l_len = 1};
	SYS(fcntl((int)SYS(open("lock", O_RDWR | O_CREAT, 0600)), F_SETLK, &l));
	PT(pthread_setname_np(pthread_self(), "forgotten"));
	snprintf(a, sizeof(a), "%d", getpid());
	snprintf(b, sizeof(b), "%d", kept);
	snprintf(c, sizeof(c), "%d", closed);
	fflush(stdout);
	execl(path, "exec_keeps", a, b, c, (char *)NULL);
	_exit(98);
}

static void keeps(void)
{
	struct itimerval timer = {{77, 0}, {100, 0}};
	struct rlimit none = {0, 0};

	set_handler(SIGUSR2, on_signal, 0);
	block_signal(SIGUSR2); /* here and in all that follow */
	set_handler(SIGHUP, SIG_IGN, 0);
	set_handler(SIGSEGV, SIG_IGN, 0);
	SYS(setrlimit(RLIMIT_CORE, &none));
	SYS(setitimer(ITIMER_REAL, &timer, NULL));
	PT(pthread_mutex_lock(&held));
	for (int i = 0; i < 5; i++) {
		start(idles, NULL);
		start(waits, NULL);
	}
	start(computes, NULL);
	join(start(execs, NULL));
}

static pthread_barrier_t together;

static void *exec_together(void *arg)
{
	char text[8];

	snprintf(text, sizeof(text), "exit %ld", (long)arg % 2 + 20);
	pthread_barrier_wait(&together);
	if ((long)arg == 3)
		sched_yield();
	execl("/bin/sh", "sh", "-c", text, (char *)NULL);
	_exit(98);
}

static pid_t in_child(void (*fn)(void))
{
	fflush(stdout);
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		fn();
		_exit(99);
	}
	return pid;
}

static void many_exec(void)
{
	PT(pthread_barrier_init(&together, NULL, 6));
	start(computes, NULL);
	for (long i = 0; i < 6; i++)
		start(exec_together, (void *)i);
	for (;;)
		pause();
}

static void *fails_to_exec(void *arg)
{
	for (int i = 0; i < 50; i++) {
		CHECK(execl("/nonexistent", "x", (char *)NULL) == -1 && errno == ENOENT);
		CHECK(execl("/etc/passwd", "x", (char *)NULL) == -1 && errno == EACCES);
		CHECK(syscall(SYS_execve, 8L, NULL, NULL) == -1 && errno == EFAULT);
	}
	return arg;
}

static _Atomic int handled;

static void counts(int sig)
{
	(void)sig;
	handled++;
}

/* It is as if it had not been tried: signals that came meanwhile are handled. */
static void failures(void)
{
	pthread_t t[8];
	int sent = 0;

	set_handler(SIGUSR1, counts, SA_RESTART);
	for (int i = 0; i < 8; i++)
		t[i] = start(fails_to_exec, NULL);
	for (; sent < 50; sent++) {
		int before = handled;

		SYS(kill(getpid(), SIGUSR1));
		WAIT_UNTIL(handled > before);
	}
	for (int i = 0; i < 8; i++)
		join(t[i]);
	_exit(handled == sent ? 0 : 1);
}

int main(int argc, char **argv)
{
	if (argc == 4)
		return second(argv);
	SYS(readlink("/proc/self/exe", path, sizeof(path) - 1));
	CHECK(!strcmp(reap(in_child(keeps)), "exit 0"));
	for (int i = 0; i < ROUNDS; i++) {
		const char *end = reap(in_child(many_exec));

		CHECK(!strcmp(end, "exit 20") || !strcmp(end, "exit 21"));
	}
	puts("many at once");
	CHECK(!strcmp(reap(in_child(failures)), "exit 0"));
	puts("failures");
	join(start(works, NULL));
	return 0;
}
