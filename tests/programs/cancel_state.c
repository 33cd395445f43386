/* Cancellation disabled, deferred and asynchronous; pthread_testcancel; a computing thread is canceled too. */
// threads
#include "test.h"

static sem_t ready, canceled;
static volatile unsigned long counter;
static int reached;

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		;
}

static void *disabled(void *arg)
{
	int old;

	PT(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old));
	CHECK_EQ(old, PTHREAD_CANCEL_ENABLE);
	SYS(sem_post(&ready));
	wait_sem(&canceled);
	sleep_us(1000);
	pthread_testcancel();
	reached = 1;
	PT(pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL));
	if (arg)
		return arg;
	pthread_testcancel();
	reached = 2;
	return NULL;
}

static void *deferred(void *arg)
{
	SYS(sem_post(&ready));
	/* No cancellation point in here. */
	while (__atomic_load_n(&reached, __ATOMIC_SEQ_CST) == 0)
		counter++;
	reached = 2;
	sleep_us(1);
	reached = 3;
	return arg;
}

static void *asynchronous(void *arg)
{
	int old;

	PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old));
	CHECK_EQ(old, PTHREAD_CANCEL_DEFERRED);
	SYS(sem_post(&ready));
	for (;;)
		counter++;
	return arg;
}

static void *asynchronous_blocked(void *arg)
{
	PT(pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL));
	SYS(sem_post(&ready));
	for (;;)
		sched_yield();
	return arg;
}

static void *run_and_cancel(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	reached = 0;
	t = start(fn, arg);
	wait_sem(&ready);
	PT(pthread_cancel(t));
	SYS(sem_post(&canceled));
	if (fn == deferred) {
		sleep_us(2000);
		__atomic_store_n(&reached, 1, __ATOMIC_SEQ_CST);
	}
	arg = join(t);
	sem_trywait(&canceled);
	return arg;
}

int main(void)
{
	SYS(sem_init(&ready, 0, 0));
	SYS(sem_init(&canceled, 0, 0));
	for (int i = 0; i < 20; i++) {
		CHECK(run_and_cancel(disabled, NULL) == PTHREAD_CANCELED);
		CHECK_EQ(reached, 1);
		CHECK(run_and_cancel(disabled, &ready) == &ready);
		CHECK(run_and_cancel(deferred, NULL) == PTHREAD_CANCELED);
		CHECK_EQ(reached, 2);
		CHECK(run_and_cancel(asynchronous, NULL) == PTHREAD_CANCELED);
		CHECK(run_and_cancel(asynchronous_blocked, NULL) == PTHREAD_CANCELED);
	}
	puts("each canceled where it may be");
	return 0;
}
