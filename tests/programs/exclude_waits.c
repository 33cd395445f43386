/* Threads that stay kernel threads wait for green ones, and these for them: through pipes and sockets, on one
 * descriptor together, by joining, by signals, by cancellation in every kind of wait. */
// threads
// env: GREEN_EXCLUDE=kernel*
#include "exclude_test.h"
#include <sys/epoll.h>
#include <sys/eventfd.h>

#define TIMES 1000
#define SHARERS 6

/* Two descriptors between two threads of different kinds: what one writes comes back. */

static void *echoes(void *arg)
{
	const int *fd = arg;
	char c;

	while (read(fd[0], &c, 1) == 1)
		CHECK_EQ(write(fd[1], &c, 1), 1);
	return arg;
}

static void *asks(void *arg)
{
	const int *fd = arg;

	for (int i = 0; i < TIMES; i++) {
		char c = (char)i;

		CHECK_EQ(write(fd[1], &c, 1), 1);
		CHECK_EQ(read(fd[0], &c, 1), 1);
		CHECK_EQ(c, (char)i);
	}
	return arg;
}

static void ask(bool kernel, const int there[2], const int back[2], const char *name)
{
	int of_asker[2] = {back[0], there[1]}, of_echo[2] = {there[0], back[1]};
	pthread_t echo = start_as(!kernel, echoes, of_echo), asker = start_as(kernel, asks, of_asker);

	join(asker);
	SYS(shutdown(there[1], SHUT_WR) == -1 ? close(there[1]) : 0);
	join(echo);
	printf("%s, asked by a %s thread\n", name, kernel ? "kernel" : "green");
}

static void pipes_and_sockets(void)
{
	for (int kernel = 0; kernel < 2; kernel++) {
		int there[2], back[2], pair[2], other[2];

		SYS(pipe2(there, O_CLOEXEC));
		SYS(pipe2(back, O_CLOEXEC));
		ask(kernel, there, back, "pipes");
		SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
		SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, other));
		ask(kernel, pair, other, "sockets");
	}
}

/* Both kinds wait for one descriptor, each in its own way; each event is somebody's, none is lost. */

static int shared, watched, done;

static bool wait_for_shared(long way)
{
	struct pollfd p = {shared, POLLIN, 0};
	struct epoll_event e;
	fd_set set;

	switch (way / 2) { /* by two: one of each kind */
	case 0:
		return poll(&p, 1, -1) == 1;
	case 1:
		return epoll_wait(watched, &e, 1, -1) == 1;
	default:
		FD_ZERO(&set);
		FD_SET(shared, &set);
		return select(shared + 1, &set, NULL, NULL, NULL) == 1;
	}
}

static void *takes(void *arg)
{
	long taken = 0;
	uint64_t one;

	while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE)) {
		CHECK(wait_for_shared((long)arg));
		if (__atomic_load_n(&done, __ATOMIC_ACQUIRE))
			break; /* what is left is for the others to see */
		if (read(shared, &one, sizeof(one)) == sizeof(one))
			taken++;
		else
			CHECK_EQ(errno, EAGAIN);
	}
	return (void *)taken;
}

static void one_descriptor(void)
{
	struct epoll_event e = {.events = EPOLLIN};
	const uint64_t one = 1, last = SHARERS;
	pthread_t t[SHARERS];
	long taken = 0;
	uint64_t left;

	shared = (int)SYS(eventfd(0, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC));
	watched = (int)SYS(epoll_create1(EPOLL_CLOEXEC));
	SYS(epoll_ctl(watched, EPOLL_CTL_ADD, shared, &e));
	for (long i = 0; i < SHARERS; i++)
		t[i] = start_as(i % 2, takes, (void *)i);
	for (int i = 0; i < TIMES; i++) {
		CHECK_EQ(write(shared, &one, sizeof(one)), sizeof(one));
		if (i % 3 == 0)
			sched_yield();
		if (i % 100 == 0)
			sleep_us(200);
	}
	struct pollfd p = {shared, POLLIN, 0};
	while (SYS(poll(&p, 1, 0)) == 1)
		sched_yield();
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
	/* One for each: who has looked at `done` just before still takes one, and then leaves. */
	CHECK_EQ(write(shared, &last, sizeof(last)), sizeof(last));
	for (int i = 0; i < SHARERS; i++)
		taken += (long)join(t[i]);
	while (read(shared, &left, sizeof(left)) == sizeof(left))
		taken++;
	printf("taken %ld\n", taken);
}

/* Signals for one thread, from one of the other kind, wherever it is. */

static __thread volatile int handled;
static sem_t ready;

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
}

static void *handles(void *arg)
{
	SYS(sem_post(&ready));
	for (int i = 0; handled < *(int *)arg; i++) {
		if (i % 3 == 0)
			sched_yield();
		else if (i % 3 == 1)
			poll(NULL, 0, 1);
	}
	return arg;
}

static void *waits_for_signals(void *arg)
{
	sigset_t set = one_signal(SIGUSR2);
	int sig;

	SYS(sem_post(&ready));
	for (int i = 0; i < *(int *)arg; i++) {
		PT(sigwait(&set, &sig));
		CHECK_EQ(sig, SIGUSR2);
		SYS(sem_post(&ready));
	}
	return arg;
}

static void wait_ready(void)
{
	while (sem_wait(&ready) == -1)
		CHECK_EQ(errno, EINTR);
}

struct target {
	pthread_t thread;
	int times;
};

static void *sends(void *arg)
{
	struct target *to = arg;

	/* A signal that is pending already is not sent again: the count is not kept, but the last one gets there. */
	for (int err = 0; !err; err = pthread_tryjoin_np(to->thread, NULL) == EBUSY ? 0 : 1) {
		PT(pthread_kill(to->thread, SIGUSR1));
		sched_yield();
	}
	return arg;
}

static void *sends_waited(void *arg)
{
	struct target *to = arg;

	for (int i = 0; i < to->times; i++) {
		PT(pthread_kill(to->thread, SIGUSR2));
		wait_ready();
	}
	join(to->thread);
	return arg;
}

static void signals(void)
{
	SYS(sem_init(&ready, 0, 0));
	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	for (int kernel = 0; kernel < 2; kernel++) {
		struct target to = {.times = 300};

		to.thread = start_as(kernel, handles, &to.times);
		wait_ready();
		join(start_as(!kernel, sends, &to));
		to.thread = start_as(kernel, waits_for_signals, &to.times);
		wait_ready();
		join(start_as(!kernel, sends_waited, &to));
		printf("signals for a %s thread\n", kernel ? "kernel" : "green");
	}
}

/* Cancellation, wherever the thread is: on its way into the wait, or in it. */

static int silent[2], pair[2], listener;
static sem_t never_posted;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t never = PTHREAD_COND_INITIALIZER;
static pthread_t long_lived;

static void w_read(void)
{
	char c;
	(void)!read(silent[0], &c, 1);
}

static void w_recv(void)
{
	char c;
	recv(pair[0], &c, 1, 0);
}

static void w_accept(void)
{
	accept(listener, NULL, NULL);
}

static void w_poll(void)
{
	struct pollfd p = {silent[0], POLLIN, 0};
	poll(&p, 1, 100000);
}

static void w_epoll(void)
{
	struct epoll_event e;
	epoll_wait(watched, &e, 1, 100000);
}

static void w_pause(void)
{
	pause();
}

static void w_sleep(void)
{
	sleep(100);
}

static void w_sigwait(void)
{
	sigset_t set = one_signal(SIGUSR2);
	int sig;
	sigwait(&set, &sig);
}

static void w_sem(void)
{
	sem_wait(&never_posted);
}

static void unlock(void *arg)
{
	PT(pthread_mutex_unlock(arg));
}

static void w_cond(void)
{
	PT(pthread_mutex_lock(&lock));
	pthread_cleanup_push(unlock, &lock);
	pthread_cond_wait(&never, &lock);
	pthread_cleanup_pop(1);
}

static void w_join(void)
{
	pthread_join(long_lived, NULL);
}

static void w_wait4(void)
{
	waitpid(-1, NULL, 0);
}

static void (*const waits[])(void) = {
    w_read, w_recv, w_accept, w_poll, w_epoll, w_pause, w_sleep, w_sigwait, w_sem, w_cond, w_join, w_wait4};

static void count_down(void *arg)
{
	--*(int *)arg;
}

static int alive;

static void *victim(void *arg)
{
	__atomic_fetch_add(&alive, 1, __ATOMIC_RELAXED);
	pthread_cleanup_push(count_down, &alive);
	SYS(sem_post(&ready));
	for (;;)
		waits[(long)arg]();
	pthread_cleanup_pop(0);
	return NULL;
}

static void *cancels(void *arg)
{
	struct target *to = arg;

	if (to->times % 3)
		sleep_us(to->times % 3 * 100); /* now it waits, most likely */
	PT(pthread_cancel(to->thread));
	CHECK(join(to->thread) == PTHREAD_CANCELED);
	return arg;
}

static void *sleeps_on(void *arg)
{
	sleep(1000);
	return arg;
}

static void cancellation(void)
{
	struct sockaddr address = {.sa_family = AF_UNIX};
	pid_t child;

	SYS(pipe2(silent, O_CLOEXEC));
	SYS(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	listener = (int)SYS(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
	SYS(bind(listener, &address, sizeof(sa_family_t)));
	SYS(listen(listener, 1));
	SYS(sem_init(&never_posted, 0, 0));
	SYS(epoll_ctl(watched, EPOLL_CTL_DEL, shared, NULL));
	child = fork();
	if (child == 0)
		for (;;)
			pause();
	for (int kernel = 0; kernel < 2; kernel++) {
		long_lived = start_as(kernel, sleeps_on, NULL);
		for (size_t i = 0; i < ARRAY_LEN(waits); i++) {
			for (int j = 0; j < 12; j++) {
				struct target to = {start_as(kernel, victim, (void *)i), j};

				wait_ready();
				join(start_as(!kernel, cancels, &to));
				CHECK_EQ(alive, 0);
			}
		}
		PT(pthread_cancel(long_lived));
		join(long_lived);
		printf("cancelled %zu waits of a %s thread\n", ARRAY_LEN(waits), kernel ? "kernel" : "green");
	}
	SYS(kill(child, SIGKILL));
	puts(reap(child));
}

/* Joining, and coming to an end at the same time. */

static void *returns(void *arg)
{
	return arg;
}

static void *joins(void *arg)
{
	CHECK(join(*(pthread_t *)arg) == (void *)7);
	return arg;
}

static void joining(void)
{
	for (int i = 0; i < TIMES / 2; i++) {
		pthread_t t = start_as(i % 2, returns, (void *)7);

		join(start_as(!(i % 2), joins, &t));
	}
	puts("joined");
}

int main(void)
{
	block_signal(SIGUSR2); /* of all */
	pipes_and_sockets();
	one_descriptor();
	signals();
	cancellation();
	joining();
	return 0;
}
