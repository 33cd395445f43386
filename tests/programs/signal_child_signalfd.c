/* SIGCHLD that all threads block is for whoever reads it from a signalfd: a wait for another child leaves it there,
 * though it has a handler. */
// threads
#include <sys/signalfd.h>
#include <sys/wait.h>

#include "test.h"

static int fd;

static void never(int sig)
{
	(void)sig;
	test_fail(__FILE__, __LINE__, "SIGCHLD", "is blocked");
}

static pid_t forks(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (!pid)
		_exit(0);
	return pid;
}

static void expect(pid_t pid)
{
	struct signalfd_siginfo info;

	CHECK_EQ(SYS(read(fd, &info, sizeof(info))), (long)sizeof(info));
	CHECK_EQ(info.ssi_pid, pid);
}

static void ends(pid_t pid)
{
	siginfo_t info;

	SYS(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT));
}

static void *reaps(void *arg)
{
	for (int i = 0; i < 50; i++) {
		pid_t a = forks(), b;

		expect(a);
		b = forks();
		ends(b);
		CHECK_EQ(SYS(waitpid(a, NULL, 0)), a);
		expect(b);
		CHECK_EQ(SYS(waitpid(b, NULL, 0)), b);
	}
	puts("all are told");
	return arg;
}

int main(void)
{
	sigset_t set = one_signal(SIGCHLD);

	set_handler(SIGCHLD, never, 0);
	block_signal(SIGCHLD);
	fd = (int)SYS(signalfd(-1, &set, 0));
	join(start(reaps, NULL));
	return 0;
}
