/* pselect, ppoll, epoll_pwait and sigsuspend let a signal in that is blocked at all other times, and not lose it. */
// threads
#include "test.h"
#include <sys/epoll.h>
#include <sys/select.h>

#define ROUNDS 200

static volatile sig_atomic_t handled;
static sem_t ready;
static int fds[2], epfd;

static void on_usr1(int sig)
{
	(void)sig;
	handled++;
}

static int by_pselect(const sigset_t *mask)
{
	fd_set set;

	FD_ZERO(&set);
	FD_SET(fds[0], &set);
	return pselect(fds[0] + 1, &set, NULL, NULL, NULL, mask);
}

static int by_ppoll(const sigset_t *mask)
{
	struct pollfd p = {.fd = fds[0], .events = POLLIN};
	struct timespec ts = {100, 0};

	return ppoll(&p, 1, &ts, mask);
}

static int by_epoll(const sigset_t *mask)
{
	struct epoll_event event;

	return epoll_pwait(epfd, &event, 1, -1, mask);
}

static int by_epoll2(const sigset_t *mask)
{
	struct timespec ts = {100, 0};
	struct epoll_event event;

	return epoll_pwait2(epfd, &event, 1, &ts, mask);
}

static void *run(void *arg)
{
	int (*wait)(const sigset_t *) = *(int (**)(const sigset_t *))arg;
	sigset_t none, now;

	sigemptyset(&none);
	block_signal(SIGUSR1);
	for (int i = 0; i < ROUNDS; i++) {
		handled = 0;
		SYS(sem_post(&ready));
		CHECK_EQ(wait(&none), -1);
		CHECK_EQ(errno, EINTR);
		CHECK_EQ(handled, 1);
		pthread_sigmask(SIG_SETMASK, NULL, &now);
		CHECK_EQ(sigismember(&now, SIGUSR1), 1);
	}
	return NULL;
}

int main(void)
{
	static const struct {
		const char *name;
		int (*wait)(const sigset_t *);
	} waits[] = {
	    {"pselect", by_pselect},
	    {"ppoll", by_ppoll},
	    {"epoll_pwait", by_epoll},
	    {"epoll_pwait2", by_epoll2},
	    {"sigsuspend", sigsuspend},
	};
	unsigned seed = test_seed();

	SYS(sem_init(&ready, 0, 0));
	SYS(pipe(fds));
	epfd = (int)SYS(epoll_create1(0));
	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	for (size_t w = 0; w < ARRAY_LEN(waits); w++) {
		pthread_t t = start(run, (void *)&waits[w].wait);

		for (int i = 0; i < ROUNDS; i++) {
			while (sem_wait(&ready) != 0)
				;
			for (unsigned k = rnd(&seed) % 300; k > 0; k--)
				__asm__ volatile("pause");
			PT(pthread_kill(t, SIGUSR1));
		}
		join(t);
		printf("%s: %d\n", waits[w].name, ROUNDS);
	}
	return 0;
}
