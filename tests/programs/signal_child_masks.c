/* The mask and the ignored signals that a child inherits: forked, vforked, spawned, popen'ed, exec'ed from a thread. */
#include "test.h"
#include <spawn.h>

extern char **environ;
static char *self;

/* Signals 1 to 31; glibc keeps two beyond for itself. */
static unsigned long status_bits(const char *name)
{
	char line[256];
	unsigned long bits = 0;
	FILE *f = fopen("/proc/self/status", "r");

	CHECK(f != NULL);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, name, strlen(name)) == 0)
			bits = strtoul(line + strlen(name) + 1, NULL, 16) & 0x7fffffff;
	fclose(f);
	return bits;
}

/* Of what is caught, only that an exec leaves nothing: a library may catch signals of its own. */
static void print_status(const char *how, bool executed)
{
	printf("%s: blocked %08lx ignored %08lx\n", how, status_bits("SigBlk:"), status_bits("SigIgn:"));
	if (executed)
		CHECK_EQ(status_bits("SigCgt:"), 0);
	fflush(stdout);
}

static void on_signal(int sig)
{
	(void)sig;
}

static void by_fork(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		print_status("fork", false);
		execl(self, self, "fork and exec", NULL);
		_exit(127);
	}
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

static void by_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl(self, self, "vfork and exec", NULL);
		_exit(127);
	}
	CHECK(pid > 0);
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

static void by_spawn(const char *how, bool set_mask)
{
	char *argv[] = {self, (char *)how, NULL};
	posix_spawnattr_t attr;
	sigset_t mask = one_signal(SIGWINCH), def = one_signal(SIGHUP);
	pid_t pid;

	PT(posix_spawnattr_init(&attr));
	if (set_mask) {
		PT(posix_spawnattr_setsigmask(&attr, &mask));
		PT(posix_spawnattr_setsigdefault(&attr, &def));
		PT(posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
	}
	PT(posix_spawn(&pid, self, NULL, &attr, argv, environ));
	CHECK(strcmp(reap(pid), "exit 0") == 0);
}

static void by_popen(void)
{
	char command[4200], line[256];
	FILE *f;

	snprintf(command, sizeof(command), "exec '%s' popen", self);
	f = popen(command, "r");
	CHECK(f && fgets(line, sizeof(line), f));
	fputs(line, stdout);
	fflush(stdout);
	CHECK_EQ(pclose(f), 0);
}

static void by_system(void)
{
	char command[4200];

	snprintf(command, sizeof(command), "exec '%s' system", self);
	CHECK_EQ(system(command), 0);
}

static void all_ways(void)
{
	sigset_t before, after;

	pthread_sigmask(SIG_SETMASK, NULL, &before);
	by_fork();
	by_vfork();
	by_spawn("posix_spawn", false);
	by_spawn("posix_spawn with its own mask", true);
	by_popen();
	by_system();
	pthread_sigmask(SIG_SETMASK, NULL, &after);
	CHECK(memcmp(&before, &after, 8) == 0);
}

static void *run(void *arg)
{
	block_signal(SIGUSR1);
	block_signal(SIGTERM);
	puts("a thread that blocks USR1 and TERM");
	fflush(stdout);
	all_ways();
	unblock_signal(SIGUSR1);
	puts("and then TERM alone");
	fflush(stdout);
	all_ways();
	return arg;
}

static void *idle(void *arg)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
	for (;;)
		pause();
	return arg;
}

static void *execs(void *arg)
{
	block_signal(SIGALRM);
	execl(self, self, "exec from a thread", NULL);
	return arg;
}

int main(int argc, char **argv)
{
	char path[4096] = {0};

	if (argc > 1) {
		print_status(argv[1], true);
		return 0;
	}
	SYS(readlink("/proc/self/exe", path, sizeof(path) - 1));
	self = path;
	for (int sig = 1; sig < 32; sig++)
		signal(sig, SIG_DFL);
	set_handler(SIGHUP, SIG_IGN, 0);
	set_handler(SIGUSR2, on_signal, SA_RESTART);
	set_handler(SIGTERM, on_signal, SA_RESTART);
	start(idle, NULL);
	join(start(run, NULL));
	puts("main, which blocks nothing");
	fflush(stdout);
	all_ways();
	join(start(execs, NULL));
	return 1;
}
