/* system() and popen() as POSIX wants them: SIGCHLD blocked and SIGINT, SIGQUIT ignored meanwhile, restored when the
 * last of several ends; a handler of SIGCHLD and other threads' children are left alone; cancellation ends the command.
 */
// threads
#include "test.h"

#define THREADS 20

static _Atomic int ints, chlds, seen;

static void on_int(int sig)
{
	(void)sig;
	ints++;
}

static void on_chld(int sig)
{
	(void)sig;
	chlds++;
}

static void *runs(void *arg)
{
	char command[64], line[64];
	int code = (int)(long)arg;

	for (int i = 0; i < 4; i++) {
		snprintf(command, sizeof(command), "kill -INT $PPID; kill -QUIT $PPID; exit %d", code);
		CHECK_EQ(WEXITSTATUS(system(command)), code);
		snprintf(command, sizeof(command), "echo %d; exit %d", code, code + 1);
		FILE *f = popen(command, "re");
		CHECK(f && fgets(line, sizeof(line), f));
		CHECK_EQ(atoi(line), code);
		CHECK_EQ(WEXITSTATUS(pclose(f)), code + 1);
		pid_t pid = (pid_t)SYS(fork());
		if (pid == 0)
			_exit(code + 2);
		int status;
		while (waitpid(pid, &status, 0) == -1)
			CHECK_EQ(errno, EINTR);
		CHECK_EQ(WEXITSTATUS(status), code + 2);
	}
	seen++;
	return arg;
}

static void *long_command(void *arg)
{
	CHECK_EQ(system("while :; do sleep 1 & wait; done"), 0);
	return arg;
}

static void *shell_mask(void *arg)
{
	block_signal(SIGUSR1);
	CHECK_EQ(WEXITSTATUS(system("grep -E '^Sig(Blk|Ign)' /proc/self/status")), 0);
	return arg;
}

static void *echoes(void *arg)
{
	FILE *f = popen("cat > /dev/null", "we");

	CHECK(f);
	for (int k = 0; k < 10000; k++)
		fputs("0123456789", f);
	CHECK_EQ(pclose(f), 0);
	return arg;
}

int main(void)
{
	struct sigaction now;
	pthread_t t[THREADS];

	set_handler(SIGINT, on_int, SA_RESTART);
	set_handler(SIGCHLD, on_chld, SA_RESTART);
	set_handler(SIGQUIT, SIG_IGN, 0);
	CHECK(system(NULL) != 0);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(runs, (void *)(i + 1));
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK_EQ(seen, THREADS);
	CHECK(chlds > 0);
	SYS(sigaction(SIGINT, NULL, &now));
	CHECK(now.sa_handler == on_int);
	SYS(sigaction(SIGQUIT, NULL, &now));
	CHECK(now.sa_handler == SIG_IGN);
	ints = 0;
	SYS(raise(SIGINT));
	CHECK_EQ(ints, 1);
	set_handler(SIGINT, SIG_DFL, 0);
	set_handler(SIGQUIT, SIG_DFL, 0);
	set_handler(SIGCHLD, SIG_DFL, 0);
	fflush(stdout);
	join(start(shell_mask, NULL));
	/* Dies of it, and so does the caller's status say. */
	int status = system("kill -TERM $$");
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
	CHECK_EQ(WEXITSTATUS(system("no-such-command 2>/dev/null")), 127);
	for (int i = 0; i < 3; i++) {
		pthread_t l = start(long_command, NULL);

		sleep_us(i * 3000);
		PT(pthread_cancel(l));
		CHECK(join(l) == PTHREAD_CANCELED);
	}
	SYS(sigaction(SIGINT, NULL, &now));
	CHECK(now.sa_handler == SIG_DFL);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(echoes, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	puts("done");
	return 0;
}
