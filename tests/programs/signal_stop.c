/* SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU and SIGCONT as the parent sees them: who is stopped by what, sent how; SIGCHLD
 * with and without SA_NOCLDSTOP; stops that are handled, blocked, ignored, or sent to an orphaned process group. */
// threads
// not-traced
#include "test.h"

static const int stops[] = {SIGSTOP, SIGTSTP, SIGTTIN, SIGTTOU};

/* What the child and its parent share. */
static struct shared {
	int computed, slept;                        /* by threads that go on for ever */
	int stop_handled, handles_again, continued; /* by the child's handlers */
	int ready, sent;
} * shared;

static void add(int *counter)
{
	__atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
}

static int get(int *counter)
{
	return __atomic_load_n(counter, __ATOMIC_SEQ_CST);
}

static void *computes(void *arg)
{
	for (unsigned i = 0;; i++)
		if (i % 65536 == 0)
			add(&shared->computed);
	return arg;
}

static void *sleeps(void *arg)
{
	for (;; sleep_us(100))
		add(&shared->slept);
	return arg;
}

static void *parks(void *arg)
{
	for (;;)
		pause();
	return arg;
}

enum sender { OUTSIDE, RAISED, TO_PARKED, TO_COMPUTING, TO_PROCESS, SENDERS };

struct child {
	int sig;
	enum sender sender;
	void (*prepare)(int sig);
	bool orphaned;
};

static void *raises(void *arg)
{
	raise(*(int *)arg);
	add(&shared->sent);
	return parks(NULL);
}

_Noreturn static void child_main(struct child *how)
{
	pthread_t busy, parked;

	if (!how->orphaned)
		SYS(setpgid(0, 0));
	if (how->prepare)
		how->prepare(how->sig);
	busy = start(computes, NULL);
	parked = start(parks, NULL);
	start(sleeps, NULL);
	WAIT_UNTIL(get(&shared->computed) > 2 && get(&shared->slept) > 2);
	add(&shared->ready);
	if (how->sender == RAISED)
		start(raises, &how->sig);
	else if (how->sender == TO_PARKED)
		PT(pthread_kill(parked, how->sig));
	else if (how->sender == TO_COMPUTING)
		PT(pthread_kill(busy, how->sig));
	else if (how->sender == TO_PROCESS)
		SYS(kill(getpid(), how->sig));
	if (how->sender != OUTSIDE && how->sender != RAISED)
		add(&shared->sent);
	parks(NULL);
	_exit(1);
}

static pid_t start_child(struct child how)
{
	pid_t pid;

	memset(shared, 0, sizeof(*shared));
	pid = (pid_t)SYS(fork());
	if (pid == 0)
		child_main(&how);
	WAIT_UNTIL(get(&shared->ready));
	if (how.sender == OUTSIDE)
		SYS(kill(pid, how.sig));
	return pid;
}

static void ends(pid_t pid)
{
	SYS(kill(pid, SIGKILL));
	CHECK(strcmp(reap(pid), "signal SIGKILL") == 0);
}

static bool moves(int us)
{
	int computed = get(&shared->computed), slept = get(&shared->slept);

	sleep_us(us);
	return get(&shared->computed) != computed || get(&shared->slept) != slept;
}

static void awaits_progress(void)
{
	int computed = get(&shared->computed), slept = get(&shared->slept);

	WAIT_UNTIL(get(&shared->computed) > computed + 2 && get(&shared->slept) > slept + 2);
}

static void sees_stop(pid_t pid, int sig, bool by_waitid)
{
	siginfo_t info;
	int status;

	if (by_waitid) {
		SYS(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT));
		CHECK_EQ(info.si_code, CLD_STOPPED);
		CHECK_EQ(info.si_status, sig);
		CHECK_EQ(info.si_signo, SIGCHLD);
		CHECK_EQ(info.si_pid, pid);
	}
	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	CHECK(WIFSTOPPED(status) && !WIFSIGNALED(status) && !WIFEXITED(status));
	CHECK_EQ(WSTOPSIG(status), sig);
	CHECK(!moves(500));
	CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
}

static void sees_continue(pid_t pid, bool by_waitid)
{
	siginfo_t info;
	int status;

	SYS(kill(pid, SIGCONT));
	if (by_waitid) {
		SYS(waitid(P_PID, (id_t)pid, &info, WCONTINUED | WNOWAIT));
		CHECK_EQ(info.si_code, CLD_CONTINUED);
		CHECK_EQ(info.si_status, SIGCONT);
	}
	CHECK_EQ(waitpid(pid, &status, WCONTINUED), pid);
	CHECK(WIFCONTINUED(status));
	awaits_progress();
}

static void each_stop(void)
{
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		for (enum sender s = 0; s < SENDERS; s++) {
			pid_t pid = start_child((struct child){.sig = stops[i], .sender = s});

			sees_stop(pid, stops[i], s % 2);
			sees_continue(pid, s % 2);
			SYS(kill(pid, stops[i]));
			sees_stop(pid, stops[i], false);
			sees_continue(pid, false);
			ends(pid);
		}
		printf("SIG%s stops\n", sigabbrev_np(stops[i]));
	}
}

/* No parent in its session but another group: a stop from the keyboard would be for ever. */
static void orphaned(void)
{
	for (size_t i = 0; i < ARRAY_LEN(stops); i++) {
		for (enum sender s = RAISED; s < SENDERS; s++) {
			pid_t pid = start_child((struct child){.sig = stops[i], .sender = s, .orphaned = true});

			if (stops[i] == SIGSTOP) {
				sees_stop(pid, SIGSTOP, false);
				sees_continue(pid, false);
			} else {
				int status;

				WAIT_UNTIL(get(&shared->sent));
				awaits_progress();
				CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
			}
			ends(pid);
		}
	}
}

static void on_cont(int sig)
{
	(void)sig;
	add(&shared->continued);
}

/* As editors and shells do: clean up, then stop by the signal itself. */
static void on_stop(int sig)
{
	add(&shared->stop_handled);
	signal(sig, SIG_DFL);
	unblock_signal(sig);
	raise(sig);
	signal(sig, on_stop);
	add(&shared->handles_again);
}

static void handles(int sig)
{
	set_handler(sig, on_stop, SA_RESTART);
	set_handler(SIGCONT, on_cont, SA_RESTART);
}

static void handled(void)
{
	for (size_t i = 1; i < ARRAY_LEN(stops); i++) {
		for (enum sender s = 0; s < SENDERS; s++) {
			pid_t pid = start_child((struct child){stops[i], s, handles, false});

			sees_stop(pid, stops[i], false);
			CHECK_EQ(get(&shared->stop_handled), 1);
			CHECK_EQ(get(&shared->continued), 0);
			sees_continue(pid, false);
			WAIT_UNTIL(get(&shared->continued) == 1 && get(&shared->handles_again) == 1);
			SYS(kill(pid, stops[i]));
			sees_stop(pid, stops[i], false);
			CHECK_EQ(get(&shared->stop_handled), 2);
			sees_continue(pid, false);
			WAIT_UNTIL(get(&shared->continued) == 2);
			ends(pid);
		}
	}
}

static void blocks_both(int sig)
{
	block_signal(sig);
	block_signal(SIGCONT);
	set_handler(SIGCONT, on_cont, SA_RESTART);
}

static void ignores(int sig)
{
	signal(sig, SIG_IGN);
}

/* Neither stops; and a SIGCONT that is blocked lets a stopped process go on all the same. */
static void does_not_stop(void)
{
	static void (*const prepare[])(int) = {blocks_both, ignores};
	int status;

	for (size_t k = 0; k < ARRAY_LEN(prepare); k++) {
		for (enum sender s = RAISED; s < SENDERS; s++) {
			pid_t pid = start_child((struct child){SIGTSTP, s, prepare[k], false});

			WAIT_UNTIL(get(&shared->sent));
			awaits_progress();
			CHECK_EQ(waitpid(pid, &status, WUNTRACED | WNOHANG), 0);
			SYS(kill(pid, SIGSTOP));
			sees_stop(pid, SIGSTOP, false);
			sees_continue(pid, false);
			CHECK_EQ(get(&shared->continued), 0);
			ends(pid);
		}
	}
}

static int codes[CLD_CONTINUED + 1];

static void on_child(int sig, siginfo_t *info, void *context)
{
	(void)context;
	CHECK_EQ(sig, SIGCHLD);
	if (info->si_code == CLD_STOPPED)
		CHECK(info->si_status == SIGTSTP || info->si_status == SIGSTOP);
	if (info->si_code == CLD_CONTINUED)
		CHECK_EQ(info->si_status, SIGCONT);
	add(&codes[info->si_code]);
}

static void told(int flags)
{
	pid_t pid;

	memset(codes, 0, sizeof(codes));
	set_sigaction(SIGCHLD, on_child, SA_RESTART | flags);
	pid = start_child((struct child){.sig = SIGTSTP, .sender = RAISED});
	sees_stop(pid, SIGTSTP, false);
	if (!flags)
		WAIT_UNTIL(get(&codes[CLD_STOPPED]) == 1);
	sees_continue(pid, false);
	if (!flags)
		WAIT_UNTIL(get(&codes[CLD_CONTINUED]) == 1);
	ends(pid);
	WAIT_UNTIL(get(&codes[CLD_KILLED]) == 1);
	signal(SIGCHLD, SIG_DFL);
	printf("SIGCHLD%s: stopped %d, continued %d\n", flags ? " with SA_NOCLDSTOP" : "", codes[CLD_STOPPED],
	    codes[CLD_CONTINUED]);
}

static void *run(void *arg)
{
	start(parks, NULL);
	each_stop();
	orphaned();
	handled();
	does_not_stop();
	told(0);
	told(SA_NOCLDSTOP);
	return arg;
}

int main(void)
{
	shared = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(shared != MAP_FAILED);
	/* The leader of its session has no parent within it: children in its group are orphaned. */
	if (getsid(0) != getpid()) {
		pid_t pid = (pid_t)SYS(fork());

		if (pid) {
			start(parks, NULL);
			printf("%s\n", reap(pid));
			return 0;
		}
		SYS(setsid());
	}
	join(start(run, NULL));
	return 0;
}
