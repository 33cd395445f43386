/* pthread_kill: the handler runs on the thread it was sent to, once for each signal, whatever that thread is doing. */
// threads
#include "test.h"

#define THREADS 30
#define EACH 40

static __thread long own_number = -1;
static struct {
	pid_t tid;
	pthread_t self;
	int handled;
} threads[THREADS];
static int stop;
static sem_t ready, handled_sem;
static int fds[2];

static void on_usr1(int sig, siginfo_t *info, void *context)
{
	int saved = errno;

	(void)context;
	CHECK_EQ(sig, SIGUSR1);
	CHECK_EQ(info->si_signo, SIGUSR1);
	CHECK(own_number >= 0);
	CHECK_EQ(own_tid(), threads[own_number].tid);
	CHECK(pthread_equal(pthread_self(), threads[own_number].self));
	__atomic_fetch_add(&threads[own_number].handled, 1, __ATOMIC_SEQ_CST);
	SYS(sem_post(&handled_sem));
	errno = saved;
}

static void *run(void *arg)
{
	long n = (long)arg;
	volatile unsigned long work = 0;
	char c;

	threads[n].tid = own_tid();
	threads[n].self = pthread_self();
	own_number = n;
	SYS(sem_post(&ready));
	while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
		switch (n % 4) {
		case 0:
			sleep_us(200);
			break;
		case 1:
			if (read(fds[0], &c, 1) == 1)
				return NULL;
			CHECK_EQ(errno, EINTR);
			break;
		case 2:
			for (int i = 0; i < 1000; i++)
				work++;
			break;
		case 3:
			sched_yield();
			break;
		}
	}
	return NULL;
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

int main(void)
{
	pthread_t t[THREADS];

	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&handled_sem, 0, 0));
	SYS(pipe(fds));
	set_sigaction(SIGUSR1, on_usr1, 0);
	for (long i = 0; i < THREADS; i++)
		t[i] = start(run, (void *)i);
	for (int i = 0; i < THREADS; i++)
		wait_sem(&ready);
	for (int k = 0; k < EACH; k++) {
		for (int i = 0; i < THREADS; i++)
			PT(pthread_kill(t[i], SIGUSR1));
		for (int i = 0; i < THREADS; i++)
			wait_sem(&handled_sem);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
	close(fds[1]);
	for (int i = 0; i < THREADS; i++)
		if (i % 4 == 1)
			PT(pthread_cancel(t[i]));
	for (int i = 0; i < THREADS; i++) {
		join(t[i]);
		CHECK_EQ(threads[i].handled, EACH);
	}
	puts("each on its thread");
	printf("no such signal: %s\n", strerrorname_np(pthread_kill(pthread_self(), 99)));
	printf("signal 0: %d\n", pthread_kill(pthread_self(), 0));
	return 0;
}
