/* Realtime signals for threads in every state at the same time: computing, parked in all kinds of waits, blocked in the
 * kernel, bound, beginning and ending; by pthread_sigqueue, sigqueue, kill and timers. Each is received exactly once.
 */
// threads
#include "test.h"
#include <sched.h>
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/stat.h>

#define QUEUED (SIGRTMIN + 1) /* with a number */
#define PLAIN (SIGRTMIN + 2)  /* kill's: counted */
#define TIMED (SIGRTMIN + 3)
#define WAKE SIGUSR2 /* at the end */
#define NUMBERS 4000
#define KILLS 300
#define TIMERS 4
#define EXPIRIES 60
#define AT_ONCE 100

static _Atomic unsigned char received[NUMBERS];
static _Atomic long taken, plain, expired[TIMERS];
static long sent;
static _Atomic bool stop;
static _Atomic int ready, gone;
static int empty[2], locked, epfd;
static sem_t never;
static timer_t timers[TIMERS];

static void rearm(int i)
{
	struct itimerspec soon = {.it_value = {0, 50000 + 30000 * i}};

	SYS(timer_settime(timers[i], 0, &soon, NULL));
}

static void receive(const siginfo_t *info)
{
	int n = info->si_value.sival_int;

	if (info->si_signo == QUEUED) {
		CHECK(info->si_code == SI_QUEUE && n >= 0 && n < NUMBERS);
		CHECK_EQ(info->si_pid, getpid());
		atomic_fetch_add(&received[n], 1);
		atomic_fetch_add(&taken, 1);
	} else if (info->si_signo == PLAIN) {
		CHECK_EQ(info->si_code, SI_USER);
		atomic_fetch_add(&plain, 1);
	} else {
		CHECK(info->si_code == SI_TIMER && n >= 0 && n < TIMERS);
		if (atomic_fetch_add(&expired[n], 1) + 1 < EXPIRIES)
			rearm(n);
	}
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)sig, (void)context;
	receive(info);
	errno = saved;
}

static void on_wake(int sig)
{
	(void)sig;
}

/* The states. Each returns when a signal was handled, or sooner. */

static void computes(void)
{
	for (volatile int i = 0; i < 1000000 && !atomic_load(&stop); i++)
		;
}

static void calls(void)
{
	for (int i = 0; i < 1000; i++)
		getppid();
}

static void reads(void)
{
	char c;

	CHECK(read(empty[0], &c, 1) == -1 && errno == EINTR);
}

static void polls(void)
{
	CHECK(poll(&(struct pollfd){.fd = empty[0], .events = POLLIN}, 1, -1) == -1 && errno == EINTR);
}

static void polls_epoll(void)
{
	struct epoll_event event;

	CHECK(epoll_wait(epfd, &event, 1, -1) == -1 && errno == EINTR);
}

static void sleeps(void)
{
	CHECK(nanosleep(&(struct timespec){86400, 0}, NULL) == -1 && errno == EINTR);
}

static void naps(void)
{
	nanosleep(&(struct timespec){0, 100000}, NULL);
}

static void waits_for_sem(void)
{
	CHECK(sem_wait(&never) == -1 && errno == EINTR);
}

static void pauses(void)
{
	CHECK(pause() == -1 && errno == EINTR);
}

/* Takes itself what it would else handle. */
static void waits_for_signal(void)
{
	sigset_t set, old;
	siginfo_t info;

	sigemptyset(&set);
	sigaddset(&set, QUEUED);
	sigaddset(&set, PLAIN);
	sigaddset(&set, TIMED);
	PT(pthread_sigmask(SIG_BLOCK, &set, &old));
	if (sigwaitinfo(&set, &info) == -1)
		CHECK_EQ(errno, EINTR);
	else
		receive(&info);
	PT(pthread_sigmask(SIG_SETMASK, &old, NULL));
}

static void suspends(void)
{
	sigset_t set, old;

	sigfillset(&set);
	PT(pthread_sigmask(SIG_BLOCK, &set, &old));
	CHECK(sigsuspend(&old) == -1 && errno == EINTR);
	PT(pthread_sigmask(SIG_SETMASK, &old, NULL));
}

static void locks(void)
{
	CHECK(flock(locked, LOCK_EX) == -1 && errno == EINTR);
}

static void opens(void)
{
	CHECK(open("fifo", O_WRONLY) == -1 && errno == EINTR);
}

static void awaits_child(void)
{
	CHECK(waitid(P_ALL, 0, &(siginfo_t){0}, WEXITED) == -1 && errno == EINTR);
}

static void *ends(void *arg)
{
	return arg;
}

static void makes_threads(void)
{
	pthread_t t = start(ends, NULL), other = start(ends, NULL);

	join(t);
	join(other);
}

static void binds_by_affinity(void)
{
	cpu_set_t set;

	SYS(sched_getaffinity(0, sizeof(set), &set));
	SYS(sched_setaffinity(0, sizeof(set), &set));
}

static void binds_by_unshare(void)
{
	SYS(unshare(CLONE_FS));
}

static const struct state {
	void (*fn)(void), (*first)(void);
} states[] = {{computes, NULL}, {calls, NULL}, {reads, NULL}, {polls, NULL}, {polls_epoll, NULL}, {sleeps, NULL},
    {naps, NULL}, {waits_for_sem, NULL}, {pauses, NULL}, {waits_for_signal, NULL}, {suspends, NULL}, {locks, NULL},
    {opens, NULL}, {awaits_child, NULL}, {makes_threads, NULL}, {makes_threads, NULL}, {reads, binds_by_unshare},
    {waits_for_sem, binds_by_unshare}, {computes, binds_by_affinity}, {sleeps, binds_by_affinity},
    {waits_for_signal, binds_by_unshare}};

#define VICTIMS ARRAY_LEN(states)

static void *victim(void *arg)
{
	const struct state *state = arg;

	if (state->first)
		state->first();
	atomic_fetch_add(&ready, 1);
	while (!atomic_load(&stop))
		state->fn();
	atomic_fetch_add(&gone, 1);
	return NULL;
}

static void *kills(void *arg)
{
	for (int i = 0; i < KILLS; i++) {
		while (i - atomic_load(&plain) > 20)
			sleep_us(50);
		SYS(kill(getpid(), PLAIN));
	}
	return arg;
}

static void sends_numbers(pthread_t *victims, unsigned seed)
{
	for (sent = 0; sent < NUMBERS; sent++) {
		union sigval value = {.sival_int = (int)sent};

		while (sent - atomic_load(&taken) > AT_ONCE)
			sleep_us(50);
		if (rnd(&seed) % 4 == 0)
			SYS(sigqueue(getpid(), QUEUED, value));
		else
			PT(pthread_sigqueue(victims[rnd(&seed) % VICTIMS], QUEUED, value));
	}
}

static long expiries(void)
{
	long all = 0;

	for (int i = 0; i < TIMERS; i++)
		all += atomic_load(&expired[i]);
	return all;
}

static void run(unsigned seed)
{
	pthread_t victims[VICTIMS], killer;

	for (size_t i = 0; i < VICTIMS; i++)
		victims[i] = start(victim, (void *)&states[i]);
	WAIT_UNTIL(atomic_load(&ready) == VICTIMS);
	for (int i = 0; i < TIMERS; i++) {
		struct sigevent event = {
		    .sigev_notify = SIGEV_SIGNAL, .sigev_signo = TIMED, .sigev_value.sival_int = i};

		SYS(timer_create(CLOCK_MONOTONIC, &event, &timers[i]));
		rearm(i);
	}
	killer = start(kills, NULL);
	sends_numbers(victims, seed);
	join(killer);
	WAIT_UNTIL(atomic_load(&taken) == NUMBERS && atomic_load(&plain) == KILLS && expiries() == TIMERS * EXPIRIES);
	atomic_store(&stop, true);
	while (atomic_load(&gone) != VICTIMS) {
		for (size_t i = 0; i < VICTIMS; i++)
			PT(pthread_kill(victims[i], WAKE));
		sleep_us(500);
	}
	for (size_t i = 0; i < VICTIMS; i++)
		join(victims[i]);
}

int main(void)
{
	const int signals[] = {QUEUED, PLAIN, TIMED};
	unsigned seed = test_seed();
	struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
	int alive[2];
	pid_t child; /* that does not end, for who waits for it */

	SYS(pipe(alive));
	child = (pid_t)SYS(fork());
	if (child == 0) {
		close(alive[1]);
		_exit(read(alive[0], &(char){0}, 1) != 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		sigaddset(&sa.sa_mask, signals[i]);
	for (size_t i = 0; i < ARRAY_LEN(signals); i++)
		SYS(sigaction(signals[i], &sa, NULL));
	set_handler(WAKE, on_wake, 0);
	SYS(pipe(empty));
	SYS(sem_init(&never, 0, 0));
	epfd = (int)SYS(epoll_create1(0));
	SYS(flock((int)SYS(open("locked", O_RDWR | O_CREAT, 0600)), LOCK_EX));
	locked = (int)SYS(open("locked", O_RDWR));
	SYS(mkfifo("fifo", 0600));
	run(seed);
	for (int i = 0; i < NUMBERS; i++)
		CHECK_EQ(atomic_load(&received[i]), 1);
	printf("%ld numbers, %ld kills, %ld expiries\n", atomic_load(&taken), atomic_load(&plain), expiries());
	SYS(kill(child, SIGKILL));
	SYS(waitpid(child, NULL, 0));
	unlink("fifo");
	unlink("locked");
	return 0;
}
