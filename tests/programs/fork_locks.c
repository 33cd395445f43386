/* Forks, three deep, from threads that hold and wait for locks shared with other processes: what the parent holds the
 * child does not, each generation's threads take and leave locks of every kind, and whoever dies is followed. */
// threads
#include "test.h"

#define DEPTH 3
#define THREADS 4
#define ROUNDS 100

enum { ROBUST = 1, INHERIT = 2, RECURSIVE = 4, KINDS = 8 };

struct shared {
	pthread_mutex_t lock[KINDS][DEPTH + 1];
	_Atomic int inside[KINDS];
	pthread_mutex_t counted[KINDS];
	_Atomic long sum;
};
static struct shared *s;
static int depth;

static void init(pthread_mutex_t *m, int kind)
{
	pthread_mutexattr_t a;

	PT(pthread_mutexattr_init(&a));
	PT(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
	PT(pthread_mutexattr_setrobust(&a, kind & ROBUST ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED));
	PT(pthread_mutexattr_setprotocol(&a, kind & INHERIT ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE));
	PT(pthread_mutexattr_settype(&a, kind & RECURSIVE ? PTHREAD_MUTEX_RECURSIVE : PTHREAD_MUTEX_ERRORCHECK));
	PT(pthread_mutex_init(m, &a));
}

static void *counts(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		int k = i % KINDS;

		PT(pthread_mutex_lock(&s->counted[k]));
		CHECK_EQ(++s->inside[k], 1);
		if (i % 10 == 0)
			sched_yield();
		s->inside[k]--;
		s->sum++;
		PT(pthread_mutex_unlock(&s->counted[k]));
	}
	return arg;
}

static void count_all(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(counts, (void *)i);
	counts(NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
}

/* In a child: not its own, though its parent's thread has just locked them. */
static void parent_holds(void)
{
	for (int k = 0; k < KINDS; k++) {
		CHECK_EQ(pthread_mutex_trylock(&s->lock[k][depth - 1]), EBUSY);
		if (!(k & INHERIT) || k & ROBUST) /* glibc does not look, the kernel does: no word for it here */
			CHECK_EQ(pthread_mutex_unlock(&s->lock[k][depth - 1]), EPERM);
	}
}

static void generation(void);

static void *holds_and_forks(void *arg)
{
	for (int k = 0; k < KINDS; k++)
		PT(pthread_mutex_lock(&s->lock[k][depth]));
	counts(NULL);
	pid_t pid = (pid_t)SYS(fork());
	if (pid == 0) {
		depth++;
		parent_holds();
		generation();
		parent_holds();
		if (arg)
			SYS(kill(getpid(), SIGKILL));
		_exit(3);
	}
	counts(NULL);
	CHECK(!strcmp(reap(pid), arg ? "signal SIGKILL" : "exit 3"));
	for (int k = 0; k < KINDS; k++)
		if (!(k & ROBUST))
			PT(pthread_mutex_unlock(&s->lock[k][depth]));
	return NULL; /* with the robust ones held */
}

static void followed(void)
{
	for (int k = 0; k < KINDS; k++) {
		int error = pthread_mutex_lock(&s->lock[k][depth]);

		CHECK_EQ(error, k & ROBUST ? EOWNERDEAD : 0);
		if (error)
			PT(pthread_mutex_consistent(&s->lock[k][depth]));
		PT(pthread_mutex_unlock(&s->lock[k][depth]));
	}
}

static void *follows(void *arg)
{
	followed();
	return arg;
}

/* From a thread, and from the one that the process began with. */
static void generation(void)
{
	count_all();
	if (depth == DEPTH)
		return;
	join(start(holds_and_forks, NULL));
	followed();
	join(start(holds_and_forks, &depth));
	join(start(follows, NULL));
	for (int i = 0; i < 2; i++) {
		holds_and_forks(i ? &depth : NULL);
		for (int k = 0; k < KINDS; k++)
			if (k & ROBUST)
				PT(pthread_mutex_unlock(&s->lock[k][depth]));
	}
	count_all();
}

int main(void)
{
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	for (int k = 0; k < KINDS; k++) {
		for (int i = 0; i <= DEPTH; i++)
			init(&s->lock[k][i], k);
		init(&s->counted[k], k);
	}
	generation();
	printf("counted %ld\n", s->sum);
	return 0;
}
