/* Long lists of robust mutexes of all kinds, held by a thread that ends in each way: everyone is told once; what nobody
 * repairs is lost for those who wait already, too; and a condition's waiters come back to a mutex whose owner died. */
// threads
#include "test.h"

enum { RECURSIVE = 1, ERRORCHECK = 2, INHERIT = 4, SHARED = 8, KINDS = 16 };
#define EACH 12
#define LOCKS (KINDS * EACH)
#define WAITERS 6

struct locks {
	pthread_mutex_t lock[LOCKS];
	pthread_cond_t cond;
	sem_t held, leave;
	_Atomic int waiting, woken;
};
static struct locks *s;

static void init_lock(pthread_mutex_t *m, int kind)
{
	pthread_mutexattr_t a;

	PT(pthread_mutexattr_init(&a));
	PT(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
	PT(pthread_mutexattr_setpshared(&a, kind & SHARED ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE));
	PT(pthread_mutexattr_setprotocol(&a, kind & INHERIT ? PTHREAD_PRIO_INHERIT : PTHREAD_PRIO_NONE));
	PT(pthread_mutexattr_settype(&a, kind & RECURSIVE    ? PTHREAD_MUTEX_RECURSIVE
					 : kind & ERRORCHECK ? PTHREAD_MUTEX_ERRORCHECK
							     : PTHREAD_MUTEX_NORMAL));
	PT(pthread_mutex_init(m, &a));
}

static void init(int kinds)
{
	memset(s->lock, 0, sizeof(s->lock));
	for (int i = 0; i < LOCKS; i++)
		init_lock(&s->lock[i], i % KINDS & kinds);
	SYS(sem_init(&s->held, 1, 0));
	SYS(sem_init(&s->leave, 1, 0));
	s->waiting = s->woken = 0;
}

static void wait_sem(sem_t *sem)
{
	while (sem_wait(sem) != 0)
		CHECK_EQ(errno, EINTR);
}

/* All; some several times where that is allowed; some given back out of order; some trylocked or with a time. */
static void hold_all(void)
{
	struct timespec soon = after_ms(CLOCK_REALTIME, 10000);

	for (int i = 0; i < LOCKS; i++) {
		if (i % 3 == 0)
			PT(pthread_mutex_lock(&s->lock[i]));
		else if (i % 3 == 1)
			PT(pthread_mutex_trylock(&s->lock[i]));
		else
			PT(pthread_mutex_timedlock(&s->lock[i], &soon));
		if (pthread_mutex_trylock(&s->lock[i]) == 0)
			PT(pthread_mutex_lock(&s->lock[i]));
	}
	for (int i = 5; i < LOCKS; i += 7)
		while (pthread_mutex_unlock(&s->lock[i]) == 0)
			;
}

static bool given_back(int i)
{
	return i >= 5 && (i - 5) % 7 == 0;
}

static void *ends_holding(void *arg)
{
	long how = (long)arg;

	hold_all();
	SYS(sem_post(&s->held));
	if (how == 1)
		pthread_exit(NULL);
	while (how == 2)
		pause(); /* to be canceled */
	if (how == 3)
		syscall(SYS_exit, 0);
	if (how == 4)
		wait_sem(&s->leave);
	return NULL;
}

static int dead, fine;

static void take_all(void)
{
	dead = fine = 0;
	for (int i = 0; i < LOCKS; i++) {
		int error = i % 2 ? pthread_mutex_lock(&s->lock[i]) : pthread_mutex_trylock(&s->lock[i]);

		CHECK_EQ(error, given_back(i) ? 0 : EOWNERDEAD);
		if (error)
			PT(pthread_mutex_consistent(&s->lock[i]));
		else
			CHECK_EQ(pthread_mutex_consistent(&s->lock[i]), EINVAL);
		error ? dead++ : fine++;
		PT(pthread_mutex_unlock(&s->lock[i]));
		PT(pthread_mutex_lock(&s->lock[i]));
		PT(pthread_mutex_unlock(&s->lock[i]));
	}
}

static void *takes_all(void *arg)
{
	take_all();
	return arg;
}

static void ends_of_a_thread(int kinds)
{
	static const char *const ways[] = {"returns", "pthread_exit", "is canceled", "exits by a system call"};

	for (long how = 0; how < 4; how++) {
		init(kinds);
		pthread_t t = start(ends_holding, (void *)how);
		wait_sem(&s->held);
		if (how == 2)
			PT(pthread_cancel(t));
		join(t);
		join(start(takes_all, NULL));
		printf("kinds %d, the owner %s: %d dead, %d not\n", kinds, ways[how], dead, fine);
	}
}

/* Somebody waits for each when the owner ends, and the next waits for him: told, or lost. */

struct waiter {
	int lock;
	bool repairs;
};

static void *waits(void *arg)
{
	struct waiter *w = arg;
	pthread_mutex_t *m = &s->lock[w->lock];

	s->waiting++;
	int error = pthread_mutex_lock(m);
	if (error == EOWNERDEAD && w->repairs)
		PT(pthread_mutex_consistent(m));
	if (error != ENOTRECOVERABLE)
		PT(pthread_mutex_unlock(m));
	return (void *)(long)error;
}

/* Without a repair only where the kernel hands on: glibc's lll_unlock takes a word with FUTEX_WAITERS for negative, and
 * wakes nobody after ENOTRECOVERABLE (2.36). */
static void with_waiters(bool repairs)
{
	enum { ALL = KINDS * WAITERS };
	static struct waiter w[ALL];
	pthread_t owner, t[ALL];
	int told = 0, lost = 0, got = 0, kinds = repairs ? KINDS : KINDS / 2;

	init(KINDS - 1);
	owner = start(ends_holding, (void *)4L);
	wait_sem(&s->held);
	for (int i = 0; i < ALL; i++) {
		int lock = (repairs ? i : i | INHERIT) % KINDS;

		w[i] = (struct waiter){given_back(lock) ? lock + KINDS : lock, repairs};
		t[i] = start(waits, &w[i]);
	}
	WAIT_UNTIL(s->waiting == ALL);
	sleep_us(3000);
	SYS(sem_post(&s->leave));
	join(owner);
	for (int i = 0; i < ALL; i++) {
		long error = (long)join(t[i]);

		told += error == EOWNERDEAD;
		lost += error == ENOTRECOVERABLE;
		got += error == 0;
	}
	CHECK_EQ(told, kinds);
	CHECK_EQ(lost, repairs ? 0 : ALL - kinds);
	CHECK_EQ(got, repairs ? ALL - kinds : 0);
	printf("%s: %d told, %d lost, %d got it\n", repairs ? "repaired" : "not repaired", told, lost, got);
	if (!repairs) {
		CHECK_EQ(pthread_mutex_trylock(&s->lock[INHERIT]), ENOTRECOVERABLE);
		PT(pthread_mutex_destroy(&s->lock[INHERIT]));
	}
}

/* The condition's mutex dies with an owner while others wait for the condition. */

static void *waits_for_cond(void *arg)
{
	pthread_mutex_t *m = &s->lock[(long)arg];
	struct timespec until = after_ms(CLOCK_REALTIME, 100000);
	int error;

	PT(pthread_mutex_lock(m));
	s->waiting++;
	error = s->waiting % 2 ? pthread_cond_wait(&s->cond, m) : pthread_cond_timedwait(&s->cond, m, &until);
	if (error == EOWNERDEAD)
		PT(pthread_mutex_consistent(m));
	s->woken++;
	PT(pthread_mutex_unlock(m));
	return (void *)(long)error;
}

static void *wakes_and_ends(void *arg)
{
	PT(pthread_mutex_lock(&s->lock[(long)arg]));
	PT(pthread_cond_broadcast(&s->cond));
	sleep_us(500);
	return NULL;
}

static void condition(long kind)
{
	pthread_t t[WAITERS];
	pthread_condattr_t a;
	int told = 0;

	init(KINDS - 1);
	PT(pthread_condattr_init(&a));
	PT(pthread_condattr_setpshared(&a, kind & SHARED ? PTHREAD_PROCESS_SHARED : PTHREAD_PROCESS_PRIVATE));
	PT(pthread_cond_init(&s->cond, &a));
	for (int i = 0; i < WAITERS; i++)
		t[i] = start(waits_for_cond, (void *)kind);
	for (;;) {
		PT(pthread_mutex_lock(&s->lock[kind]));
		bool all = s->waiting == WAITERS;
		PT(pthread_mutex_unlock(&s->lock[kind]));
		if (all)
			break;
		sleep_us(200);
	}
	join(start(wakes_and_ends, (void *)kind));
	for (int i = 0; i < WAITERS; i++) {
		long error = (long)join(t[i]);

		CHECK(error == 0 || error == EOWNERDEAD);
		told += error == EOWNERDEAD;
	}
	CHECK_EQ(told, 1);
	CHECK_EQ(s->woken, WAITERS);
	PT(pthread_cond_destroy(&s->cond));
}

/* The same lists when the whole process ends, from a thread and from main. */

static void *ends_process(void *arg)
{
	hold_all();
	long how = (long)arg;

	if (how == 0)
		_exit(3);
	if (how == 1)
		SYS(kill(getpid(), SIGKILL));
	if (how == 2)
		exit(4);
	if (how == 3)
		execl("/bin/sh", "sh", "-c", "exit 5", (char *)NULL);
	return NULL;
}

static void *nothing(void *arg)
{
	return arg;
}

static void ends_of_a_process(void)
{
	static const char *const ways[] = {"_exit", "kill", "exit", "exec"};

	/* Not exec in a thread, which changes its tid before its list is walked: nothing is handed on. */
	for (long how = 0; how < 7; how++) {
		init(KINDS - 1);
		/* What a private mutex in shared memory does is nobody's promise. */
		for (int i = 0; i < LOCKS; i++)
			init_lock(&s->lock[i], i % KINDS | SHARED);
		fflush(stdout);
		pid_t pid = (pid_t)SYS(fork());
		if (pid == 0) {
			if (how & 4)
				join(start(ends_process, (void *)(how & 3)));
			join(start(nothing, NULL));
			ends_process((void *)(how & 3));
		}
		const char *end = reap(pid);
		take_all();
		printf("%s in %s: %s\n", ways[how & 3], how & 4 ? "a thread" : "main", end);
	}
}

int main(void)
{
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(s != MAP_FAILED);
	for (int round = 0; round < 2; round++) {
		puts(round ? "in shared memory" : "in private memory");
		ends_of_a_thread(0);
		ends_of_a_thread(INHERIT);
		ends_of_a_thread(KINDS - 1);
		with_waiters(true);
		with_waiters(false);
		for (long kind = 0; kind < KINDS; kind++)
			if (!given_back((int)kind))
				condition(kind);
		puts("condition");
		s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(s != MAP_FAILED);
	}
	ends_of_a_process();
	return 0;
}
