/* sigtimedwait and sigwaitinfo: timeouts never early, values, thread- and process-directed, EINTR by another handler.
 */
// threads
#include "test.h"

static struct event ready = EVENT_INIT;
static volatile sig_atomic_t handled;

static void on_usr2(int sig)
{
	(void)sig;
	handled++;
}

static void *waits(void *arg)
{
	sigset_t set = one_signal(SIGRTMIN);
	siginfo_t info;
	long sum = 0;

	(void)arg;
	event_post(&ready);
	for (int i = 0; i < 100; i++) {
		CHECK_EQ(sigwaitinfo(&set, &info), SIGRTMIN);
		CHECK_EQ(info.si_code, SI_QUEUE);
		sum += info.si_value.sival_int;
	}
	return (void *)sum;
}

static void *waits_interrupted(void *arg)
{
	sigset_t set = one_signal(SIGUSR1);
	siginfo_t info;

	(void)arg;
	event_post(&ready);
	CHECK_EQ(sigwaitinfo(&set, &info), -1);
	CHECK_EQ(errno, EINTR);
	/* Sent with pthread_kill. */
	event_post(&ready);
	CHECK_EQ(sigwaitinfo(&set, &info), SIGUSR1);
	/* glibc makes SI_USER of SI_TKILL here. */
	CHECK_EQ(info.si_code, SI_USER);
	return NULL;
}

static void timeouts(void)
{
	struct timespec zero = {0, 0}, bad = {0, -1};
	sigset_t set = one_signal(SIGUSR1);
	siginfo_t info;

	for (int i = 1; i <= 10; i++) {
		struct timespec ts = {0, i * 300000};
		long long began = now_ns();

		CHECK_EQ(sigtimedwait(&set, &info, &ts), -1);
		CHECK_EQ(errno, EAGAIN);
		CHECK(now_ns() - began >= i * 300000);
	}
	CHECK(sigtimedwait(&set, &info, &zero) == -1 && errno == EAGAIN);
	CHECK(sigtimedwait(&set, &info, &bad) == -1 && errno == EINVAL);
	SYS(raise(SIGUSR1));
	CHECK_EQ(sigtimedwait(&set, &info, &zero), SIGUSR1);
}

static void *timeouts_in_thread(void *arg)
{
	timeouts();
	return arg;
}

int main(void)
{
	pthread_t t;

	set_handler(SIGUSR2, on_usr2, SA_RESTART);
	block_signal(SIGRTMIN);
	block_signal(SIGUSR1);
	timeouts();
	join(start(timeouts_in_thread, NULL));
	puts("timed out");
	t = start(waits, NULL);
	event_wait(&ready, 1);
	for (int i = 0; i < 100; i++)
		SYS(sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = i}));
	printf("sum %ld\n", (long)join(t));
	t = start(waits_interrupted, NULL);
	event_wait(&ready, 2);
	while (__atomic_load_n(&ready.count, __ATOMIC_SEQ_CST) < 3) {
		PT(pthread_kill(t, SIGUSR2));
		sleep_us(500);
	}
	PT(pthread_kill(t, SIGUSR1));
	join(t);
	puts("interrupted");
	return 0;
}
