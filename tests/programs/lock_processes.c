/*
 * Locks shared by two processes of which one may be native: each kind of mutex excludes, and hands itself on when its
 * holder is killed, whichever side holds and whichever thread. Under the library the first process is green, and the
 * other once green and once native.
 */
// threads
// timeout: 120
#include "test.h"

#define THREADS 4
#define ROUNDS 2000

enum { ROBUST = 1, INHERIT = 2, RECURSIVE = 4, ERRORCHECK = 8 };
static const struct {
	const char *name;
	int kind;
} kinds[] = {
    {"normal", 0},
    {"recursive", RECURSIVE},
    {"error checking", ERRORCHECK},
    {"robust", ROBUST},
    {"robust, recursive", ROBUST | RECURSIVE},
    {"inheriting", INHERIT},
    {"inheriting, robust", INHERIT | ROBUST},
    {"inheriting, robust, recursive", INHERIT | ROBUST | RECURSIVE},
};

struct shared {
	pthread_mutex_t lock[ARRAY_LEN(kinds)];
	unsigned long sum[ARRAY_LEN(kinds)];
	sem_t holds;
};
static struct shared *s;

static void init_lock(size_t i)
{
	pthread_mutexattr_t a;
	int kind = kinds[i].kind;

	PT(pthread_mutexattr_init(&a));
	PT(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
	PT(pthread_mutexattr_setrobust(&a, kind & ROBUST ? PTHREAD_MUTEX_ROBUST : PTHREAD_MUTEX_STALLED));
	PT(pthread_mutexattr_setprotocol(&a, kind & INHERIT ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE));
	PT(pthread_mutexattr_settype(&a, kind & RECURSIVE    ? PTHREAD_MUTEX_RECURSIVE
					 : kind & ERRORCHECK ? PTHREAD_MUTEX_ERRORCHECK
							     : PTHREAD_MUTEX_NORMAL));
	PT(pthread_mutex_init(&s->lock[i], &a));
}

static void *counts(void *arg)
{
	size_t i = (size_t)arg;

	for (int k = 0; k < ROUNDS; k++) {
		int deep = kinds[i].kind & RECURSIVE ? 2 : 1;

		for (int d = 0; d < deep; d++)
			PT(pthread_mutex_lock(&s->lock[i]));
		if (kinds[i].kind & ERRORCHECK)
			CHECK_EQ(pthread_mutex_lock(&s->lock[i]), EDEADLK);
		unsigned long was = s->sum[i];
		if (k % 64 == 0)
			sched_yield();
		s->sum[i] = was + 1;
		for (int d = 0; d < deep; d++)
			PT(pthread_mutex_unlock(&s->lock[i]));
	}
	return NULL;
}

/* The main thread too. */
static void count_all(size_t i)
{
	pthread_t t[THREADS];

	for (int k = 0; k < THREADS; k++)
		t[k] = start(counts, (void *)i);
	counts((void *)i);
	for (int k = 0; k < THREADS; k++)
		join(t[k]);
}

static void *holds(void *arg)
{
	PT(pthread_mutex_lock(&s->lock[(size_t)arg]));
	SYS(sem_post(&s->holds));
	for (;;)
		pause();
	return NULL;
}

static bool waited_for(size_t i)
{
	return __atomic_load_n((unsigned *)&s->lock[i], __ATOMIC_RELAXED) & 0x80000000u; /* FUTEX_WAITERS */
}

/* Its process lives on. */
static void *ends_with_lock(void *arg)
{
	PT(pthread_mutex_lock(&s->lock[(size_t)arg]));
	SYS(sem_post(&s->holds));
	WAIT_UNTIL(waited_for((size_t)arg));
	return arg;
}

static void *nothing(void *arg)
{
	return arg;
}

static void *takes_over(void *arg)
{
	size_t i = (size_t)arg;

	CHECK_EQ(pthread_mutex_lock(&s->lock[i]), EOWNERDEAD);
	PT(pthread_mutex_consistent(&s->lock[i]));
	PT(pthread_mutex_unlock(&s->lock[i]));
	PT(pthread_mutex_lock(&s->lock[i]));
	PT(pthread_mutex_unlock(&s->lock[i]));
	return NULL;
}

static int act(const char *what, size_t i)
{
	if (!strcmp(what, "count"))
		count_all(i);
	else if (!strcmp(what, "thread-holds"))
		join(start(holds, (void *)i));
	else if (!strcmp(what, "thread-ends"))
		CHECK(join(start(ends_with_lock, (void *)i)) == (void *)i);
	else if (!strcmp(what, "main-holds"))
		join(start(nothing, NULL)), holds((void *)i);
	else if (!strcmp(what, "thread-takes"))
		join(start(takes_over, (void *)i));
	else if (!strcmp(what, "main-takes"))
		join(start(nothing, NULL)), takes_over((void *)i);
	else
		return 2;
	return 0;
}

static pid_t run(bool native, const char *what, size_t i)
{
	char number[8];
	pid_t pid;

	snprintf(number, sizeof(number), "%zu", i);
	fflush(NULL);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		if (native)
			unsetenv("LD_PRELOAD");
		execl("/proc/self/exe", "lock_processes", what, number, (char *)NULL);
		_exit(127);
	}
	return pid;
}

/* Somebody waits already when the holder is killed, or comes later. */
static void hand_over(
    size_t i, bool native_holder, bool native_taker, const char *holder, const char *taker, bool early)
{
	pid_t h = run(native_holder, holder, i), t;

	while (sem_wait(&s->holds) == -1)
		CHECK_EQ(errno, EINTR);
	if (early) {
		t = run(native_taker, taker, i);
		WAIT_UNTIL(waited_for(i));
		SYS(kill(h, SIGKILL));
		CHECK(!strcmp(reap(h), "signal SIGKILL"));
	} else {
		SYS(kill(h, SIGKILL));
		CHECK(!strcmp(reap(h), "signal SIGKILL"));
		t = run(native_taker, taker, i);
	}
	const char *end = reap(t);
	if (strcmp(end, "exit 0") != 0)
		test_fail(__FILE__, __LINE__, end, taker);
}

static void hand_over_at_exit(size_t i, bool native_holder, bool native_taker)
{
	pid_t h = run(native_holder, "thread-ends", i), t;

	while (sem_wait(&s->holds) == -1)
		CHECK_EQ(errno, EINTR);
	t = run(native_taker, "thread-takes", i);
	CHECK(!strcmp(reap(h), "exit 0"));
	CHECK(!strcmp(reap(t), "exit 0"));
}

static void hand_over_all(size_t i)
{
	static const char *const holders[] = {"thread-holds", "main-holds"}, *const takers[] = {
										 "thread-takes", "main-takes"};

	for (int how = 0; how < 4; how++)
		for (int who = 0; who < 4; who++)
			hand_over(i, how & 1, how & 2, holders[who & 1], takers[who >> 1], (how + who) & 1);
	for (int how = 0; how < 4; how++)
		hand_over_at_exit(i, how & 1, how & 2);
}

int main(int argc, char **argv)
{
	if (argc == 3) {
		int fd = (int)SYS(open("locks", O_RDWR));

		s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(s != MAP_FAILED);
		return act(argv[1], (size_t)atoi(argv[2]));
	}
	int fd = (int)SYS(open("locks", O_RDWR | O_CREAT | O_TRUNC, 0600));
	SYS(ftruncate(fd, sizeof(*s)));
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(s != MAP_FAILED);
	SYS(sem_init(&s->holds, 1, 0));
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		init_lock(i);
		pid_t green = run(false, "count", i), native = run(true, "count", i);
		count_all(i);
		CHECK(!strcmp(reap(green), "exit 0"));
		CHECK(!strcmp(reap(native), "exit 0"));
		CHECK_EQ(s->sum[i], 3 * (THREADS + 1) * ROUNDS);
		printf("%s: excludes\n", kinds[i].name);
		if (kinds[i].kind & ROBUST) {
			hand_over_all(i);
			printf("%s: handed on\n", kinds[i].name);
		}
	}
	return 0;
}
