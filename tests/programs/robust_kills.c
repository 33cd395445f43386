/*
 * kill -9, a thousand times, of processes whose threads hold or wait for robust mutexes: nobody else is ever inside
 * with another, nobody waits for ever, and who comes after a dead holder is told. Under the library half of the
 * processes are green and half native; so is a thread of the surviving process.
 */
// threads
// timeout: 120
#include "test.h"

#define THREADS 3
#define CHILDREN 4
#define KILLS 60 /* for each kind */

static const struct {
	const char *name;
	int protocol, type;
} kinds[] = {
    {"robust", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_NORMAL},
    {"robust, recursive", PTHREAD_PRIO_NONE, PTHREAD_MUTEX_RECURSIVE},
    {"robust, inheriting", PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_NORMAL},
    {"robust, inheriting, error checking", PTHREAD_PRIO_INHERIT, PTHREAD_MUTEX_ERRORCHECK},
};

struct shared {
	pthread_mutex_t lock[2];
	bool inherits;
	_Atomic int inside[2];
	_Atomic unsigned long passed, repaired;
	_Atomic int ended; /* forkers that have killed enough */
};
static struct shared *s;

static void init(int kind)
{
	pthread_mutexattr_t a;

	memset(s, 0, sizeof(*s));
	PT(pthread_mutexattr_init(&a));
	PT(pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST));
	PT(pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED));
	PT(pthread_mutexattr_setprotocol(&a, kinds[kind].protocol));
	PT(pthread_mutexattr_settype(&a, kinds[kind].type));
	s->inherits = kinds[kind].protocol == PTHREAD_PRIO_INHERIT;
	PT(pthread_mutex_init(&s->lock[0], &a));
	PT(pthread_mutex_init(&s->lock[1], &a));
}

/* Without inheritance nobody waits for ever: a waiter that is killed as it wakes up, while a third has taken the lock,
 * takes the wake-up of all the others along. glibc's unlock and the kernel (handle_futex_death()) have no word for it.
 */
static bool take(int i, unsigned *seed)
{
	struct timespec soon = after_ms(CLOCK_REALTIME, 1);
	unsigned how = rnd(seed) % 4;
	int error;

	switch (how > 1 && !s->inherits ? 1 : how) {
	case 0:
		error = pthread_mutex_trylock(&s->lock[i]);
		if (error == EBUSY)
			return false;
		break;
	case 1:
		error = pthread_mutex_timedlock(&s->lock[i], &soon);
		if (error == ETIMEDOUT)
			return false;
		break;
	default:
		error = pthread_mutex_lock(&s->lock[i]);
	}
	if (error == EOWNERDEAD) {
		s->inside[i] = 0;
		s->repaired++;
		PT(pthread_mutex_consistent(&s->lock[i]));
	} else {
		PT(error);
	}
	CHECK_EQ(++s->inside[i], 1);
	return true;
}

static void give(int i)
{
	CHECK_EQ(--s->inside[i], 0);
	PT(pthread_mutex_unlock(&s->lock[i]));
}

static void *works(void *arg)
{
	unsigned seed = (unsigned)(long)arg * 2654435761u + (unsigned)getpid();

	while (s->ended < 2) {
		if (!take(0, &seed))
			continue;
		/* Two on the list, now and then; and holders that sleep. */
		if (rnd(&seed) % 4 == 0 && take(1, &seed)) {
			sched_yield();
			give(1);
		}
		if (rnd(&seed) % 16 == 0)
			sleep_us(50);
		give(0);
		s->passed++;
	}
	return arg;
}

static void child(void)
{
	pthread_t t[THREADS];

	for (long i = 0; i < THREADS; i++)
		t[i] = start(works, (void *)(i + 1));
	works(NULL);
	for (int i = 0; i < THREADS; i++)
		join(t[i]);
	_exit(0);
}

static pid_t make_child(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		child();
	return pid;
}

/* Makes children that are as native as it is itself, and kills them. */
static void kills(int count, unsigned seed)
{
	pid_t alive[CHILDREN / 2];

	for (int i = 0; i < CHILDREN / 2; i++)
		alive[i] = make_child();
	for (int n = 0; n < count; n++) {
		int i = n % (CHILDREN / 2);
		unsigned long before = s->passed;

		/* Some have hardly begun; and things go on in between. */
		if (n % 8)
			WAIT_UNTIL(s->passed > before + 20);
		else
			sleep_us(rnd(&seed) % 3000);
		SYS(kill(alive[i], SIGKILL));
		CHECK(!strcmp(reap(alive[i]), "signal SIGKILL"));
		alive[i] = make_child();
	}
	s->ended++;
	for (int i = 0; i < CHILDREN / 2; i++)
		CHECK(!strcmp(reap(alive[i]), "exit 0"));
}

static struct shared *map(void)
{
	int fd = (int)SYS(open("robust_kills", O_RDWR | O_CREAT, 0600));
	void *p;

	SYS(ftruncate(fd, sizeof(*s)));
	p = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	close(fd);
	return p;
}

int main(int argc, char **argv)
{
	unsigned seed = test_seed();

	s = map();
	if (argc > 1) {
		kills(KILLS / 2, seed);
		return 0;
	}
	for (int kind = 0; kind < (int)ARRAY_LEN(kinds); kind++) {
		init(kind);
		pthread_t t = start(works, (void *)77L);
		pid_t native = (pid_t)SYS(fork());
		if (native == 0) {
			unsetenv("LD_PRELOAD");
			execl("/proc/self/exe", argv[0], "native", (char *)NULL);
			_exit(127);
		}
		kills(KILLS / 2, seed);
		CHECK(!strcmp(reap(native), "exit 0"));
		join(t);
		CHECK(s->repaired > 0);
		fprintf(stderr, "%s: passed %lu, repaired %lu\n", kinds[kind].name, s->passed, s->repaired);
		printf("%s\n", kinds[kind].name);
		fflush(stdout);
	}
	return 0;
}
