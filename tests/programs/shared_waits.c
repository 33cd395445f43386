/*
 * Barriers, read-write locks, condition variables and semaphores between processes, one of which may be native: in a
 * mapped file, in a named shared memory object and across a fork; a named semaphore; times of each clock. Under the
 * library the first process is green, and of the others one is green and one native.
 */
// threads
// libs: -lrt
#include "test.h"

#define THREADS 4
#define PROCESSES 3
#define ALL (THREADS * PROCESSES)
#define ROUNDS 60

struct shared {
	pthread_barrier_t barrier;
	pthread_rwlock_t rwlock[2];
	pthread_mutex_t lock;
	pthread_cond_t turn, timed[2];
	sem_t sem, ready;
	_Atomic int serial, readers, writers, inside, most_readers, reached[ROUNDS];
	long long written;
	int whose;
};
static struct shared *s;
static sem_t *named;
static int number; /* of this process */

static void init(void)
{
	pthread_barrierattr_t b;
	pthread_rwlockattr_t r;
	pthread_mutexattr_t m;
	pthread_condattr_t c;

	PT(pthread_barrierattr_init(&b));
	PT(pthread_barrierattr_setpshared(&b, PTHREAD_PROCESS_SHARED));
	PT(pthread_barrier_init(&s->barrier, &b, ALL));
	PT(pthread_rwlockattr_init(&r));
	PT(pthread_rwlockattr_setpshared(&r, PTHREAD_PROCESS_SHARED));
	PT(pthread_rwlock_init(&s->rwlock[0], &r));
	PT(pthread_rwlockattr_setkind_np(&r, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP));
	PT(pthread_rwlock_init(&s->rwlock[1], &r));
	PT(pthread_mutexattr_init(&m));
	PT(pthread_mutexattr_setpshared(&m, PTHREAD_PROCESS_SHARED));
	PT(pthread_mutex_init(&s->lock, &m));
	PT(pthread_condattr_init(&c));
	PT(pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED));
	PT(pthread_cond_init(&s->turn, &c));
	PT(pthread_cond_init(&s->timed[0], &c));
	PT(pthread_condattr_setclock(&c, CLOCK_MONOTONIC));
	PT(pthread_cond_init(&s->timed[1], &c));
	SYS(sem_init(&s->sem, 1, 0));
	SYS(sem_init(&s->ready, 1, 0));
}

static void barriers(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		s->reached[i]++;
		int end = pthread_barrier_wait(&s->barrier);
		CHECK_EQ(s->reached[i], ALL);
		if (end == PTHREAD_BARRIER_SERIAL_THREAD)
			s->serial++;
		else
			CHECK_EQ(end, 0);
	}
}

static void reads(pthread_rwlock_t *l, int way)
{
	struct timespec soon = after_ms(way & 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC, 20000);

	if (way == 0)
		PT(pthread_rwlock_rdlock(l));
	else if (way == 1)
		PT(pthread_rwlock_timedrdlock(l, &soon));
	else
		PT(pthread_rwlock_clockrdlock(l, CLOCK_MONOTONIC, &soon));
	CHECK_EQ(s->writers, 0);
	int now = ++s->readers;
	if (now > s->most_readers)
		s->most_readers = now;
	sched_yield();
	s->readers--;
	PT(pthread_rwlock_unlock(l));
}

static void writes(pthread_rwlock_t *l, int way)
{
	struct timespec soon = after_ms(way & 1 ? CLOCK_REALTIME : CLOCK_MONOTONIC, 20000);

	if (way == 0)
		PT(pthread_rwlock_wrlock(l));
	else if (way == 1)
		PT(pthread_rwlock_timedwrlock(l, &soon));
	else
		PT(pthread_rwlock_clockwrlock(l, CLOCK_MONOTONIC, &soon));
	CHECK_EQ(++s->writers, 1);
	CHECK_EQ(s->readers, 0);
	s->written++;
	if (s->written % 8 == 0)
		sched_yield();
	s->writers--;
	PT(pthread_rwlock_unlock(l));
}

static void rwlocks(int kind)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 4 == 0)
			writes(&s->rwlock[kind], i % 3);
		else
			reads(&s->rwlock[kind], i % 3);
	}
}

/* In turns: each broadcast wakes threads of every process. */
static void turns(int me)
{
	PT(pthread_mutex_lock(&s->lock));
	for (int i = 0; i < ROUNDS / 4; i++) {
		while (s->whose % ALL != me)
			PT(pthread_cond_wait(&s->turn, &s->lock));
		s->whose++;
		PT(pthread_cond_broadcast(&s->turn));
	}
	PT(pthread_mutex_unlock(&s->lock));
}

static void times_out(int clock)
{
	clockid_t id = clock ? CLOCK_MONOTONIC : CLOCK_REALTIME;
	struct timespec soon = after_ms(id, 5);
	int error;

	PT(pthread_mutex_lock(&s->lock));
	do
		error = pthread_cond_timedwait(&s->timed[clock], &s->lock, &soon);
	while (error == 0);
	CHECK_EQ(error, ETIMEDOUT);
	PT(pthread_mutex_unlock(&s->lock));
	CHECK(clock_ns(id) >= soon.tv_sec * NSEC_PER_SEC + soon.tv_nsec);
	soon = after_ms(id, 5);
	do
		error = sem_clockwait(&s->ready, id, &soon);
	while (error == -1 && errno == EINTR);
	CHECK(error == -1 && errno == ETIMEDOUT);
	soon = after_ms(CLOCK_REALTIME, 1);
	CHECK(sem_timedwait(named, &soon) == -1 && errno == ETIMEDOUT);
}

/* A ring: everyone waits for one and posts one. */
static void semaphores(sem_t *sem)
{
	for (int i = 0; i < ROUNDS * 5; i++) {
		struct timespec soon = after_ms(CLOCK_REALTIME, 20000), mono = after_ms(CLOCK_MONOTONIC, 20000);
		int error;

		do
			error = i % 3 == 0   ? sem_wait(sem)
				: i % 3 == 1 ? sem_timedwait(sem, &soon)
					     : sem_clockwait(sem, CLOCK_MONOTONIC, &mono);
		while (error == -1 && errno == EINTR);
		SYS(error);
		int in = ++s->inside;
		CHECK(in <= 3);
		if (i % 16 == 0)
			sched_yield();
		s->inside--;
		SYS(sem_post(sem));
	}
}

static void meet(void)
{
	int end = pthread_barrier_wait(&s->barrier);

	CHECK(end == 0 || end == PTHREAD_BARRIER_SERIAL_THREAD);
}

static void *takes_part(void *arg)
{
	int me = number * THREADS + (int)(long)arg;

	barriers();
	rwlocks(0);
	meet();
	rwlocks(1);
	meet();
	turns(me);
	meet();
	times_out(me % 2);
	meet();
	if (me < 3)
		SYS(sem_post(&s->sem));
	semaphores(&s->sem);
	meet();
	if (me < 3)
		SYS(sem_post(named));
	semaphores(named);
	return NULL;
}

static void all_threads(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(takes_part, (void *)i);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
}

static void *map(int fd)
{
	void *p = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(p != MAP_FAILED);
	close(fd);
	return p;
}

static pid_t run(bool native, const char *kind, const char *name, const char *sem, int n)
{
	char text[8];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", n);
	fflush(NULL);
	pid = (pid_t)SYS(fork());
	if (pid == 0) {
		if (native)
			unsetenv("LD_PRELOAD");
		execl("/proc/self/exe", "shared_waits", kind, name, sem, text, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static pid_t forked(int n)
{
	fflush(NULL);
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		number = n;
		all_threads();
		_exit(0);
	}
	return pid;
}

static void *nothing(void *arg)
{
	return arg;
}

static void check_end(pid_t a, pid_t b, const char *what)
{
	CHECK(!strcmp(reap(a), "exit 0"));
	CHECK(!strcmp(reap(b), "exit 0"));
	CHECK_EQ(s->serial, ROUNDS);
	CHECK_EQ(s->written, 2 * ALL * ROUNDS / 4);
	CHECK_EQ(s->whose, ALL * (ROUNDS / 4));
	printf("%s: in step\n", what);
	PT(pthread_barrier_destroy(&s->barrier));
	PT(pthread_rwlock_destroy(&s->rwlock[0]));
	PT(pthread_cond_destroy(&s->turn));
	fflush(stdout);
	munmap(s, sizeof(*s));
}

int main(int argc, char **argv)
{
	char name[64], sem[64];
	pid_t a, b;

	if (argc == 5) {
		number = atoi(argv[4]);
		s = map((int)SYS(argv[1][0] == 'f' ? open(argv[2], O_RDWR) : shm_open(argv[2], O_RDWR, 0)));
		named = sem_open(argv[3], 0);
		CHECK(named != SEM_FAILED);
		all_threads();
		return 0;
	}
	snprintf(name, sizeof(name), "/shared_waits.%d", getpid());
	snprintf(sem, sizeof(sem), "/shared_waits.%d", getpid());
	join(start(nothing, NULL));
	for (int where = 0; where < 3; where++) {
		named = sem_open(sem, O_CREAT | O_EXCL, 0600, 0);
		CHECK(named != SEM_FAILED);
		if (where == 0) {
			int fd = (int)SYS(open(name + 1, O_RDWR | O_CREAT | O_EXCL, 0600));
			SYS(ftruncate(fd, sizeof(*s)));
			s = map(fd);
		} else if (where == 1) {
			int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);
			SYS(ftruncate((int)SYS(fd), sizeof(*s)));
			s = map(fd);
		} else {
			s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
			CHECK(s != MAP_FAILED);
		}
		init();
		if (where < 2) {
			const char *kind = where ? "shm" : "file";
			a = run(false, kind, where ? name : name + 1, sem, 1);
			b = run(true, kind, where ? name : name + 1, sem, 2);
		} else {
			a = forked(1);
			b = forked(2);
		}
		all_threads();
		check_end(a, b, where == 0 ? "a file" : where == 1 ? "a shared memory object" : "a fork's memory");
		if (where == 1)
			SYS(shm_unlink(name));
		SYS(sem_close(named));
		SYS(sem_unlink(sem));
	}
	return 0;
}
