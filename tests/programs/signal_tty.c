/* Job control on a terminal: what stops a background process that reads, writes or sets its terminal, from a thread or
 * from main, with the signal handled, ignored, blocked by one thread or by all; orphaned groups; keys; hangup; spawn.
 */
// threads
#include "test.h"
#include <spawn.h>
#include <sys/ioctl.h>
#include <termios.h>

extern char **environ;

static int master, tty, handled_fds[2];
static char *self;

static void *parks(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *sleeps(void *arg)
{
	for (;;)
		sleep_us(300);
	return arg;
}

/* What jobs do; their exit code is the errno. */

static int reads_line(void)
{
	char line[16];
	ssize_t n = read(tty, line, sizeof(line));

	return n == -1 ? errno : n == 5 && memcmp(line, "line\n", 5) == 0 ? 0 : 201;
}

static int writes(void)
{
	return write(tty, "w", 1) == 1 ? 0 : errno;
}

static int sets_attributes(void)
{
	struct termios tio;

	SYS(tcgetattr(tty, &tio));
	return tcsetattr(tty, TCSANOW, &tio) == 0 ? 0 : errno;
}

static int sets_foreground(void)
{
	return tcsetpgrp(tty, getpgrp()) == 0 ? 0 : errno;
}

static int waits(void)
{
	parks(NULL);
	return 202;
}

enum disposition { DEFAULT, IGNORED, HANDLED, RESTARTED, BLOCKED, BLOCKED_BY_ALL };
static const char *const dispositions[] = {
    "default", "ignored", "handled", "handled, restarted", "blocked", "blocked by all"};

struct job {
	const char *name;
	int (*fn)(void);
	int sig; /* what it gets in the background */
};

static const struct job jobs[] = {{"read", reads_line, SIGTTIN}, {"write", writes, SIGTTOU},
    {"tcsetattr", sets_attributes, SIGTTOU}, {"tcsetpgrp", sets_foreground, SIGTTOU}};

static void *does(void *arg)
{
	return (void *)(long)((int (*)(void))arg)();
}

static const struct job *current;

static void *does_blocked(void *arg)
{
	block_signal(current->sig);
	return does(arg);
}

static void *does_open(void *arg)
{
	unblock_signal(current->sig);
	return does(arg);
}

/* A signal for the whole group, as often as the call is tried: the third time they are let through. */
static void on_signal(int sig)
{
	static volatile sig_atomic_t times;

	CHECK_EQ(write(handled_fds[1], "", 1), 1);
	if (++times == 3)
		signal(sig, SIG_IGN);
}

_Noreturn static void job_main(const struct job *job, enum disposition d, bool in_thread)
{
	bool handled = d == HANDLED || d == RESTARTED;
	void *(*how)(void *) = d == BLOCKED ? does_blocked : handled ? does_open : does;

	current = job;
	SYS(setpgid(0, 0));
	signal(SIGTTOU, SIG_DFL);
	if (d == IGNORED)
		signal(job->sig, SIG_IGN);
	else if (handled)
		set_handler(job->sig, on_signal, d == RESTARTED ? SA_RESTART : 0);
	/* A handler is to run in the thread whose call it is about. */
	if (handled || d == BLOCKED_BY_ALL)
		block_signal(job->sig);
	start(parks, NULL);
	start(sleeps, NULL);
	sleep_us(100);
	_exit((int)(long)(in_thread ? join(start(how, job->fn)) : how(job->fn)));
}

static pid_t start_job(const struct job *job, enum disposition d, bool in_thread)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		job_main(job, d, in_thread);
	if (setpgid(pid, pid) == -1)
		CHECK(errno == ESRCH);
	return pid;
}

static void to_foreground(pid_t pgrp)
{
	SYS(tcsetpgrp(tty, pgrp));
}

static void type(const char *text)
{
	CHECK_EQ(write(master, text, strlen(text)), (ssize_t)strlen(text));
}

static int status_of(pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, WUNTRACED), pid);
	return status;
}

static void show(int status)
{
	if (WIFSTOPPED(status))
		printf(" stopped by SIG%s", sigabbrev_np(WSTOPSIG(status)));
	else if (WIFSIGNALED(status))
		printf(" killed by SIG%s", sigabbrev_np(WTERMSIG(status)));
	else if (WEXITSTATUS(status) && strerrorname_np(WEXITSTATUS(status)))
		printf(" %s", strerrorname_np(WEXITSTATUS(status)));
	else
		printf(" exit %d", WEXITSTATUS(status));
}

static int drain(int fd)
{
	char buf[512];
	struct pollfd p = {.fd = fd, .events = POLLIN};
	int n = 0;

	while (poll(&p, 1, 0) == 1)
		n += (int)SYS(read(fd, buf, sizeof(buf)));
	return n;
}

static void in_background(const struct job *job, enum disposition d, bool in_thread)
{
	pid_t pid = start_job(job, d, in_thread);
	int status = status_of(pid);

	printf("%s, %s, %s:", job->name, dispositions[d], in_thread ? "a thread" : "main");
	show(status);
	if (WIFSTOPPED(status)) {
		to_foreground(pid);
		type("line\n");
		SYS(kill(-pid, SIGCONT));
		show(status_of(pid));
	}
	int handled = drain(handled_fds[0]);
	/* The kernel tries the call again while the thread that took the signal is not yet the one that called. */
	if (d == HANDLED)
		puts(handled ? ", handled" : ", not handled");
	else
		printf(", handled %d\n", handled);
	to_foreground(getpgrp());
	SYS(tcflush(tty, TCIFLUSH));
	drain(master);
}

static void set_tostop(bool on)
{
	struct termios tio;

	SYS(tcgetattr(tty, &tio));
	tio.c_lflag = on ? tio.c_lflag | TOSTOP : tio.c_lflag & ~(tcflag_t)TOSTOP;
	SYS(tcsetattr(tty, TCSANOW, &tio));
}

/* Its parent has gone: nobody of the session would ever let it go on. */
static void orphan(const struct job *job)
{
	int result[2], code = 203;
	pid_t pid;

	SYS(pipe(result));
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		SYS(setpgid(0, 0));
		signal(SIGTTOU, SIG_DFL);
		if (SYS(fork()) == 0) {
			WAIT_UNTIL(getppid() != getsid(0) && kill(-getpgrp(), 0) == 0 && tcgetpgrp(tty) != getpgrp());
			CHECK_EQ(read(handled_fds[0], &(char){0}, 1), 1);
			start(parks, NULL);
			code = (int)(long)join(start(does, job->fn));
			CHECK_EQ(write(result[1], &code, sizeof(code)), sizeof(code));
			_exit(0);
		}
		_exit(0);
	}
	CHECK(WIFEXITED(status_of(pid)));
	CHECK_EQ(write(handled_fds[1], "", 1), 1);
	CHECK_EQ(read(result[0], &code, sizeof(code)), sizeof(code));
	printf("%s, orphaned: %s\n", job->name, code ? strerrorname_np(code) : "done");
	close(result[0]);
	close(result[1]);
}

/* In the foreground, at its prompt. */
static void key(const char *name, const char *text, int (*fn)(void), bool in_thread)
{
	static struct job job;
	pid_t pid;
	int status;

	job = (struct job){name, fn, SIGTTIN};
	pid = start_job(&job, DEFAULT, in_thread);
	/* Stopped as it reads from the background: it is up to us to let it begin. */
	if (fn == reads_line) {
		CHECK(WIFSTOPPED(status_of(pid)));
		to_foreground(pid);
		SYS(kill(-pid, SIGCONT));
	} else {
		to_foreground(pid);
	}
	type(text);
	printf("%s, %s:", name, fn == reads_line ? "reading" : "parked");
	show(status = status_of(pid));
	if (WIFSTOPPED(status)) {
		SYS(kill(-pid, SIGCONT));
		type(fn == reads_line ? "line\n" : "\003");
		show(status_of(pid));
	}
	putchar('\n');
	to_foreground(getpgrp());
	SYS(tcflush(tty, TCIFLUSH));
	drain(master);
}

static void spawned(bool foreground)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	char *argv[] = {self, "spawned", NULL};
	pid_t pid;

	PT(posix_spawn_file_actions_init(&actions));
	PT(posix_spawn_file_actions_adddup2(&actions, tty, 0));
	PT(posix_spawnattr_init(&attr));
	PT(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP));
	PT(posix_spawnattr_setpgroup(&attr, 0));
	if (foreground)
		PT(posix_spawn_file_actions_addtcsetpgrp_np(&actions, 0));
	PT(posix_spawn(&pid, self, &actions, &attr, argv, environ));
	printf("spawned %s:", foreground ? "in the foreground" : "in the background");
	show(status_of(pid));
	putchar('\n');
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	to_foreground(getpgrp());
}

static void hangup(int report)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		sigset_t set = one_signal(SIGHUP);
		int sig;

		SYS(setpgid(0, 0));
		block_signal(SIGHUP);
		start(parks, NULL);
		to_foreground(getpgrp());
		CHECK_EQ(write(handled_fds[1], "", 1), 1);
		PT(sigwait(&set, &sig));
		CHECK_EQ(write(report, &sig, sizeof(sig)), sizeof(sig));
		_exit(0);
	}
	CHECK_EQ(read(handled_fds[0], &(char){0}, 1), 1);
}

static void *shell(void *arg)
{
	for (int in_thread = 0; in_thread < 2; in_thread++) {
		set_tostop(true);
		for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
			for (enum disposition d = DEFAULT; d <= BLOCKED_BY_ALL; d++)
				in_background(&jobs[i], d, in_thread);
		set_tostop(false);
		in_background(&jobs[1], DEFAULT, in_thread);
		key("^C", "\003", waits, in_thread);
		key("^\\", "\034", waits, in_thread);
		key("^Z", "\032", waits, in_thread);
		key("^C", "\003", reads_line, in_thread);
		key("^Z", "\032", reads_line, in_thread);
	}
	set_tostop(true);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		orphan(&jobs[i]);
	spawned(false);
	spawned(true);
	fflush(stdout);
	hangup((int)(long)arg);
	_exit(0);
}

/* A session of its own, whose leader is this. */
static void session(int report)
{
	SYS(setsid());
	master = (int)SYS(posix_openpt(O_RDWR | O_NOCTTY));
	SYS(grantpt(master));
	SYS(unlockpt(master));
	tty = (int)SYS(open(ptsname(master), O_RDWR));
	CHECK_EQ(tcgetpgrp(tty), getpgrp());
	SYS(pipe(handled_fds));
	signal(SIGTTOU, SIG_IGN);
	start(parks, NULL);
	join(start(shell, (void *)(long)report));
}

int main(int argc, char **argv)
{
	int report[2], sig = 0;
	pid_t pid;

	self = argv[0];
	if (argc > 1)
		return tcgetpgrp(0) == getpgrp() ? 211 : 212; /* no errno */
	SYS(pipe(report));
	pid = (pid_t)SYS(fork());
	if (pid == 0)
		session(report[1]);
	start(parks, NULL);
	printf("the shell: %s\n", reap(pid));
	CHECK_EQ(read(report[0], &sig, sizeof(sig)), sizeof(sig));
	printf("its job: SIG%s\n", sigabbrev_np(sig));
	return 0;
}
