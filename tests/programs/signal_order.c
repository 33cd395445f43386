/* What is pending when it is unblocked: whose handler runs first, what its context shows; stops and SIGCONT take each
 * other back; a full queue refuses; realtime signals sent from outside stay in their order; alternate stacks. */
// threads
#include "test.h"
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/ucontext.h>

static char text[4096];

static void on_any(int sig, siginfo_t *info, void *context)
{
	ucontext_t *uc = context;
	char one[80];
	sigset_t now;

	PT(pthread_sigmask(SIG_BLOCK, NULL, &now));
	snprintf(one, sizeof(one), " %d:%d(%d%d%d)", sig < 32 ? sig : sig - SIGRTMIN + 100,
	    info->si_code == SI_QUEUE ? info->si_value.sival_int : -1, sigismember(&uc->uc_sigmask, SIGUSR2),
	    sigismember(&now, sig), sigismember(&now, SIGUSR1));
	strcat(text, one);
}

static void *unblocks(void *arg)
{
	sigset_t all, none;

	sigfillset(&all);
	sigemptyset(&none);
	PT(pthread_sigmask(SIG_SETMASK, &all, NULL));
	text[0] = 0;
	for (int i = 0; i < 3; i++)
		for (int k = 2; k >= 0; k--)
			PT(pthread_sigqueue(pthread_self(), SIGRTMIN + k, (union sigval){.sival_int = i}));
	PT(pthread_kill(pthread_self(), SIGUSR2));
	PT(pthread_kill(pthread_self(), SIGUSR1));
	PT(pthread_kill(pthread_self(), SIGUSR1));
	PT(pthread_sigmask(SIG_SETMASK, &none, NULL));
	printf("%s:%s\n", arg ? "thread" : "main", text);
	return NULL;
}

static bool pending(int sig)
{
	sigset_t set;

	SYS(sigpending(&set));
	return sigismember(&set, sig);
}

/* Of the four, SIGCONT takes back the stops and each stop takes back SIGCONT. */
static void *stops(void *arg)
{
	const int sigs[] = {SIGTSTP, SIGTTIN, SIGTTOU};
	sigset_t all, old;

	sigfillset(&all);
	PT(pthread_sigmask(SIG_SETMASK, &all, &old));
	for (int i = 0; i < 3; i++) {
		PT(pthread_kill(pthread_self(), sigs[i]));
		CHECK(pending(sigs[i]));
		PT(pthread_kill(pthread_self(), SIGCONT));
		CHECK(!pending(sigs[i]));
		CHECK(pending(SIGCONT));
		PT(pthread_kill(pthread_self(), sigs[i]));
		CHECK(!pending(SIGCONT));
	}
	PT(pthread_kill(pthread_self(), SIGCONT));
	PT(pthread_sigmask(SIG_SETMASK, &old, NULL));
	return arg;
}

/* More than RLIMIT_SIGPENDING: EAGAIN, and what was accepted arrives. Others may use up some of the user's. */
static void *limited(void *arg)
{
	sigset_t set = one_signal(SIGRTMIN + 5);
	struct timespec zero = {0, 0};
	siginfo_t info;
	int sent = 0, got = 0, error;

	PT(pthread_sigmask(SIG_BLOCK, &set, NULL));
	while ((error = pthread_sigqueue(pthread_self(), SIGRTMIN + 5, (union sigval){.sival_int = sent})) == 0) {
		sent++;
		CHECK(sent <= 2000);
	}
	CHECK_EQ(error, EAGAIN);
	CHECK_EQ(pthread_kill(pthread_self(), SIGRTMIN + 5), EAGAIN);
	CHECK_EQ(pthread_kill(pthread_self(), SIGUSR2), 0);
	while (sigtimedwait(&set, &info, &zero) > 0) {
		CHECK_EQ(info.si_value.sival_int, got);
		got++;
	}
	CHECK_EQ(got, sent);
	return arg;
}

#define FROM_OUTSIDE 3000

static volatile sig_atomic_t last, out_of_order, came;

static void in_order(int sig, siginfo_t *info, void *context)
{
	(void)sig;
	(void)context;
	if (info->si_value.sival_int != last + 1)
		out_of_order++;
	last = info->si_value.sival_int;
	came++;
}

/* One thread takes them, computing or blocked, while others work. */
static void *takes(void *arg)
{
	unblock_signal(SIGRTMIN + 6);
	if (arg) {
		while (came < FROM_OUTSIDE)
			;
	} else {
		while (came < FROM_OUTSIDE)
			sleep_us(1000);
	}
	block_signal(SIGRTMIN + 6);
	return NULL;
}

static volatile int stop;

static void *works(void *arg)
{
	while (!stop)
		sched_yield();
	return arg;
}

static void from_outside(void *computing)
{
	pid_t parent = getpid(), child;
	pthread_t t, worker;

	last = -1;
	came = out_of_order = stop = 0;
	worker = start(works, NULL);
	t = start(takes, computing);
	child = (pid_t)SYS(fork());
	if (child == 0) {
		for (int i = 0; i < FROM_OUTSIDE; i++) {
			while (sigqueue(parent, SIGRTMIN + 6, (union sigval){.sival_int = i}) != 0)
				sched_yield();
		}
		_exit(0);
	}
	CHECK(strcmp(reap(child), "exit 0") == 0);
	join(t);
	stop = 1;
	join(worker);
	printf("from outside: %d came, %s\n", came, out_of_order ? "out of order" : "in order");
	fprintf(stderr, "out of order: %d\n", out_of_order);
}

/* A signal for the thread itself, which nobody else may take, is read from a signalfd. */
static void *reads_own(void *arg)
{
	struct signalfd_siginfo info;
	int fd = *(int *)arg;
	struct pollfd p = {.fd = fd, .events = POLLIN};

	CHECK_EQ(poll(&p, 1, 0), 0);
	PT(pthread_kill(pthread_self(), SIGURG));
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(read(fd, &info, sizeof(info)), sizeof(info));
	CHECK_EQ(info.ssi_signo, SIGURG);
	CHECK_EQ(info.ssi_code, SI_TKILL);
	CHECK_EQ(info.ssi_pid, getpid());
	return NULL;
}

static char alt[1 << 16];
static volatile int alt_flags, inside_alt;

static void looks_at_alt(int sig)
{
	stack_t now, other = {.ss_flags = SS_DISABLE};
	char here;

	(void)sig;
	SYS(sigaltstack(NULL, &now));
	alt_flags = now.ss_flags & ~(int)(1U << 31);
	inside_alt = &here >= alt && &here < alt + sizeof(alt);
	if (alt_flags == SS_ONSTACK)
		CHECK(sigaltstack(&other, NULL) == -1 && errno == EPERM);
	else
		SYS(sigaltstack(&other, NULL));
}

static void *alternate(void *arg)
{
	stack_t ss = {.ss_sp = alt, .ss_size = sizeof(alt)}, now;

	for (int disarm = 0; disarm < 2; disarm++) {
		for (int on = 0; on < 2; on++) {
			ss.ss_flags = disarm ? (int)(1U << 31) : 0;
			SYS(sigaltstack(&ss, NULL));
			set_handler(SIGUSR1, looks_at_alt, on ? SA_ONSTACK : 0);
			PT(pthread_kill(pthread_self(), SIGUSR1));
			SYS(sigaltstack(NULL, &now));
			printf("autodisarm %d, SA_ONSTACK %d: inside %d, flags %d, afterwards %d, %s\n", disarm, on,
			    inside_alt, alt_flags, now.ss_flags & 0xff, now.ss_sp == alt ? "the same" : "none");
		}
	}
	ss.ss_flags = SS_DISABLE;
	SYS(sigaltstack(&ss, NULL));
	return arg;
}

int main(void)
{
	struct rlimit limit;
	sigset_t all;
	int fd;

	for (int i = 0; i < 3; i++)
		set_sigaction(SIGRTMIN + i, on_any, 0);
	set_sigaction(SIGUSR1, on_any, 0);
	set_sigaction(SIGUSR2, on_any, 0);
	unblocks(NULL);
	sigfillset(&all);
	PT(pthread_sigmask(SIG_SETMASK, &all, NULL));
	join(start(unblocks, alt));
	join(start(stops, NULL));
	set_sigaction(SIGRTMIN + 6, in_order, 0);
	from_outside(NULL);
	from_outside(alt);
	all = one_signal(SIGURG);
	fd = (int)SYS(signalfd(-1, &all, 0));
	join(start(reads_own, &fd));
	SYS(getrlimit(RLIMIT_SIGPENDING, &limit));
	limit.rlim_cur = 500;
	SYS(setrlimit(RLIMIT_SIGPENDING, &limit));
	join(start(limited, NULL));
	sigemptyset(&all);
	PT(pthread_sigmask(SIG_SETMASK, &all, NULL));
	alternate(NULL);
	join(start(alternate, NULL));
	return 0;
}
