/*
 * What a program that keeps its kernel threads may do, in the way that it is told. Standard output says who it is, or
 * how long something took by its own clock:
 *
 *     trace_native restart    a handler comes in the middle of a read, makes calls and goes back
 *     trace_native hangs      the same, and then the read goes on until the program is killed
 *     trace_native jump       handlers jump out of a read and out of each other; then it computes until it is killed
 *     trace_native forks      children for whom signals wait when they begin
 *     trace_native copies     a child of clone(2) with a stack of its own, but no memory of ours, makes a thread
 *     trace_native many       more threads than there are rings; then a child
 *     trace_native later      no ring is left when it begins, but later
 *     trace_native children   of vfork, posix_spawn and clone(2) in our memory; then it computes until it is killed
 *     trace_native calls      makes calls until it is told to end (SIGUSR1)
 *     trace_native family     so does a child, which goes on
 *     trace_native late       the first thread is made when it is told to (SIGUSR1)
 *
 * A call that is looked for in the trace is a mark: getpgid of the process's own number.
 */
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../../runtime/trace_format.h"

#define MSEC 1000000LL
#define MANY (TRACE_RINGS + 16)
#define FORKS 200
#define BOGUS 0xffffffffU /* a process that there is not */

static int silent[2];
static sigjmp_buf out, inner;
static volatile sig_atomic_t handled;
static volatile unsigned long sum;

static void check(int fine)
{
	if (!fine)
		abort();
}

static long long now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static void rest(int ms)
{
	poll(NULL, 0, ms);
}

static long getpid_of_kernel(void)
{
	return syscall(SYS_getpid);
}

static void mark(void)
{
	syscall(SYS_getpgid, getpid_of_kernel());
}

static void handle(int signal, void (*handler)(int), int flags)
{
	struct sigaction action = {.sa_handler = handler, .sa_flags = flags};

	check(sigaction(signal, &action, NULL) == 0);
}

static void start(pthread_t *t, void *(*fn)(void *), void *arg)
{
	check(pthread_create(t, NULL, fn, arg) == 0);
}

static void *nothing(void *arg)
{
	return arg;
}

/* From here on the program is watched. */
static void begin(void)
{
	pthread_t t;

	start(&t, nothing, NULL);
	pthread_join(t, NULL);
}

static __attribute__((noreturn)) void compute(void)
{
	puts("computes");
	fflush(stdout);
	for (;;)
		sum++;
}

/* Handlers */

static void looks_around(int signal)
{
	(void)signal;
	handled++;
	rest(10);
	mark();
}

static void *reads(void *arg)
{
	long long begin = now();
	char c;

	check(read(silent[0], &c, 1) == 1);
	printf("%lld\n", now() - begin);
	return arg;
}

static void is_interrupted(bool in_the_end)
{
	pthread_t t;

	handle(SIGUSR1, looks_around, SA_RESTART);
	start(&t, reads, NULL);
	for (int i = 0; i < 2; i++) {
		rest(150);
		pthread_kill(t, SIGUSR1);
	}
	rest(150);
	check(handled == 2);
	if (!in_the_end) {
		puts("hangs");
		fflush(stdout);
		pause();
	}
	check(write(silent[1], "x", 1) == 1);
	pthread_join(t, NULL);
}

static void jumps(int signal)
{
	(void)signal;
	mark();
	siglongjmp(out, 1);
}

static void jumps_within(int signal)
{
	(void)signal;
	siglongjmp(inner, 1);
}

/* Another one comes in the middle of its call, and jumps back to it. */
static void is_jumped_to(int signal)
{
	(void)signal;
	handled++;
	if (sigsetjmp(inner, 1) == 0) {
		kill(getpid(), SIGUSR2);
		pause();
	}
	write(silent[1], "x", 1) == 1 ? mark() : abort();
}

static void alarm_after(int ms)
{
	struct itimerval timer = {.it_value = {0, ms * 1000}};

	setitimer(ITIMER_REAL, &timer, NULL);
}

static void comes_back(int signal)
{
	(void)signal;
	handled++;
}

static void jump(void)
{
	long long begin;
	char c;

	begin = now();
	handle(SIGALRM, jumps, SA_RESTART);
	if (sigsetjmp(out, 1) == 0) {
		alarm_after(100);
		check(read(silent[0], &c, 1) == 1); /* JUMPED OUT */
		abort();
	}
	handle(SIGALRM, is_jumped_to, SA_RESTART);
	handle(SIGUSR2, jumps_within, 0);
	alarm_after(300);
	begin = now();
	check(read(silent[0], &c, 1) == 1); /* STAYED IN */
	printf("%lld\n", now() - begin);
	mark();
	handle(SIGALRM, comes_back, 0);
	handled = 0;
	alarm_after(100);
	while (!handled)
		sum++;
	compute();
}

/* Children */

static void marks(int signal)
{
	(void)signal;
	handled++;
	mark();
}

/* Signals for the whole group, this process not. */
static pid_t storm(pid_t group)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	handle(SIGUSR1, SIG_IGN, 0);
	while (kill(-group, SIGUSR1) == 0)
		usleep(300);
	_exit(0);
}

static void forks(void)
{
	int met = 0, status;

	check(setpgid(0, 0) == 0);
	handle(SIGUSR1, marks, SA_RESTART);
	pid_t sender = storm(getpid());
	for (int i = 0; i < FORKS; i++) {
		handled = 0;
		pid_t pid = fork();
		if (pid == 0)
			_exit(handled > 0);
		check(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
		met += WEXITSTATUS(status);
	}
	handle(SIGUSR1, SIG_IGN, 0);
	kill(sender, SIGKILL);
	waitpid(sender, NULL, 0);
	printf("%d\n", met);
}

static void *marks_once(void *arg)
{
	mark();
	return arg;
}

static int makes_thread(void *arg)
{
	pthread_t t;

	(void)arg;
	start(&t, marks_once, NULL);
	pthread_join(t, NULL);
	return 3;
}

static char stack[1 << 18];

static void copies(void)
{
	int status;
	pid_t pid = clone(makes_thread, stack + sizeof(stack), SIGCHLD, NULL);

	check(pid > 0 && waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 3);
	printf("%d\n", pid);
}

static int marks_in_our_memory(void *arg)
{
	(void)arg;
	syscall(SYS_getpgid, syscall(SYS_gettid));
	_exit(4);
}

/* The child after vfork(2) may call what is asynchronous-signal-safe. */
static void children(void)
{
	char *const argv[] = {"true", NULL};
	int status;
	pid_t pid;

	check(posix_spawnp(&pid, "true", NULL, NULL, argv, argv + 1) == 0);
	check(waitpid(pid, &status, 0) == pid && status == 0);
	printf("posix_spawn %d\n", pid);
	pid = vfork();
	if (pid == 0) {
		syscall(SYS_getpgid, syscall(SYS_gettid));
		_exit(5);
	}
	check(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 5);
	printf("vfork %d\n", pid);
	pid = clone(marks_in_our_memory, stack + sizeof(stack), CLONE_VM | SIGCHLD, NULL);
	check(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 4);
	printf("clone %d\n", pid);
	pthread_t t;
	start(&t, nothing, NULL);
	pthread_join(t, NULL);
	compute();
}

/* Rings */

static pthread_barrier_t all;

static void *stays(void *arg)
{
	mark();
	pthread_barrier_wait(&all);
	pthread_barrier_wait(&all);
	return arg;
}

static void many(void)
{
	pthread_attr_t small;
	pthread_t t[MANY];
	int status;

	pthread_barrier_init(&all, NULL, MANY + 1);
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	for (int i = 0; i < MANY; i++)
		check(pthread_create(&t[i], &small, stays, NULL) == 0);
	pthread_barrier_wait(&all);
	pid_t pid = fork();
	if (pid == 0) {
		mark();
		_exit(6);
	}
	check(waitpid(pid, &status, 0) == pid && WEXITSTATUS(status) == 6);
	printf("%d\n", pid);
	pthread_barrier_wait(&all);
	for (int i = 0; i < MANY; i++)
		pthread_join(t[i], NULL);
}

/* Without a process's number the tool does not look at a ring. */
static void own_rings(void *memory, uint32_t before, uint32_t after)
{
	for (unsigned i = 0; i < TRACE_RINGS; i++)
		atomic_compare_exchange_strong(&trace_ring_at(memory, i)->owner, &(uint32_t){before}, after);
}

static void later(void)
{
	int fd = open(getenv(TRACE_VARIABLE), O_RDWR);
	void *memory = mmap(NULL, TRACE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	check(memory != MAP_FAILED);
	own_rings(memory, 0, BOGUS);
	begin();
	mark();
	own_rings(memory, BOGUS, 0);
	for (int i = 0; i < 5000; i++)
		syscall(SYS_getppid);
	for (int i = 0; i < 3; i++)
		rest(120);
	mark();
}

/* For long */

static void *calls(void *arg)
{
	for (;;) {
		syscall(SYS_getppid);
		rest(2);
	}
	return arg;
}

static void say_who(void)
{
	printf("%ld %ld\n", getpid_of_kernel(), syscall(SYS_gettid));
	fflush(stdout);
}

static void *says_who(void *arg)
{
	say_who();
	return calls(arg);
}

static void wait_for_word(void)
{
	int signal;
	sigset_t word;

	sigemptyset(&word);
	sigaddset(&word, SIGUSR1);
	sigwait(&word, &signal);
}

static void block_word(void)
{
	sigset_t word;

	sigemptyset(&word);
	sigaddset(&word, SIGUSR1);
	sigprocmask(SIG_BLOCK, &word, NULL);
}

static void wait_first(void)
{
	block_word();
	say_who();
	wait_for_word();
}

static void call_for_long(bool has_child)
{
	pthread_t t;

	block_word();
	start(&t, says_who, NULL);
	rest(100);
	if (has_child && fork() == 0)
		says_who(NULL);
	wait_for_word();
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "";

	if (pipe(silent))
		return 2;
	if (!strcmp(how, "later"))
		later();
	else if (!strcmp(how, "late"))
		wait_first();
	begin();
	if (!strcmp(how, "restart") || !strcmp(how, "hangs"))
		is_interrupted(!strcmp(how, "restart"));
	if (!strcmp(how, "jump"))
		jump();
	if (!strcmp(how, "forks"))
		forks();
	if (!strcmp(how, "copies"))
		copies();
	if (!strcmp(how, "many"))
		many();
	if (!strcmp(how, "children"))
		children();
	if (!strcmp(how, "late") || !strcmp(how, "calls") || !strcmp(how, "family"))
		call_for_long(!strcmp(how, "family"));
	return 0;
}
