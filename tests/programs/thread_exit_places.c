/* pthread_exit and pthread_cancel in unusual places: while cleanup handlers and destructors run, in signal handlers, in
 * exit handlers and their threads; of oneself, of main, of a thread that ends or has hardly begun; exits that meet.
 */
// threads
#include "test.h"
#include <limits.h>

static pthread_key_t key;
static int destroyed;
static char order[16];

static void note(void *arg)
{
	size_t n = strlen(order);

	CHECK(n < sizeof(order) - 1);
	order[n] = *(const char *)arg;
}

static void show(const char *what, void *value)
{
	printf("%s: %s %s, destroyed %d\n", what, order,
	    value == PTHREAD_CANCELED ? "canceled"
	    : value                   ? (char *)value
				      : "nothing",
	    destroyed);
	fflush(stdout);
	memset(order, 0, sizeof(order));
	destroyed = 0;
}

/* A canceled thread's cleanup handler may wait: it is not canceled again. */
static void waits_in_cleanup(void *arg)
{
	note(arg);
	sleep_us(500);
	pthread_testcancel();
	PT(pthread_cancel(pthread_self()));
	pthread_testcancel();
	note(arg);
}

static void *waits_while_ending(void *arg)
{
	pthread_cleanup_push(waits_in_cleanup, "w");
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return arg;
}

static void sets_again(void *value)
{
	destroyed++;
	PT(pthread_setspecific(key, value));
	sleep_us(50);
	pthread_testcancel();
}

static void *with_key(void *arg)
{
	PT(pthread_setspecific(key, &key));
	if (arg)
		pthread_exit(arg);
	for (;;)
		pause();
}

static void *cancels_itself(void *arg)
{
	pthread_cleanup_push(note, "s");
	PT(pthread_cancel(pthread_self()));
	note("-"); /* deferred: not yet */
	sleep_us(1);
	note("!");
	pthread_cleanup_pop(0);
	return arg;
}

static void *cancels_itself_at_once(void *arg)
{
	pthread_cleanup_push(note, "a");
	PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	PT(pthread_cancel(pthread_self()));
	note("!");
	pthread_cleanup_pop(0);
	return arg;
}

static void exits_thread(int sig)
{
	(void)sig;
	pthread_exit("signal handler");
}

static void cancels_thread(int sig)
{
	(void)sig;
	PT(pthread_cancel(pthread_self()));
	pthread_testcancel();
}

static _Atomic int there;

static void *waits_for_signal(void *arg)
{
	pthread_cleanup_push(note, "h");
	there = 1;
	if (arg)
		for (volatile int i = 0;; i++)
			;
	for (;;)
		pause();
	pthread_cleanup_pop(0);
	return NULL;
}

static void end_by_signal(const char *what, void (*handler)(int), bool computes, int flags)
{
	pthread_t t;

	set_handler(SIGUSR1, handler, flags);
	there = 0;
	t = start(waits_for_signal, computes ? &there : NULL);
	WAIT_UNTIL(there);
	PT(pthread_kill(t, SIGUSR1));
	show(what, join(t));
}

static void ends(void)
{
	pthread_t t;

	t = start(waits_while_ending, NULL);
	PT(pthread_cancel(t));
	WAIT_UNTIL(order[0]);
	PT(pthread_cancel(t));
	show("canceled twice", join(t));
	PT(pthread_key_create(&key, sets_again));
	show("destructors", join(start(with_key, "value")));
	t = start(with_key, NULL);
	sleep_us(500);
	PT(pthread_cancel(t));
	WAIT_UNTIL(destroyed);
	PT(pthread_cancel(t));
	show("canceled in a destructor", join(t));
	CHECK_EQ(PTHREAD_DESTRUCTOR_ITERATIONS, 4);
	PT(pthread_key_delete(key));
	show("cancels itself", join(start(cancels_itself, NULL)));
	show("cancels itself, asynchronous", join(start(cancels_itself_at_once, NULL)));
	for (int computes = 0; computes < 2; computes++) {
		end_by_signal("pthread_exit in a signal handler", exits_thread, computes, 0);
		end_by_signal("cancel in a signal handler", cancels_thread, computes, SA_RESTART);
	}
}

/* Whoever has ended or hardly begun. */

static void *ends_at_once(void *arg)
{
	return arg;
}

static void races(void)
{
	int canceled = 0;

	for (int i = 0; i < 3000; i++) {
		pthread_t t = start(ends_at_once, &there);

		for (int k = i % 7; k > 0; k--)
			sched_yield();
		PT(pthread_cancel(t));
		PT(pthread_cancel(t));
		void *value = join(t);
		CHECK(value == &there || value == PTHREAD_CANCELED);
		canceled += value == PTHREAD_CANCELED;
	}
	fprintf(stderr, "canceled %d\n", canceled);
	puts("just created, or ending");
}

/* The ends of a whole process. */

static pthread_t main_thread;

static void say(void)
{
	puts("    atexit");
}

static void *thread_exits(void *arg)
{
	pthread_exit(arg);
}

static void joins_a_thread(void)
{
	printf("    thread of an exit handler: %s\n", (char *)join(start(thread_exits, "ended")));
}

static void leaves_exit_handler(void)
{
	puts("    an exit handler ends its thread");
	fflush(stdout);
	pthread_exit(NULL);
}

static void *cancels_main(void *arg)
{
	PT(pthread_cancel(main_thread));
	CHECK(join(main_thread) == PTHREAD_CANCELED);
	puts("    main was canceled");
	return arg;
}

static void main_canceled(void)
{
	atexit(say);
	main_thread = pthread_self();
	pthread_cleanup_push(note, "m");
	start(cancels_main, NULL);
	for (;;)
		pause();
	pthread_cleanup_pop(0);
}

static void thread_in_exit_handler(void)
{
	atexit(joins_a_thread);
	exit(3);
}

static void *sleeps_a_little(void *arg)
{
	sleep_us(2000);
	return arg;
}

/* exit() goes no further: the process ends with its last thread. */
static void exit_handler_leaves(void)
{
	atexit(leaves_exit_handler);
	start(sleeps_a_little, NULL);
	exit(4);
}

static pthread_barrier_t together;

static void *exits_together(void *arg)
{
	pthread_barrier_wait(&together);
	exit((int)(long)arg);
}

static void once(void)
{
	static _Atomic int calls;

	CHECK_EQ(++calls, 1);
}

static void many_exit(void)
{
	atexit(once);
	PT(pthread_barrier_init(&together, NULL, 8));
	for (int i = 0; i < 8; i++)
		start(exits_together, (void *)5L);
	for (;;)
		pause();
}

static void *churns(void *arg)
{
	pthread_attr_t attr;
	pthread_t t;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	for (int i = 0; i < 100000; i++) {
		if (pthread_create(&t, &attr, ends_at_once, arg))
			sched_yield();
		if (i % 16 == 0)
			sched_yield();
	}
	return arg;
}

static void exit_among_detached(void)
{
	for (int i = 0; i < 3; i++)
		start(churns, NULL);
	sleep_us(1000);
	exit(6);
}

static void *last_leaves(void *arg)
{
	sleep_us(500);
	pthread_exit(arg);
}

static void last_thread(void)
{
	atexit(say);
	pthread_attr_t attr;
	pthread_t t;

	PT(pthread_attr_init(&attr));
	PT(pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED));
	for (int i = 0; i < 20; i++)
		PT(pthread_create(&t, &attr, last_leaves, "anything"));
	pthread_exit("not the status");
}

static const char *in_child(void (*fn)(void))
{
	fflush(stdout);
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		fn();
		_exit(99);
	}
	return reap(pid);
}

int main(void)
{
	ends();
	races();
	printf("main is canceled: %s\n", in_child(main_canceled));
	printf("a thread in an exit handler: %s\n", in_child(thread_in_exit_handler));
	printf("an exit handler that leaves: %s\n", in_child(exit_handler_leaves));
	printf("the last of the detached: %s\n", in_child(last_thread));
	for (int i = 0; i < 40; i++) {
		CHECK(strcmp(in_child(many_exit), "exit 5") == 0);
		CHECK(strcmp(in_child(exit_among_detached), "exit 6") == 0);
	}
	puts("exits that meet");
	return 0;
}
