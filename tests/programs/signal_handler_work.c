/* Handlers that do more than count: fork, vfork and exec, posix_spawn, threads made and joined, waits of all kinds,
 * handlers within them, pthread_exit, siglongjmp out of several; where the signal meets a thread that runs or waits. */
// threads
#include "test.h"
#include <setjmp.h>
#include <spawn.h>
#include <stdatomic.h>

extern char **environ;

static __thread volatile int handled, depth;
static _Atomic bool ready, met;
static __thread sigjmp_buf back;
static int pipes[2];
static sem_t never;

static int status_of(pid_t pid)
{
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got == -1 && errno == EINTR);
	CHECK_EQ(got, pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void *adds(void *arg)
{
	sleep_us(100);
	return (char *)arg + 1;
}

static void *exits_the_process(void *arg)
{
	_exit((int)(long)arg);
}

static void forks(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0) {
		/* The handler's thread is the child's main. */
		if (join(start(adds, (void *)6)) != (void *)7)
			_exit(1);
		start(exits_the_process, (void *)42);
		for (;;)
			pause();
	}
	CHECK_EQ(status_of(pid), 42);
}

/* The child goes on behind its handler. */
static void forks_and_returns(void)
{
	pid_t pid = (pid_t)SYS(fork());

	if (pid == 0)
		siglongjmp(back, 1);
	CHECK_EQ(status_of(pid), 43);
}

static void vforks(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", "exit 44", NULL);
		_exit(1);
	}
	CHECK_EQ(status_of(pid), 44);
}

static void spawns(void)
{
	char *argv[] = {"sh", "-c", "exit 45", NULL};
	pid_t pid;

	PT(posix_spawn(&pid, "/bin/sh", NULL, NULL, argv, environ));
	CHECK_EQ(status_of(pid), 45);
	CHECK_EQ(WEXITSTATUS(system("exit 46")), 46);
}

static void makes_threads(void)
{
	pthread_t t[3];

	for (long i = 0; i < 3; i++)
		t[i] = start(adds, (void *)i);
	for (long i = 0; i < 3; i++)
		CHECK(join(t[i]) == (void *)(i + 1));
}

static void *feeds(void *arg)
{
	sleep_us(300);
	CHECK_EQ(write(pipes[1], "x", 1), 1);
	SYS(sem_post(arg));
	return NULL;
}

static void waits(void)
{
	struct timespec soon = after_ms(CLOCK_REALTIME, 2);
	struct pollfd p = {.fd = pipes[0], .events = POLLIN};
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
	pthread_t feeder;
	sem_t sem;
	char c;

	SYS(sem_init(&sem, 0, 0));
	CHECK(sem_timedwait(&sem, &soon) == -1 && errno == ETIMEDOUT);
	CHECK_EQ(poll(&p, 1, 2), 0);
	SYS(nanosleep(&(struct timespec){0, 300000}, NULL));
	PT(pthread_mutex_lock(&lock));
	soon = after_ms(CLOCK_REALTIME, 1);
	CHECK_EQ(pthread_cond_timedwait(&cond, &lock, &soon), ETIMEDOUT);
	feeder = start(feeds, &sem);
	CHECK_EQ(poll(&p, 1, -1), 1);
	CHECK_EQ(read(pipes[0], &c, 1), 1);
	SYS(sem_wait(&sem));
	join(feeder);
	feeder = start(feeds, &sem);
	CHECK_EQ(read(pipes[0], &c, 1), 1);
	SYS(sem_wait(&sem));
	join(feeder);
}

static void computes(void)
{
	long long until = now_ns() + 15 * NSEC_PER_MSEC;

	while (now_ns() < until)
		;
}

/* Five deep, each in a wait of the one before. */
static void on_usr2(int sig)
{
	if (++depth < 5)
		raise(sig);
	sleep_us(100);
	if (depth == 5)
		siglongjmp(back, 1);
}

static void nests(void)
{
	depth = 0;
	raise(SIGUSR2);
	CHECK(false);
}

static void leaves(void)
{
	siglongjmp(back, 1);
}

static void exits(void)
{
	pthread_exit((void *)48);
}

enum place { RAISED, SLEEPING, READING, IN_SEM, COMPUTING, PLACES };

static const struct work {
	const char *name;
	void (*fn)(void);
	bool jumps, exits;
} works[] = {{"fork", forks, false, false}, {"fork and on", forks_and_returns, false, false},
    {"vfork", vforks, false, false}, {"spawn", spawns, false, false}, {"threads", makes_threads, false, false},
    {"waits", waits, false, false}, {"computes", computes, false, false}, {"nested", nests, true, false},
    {"siglongjmp", leaves, true, false}, {"pthread_exit", exits, false, true}};

static const struct work *work;
static enum place place;
static pid_t first_process;

static void on_usr1(int sig)
{
	int saved = errno;

	(void)sig;
	if (handled)
		return;
	handled = 1;
	atomic_store(&met, true);
	work->fn();
	errno = saved;
}

static bool blocked(int sig)
{
	sigset_t now;

	PT(pthread_sigmask(SIG_SETMASK, NULL, &now));
	return sigismember(&now, sig);
}

static void stay_in(void)
{
	struct timespec day = {86400, 0};
	char c;

	while (!handled) {
		switch (place) {
		case RAISED:
			raise(SIGUSR1);
			break;
		case SLEEPING:
			CHECK(nanosleep(&day, NULL) == -1 && errno == EINTR);
			break;
		case READING:
			CHECK(read(pipes[0], &c, 1) == -1 && errno == EINTR);
			break;
		case IN_SEM:
			CHECK(sem_wait(&never) == -1 && errno == EINTR);
			break;
		default:
			while (!handled)
				;
		}
	}
}

static void *victim(void *arg)
{
	volatile bool jumped = false;

	(void)arg;
	handled = 0;
	if (sigsetjmp(back, 1) == 0) {
		atomic_store(&ready, true);
		stay_in();
	} else {
		jumped = true;
	}
	if (getpid() != first_process) {
		/* In the child of a fork, out of its handler. */
		join(start(adds, NULL));
		_exit(jumped && !blocked(SIGUSR1) ? 43 : 1);
	}
	CHECK_EQ(jumped, work->jumps);
	CHECK(!blocked(SIGUSR1) && !blocked(SIGUSR2));
	return (void *)47;
}

static void meet(const struct work *w, enum place where)
{
	pthread_t t;
	long end;

	work = w;
	place = where;
	atomic_store(&ready, false);
	atomic_store(&met, false);
	t = start(victim, NULL);
	while (where != RAISED && !atomic_load(&ready))
		sched_yield();
	/* One that comes just before the wait does not end it. */
	while (where != RAISED && !atomic_load(&met)) {
		sleep_us(200);
		PT(pthread_kill(t, SIGUSR1));
	}
	end = (long)join(t);
	CHECK_EQ(end, w->exits ? 48 : 47);
}

static void *run(void *arg)
{
	for (size_t i = 0; i < ARRAY_LEN(works); i++) {
		for (enum place p = RAISED; p < PLACES; p++)
			for (int k = 0; k < 3; k++)
				meet(&works[i], p);
		printf("%s: done in all places\n", works[i].name);
	}
	return arg;
}

int main(void)
{
	struct sigaction sa = {.sa_handler = on_usr2, .sa_flags = SA_NODEFER};

	first_process = getpid();
	SYS(pipe(pipes));
	SYS(sem_init(&never, 0, 0));
	set_handler(SIGUSR1, on_usr1, 0);
	SYS(sigaction(SIGUSR2, &sa, NULL));
	fflush(stdout);
	join(start(run, NULL));
	return 0;
}
