/* Masks against signals in flight: none is handled while it is blocked, each is handled once it is not, by a thread
 * that does not block it; by pthread_sigmask, in handlers, and with many threads that change their masks. */
// threads
#include "test.h"
#include <stdatomic.h>

#define ROUNDS 2000
#define BURST 20 /* then they are waited for */
#define THREADS 3
#define FIRST (SIGRTMIN + 1)
#define SECOND (SIGRTMIN + 2)

static __thread volatile bool closed; /* this thread has blocked the signal */
static _Atomic long handled, wrong;
static _Atomic bool stop;
static sem_t ran;

static void on_first(int sig)
{
	(void)sig;
	if (closed)
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&handled, 1);
	SYS(sem_post(&ran));
}

/* Its sa_mask has the first: the two do not meet in one thread. */
static void on_second(int sig)
{
	bool was = closed;

	(void)sig;
	closed = true;
	for (int i = 0; i < 50; i++)
		__asm__ volatile("pause");
	closed = was;
	atomic_fetch_add(&handled, 1);
	SYS(sem_post(&ran));
}

static void *changes_mask(void *arg)
{
	closed = false;
	for (unsigned i = 0; !atomic_load(&stop); i++) {
		unblock_signal(FIRST);
		for (int k = 0; k < 20; k++)
			__asm__ volatile("pause");
		block_signal(FIRST);
		closed = true;
		for (int k = 0; k < 20; k++)
			__asm__ volatile("pause");
		closed = false;
		if (i % 16 == 0)
			sleep_us(50);
	}
	unblock_signal(FIRST);
	return arg;
}

static void sends_bursts(int sig, pthread_t *to)
{
	union sigval value = {0};

	atomic_store(&handled, 0);
	for (int i = 1; i <= ROUNDS; i++) {
		if (to)
			PT(pthread_sigqueue(*to, sig, value));
		else
			SYS(sigqueue(getpid(), sig, value));
		if (i % BURST)
			continue;
		for (int k = 0; k < BURST; k++)
			while (sem_wait(&ran))
				;
		CHECK_EQ(atomic_load(&handled), i);
	}
}

static void to_one_thread(int sig)
{
	pthread_t t;

	atomic_store(&stop, false);
	t = start(changes_mask, NULL);
	sends_bursts(sig, &t);
	atomic_store(&stop, true);
	join(t);
}

/* Not to this one. */
static void to_process(int sig)
{
	pthread_t t[THREADS];

	atomic_store(&stop, false);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(changes_mask, NULL);
	block_signal(FIRST);
	block_signal(SECOND);
	sends_bursts(sig, NULL);
	atomic_store(&stop, true);
	for (long i = 0; i < THREADS; i++)
		join(t[i]);
	unblock_signal(FIRST);
	unblock_signal(SECOND);
}

static sem_t to_send, was_sent;
static pthread_t target;

static void *sends(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		while (sem_wait(&to_send))
			;
		if (i % 2)
			PT(pthread_kill(target, FIRST));
		else
			SYS(kill(getpid(), FIRST));
		SYS(sem_post(&was_sent));
	}
	return arg;
}

/* Blocked, then asked: what is pending stays pending, and is there as soon as it is unblocked. */
static void pending(void)
{
	pthread_t sender;
	sigset_t set;

	atomic_store(&handled, 0);
	target = pthread_self();
	block_signal(FIRST);
	sender = start(sends, NULL);
	unblock_signal(FIRST);
	for (int i = 0; i < ROUNDS; i++) {
		block_signal(FIRST);
		closed = true;
		SYS(sem_post(&to_send));
		while (sem_wait(&was_sent))
			;
		SYS(sigpending(&set));
		CHECK(sigismember(&set, FIRST));
		CHECK_EQ(atomic_load(&handled), i);
		closed = false;
		unblock_signal(FIRST);
		CHECK_EQ(atomic_load(&handled), i + 1);
	}
	join(sender);
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_second, .sa_flags = SA_RESTART};

	SYS(sem_init(&ran, 0, 0));
	SYS(sem_init(&to_send, 0, 0));
	SYS(sem_init(&was_sent, 0, 0));
	set_handler(FIRST, on_first, SA_RESTART);
	sigemptyset(&sa.sa_mask);
	sigaddset(&sa.sa_mask, FIRST);
	SYS(sigaction(SECOND, &sa, NULL));
	to_one_thread(FIRST);
	to_one_thread(SECOND);
	to_process(FIRST);
	to_process(SECOND);
	pending();
	printf("handled while blocked: %ld\n", atomic_load(&wrong));
	return 0;
}
