/* Waits that open the mask, against the sender, thousands of times: sigsuspend, ppoll, pselect, epoll_pwait and
 * epoll_pwait2 sleep over no signal, whether it comes before, while or after they begin, and each is handled once,
 * inside the wait. */
// threads
#include "test.h"
#include <stdatomic.h>
#include <sys/epoll.h>
#include <sys/select.h>

#define ROUNDS 1500
#define SECONDS_MOST 30

enum wait { SUSPEND, PPOLL, PSELECT, EPOLL, EPOLL2, WAITS };
static const char *const names[] = {"sigsuspend", "ppoll", "pselect", "epoll_pwait", "epoll_pwait2"};

static __thread volatile int handled;
static __thread volatile bool inside;
static _Atomic long all_handled;
static sem_t turn;
static _Atomic pthread_t waiter;
static _Atomic bool to_process;
static int epfd;

static void on_signal(int sig)
{
	(void)sig;
	CHECK(inside);
	handled++;
	atomic_fetch_add(&all_handled, 1);
}

static void *sends(void *arg)
{
	unsigned seed = *(unsigned *)arg;

	for (int i = 0; i < WAITS * 2 * ROUNDS; i++) {
		while (sem_wait(&turn))
			;
		/* Now before it waits, now after. */
		for (unsigned k = rnd(&seed) % 400; k; k--)
			__asm__ volatile("pause");
		if (rnd(&seed) % 64 == 0)
			sleep_us(20);
		if (atomic_load(&to_process))
			SYS(kill(getpid(), SIGUSR1));
		else
			PT(pthread_kill(atomic_load(&waiter), SIGUSR1));
	}
	return NULL;
}

static int one_wait(enum wait how, const sigset_t *open)
{
	struct timespec long_time = {SECONDS_MOST, 0};
	struct epoll_event event;

	switch (how) {
	case SUSPEND:
		return sigsuspend(open);
	case PPOLL:
		return ppoll(NULL, 0, &long_time, open);
	case PSELECT:
		return pselect(0, NULL, NULL, NULL, &long_time, open);
	case EPOLL:
		return epoll_pwait(epfd, &event, 1, SECONDS_MOST * 1000, open);
	default:
		return (int)syscall(SYS_epoll_pwait2, epfd, &event, 1, &long_time, open, 8);
	}
}

static void waits(enum wait how)
{
	sigset_t open, now;

	PT(pthread_sigmask(SIG_SETMASK, NULL, &open));
	sigdelset(&open, SIGUSR1);
	for (int i = 0; i < ROUNDS; i++) {
		handled = 0;
		SYS(sem_post(&turn));
		inside = true;
		CHECK(one_wait(how, &open) == -1 && errno == EINTR);
		inside = false;
		CHECK_EQ(handled, 1);
		PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
		CHECK(sigismember(&now, SIGUSR1));
	}
}

static void *run(void *arg)
{
	atomic_store(&waiter, pthread_self());
	for (enum wait how = 0; how < WAITS; how++) {
		waits(how);
		printf("%s, %s: %d\n", names[how], (const char *)arg, ROUNDS);
	}
	return NULL;
}

int main(void)
{
	unsigned seed = test_seed();
	pthread_t sender;

	SYS(sem_init(&turn, 0, 0));
	epfd = (int)SYS(epoll_create1(0));
	set_handler(SIGUSR1, on_signal, SA_RESTART);
	block_signal(SIGUSR1);
	sender = start(sends, &seed);
	join(start(run, "sent to the thread"));
	/* Nobody else has it open, so that it is for who waits. */
	atomic_store(&to_process, true);
	run("sent to the process");
	join(sender);
	CHECK_EQ(atomic_load(&all_handled), WAITS * 2 * ROUNDS);
	return 0;
}
