/* Signals whose default is a core dump, as the parent sees the end: WTERMSIG and WCOREDUMP with and without RLIMIT_CORE
 * and PR_SET_DUMPABLE, for faults, abort, and signals to threads in all kinds of states. */
// threads
#include "test.h"
#include <ftw.h>
#include <sys/prctl.h>
#include <sys/resource.h>

static const int dumping[] = {SIGSEGV, SIGABRT, SIGQUIT, SIGFPE, SIGBUS, SIGILL, SIGTRAP, SIGSYS, SIGXCPU, SIGXFSZ};

enum victim { MAIN, PARKED, COMPUTING, OUTSIDE, UNBLOCKED, VICTIMS };
static const char *const victims[] = {"main", "parked", "computing", "outside", "unblocked"};

static sem_t computing;
static int ready[2];
static char *past_the_end;

static void *parks(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *computes(void *arg)
{
	SYS(sem_post(&computing));
	for (volatile unsigned long work = 0;; work++)
		;
	return arg;
}

static void *blocks_and_raises(void *arg)
{
	int sig = *(int *)arg;

	block_signal(sig);
	raise(sig);
	kill(getpid(), sig);
	sleep_us(200);
	unblock_signal(sig);
	return NULL;
}

static void dies_of(int sig, enum victim victim)
{
	pthread_t parked = start(parks, NULL), busy;

	switch (victim) {
	case MAIN:
		raise(sig);
		break;
	case PARKED:
		PT(pthread_kill(parked, sig));
		break;
	case COMPUTING:
		busy = start(computes, NULL);
		SYS(sem_wait(&computing));
		PT(pthread_kill(busy, sig));
		break;
	case UNBLOCKED:
		block_signal(sig);
		join(start(blocks_and_raises, &sig));
		break;
	default:
		start(computes, NULL);
		SYS(sem_wait(&computing));
		CHECK_EQ(write(ready[1], "", 1), 1);
	}
	parks(NULL);
}

static void *faults_segv(void *arg)
{
	*(volatile int *)arg = 1;
	return arg;
}

static void *faults_bus(void *arg)
{
	*(volatile char *)past_the_end = 1;
	return arg;
}

static void *faults_fpe(void *arg)
{
	int a = 1, b = 0;

	__asm__ volatile("cltd\n	idivl %1" : "+a"(a) : "r"(b) : "rdx");
	return arg;
}

static void *faults_ill(void *arg)
{
	__asm__ volatile("ud2");
	return arg;
}

static void *faults_trap(void *arg)
{
	__asm__ volatile("int3");
	return arg;
}

static void *aborts(void *arg)
{
	abort();
	return arg;
}

static const struct {
	const char *name;
	int sig;
	void *(*fn)(void *);
} faults[] = {{"null pointer", SIGSEGV, faults_segv}, {"past the file's end", SIGBUS, faults_bus},
    {"division by zero", SIGFPE, faults_fpe}, {"ud2", SIGILL, faults_ill}, {"int3", SIGTRAP, faults_trap},
    {"abort", SIGABRT, aborts}};

static void limit_core(const char *how)
{
	struct rlimit now;

	SYS(getrlimit(RLIMIT_CORE, &now));
	now.rlim_cur = strcmp(how, "no core") == 0 ? 0 : now.rlim_max;
	SYS(setrlimit(RLIMIT_CORE, &now));
	SYS(prctl(PR_SET_DUMPABLE, strcmp(how, "not dumpable") != 0));
}

static void show_end(const char *what, int sig, pid_t pid)
{
	int status;

	CHECK_EQ(waitpid(pid, &status, 0), pid);
	printf("%s SIG%s: ", what, sigabbrev_np(sig));
	if (WIFSIGNALED(status))
		printf("SIG%s%s\n", sigabbrev_np(WTERMSIG(status)), WCOREDUMP(status) ? ", core dumped" : "");
	else
		printf("status %#x\n", status);
	fflush(stdout);
}

static pid_t start_child(const char *how)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		limit_core(how);
	return pid;
}

static void sent(const char *how, int sig, enum victim victim)
{
	char c;
	pid_t pid = start_child(how);

	if (pid == 0)
		dies_of(sig, victim);
	if (victim == OUTSIDE) {
		CHECK_EQ(read(ready[0], &c, 1), 1);
		SYS(kill(pid, sig));
	}
	show_end(victims[victim], sig, pid);
}

/* The disposition and the mask of a fault's signal do not help. */
static void fault(const char *how, int i, bool ignored, bool blocked)
{
	pid_t pid = start_child(how);

	if (pid == 0) {
		start(parks, NULL);
		if (ignored)
			signal(faults[i].sig, SIG_IGN);
		if (blocked)
			block_signal(faults[i].sig);
		join(start(faults[i].fn, NULL));
		_exit(9);
	}
	show_end(ignored ? "ignored fault" : blocked ? "blocked fault" : faults[i].name, faults[i].sig, pid);
}

static void *all(void *arg)
{
	const char *how = arg;

	printf("-- %s\n", how);
	for (size_t i = 0; i < ARRAY_LEN(dumping); i++)
		for (enum victim v = 0; v < VICTIMS; v++)
			/* A dump takes its time, and is the kernel's: one of each signal. */
			if (strcmp(how, "no core") == 0 || v == i % VICTIMS)
				sent(how, dumping[i], v);
	for (int i = 0; i < (int)ARRAY_LEN(faults); i++)
		fault(how, i, false, false);
	for (int i = 0; strcmp(how, "no core") == 0 && i < (int)ARRAY_LEN(faults); i++) {
		fault(how, i, true, false);
		fault(how, i, false, true);
	}
	return NULL;
}

static int removes(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

int main(void)
{
	char dir[] = "cores.XXXXXX", name[sizeof(dir) + 8];
	int fd;

	CHECK(mkdtemp(dir) != NULL);
	snprintf(name, sizeof(name), "%s/empty", dir);
	fd = (int)SYS(open(name, O_RDWR | O_CREAT, 0600));
	past_the_end = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(past_the_end != MAP_FAILED);
	SYS(chdir(dir));
	SYS(sem_init(&computing, 0, 0));
	SYS(pipe(ready));
	fflush(stdout);
	join(start(all, "core"));
	join(start(all, "no core"));
	join(start(all, "not dumpable"));
	SYS(chdir(".."));
	SYS(nftw(dir, removes, 8, FTW_DEPTH | FTW_PHYS));
	return 0;
}
