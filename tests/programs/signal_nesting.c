/* Handlers within handlers: the mask while one runs, sa_mask, SA_NODEFER, SA_RESETHAND, blocking calls in a handler. */
// threads
#include "test.h"

/* Volatile: raise() is declared as a function that calls nothing of this file. */
static __thread volatile char text[64];
static __thread volatile sig_atomic_t length, depth;

static void note(char c)
{
	text[length] = c;
	length++;
	text[length] = 0;
}

static bool blocked(int sig)
{
	sigset_t now;

	pthread_sigmask(SIG_SETMASK, NULL, &now);
	return sigismember(&now, sig);
}

/* Raised again within itself: the second one waits until the first is over. */
static void deferred(int sig)
{
	note('<');
	CHECK(blocked(sig) && !blocked(SIGUSR2));
	if (depth++ == 0)
		raise(sig);
	sleep_us(100);
	note('>');
}

static void nodefer(int sig)
{
	note('<');
	CHECK(!blocked(sig));
	if (depth++ < 2)
		raise(sig);
	note('>');
}

static void inner(int sig)
{
	(void)sig;
	note('i');
}

static void outer(int sig)
{
	note('<');
	CHECK(blocked(sig));
	raise(SIGUSR2);
	sleep_us(100);
	note('>');
}

static void install(void (*handler)(int), int flags, int also_blocked)
{
	struct sigaction sa = {.sa_handler = handler, .sa_flags = flags};

	sigemptyset(&sa.sa_mask);
	if (also_blocked)
		sigaddset(&sa.sa_mask, also_blocked);
	SYS(sigaction(SIGUSR1, &sa, NULL));
}

static void try(const char *name)
{
	depth = length = 0;
	text[0] = 0;
	SYS(raise(SIGUSR1));
	printf("%s: %s\n", name, (char *)text);
	CHECK(!blocked(SIGUSR1) && !blocked(SIGUSR2));
}

static void *run(void *arg)
{
	struct sigaction now;

	set_handler(SIGUSR2, inner, 0);
	install(deferred, 0, 0);
	try("deferred");
	install(nodefer, SA_NODEFER, 0);
	try("SA_NODEFER");
	install(outer, 0, 0);
	try("another within");
	install(outer, 0, SIGUSR2);
	try("another blocked by sa_mask");
	install(inner, SA_RESETHAND, 0);
	try("SA_RESETHAND");
	SYS(sigaction(SIGUSR1, NULL, &now));
	printf("then the default: %d\n", now.sa_handler == SIG_DFL);
	return arg;
}

int main(void)
{
	puts("main");
	run(NULL);
	puts("a thread");
	join(start(run, NULL));
	return 0;
}
