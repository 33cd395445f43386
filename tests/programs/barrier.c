/* Barriers: nobody passes before all are there, one serial thread a round, destroyed as soon as the last one has left.
 */
// threads
#include "test.h"

#define THREADS 100
#define ROUNDS 100

static pthread_barrier_t barrier;
static int arrived[ROUNDS], serial[ROUNDS];

static void *run(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		int result;

		__atomic_fetch_add(&arrived[i], 1, __ATOMIC_SEQ_CST);
		result = pthread_barrier_wait(&barrier);
		CHECK_EQ(__atomic_load_n(&arrived[i], __ATOMIC_SEQ_CST), THREADS);
		if (result == PTHREAD_BARRIER_SERIAL_THREAD)
			__atomic_fetch_add(&serial[i], 1, __ATOMIC_SEQ_CST);
		else
			CHECK_EQ(result, 0);
	}
	return NULL;
}

static void *pair(void *arg)
{
	pthread_barrier_wait(arg);
	return NULL;
}

int main(void)
{
	pthread_t t[THREADS];

	PT(pthread_barrier_init(&barrier, NULL, THREADS));
	for (int i = 0; i < THREADS; i++)
		t[i] = start(run, NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	for (int i = 0; i < ROUNDS; i++)
		CHECK_EQ(serial[i], 1);
	PT(pthread_barrier_destroy(&barrier));
	for (int i = 0; i < 2000; i++) {
		pthread_barrier_t *two = malloc(sizeof(*two));
		pthread_t other;

		PT(pthread_barrier_init(two, NULL, 2));
		other = start(pair, two);
		pthread_barrier_wait(two);
		PT(pthread_barrier_destroy(two));
		join(other);
		free(two);
	}
	printf("count 0: %s\n", strerrorname_np(pthread_barrier_init(&barrier, NULL, 0)));
	puts("met");
	return 0;
}
