/* A thread that has a kernel thread of its own waits for the others, and they for it, in every way; and comes to its
 * end. */
// threads
#include "test.h"
#include <sys/fsuid.h>

#define SHORT_LIVED 300

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static sem_t there, back;
static int turn, turns;
static int down[2], up[2];
static volatile sig_atomic_t handled, interrupted;

/* Asks the kernel for what it keeps per kernel thread, and changes nothing. */
static void bind_me(void)
{
	setfsuid(geteuid());
}

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
}

static void take_turns(int me)
{
	pthread_mutex_lock(&lock);
	for (int i = 0; i < 500; i++) {
		while (turn != me)
			pthread_cond_wait(&changed, &lock);
		turn = !me;
		turns++;
		pthread_cond_broadcast(&changed);
	}
	pthread_mutex_unlock(&lock);
}

static void *bound(void *arg)
{
	char c;

	bind_me();
	take_turns(1);
	for (int i = 0; i < 500; i++) {
		while (sem_wait(&there) == -1)
			CHECK_EQ(errno, EINTR);
		SYS(sem_post(&back));
	}
	while (read(down[0], &c, 1) == 1)
		CHECK_EQ(write(up[1], &c, 1), 1);
	struct timespec soon = after_ms(CLOCK_REALTIME, 5);
	sem_t never;
	SYS(sem_init(&never, 0, 0));
	CHECK(sem_timedwait(&never, &soon) == -1);
	CHECK_EQ(errno, ETIMEDOUT);
	CHECK(clock_ns(CLOCK_REALTIME) >= soon.tv_sec * NSEC_PER_SEC + soon.tv_nsec);
	sleep_us(2000);
	return arg;
}

static void with_green_threads(void)
{
	pthread_t t = start(bound, &turn);
	char c = 'x';

	take_turns(0);
	for (int i = 0; i < 500; i++) {
		SYS(sem_post(&there));
		while (sem_wait(&back) == -1)
			CHECK_EQ(errno, EINTR);
	}
	for (int i = 0; i < 200; i++) {
		CHECK_EQ(write(down[1], &c, 1), 1);
		CHECK_EQ(read(up[0], &c, 1), 1);
	}
	SYS(close(down[1]));
	CHECK(join(t) == &turn);
	CHECK_EQ(turns, 1000);
}

static void *waits_forever(void *arg)
{
	sem_t never;

	bind_me();
	SYS(sem_init(&never, 0, 0));
	SYS(sem_post(&there));
	if (arg)
		pause();
	else
		sem_wait(&never);
	return NULL;
}

static void *counts_signals(void *arg)
{
	sigset_t set = one_signal(SIGUSR1);
	struct timespec long_time = {60, 0};

	block_signal(SIGUSR1);
	bind_me();
	SYS(sem_post(&there));
	CHECK_EQ(sigtimedwait(&set, NULL, &long_time), SIGUSR1);
	unblock_signal(SIGUSR1);
	SYS(sem_post(&there));
	CHECK(nanosleep(&long_time, NULL) == -1);
	CHECK_EQ(errno, EINTR);
	interrupted = 1;
	return arg;
}

static void wait_there(void)
{
	while (sem_wait(&there) == -1)
		CHECK_EQ(errno, EINTR);
}

static void signals_and_cancels(void)
{
	pthread_t t = start(counts_signals, NULL);

	wait_there();
	PT(pthread_kill(t, SIGUSR1));
	wait_there();
	CHECK_EQ(handled, 0);
	while (!interrupted) { /* it may not sleep yet */
		PT(pthread_kill(t, SIGUSR1));
		sleep_us(500);
	}
	join(t);
	CHECK(handled > 0);
	for (long i = 0; i < 20; i++) {
		t = start(waits_forever, (void *)(i % 2));
		wait_there();
		PT(pthread_cancel(t));
		CHECK(join(t) == PTHREAD_CANCELED);
	}
}

static void *lives_short(void *arg)
{
	bind_me();
	pthread_mutex_lock(&lock);
	turns++;
	pthread_mutex_unlock(&lock);
	return arg;
}

static void *makes_child(void *arg)
{
	bind_me();
	return start(lives_short, arg) ? join(start(lives_short, arg)) : NULL;
}

static void come_and_go(void)
{
	turns = 0;
	for (int i = 0; i < SHORT_LIVED; i += 10) {
		pthread_t t[10];

		for (int k = 0; k < 10; k++)
			t[k] = start(lives_short, NULL);
		for (int k = 0; k < 10; k++)
			join(t[k]);
	}
	CHECK_EQ(turns, SHORT_LIVED);
	CHECK(join(start(makes_child, &turns)) == &turns);
	WAIT_UNTIL(kernel_threads() < 30); /* the kernel takes its time to count them out */
}

static void *forks(void *arg)
{
	bind_me();
	pid_t pid = (pid_t)SYS(fork());
	if (pid == 0) {
		join(start(lives_short, NULL));
		_exit(7);
	}
	CHECK(!strcmp(reap(pid), "exit 7"));
	return arg;
}

int main(void)
{
	set_handler(SIGUSR1, on_usr1, 0);
	SYS(sem_init(&there, 0, 0));
	SYS(sem_init(&back, 0, 0));
	SYS(pipe(down));
	SYS(pipe(up));
	with_green_threads();
	puts("waited for each other");
	signals_and_cancels();
	puts("signalled and cancelled");
	come_and_go();
	puts("came and went");
	for (int i = 0; i < 10; i++)
		join(start(forks, NULL));
	puts("forked");
	bind_me(); /* main, with others there */
	turns = turn = 0;
	SYS(pipe(down));
	with_green_threads();
	forks(NULL);
	puts("main too");
	return 0;
}
