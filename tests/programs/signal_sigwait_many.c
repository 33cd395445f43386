/* Realtime signals, sent by many, to the process and to threads, and taken by many with sigwaitinfo and sigtimedwait,
 * and by a handler that competes: each is received exactly once. The seed is printed. */
// threads
#include "test.h"
#include <stdatomic.h>

#define WAITERS 6
#define SENDERS 4
#define EACH 1500
#define ALL (SENDERS * EACH)
#define AT_ONCE 200

#define FIRST (SIGRTMIN + 1)
#define KINDS 3
#define END (SIGRTMAX)

static _Atomic unsigned char received[ALL];
static _Atomic long sent, taken, by_handler;
static pthread_t waiters[WAITERS];
static _Atomic int waiting;

static void receive(const siginfo_t *info)
{
	int n = info->si_value.sival_int;

	CHECK_EQ(info->si_code, SI_QUEUE);
	CHECK(n >= 0 && n < ALL);
	CHECK_EQ(info->si_signo, FIRST + n % KINDS);
	atomic_fetch_add(&received[n], 1);
	atomic_fetch_add(&taken, 1);
}

static void on_signal(int sig, siginfo_t *info, void *context)
{
	(void)sig, (void)context;
	receive(info);
	atomic_fetch_add(&by_handler, 1);
}

static sigset_t kinds(void)
{
	sigset_t set;

	sigemptyset(&set);
	for (int i = 0; i < KINDS; i++)
		sigaddset(&set, FIRST + i);
	return set;
}

/* The last one opens its mask for moments for the one that has a handler. */
static void *waits(void *arg)
{
	sigset_t set = kinds(), with_end = set;
	struct timespec moment = {0, 200000};
	siginfo_t info;
	long number = (long)arg;
	int sig;

	sigaddset(&with_end, END);
	atomic_fetch_add(&waiting, 1);
	for (;;) {
		if (number == WAITERS - 1) {
			unblock_signal(FIRST + 1);
			sched_yield();
			block_signal(FIRST + 1);
		}
		sig = number % 2 ? sigtimedwait(&with_end, &info, &moment) : sigwaitinfo(&with_end, &info);
		if (sig == END)
			return NULL;
		if (sig == -1)
			CHECK(errno == EAGAIN || errno == EINTR);
		else
			receive(&info);
	}
}

static void *sends(void *arg)
{
	unsigned seed = *(unsigned *)arg;
	static _Atomic long next;

	for (int i = 0; i < EACH; i++) {
		long n = atomic_fetch_add(&next, 1);
		union sigval value = {.sival_int = (int)n};

		while (atomic_load(&sent) - atomic_load(&taken) > AT_ONCE)
			sleep_us(50);
		atomic_fetch_add(&sent, 1);
		if (rnd(&seed) % 2)
			SYS(sigqueue(getpid(), FIRST + (int)(n % KINDS), value));
		else
			PT(pthread_sigqueue(waiters[rnd(&seed) % WAITERS], FIRST + (int)(n % KINDS), value));
	}
	return NULL;
}

int main(void)
{
	sigset_t set = kinds();
	pthread_t senders[SENDERS];
	unsigned seeds[SENDERS], seed = test_seed();

	set_sigaction(FIRST + 1, on_signal, SA_RESTART);
	sigaddset(&set, END);
	PT(pthread_sigmask(SIG_BLOCK, &set, NULL));
	for (long i = 0; i < WAITERS; i++)
		waiters[i] = start(waits, (void *)i);
	WAIT_UNTIL(atomic_load(&waiting) == WAITERS);
	for (int i = 0; i < SENDERS; i++) {
		seeds[i] = rnd(&seed);
		senders[i] = start(sends, &seeds[i]);
	}
	for (int i = 0; i < SENDERS; i++)
		join(senders[i]);
	WAIT_UNTIL(atomic_load(&taken) >= ALL);
	for (int i = 0; i < WAITERS; i++)
		PT(pthread_kill(waiters[i], END));
	for (int i = 0; i < WAITERS; i++)
		join(waiters[i]);
	for (int i = 0; i < ALL; i++)
		CHECK_EQ(atomic_load(&received[i]), 1);
	CHECK(atomic_load(&by_handler) > 0);
	printf("%ld sent, %ld received\n", atomic_load(&sent), atomic_load(&taken));
	return 0;
}
