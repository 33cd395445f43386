/* Cleanup handlers: in reverse order, with the mutex of a canceled condition wait held again, also by pthread_exit. */
// threads
#include "test.h"

static pthread_mutex_t lock;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static int waiting;
static char order[8];

static void note(void *arg)
{
	size_t length = strlen(order);

	order[length] = *(const char *)arg;
	/* A cleanup handler may block. */
	sleep_us(200);
}

static void unlock(void *arg)
{
	/* The type is error checking: only the holder may unlock. */
	CHECK_EQ(pthread_mutex_lock(arg), EDEADLK);
	waiting--;
	PT(pthread_mutex_unlock(arg));
}

static void *waits(void *arg)
{
	PT(pthread_mutex_lock(&lock));
	waiting++;
	pthread_cleanup_push(unlock, &lock);
	for (;;)
		PT(pthread_cond_wait(&cond, &lock));
	pthread_cleanup_pop(0);
	return arg;
}

static void *nested(void *arg)
{
	pthread_cleanup_push(note, "a");
	pthread_cleanup_push(note, "b");
	pthread_cleanup_push(note, "c");
	pthread_cleanup_pop(1);
	pthread_cleanup_push(note, "x");
	pthread_cleanup_pop(0);
	if (arg)
		for (;;)
			pause();
	pthread_exit(NULL);
	pthread_cleanup_pop(1);
	pthread_cleanup_pop(1);
	return NULL;
}

int main(void)
{
	pthread_mutexattr_t attr;
	pthread_t t[50];

	PT(pthread_mutexattr_init(&attr));
	PT(pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ERRORCHECK));
	PT(pthread_mutex_init(&lock, &attr));
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 50; i++)
			t[i] = start(waits, NULL);
		if (round % 2) {
			pthread_mutex_lock(&lock);
			pthread_cond_signal(&cond);
			pthread_mutex_unlock(&lock);
		}
		for (int i = 0; i < 50; i++)
			PT(pthread_cancel(t[i]));
		for (int i = 0; i < 50; i++)
			CHECK(join(t[i]) == PTHREAD_CANCELED);
		CHECK_EQ(waiting, 0);
	}
	puts("mutex held in each");
	join(start(nested, NULL));
	printf("pthread_exit: %s\n", order);
	memset(order, 0, sizeof(order));
	t[0] = start(nested, order);
	WAIT_UNTIL(__atomic_load_n(&order[0], __ATOMIC_SEQ_CST) == 'c');
	PT(pthread_cancel(t[0]));
	join(t[0]);
	printf("cancel: %s\n", order);
	return 0;
}
