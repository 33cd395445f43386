/* posix_spawn on a terminal, as a shell does it: the child's process group in the foreground before it runs, sessions
 * with a terminal of their own, stops and continues; jobs of several threads at once. */
// threads
// libs: -lutil
#include "test.h"
#include <pty.h>
#include <spawn.h>
#include <sys/ioctl.h>
#include <termios.h>

#define THREADS 8
#define ROUNDS 6

extern char **environ;

static int terminal;

static pid_t spawn(posix_spawn_file_actions_t *actions, posix_spawnattr_t *attr, char *script)
{
	char *argv[] = {"sh", "-c", script, NULL};
	pid_t pid;

	PT(posix_spawn(&pid, "/bin/sh", actions, attr, argv, environ));
	return pid;
}

/* In the foreground the child may read; back in the background it would be stopped. */
static void foreground_job(int n)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t set;
	char script[128];
	int status;

	PT(posix_spawn_file_actions_init(&actions));
	PT(posix_spawn_file_actions_addtcsetpgrp_np(&actions, terminal));
	PT(posix_spawn_file_actions_adddup2(&actions, terminal, 0));
	PT(posix_spawn_file_actions_addclosefrom_np(&actions, 3));
	PT(posix_spawnattr_init(&attr));
	sigemptyset(&set);
	sigaddset(&set, SIGTTOU);
	sigaddset(&set, SIGTTIN);
	PT(posix_spawnattr_setsigdefault(&attr, &set));
	sigemptyset(&set);
	PT(posix_spawnattr_setsigmask(&attr, &set));
	PT(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
	PT(posix_spawnattr_setpgroup(&attr, 0));
	snprintf(script, sizeof(script), "read line && kill -STOP $$ && exit $((line + %d))", n);
	pid_t pid = spawn(&actions, &attr, script);
	CHECK_EQ(SYS(tcgetpgrp(terminal)), pid);
	CHECK_EQ(SYS(waitpid(pid, &status, WUNTRACED)), pid);
	CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
	SYS(tcsetpgrp(terminal, getpgrp()));
	SYS(kill(-pid, SIGCONT));
	CHECK_EQ(SYS(waitpid(pid, &status, 0)), pid);
	printf("foreground job: exit %d\n", WEXITSTATUS(status));
	PT(posix_spawn_file_actions_destroy(&actions));
	PT(posix_spawnattr_destroy(&attr));
}

/* A session of its own, which takes the terminal that it opens first for its own. */
static void *session(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		posix_spawn_file_actions_t actions;
		posix_spawnattr_t attr;
		int master, slave, status;
		char name[64];

		SYS(openpty(&master, &slave, name, NULL, NULL));
		SYS(fcntl(master, F_SETFD, FD_CLOEXEC));
		PT(posix_spawn_file_actions_init(&actions));
		PT(posix_spawn_file_actions_addopen(&actions, 0, name, O_RDWR, 0));
		PT(posix_spawn_file_actions_adddup2(&actions, 0, 1));
		PT(posix_spawn_file_actions_addclosefrom_np(&actions, 3));
		PT(posix_spawnattr_init(&attr));
		PT(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSID | (i % 2 ? POSIX_SPAWN_USEVFORK : 0)));
		pid_t pid = spawn(&actions, &attr, "read x < /dev/tty && echo got $x > /dev/tty && read y; exit 9");
		char line[64] = "";
		size_t length = 0;

		SYS(write(master, "hello\n", 6));
		while (!strstr(line, "got hello")) {
			ssize_t n = SYS(read(master, line + length, sizeof(line) - 1 - length));

			length += (size_t)n;
			line[length] = 0;
		}
		CHECK_EQ(SYS(tcgetsid(master)), pid);
		/* It ends by the key that interrupts, with its whole foreground group. */
		SYS(write(master, "\003", 1));
		CHECK_EQ(SYS(waitpid(pid, &status, 0)), pid);
		CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGINT);
		close(master);
		close(slave);
		PT(posix_spawn_file_actions_destroy(&actions));
		PT(posix_spawnattr_destroy(&attr));
	}
	return arg;
}

static void *job(void *arg)
{
	foreground_job((int)(long)arg);
	return arg;
}

/* The leader of a session, as a terminal's shell is. */
static void shell(void)
{
	int master;
	pthread_t t[THREADS];

	SYS(setsid());
	SYS(openpty(&master, &terminal, NULL, NULL, NULL));
	SYS(ioctl(terminal, TIOCSCTTY, 0));
	SYS(fcntl(master, F_SETFD, FD_CLOEXEC));
	set_handler(SIGTTOU, SIG_IGN, 0);
	set_handler(SIGTTIN, SIG_IGN, 0);
	for (long i = 0; i < 5; i++) {
		SYS(write(master, "10\n", 3));
		join(start(job, (void *)i));
	}
	for (long i = 0; i < THREADS; i++)
		t[i] = start(session, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
	puts("sessions");
	exit(0);
}

int main(void)
{
	fflush(stdout);
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		shell();
	printf("%s\n", reap(pid));
	join(start(session, NULL));
	return 0;
}
