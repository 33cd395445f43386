/* siglongjmp out of a handler, in several threads at once: the mask is restored, blocking calls are left behind. */
// threads
#include "test.h"
#include <setjmp.h>

#define THREADS 10
#define ROUNDS 200

static __thread sigjmp_buf back;
static __thread volatile sig_atomic_t armed;

static void on_usr1(int sig)
{
	(void)sig;
	if (armed) {
		armed = 0;
		siglongjmp(back, 1);
	}
}

static void *run(void *arg)
{
	volatile int jumps = 0;
	sigset_t now;
	int fds[2];
	char c;

	SYS(pipe(fds));
	while (jumps < ROUNDS) {
		if (sigsetjmp(back, 1) == 0) {
			armed = 1;
			if (jumps % 3 == 0)
				raise(SIGUSR1);
			else if (jumps % 3 == 1)
				while (read(fds[0], &c, 1) == -1)
					;
			else
				for (;;)
					sleep_us(100000);
		} else {
			jumps++;
			pthread_sigmask(SIG_SETMASK, NULL, &now);
			CHECK_EQ(sigismember(&now, SIGUSR1), 0);
		}
	}
	__atomic_store_n((int *)arg, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

int main(void)
{
	int done[THREADS] = {0}, all = 0;
	pthread_t t[THREADS];

	set_handler(SIGUSR1, on_usr1, SA_RESTART);
	for (int i = 0; i < THREADS; i++)
		t[i] = start(run, &done[i]);
	while (all < THREADS) {
		all = 0;
		for (int i = 0; i < THREADS; i++) {
			all += __atomic_load_n(&done[i], __ATOMIC_SEQ_CST);
			PT(pthread_kill(t[i], SIGUSR1));
		}
		sleep_us(50);
	}
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	puts("jumped");
	return 0;
}
