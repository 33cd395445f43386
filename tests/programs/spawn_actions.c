/* posix_spawn with each file action, each attribute and each error, from 50 threads at once. */
// threads
#include "test.h"
#include <limits.h>
#include <spawn.h>

#define THREADS 50

extern char **environ;

static char self[PATH_MAX];
static _Thread_local int report[2];

struct job {
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
};

static void prepare(struct job *j, short flags)
{
	SYS(pipe2(report, O_CLOEXEC));
	PT(posix_spawn_file_actions_init(&j->actions));
	PT(posix_spawn_file_actions_adddup2(&j->actions, report[1], 1));
	PT(posix_spawnattr_init(&j->attr));
	PT(posix_spawnattr_setflags(&j->attr, flags));
}

/* What the child, which is this program, says of itself. */
static const char *outcome(struct job *j, const char *what)
{
	static _Thread_local char text[PATH_MAX];
	char *argv[] = {self, (char *)what, NULL};
	size_t length = 0;
	ssize_t n;
	pid_t pid;
	int err = posix_spawn(&pid, self, &j->actions, &j->attr, argv, environ);

	close(report[1]);
	if (err) {
		snprintf(text, sizeof(text), "error %s", strerrorname_np(err));
	} else {
		while ((n = read(report[0], text + length, sizeof(text) - 1 - length)) > 0)
			length += (size_t)n;
		text[length] = 0;
		CHECK(strcmp(reap(pid), "exit 0") == 0);
	}
	close(report[0]);
	PT(posix_spawn_file_actions_destroy(&j->actions));
	PT(posix_spawnattr_destroy(&j->attr));
	return text;
}

static void expect(struct job *j, const char *what, const char *want)
{
	const char *got = outcome(j, what);

	if (strcmp(got, want) != 0) {
		fprintf(stderr, "%s: got \"%s\", wanted \"%s\"\n", what, got, want);
		CHECK(!"the child's report");
	}
}

static int child(const char *what)
{
	char cwd[PATH_MAX];
	sigset_t now;
	struct sigaction sa;
	struct sched_param param;

	if (!strcmp(what, "cwd")) {
		printf("%s", getcwd(cwd, sizeof(cwd)));
	} else if (!strcmp(what, "fds")) {
		for (int fd = 0; fd < 1024; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				printf("%d ", fd);
	} else if (!strcmp(what, "read")) {
		CHECK(read(0, cwd, 4) == 0);
		printf("%d", (fcntl(0, F_GETFL) & O_ACCMODE) == O_RDONLY);
	} else if (!strcmp(what, "mask")) {
		PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
		for (int sig = 1; sig < 32; sig++)
			if (sigismember(&now, sig))
				printf("%s ", sigabbrev_np(sig));
	} else if (!strcmp(what, "ignored")) {
		for (int sig = 1; sig < 32; sig++)
			if (sigaction(sig, NULL, &sa) == 0 && sa.sa_handler == SIG_IGN)
				printf("%s ", sigabbrev_np(sig));
	} else if (!strcmp(what, "group")) {
		printf("%d", getpgrp() == getpid());
	} else if (!strcmp(what, "session")) {
		printf("%d", getsid(0) == getpid());
	} else if (!strcmp(what, "scheduler")) {
		SYS(sched_getparam(0, &param));
		printf("%d %d", sched_getscheduler(0), param.sched_priority);
	} else if (!strcmp(what, "ids")) {
		printf("%d", geteuid() == getuid() && getegid() == getgid());
	}
	return 0;
}

static void file_actions(void)
{
	struct job j;
	int dir = (int)SYS(open("/usr", O_RDONLY | O_DIRECTORY | O_CLOEXEC));

	prepare(&j, 0);
	PT(posix_spawn_file_actions_addopen(&j.actions, 0, "/dev/null", O_RDONLY, 0));
	expect(&j, "read", "1");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addopen(&j.actions, 7, "/dev/null", O_RDONLY, 0));
	PT(posix_spawn_file_actions_adddup2(&j.actions, 7, 9));
	PT(posix_spawn_file_actions_addclose(&j.actions, 0));
	PT(posix_spawn_file_actions_addclose(&j.actions, 7));
	expect(&j, "fds", "1 2 9 ");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addclosefrom_np(&j.actions, 2));
	expect(&j, "fds", "0 1 ");
	prepare(&j, 0);
	/* A close-on-exec descriptor dup'ed onto itself stays. */
	PT(posix_spawn_file_actions_adddup2(&j.actions, 1, 1));
	PT(posix_spawn_file_actions_addclose(&j.actions, 999)); /* not open: no error */
	expect(&j, "fds", "0 1 2 ");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addchdir_np(&j.actions, "/usr/bin"));
	expect(&j, "cwd", "/usr/bin");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addfchdir_np(&j.actions, dir));
	PT(posix_spawn_file_actions_addchdir_np(&j.actions, "bin"));
	expect(&j, "cwd", "/usr/bin");
	close(dir);
}

static void attributes(bool say)
{
	struct job j;
	sigset_t set = one_signal(SIGUSR2);
	struct sched_param param = {0};

	prepare(&j, 0);
	expect(&j, "mask", "USR1 ");
	prepare(&j, POSIX_SPAWN_SETSIGMASK);
	PT(posix_spawnattr_setsigmask(&j.attr, &set));
	expect(&j, "mask", "USR2 ");
	prepare(&j, 0);
	expect(&j, "ignored", "HUP SEGV ");
	set = one_signal(SIGSEGV);
	prepare(&j, POSIX_SPAWN_SETSIGDEF);
	PT(posix_spawnattr_setsigdefault(&j.attr, &set));
	expect(&j, "ignored", "HUP ");
	prepare(&j, POSIX_SPAWN_SETPGROUP);
	expect(&j, "group", "1");
	prepare(&j, 0);
	expect(&j, "group", "0");
	prepare(&j, POSIX_SPAWN_SETSID);
	expect(&j, "session", "1");
	prepare(&j, POSIX_SPAWN_SETSCHEDULER);
	PT(posix_spawnattr_setschedpolicy(&j.attr, SCHED_OTHER));
	PT(posix_spawnattr_setschedparam(&j.attr, &param));
	expect(&j, "scheduler", "0 0");
	/* As the user may, or not. */
	param.sched_priority = 1;
	prepare(&j, POSIX_SPAWN_SETSCHEDULER);
	PT(posix_spawnattr_setschedpolicy(&j.attr, SCHED_RR));
	PT(posix_spawnattr_setschedparam(&j.attr, &param));
	if (say)
		printf("realtime: %s\n", outcome(&j, "scheduler"));
	else
		outcome(&j, "scheduler");
	param.sched_priority = 0;
	prepare(&j, POSIX_SPAWN_SETSCHEDPARAM);
	PT(posix_spawnattr_setschedparam(&j.attr, &param));
	expect(&j, "scheduler", "0 0");
	prepare(&j, POSIX_SPAWN_RESETIDS | POSIX_SPAWN_USEVFORK);
	expect(&j, "ids", "1");
}

static void errors(void)
{
	struct job j;
	char *argv[] = {"x", NULL};
	struct sched_param param = {.sched_priority = 1000};
	pid_t pid = 0;

	prepare(&j, 0);
	PT(posix_spawn_file_actions_adddup2(&j.actions, 999, 5));
	expect(&j, "fds", "error EBADF");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addopen(&j.actions, 0, "/nonexistent/x", O_RDONLY, 0));
	expect(&j, "fds", "error ENOENT");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addchdir_np(&j.actions, "/dev/null"));
	expect(&j, "fds", "error ENOTDIR");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addfchdir_np(&j.actions, 999));
	expect(&j, "fds", "error EBADF");
	prepare(&j, 0);
	PT(posix_spawn_file_actions_addtcsetpgrp_np(&j.actions, 0)); /* no terminal */
	expect(&j, "fds", "error ENOTTY");
	prepare(&j, POSIX_SPAWN_SETPGROUP);
	PT(posix_spawnattr_setpgroup(&j.attr, 1));
	expect(&j, "fds", "error EPERM");
	prepare(&j, POSIX_SPAWN_SETSCHEDULER);
	PT(posix_spawnattr_setschedpolicy(&j.attr, SCHED_FIFO));
	PT(posix_spawnattr_setschedparam(&j.attr, &param));
	expect(&j, "fds", "error EINVAL");
	CHECK_EQ(posix_spawn(&pid, "/nonexistent", NULL, NULL, argv, environ), ENOENT);
	CHECK_EQ(posix_spawn(&pid, "/", NULL, NULL, argv, environ), EACCES);
	CHECK_EQ(posix_spawn(&pid, "/etc/passwd", NULL, NULL, argv, environ), EACCES);
	CHECK_EQ(posix_spawnp(&pid, "no-such-program", NULL, NULL, argv, environ), ENOENT);
	CHECK_EQ(posix_spawnp(&pid, "", NULL, NULL, argv, environ), ENOENT);
	CHECK_EQ(posix_spawn_file_actions_addclose(&j.actions, -1), EBADF);
}

static void *all(void *arg)
{
	block_signal(SIGUSR1);
	file_actions();
	attributes(arg == NULL);
	errors();
	return arg;
}

int main(int argc, char **argv)
{
	pthread_t t[THREADS];

	if (argc > 1)
		return child(argv[1]);
	SYS(readlink("/proc/self/exe", self, sizeof(self) - 1));
	set_handler(SIGHUP, SIG_IGN, 0);
	set_handler(SIGSEGV, SIG_IGN, 0);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(all, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	CHECK(waitpid(-1, NULL, 0) == -1 && errno == ECHILD);
	puts("spawned");
	return 0;
}
