/* Process-shared mutex, condition, semaphore and barrier between two processes with threads of their own. */
// threads
#include "test.h"

#define THREADS 8
#define ROUNDS 500

struct shared {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	pthread_barrier_t barrier;
	sem_t to_parent, to_child;
	long count, turns;
	int turn;
};

static struct shared *s;

static void *count(void *arg)
{
	(void)arg;
	pthread_barrier_wait(&s->barrier);
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&s->lock);
		s->count++;
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

static void *take_turns(void *arg)
{
	int me = (int)(long)arg;

	pthread_mutex_lock(&s->lock);
	for (int i = 0; i < ROUNDS; i++) {
		while (s->turn != me)
			pthread_cond_wait(&s->cond, &s->lock);
		s->turn = !me;
		s->turns++;
		pthread_cond_broadcast(&s->cond);
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}

static void *pass(void *arg)
{
	sem_t *from = arg ? &s->to_child : &s->to_parent, *to = arg ? &s->to_parent : &s->to_child;

	for (int i = 0; i < ROUNDS; i++) {
		while (sem_wait(from) != 0)
			;
		SYS(sem_post(to));
	}
	return NULL;
}

static void work(long me)
{
	pthread_t t[THREADS + 2];

	for (int i = 0; i < THREADS; i++)
		t[i] = start(count, NULL);
	t[THREADS] = start(take_turns, (void *)me);
	t[THREADS + 1] = start(pass, (void *)me);
	for (int i = 0; i < THREADS + 2; i++)
		join(t[i]);
}

int main(void)
{
	pthread_mutexattr_t mutex;
	pthread_condattr_t cond;
	pthread_barrierattr_t barrier;
	pid_t pid;

	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	pthread_mutexattr_init(&mutex);
	pthread_mutexattr_setpshared(&mutex, PTHREAD_PROCESS_SHARED);
	PT(pthread_mutex_init(&s->lock, &mutex));
	pthread_condattr_init(&cond);
	pthread_condattr_setpshared(&cond, PTHREAD_PROCESS_SHARED);
	PT(pthread_cond_init(&s->cond, &cond));
	pthread_barrierattr_init(&barrier);
	pthread_barrierattr_setpshared(&barrier, PTHREAD_PROCESS_SHARED);
	PT(pthread_barrier_init(&s->barrier, &barrier, 2 * THREADS));
	SYS(sem_init(&s->to_parent, 1, 1));
	SYS(sem_init(&s->to_child, 1, 0));
	pid = SYS(fork());
	work(pid == 0);
	if (pid == 0)
		_exit(0);
	printf("child %s\n", reap(pid));
	printf("count %ld, turns %ld\n", s->count, s->turns);
	return 0;
}
