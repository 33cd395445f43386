/* What exit handlers can do when a thread that is not main runs them: masks, threads, forks, exit again; and ends that
 * meet each other: threads that finish, main that leaves, abort with handlers of each kind. */
// threads
#include "test.h"
#include <setjmp.h>
#include <sys/resource.h>

static void *ends(void *arg)
{
	return arg;
}

static void *idles(void *arg)
{
	for (;;)
		pause();
	return arg;
}

static void *computes(void *arg)
{
	for (volatile unsigned long i = 0;; i++)
		;
	return arg;
}

/* A lock that this process holds through another description: only the kernel can wait for it. */
static void *blocks(void *arg)
{
	char name[] = "lock.XXXXXX";
	int one = mkstemp(name), two = open(name, O_RDWR);
	struct flock l = {.l_type = F_WRLCK};

	unlink(name);
	SYS(fcntl(one, F_OFD_SETLKW, &l));
	SYS(fcntl(two, F_OFD_SETLKW, &l));
	return arg;
}

static void busy(void)
{
	start(computes, NULL);
	start(blocks, NULL);
	for (int i = 0; i < 5; i++)
		start(idles, NULL);
	sleep_us(20000);
}

static void say_mask(void)
{
	sigset_t now;

	PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
	printf("    blocked: USR1 %d, USR2 %d, TERM %d\n", sigismember(&now, SIGUSR1), sigismember(&now, SIGUSR2),
	    sigismember(&now, SIGTERM));
}

static void start_in_handler(void)
{
	printf("    thread in a handler: %ld\n", (long)join(start(ends, (void *)5L)));
}

static void fork_in_handler(void)
{
	pid_t pid;

	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0)
		_exit((int)(long)join(start(ends, (void *)6L)));
	printf("    child in a handler: %s\n", reap(pid));
}

static void first(void)
{
	puts("    first registered");
}

static void exit_in_handler(void)
{
	puts("    exit in a handler");
	exit(9);
}

/* Whoever is to be the last thread waits for main's end. */
static pthread_t self;

static void *last_thread(void *arg)
{
	join(self);
	block_signal(SIGUSR1);
	atexit(first);
	atexit(say_mask);
	atexit(fork_in_handler);
	return arg;
}

static void the_last_thread(void)
{
	self = pthread_self();
	block_signal(SIGUSR2);
	start(last_thread, NULL);
	pthread_exit(NULL);
}

static void *waits_for_main(void *arg)
{
	join(self);
	atexit(first);
	atexit(say_mask);
	return arg;
}

static void main_joined(void)
{
	self = pthread_self();
	start(waits_for_main, NULL);
	pthread_exit(NULL);
}

static pthread_key_t key;

static void say_value(void *value)
{
	printf("    destructor %ld\n", (long)value);
}

static void *with_value(void *arg)
{
	PT(pthread_setspecific(key, arg));
	return arg;
}

static void *main_is_last(void *arg)
{
	with_value(arg);
	return arg;
}

static void main_last(void)
{
	PT(pthread_key_create(&key, say_value));
	atexit(first);
	atexit(say_mask);
	join(start(main_is_last, (void *)1L));
	with_value((void *)2L);
	block_signal(SIGTERM);
	pthread_exit(NULL);
}

static void *exits_twice(void *arg)
{
	(void)arg;
	atexit(first);
	atexit(exit_in_handler);
	exit(8);
}

static void exit_twice(void)
{
	busy();
	join(start(exits_twice, NULL));
}

static void *exits_quickly(void *arg)
{
	(void)arg;
	quick_exit(13);
}

static void quick(void)
{
	fflush(stdout);
	atexit(first);
	at_quick_exit(exit_in_handler);
	at_quick_exit(start_in_handler);
	busy();
	join(start(exits_quickly, NULL));
}

static void exits_in_signal(int sig)
{
	(void)sig;
	exit(21);
}

static void exit_in_signal(void)
{
	atexit(first);
	set_handler(SIGUSR1, exits_in_signal, 0);
	busy();
	PT(pthread_kill(start(idles, NULL), SIGUSR1));
	for (;;)
		pause();
}

static void *exits_3(void *arg)
{
	(void)arg;
	exit(3);
}

static void *churns(void *arg)
{
	for (;;)
		join(start(ends, arg));
	return arg;
}

/* Some end and some begin while one exits. */
static void exit_in_churn(void)
{
	atexit(first);
	for (int i = 0; i < 3; i++)
		start(churns, NULL);
	for (int i = 0; i < 50; i++)
		start(ends, NULL);
	start(exits_3, NULL);
	pthread_exit(NULL);
}

static sigjmp_buf env;

static void returns(int sig)
{
	(void)sig;
	static const char text[] = "    handler of SIGABRT returns\n";

	CHECK(write(1, text, sizeof(text) - 1) > 0);
}

static void jumps(int sig)
{
	(void)sig;
	siglongjmp(env, 1);
}

static void *aborts(void *arg)
{
	if (sigsetjmp(env, 1)) {
		puts("    abort was left by a jump");
		exit(17);
	}
	if (arg)
		block_signal(SIGABRT);
	abort();
}

static void abort_returns(void)
{
	atexit(first);
	set_handler(SIGABRT, returns, 0);
	busy();
	join(start(aborts, NULL));
}

static void abort_blocked(void)
{
	set_handler(SIGABRT, SIG_IGN, 0);
	busy();
	join(start(aborts, &env));
}

static void abort_jumps(void)
{
	set_handler(SIGABRT, jumps, 0);
	busy();
	join(start(aborts, NULL));
}

static void *exits_raw(void *arg)
{
	(void)arg;
	_exit(31);
}

/* No thread of libc's any more: it does not see that this was the last. */
static void *leaves(void *arg)
{
	syscall(SYS_exit, 33);
	return arg;
}

static void *leaves_last(void *arg)
{
	join(self);
	return leaves(arg);
}

static void leave_in_thread(void)
{
	self = pthread_self();
	atexit(first);
	start(leaves_last, NULL);
	pthread_exit(NULL);
}

static void leave_in_both(void)
{
	self = pthread_self();
	atexit(first);
	start(leaves_last, NULL);
	syscall(SYS_exit, 34);
}

static void raw(void)
{
	atexit(first);
	busy();
	join(start(exits_raw, NULL));
}

static void *kills(void *arg)
{
	pthread_kill(pthread_self(), SIGTERM);
	return arg;
}

static void killed(void)
{
	atexit(first);
	busy();
	join(start(kills, NULL));
}

static void in_child(const char *what, void (*fn)(void))
{
	pid_t pid;

	printf("%s\n", what);
	fflush(stdout);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		fn();
		_exit(99);
	}
	printf("    %s\n", reap(pid));
}

int main(void)
{
	in_child("the last thread", the_last_thread);
	in_child("main is joined", main_joined);
	in_child("main is last", main_last);
	in_child("exit in a handler of exit", exit_twice);
	in_child("quick_exit", quick);
	in_child("exit in a signal handler", exit_in_signal);
	for (int i = 0; i < 10; i++)
		in_child("exit while threads come and go", exit_in_churn);
	in_child("abort, the handler returns", abort_returns);
	in_child("abort, blocked and ignored", abort_blocked);
	in_child("abort, the handler jumps", abort_jumps);
	in_child("_exit", raw);
	in_child("exit(2) of the last thread", leave_in_thread);
	in_child("exit(2) of main, then of the last thread", leave_in_both);
	in_child("a deadly signal", killed);
	join(start(ends, NULL));
	return 0;
}
