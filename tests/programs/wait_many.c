/* Waiting in every way while other threads wait too: process groups, P_PIDFD, WNOWAIT, stops and continues, __WALL,
 * ignored SIGCHLD and SA_NOCLDWAIT, signals and cancellation that meet a wait. */
// threads
#include "test.h"
#include <sys/ptrace.h>
#include <sys/resource.h>

#define CHILDREN 60
#define WAITERS 8

static int gate[2];
static struct event waiting = EVENT_INIT;

/* A child in a group of its own, or in `group`, that ends with `code` when the gate is closed. */
static pid_t child(pid_t group, int code)
{
	pid_t pid = (pid_t)SYS(fork());
	char c;

	if (pid == 0) {
		close(gate[1]);
		setpgid(0, group < 0 ? getpgrp() : group);
		while (read(gate[0], &c, 1) == -1)
			;
		_exit(code);
	}
	if (group >= 0)
		setpgid(pid, group ? group : pid);
	return pid;
}

static void open_gate(void)
{
	SYS(pipe2(gate, O_CLOEXEC));
}

static void end_gate(void)
{
	close(gate[0]);
	close(gate[1]);
}

static _Atomic int reaped, sum;

static void *reaps_any(void *arg)
{
	int status;
	pid_t pid;

	event_post(&waiting);
	while ((pid = waitpid((pid_t)(long)arg, &status, 0)) > 0) {
		CHECK(WIFEXITED(status));
		reaped++;
		sum += WEXITSTATUS(status);
	}
	CHECK_EQ(errno, ECHILD);
	return arg;
}

/* Many threads wait for any child: each child is reaped once, and all see that none is left. */
static void any_child(pid_t which)
{
	pthread_t t[WAITERS];
	pid_t group = 0;

	reaped = sum = waiting.count = 0;
	open_gate();
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = child(which == -2 ? group : -1, i);

		if (i == 0 && which == -2)
			group = pid;
	}
	for (long i = 0; i < WAITERS; i++)
		t[i] = start(reaps_any, (void *)(long)(which == -2 ? -group : which));
	event_wait(&waiting, WAITERS);
	end_gate();
	for (int i = 0; i < WAITERS; i++)
		join(t[i]);
	printf("reaped %d, sum %d\n", reaped, sum);
}

static void *reaps_one(void *arg)
{
	siginfo_t info = {0};

	SYS(waitid(P_PID, (id_t)(long)arg, &info, WEXITED | WNOWAIT));
	CHECK_EQ(info.si_pid, (pid_t)(long)arg);
	return (void *)(long)info.si_status;
}

/* All see the same end of the same child, which stays until it is reaped. */
static void one_child_many_waiters(void)
{
	pthread_t t[WAITERS];
	struct rusage usage;
	siginfo_t info;
	pid_t pid;

	open_gate();
	pid = child(-1, 42);
	for (int i = 0; i < WAITERS; i++)
		t[i] = start(reaps_one, (void *)(long)pid);
	end_gate();
	for (int i = 0; i < WAITERS; i++)
		CHECK_EQ((long)join(t[i]), 42);
	CHECK_EQ(wait4(pid, NULL, __WALL, &usage), pid);
	CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED) == -1 && errno == ECHILD);
	puts("seen by all");
}

static void *stops_and_continues(void *arg)
{
	pid_t pid = (pid_t)(long)arg;
	siginfo_t info = {0};

	SYS(kill(pid, SIGSTOP));
	SYS(waitid(P_PID, (id_t)pid, &info, WSTOPPED | WNOWAIT));
	CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP);
	SYS(waitid(P_PGID, (id_t)pid, &info, WSTOPPED));
	CHECK(info.si_code == CLD_STOPPED && info.si_status == SIGSTOP && info.si_pid == pid);
	SYS(kill(pid, SIGCONT));
	SYS(waitid(P_PID, (id_t)pid, &info, WCONTINUED));
	CHECK(info.si_code == CLD_CONTINUED && info.si_status == SIGCONT);
	SYS(kill(pid, SIGTERM));
	return arg;
}

static void stops(void)
{
	pid_t pid[10];
	pthread_t t[10];
	siginfo_t info;
	int status;

	open_gate();
	for (int i = 0; i < 10; i++)
		pid[i] = child(0, 1);
	for (int i = 0; i < 10; i++)
		t[i] = start(stops_and_continues, (void *)(long)pid[i]);
	for (int i = 0; i < 10; i++) {
		if (i % 2) {
			int fd = (int)SYS(syscall(SYS_pidfd_open, pid[i], 0));

			SYS(waitid(P_PIDFD, (id_t)fd, &info, WEXITED));
			CHECK(info.si_code == CLD_KILLED && info.si_status == SIGTERM);
			close(fd);
		} else {
			CHECK_EQ(waitpid(pid[i], &status, 0), pid[i]);
			CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
		}
		join(t[i]);
	}
	end_gate();
	puts("stopped and continued");
}

static void *ends_gate(void *arg)
{
	sleep_us(10000);
	end_gate();
	return arg;
}

/* SIGCHLD ignored: nobody is left to be reaped, and a wait goes on until the last child has ended. */
static void ignored(bool by_flag)
{
	struct sigaction sa = {.sa_handler = by_flag ? SIG_DFL : SIG_IGN, .sa_flags = by_flag ? SA_NOCLDWAIT : 0};
	pthread_t t;
	pid_t pid;

	SYS(sigaction(SIGCHLD, &sa, NULL));
	open_gate();
	for (int i = 0; i < 5; i++)
		pid = child(-1, i);
	t = start(ends_gate, NULL);
	CHECK(waitpid(by_flag ? -1 : pid, NULL, 0) == -1 && errno == ECHILD);
	CHECK(wait(NULL) == -1 && errno == ECHILD);
	join(t);
	sa = (struct sigaction){.sa_handler = SIG_DFL};
	SYS(sigaction(SIGCHLD, &sa, NULL));
	puts(by_flag ? "SA_NOCLDWAIT" : "SIG_IGN");
}

static void on_signal(int sig)
{
	(void)sig;
}

static void *is_interrupted(void *arg)
{
	int status;

	event_post(&waiting);
	CHECK(waitpid((pid_t)(long)arg, &status, 0) == -1 && errno == EINTR);
	return arg;
}

static void *is_cancelled(void *arg)
{
	event_post(&waiting);
	waitpid((pid_t)(long)arg, NULL, 0);
	CHECK(!"cancelled");
	return arg;
}

static void interrupted(pid_t (*which)(pid_t))
{
	pthread_t t[4];
	pid_t pid;

	waiting.count = 0;
	open_gate();
	pid = child(0, 7);
	for (int i = 0; i < 4; i++)
		t[i] = start(i < 2 ? is_interrupted : is_cancelled, (void *)(long)which(pid));
	event_wait(&waiting, 4);
	sleep_us(20000);
	for (int i = 0; i < 4; i++) {
		if (i < 2)
			PT(pthread_kill(t[i], SIGUSR1));
		else
			PT(pthread_cancel(t[i]));
		void *value = join(t[i]);
		CHECK(i < 2 || value == PTHREAD_CANCELED);
	}
	end_gate();
	CHECK(strcmp(reap(pid), "exit 7") == 0);
	puts("interrupted and cancelled");
}

static pid_t itself(pid_t pid)
{
	return pid;
}

static pid_t group_of(pid_t pid)
{
	return -pid;
}

static void errors(void)
{
	siginfo_t info;
	int status;

	CHECK(waitpid(getpid(), &status, 0) == -1 && errno == ECHILD);
	CHECK(waitpid(1, &status, 0) == -1 && errno == ECHILD);
	CHECK(waitpid(-1, &status, 0x4000) == -1 && errno == EINVAL);
	CHECK(waitpid(INT32_MIN, &status, 0) == -1 && errno == ESRCH);
	CHECK(waitid(P_PID, 0, &info, WEXITED) == -1 && errno == EINVAL);
	CHECK(waitid(P_PIDFD, 999, &info, WEXITED) == -1 && errno == EBADF);
	CHECK(waitid(P_ALL, 0, &info, 0) == -1 && errno == EINVAL);
	CHECK(waitid((idtype_t)77, 0, &info, WEXITED) == -1 && errno == EINVAL);
}

/* A traced child stops where others end: the plain wait of its tracer sees that. */
static void traced(void)
{
	pid_t pid = (pid_t)SYS(fork());
	int status;

	if (pid == 0) {
		SYS(ptrace(PTRACE_TRACEME, 0, NULL, NULL));
		raise(SIGUSR2);
		_exit(11);
	}
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGUSR2);
	SYS(kill(pid, SIGKILL));
	CHECK_EQ(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	puts("traced");
}

int main(void)
{
	set_handler(SIGUSR1, on_signal, 0);
	join(start(reaps_any, (void *)-1L));
	errors();
	any_child(-1);
	any_child(-2);
	any_child(0);
	one_child_many_waiters();
	stops();
	ignored(false);
	ignored(true);
	interrupted(itself);
	interrupted(group_of);
	traced();
	return 0;
}
