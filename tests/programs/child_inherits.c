/* What a child has of the thread that made it, by fork, vfork and exec, posix_spawn and exec: descriptors, name,
 * affinity, nice value, signals blocked, ignored, pending. */
#include "test.h"
#include <dirent.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>

extern char **environ;

static char self[4096];

static void status_line(const char *key)
{
	char line[256];
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, key, strlen(key)) == 0)
			fputs(line, stdout);
	fclose(f);
}

static void tell_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	struct dirent *d;
	int count = 0;

	CHECK(dir);
	while ((d = readdir(dir)))
		count += d->d_name[0] != '.' && atoi(d->d_name) != dirfd(dir);
	closedir(dir);
	printf("%d descriptors, next %d\n", count, dup(0));
}

static int tell(const char *how)
{
	char name[16];
	cpu_set_t cpus;

	printf("-- %s\n", how);
	tell_descriptors();
	SYS(prctl(PR_GET_NAME, name));
	SYS(sched_getaffinity(0, sizeof(cpus), &cpus));
	printf("name %s, cpus %d, nice %d\n", name, CPU_COUNT(&cpus), getpriority(PRIO_PROCESS, 0));
	status_line("SigPnd");
	status_line("SigBlk");
	status_line("SigIgn");
	status_line("SigCgt");
	status_line("Cpus_allowed_list");
	fflush(stdout);
	return 0;
}

static void *idles(void *arg)
{
	PT(pthread_setname_np(pthread_self(), "idle"));
	for (;;)
		pause();
	return arg;
}

static void none(int sig)
{
	(void)sig;
}

static void reaped(pid_t pid)
{
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

static void by_fork(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		_exit(tell("fork"));
	reaped(pid);
}

static void by_fork_exec(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		execl(self, self, "fork, exec", NULL);
		_exit(1);
	}
	reaped(pid);
}

static void by_vfork(void)
{
	pid_t pid = (pid_t)SYS(vfork());

	if (pid == 0) {
		execl(self, self, "vfork, exec", NULL);
		_exit(1);
	}
	reaped(pid);
}

/* The child's mask is what it makes of the inherited one. */
static void by_vfork_mask(void)
{
	sigset_t some = one_signal(SIGWINCH), old;
	pid_t pid = (pid_t)SYS(vfork());

	if (pid == 0) {
		sigprocmask(SIG_BLOCK, &some, &old);
		if (sigismember(&old, SIGTERM) || !sigismember(&old, SIGUSR1))
			_exit(2);
		execl(self, self, "vfork, SIG_BLOCK, exec", NULL);
		_exit(1);
	}
	reaped(pid);
}

static void by_spawn(void)
{
	char *argv[] = {self, "posix_spawn", NULL};
	pid_t pid;

	PT(posix_spawn(&pid, self, NULL, NULL, argv, environ));
	reaped(pid);
}

static void *forks(void *arg)
{
	static void (*const ways[])(void) = {by_fork, by_fork_exec, by_vfork, by_vfork_mask, by_spawn};
	cpu_set_t cpus, one;
	int first = 0;

	PT(pthread_setname_np(pthread_self(), "forks"));
	block_signal(SIGUSR1);
	PT(pthread_kill(pthread_self(), SIGUSR1));
	SYS(sched_getaffinity(0, sizeof(cpus), &cpus));
	while (!CPU_ISSET(first, &cpus))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	SYS(sched_setaffinity(0, sizeof(one), &one));
	SYS(setpriority(PRIO_PROCESS, 0, 5));
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		ways[i]();
	return arg;
}

/* Nicer than the program was started, and as if it had not been. */
static void *forks_better(void *arg)
{
	if (setpriority(PRIO_PROCESS, 0, 0))
		printf("-- %s\n", strerror(errno)); /* without privileges */
	by_fork();
	by_spawn();
	return arg;
}

static void *execs(void *arg)
{
	PT(pthread_setname_np(pthread_self(), "execs"));
	block_signal(SIGUSR2);
	PT(pthread_kill(pthread_self(), SIGUSR2));
	SYS(setpriority(PRIO_PROCESS, 0, 7));
	CHECK(execl("/nonexistent", "x", NULL) == -1 && errno == ENOENT);
	execl(self, self, "exec", NULL);
	return arg;
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return tell(argv[1]);
	SYS(readlink("/proc/self/exe", self, sizeof(self) - 1));
	set_handler(SIGUSR1, none, 0);
	set_handler(SIGUSR2, none, SA_RESTART);
	set_handler(SIGHUP, SIG_IGN, 0);
	set_handler(SIGPIPE, SIG_IGN, 0);
	set_handler(SIGSEGV, SIG_IGN, 0);
	set_handler(SIGBUS, SIG_IGN, 0);
	SYS(setpriority(PRIO_PROCESS, 0, 3));
	for (int i = 0; i < 5; i++)
		start(idles, NULL);
	join(start(forks, NULL));
	join(start(forks_better, NULL));
	join(start(execs, NULL));
	return 1;
}
