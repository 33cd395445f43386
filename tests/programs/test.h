/* What the test programs share. A failed check says on stderr where, and ends the program with code 1. */
#ifndef TEST_H
#define TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NSEC_PER_SEC 1000000000LL
#define NSEC_PER_MSEC 1000000LL
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#define CHECK(cond)                                                                   \
	do {                                                                          \
		int saved_errno_ = errno;                                             \
		if (!(cond))                                                          \
			test_fail(__FILE__, __LINE__, #cond, strerror(saved_errno_)); \
	} while (0)

/* Two integers must be equal. */
#define CHECK_EQ(a, b)                                                    \
	do {                                                              \
		long long a_ = (long long)(a), b_ = (long long)(b);       \
		if (a_ != b_)                                             \
			test_fail_eq(__FILE__, __LINE__, #a, a_, #b, b_); \
	} while (0)

/* A call that must not answer -1. */
#define SYS(call) test_sys(__FILE__, __LINE__, #call, (call))

/* A pthread call, which must answer 0. */
#define PT(call) test_pt(__FILE__, __LINE__, #call, (call))

static inline void test_fail(const char *file, int line, const char *what, const char *why)
{
	fprintf(stderr, "%s:%d: failed: %s (errno: %s)\n", file, line, what, why);
	fflush(NULL);
	_exit(1);
}

static inline void test_fail_eq(const char *file, int line, const char *a, long long av, const char *b, long long bv)
{
	fprintf(stderr, "%s:%d: failed: %s == %s (%lld, %lld)\n", file, line, a, b, av, bv);
	fflush(NULL);
	_exit(1);
}

static inline long test_sys(const char *file, int line, const char *what, long result)
{
	if (result == -1)
		test_fail(file, line, what, strerror(errno));
	return result;
}

static inline void test_pt(const char *file, int line, const char *what, int error)
{
	if (error != 0)
		test_fail(file, line, what, strerror(error));
}

/* Leave with "skipped": the runner shows the reason. */
static inline void test_skip(const char *why)
{
	fflush(stdout);
	fprintf(stderr, "%s\n", why);
	exit(77);
}

static inline long long clock_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static inline long long now_ns(void)
{
	return clock_ns(CLOCK_MONOTONIC);
}

static inline struct timespec to_timespec(long long ns)
{
	struct timespec ts;

	ts.tv_sec = ns / NSEC_PER_SEC;
	ts.tv_nsec = ns % NSEC_PER_SEC;
	return ts;
}

/* The absolute time that lies `ms` from now on `clock`. */
static inline struct timespec after_ms(clockid_t clock, long ms)
{
	return to_timespec(clock_ns(clock) + ms * NSEC_PER_MSEC);
}

static inline void sleep_us(long us)
{
	struct timespec ts = to_timespec(us * 1000LL);

	while (nanosleep(&ts, &ts) == -1 && errno == EINTR)
		;
}

/* Wait for a condition that nobody signals. Bounded by the runner's timeout. */
#define WAIT_UNTIL(cond) \
	while (!(cond))  \
	sleep_us(200)

static inline pid_t own_tid(void)
{
	return (pid_t)syscall(SYS_gettid);
}

static inline pthread_t start(void *(*fn)(void *), void *arg)
{
	pthread_t t;

	PT(pthread_create(&t, NULL, fn, arg));
	return t;
}

static inline void *join(pthread_t t)
{
	void *value = NULL;

	PT(pthread_join(t, &value));
	return value;
}

static inline int entries(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *d;
	int n = 0;

	CHECK(dir);
	while ((d = readdir(dir)))
		n += d->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* Those that are open, without the one that it takes to count them. */
static inline int descriptors(void)
{
	return entries("/proc/self/fd") - 1;
}

static inline int kernel_threads(void)
{
	return entries("/proc/self/task");
}

/* A small repeatable random source. The seed is printed on stderr, and TEST_SEED sets it. */
static inline unsigned test_seed(void)
{
	const char *given = getenv("TEST_SEED");
	unsigned seed = given ? (unsigned)strtoul(given, NULL, 0) : (unsigned)(now_ns() / 1000);

	fprintf(stderr, "TEST_SEED=%u\n", seed);
	return seed | 1;
}

static inline unsigned rnd(unsigned *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* A counter that threads post and wait for. */
struct event {
	pthread_mutex_t lock;
	pthread_cond_t cond;
	int count;
};
#define EVENT_INIT                                                     \
	{                                                              \
		PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, 0 \
	}

static inline void event_post(struct event *e)
{
	pthread_mutex_lock(&e->lock);
	e->count++;
	pthread_cond_broadcast(&e->cond);
	pthread_mutex_unlock(&e->lock);
}

/* Until at least `count` posts were made in all. */
static inline void event_wait(struct event *e, int count)
{
	pthread_mutex_lock(&e->lock);
	while (e->count < count)
		pthread_cond_wait(&e->cond, &e->lock);
	pthread_mutex_unlock(&e->lock);
}

static inline void set_handler(int sig, void (*handler)(int), int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = handler;
	sa.sa_flags = flags;
	sigemptyset(&sa.sa_mask);
	SYS(sigaction(sig, &sa, NULL));
}

static inline void set_sigaction(int sig, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_sigaction = handler;
	sa.sa_flags = flags | SA_SIGINFO;
	sigemptyset(&sa.sa_mask);
	SYS(sigaction(sig, &sa, NULL));
}

static inline sigset_t one_signal(int sig)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, sig);
	return set;
}

static inline void mask_signal(int how, int sig)
{
	sigset_t set = one_signal(sig);

	PT(pthread_sigmask(how, &set, NULL));
}

static inline void block_signal(int sig)
{
	mask_signal(SIG_BLOCK, sig);
}

static inline void unblock_signal(int sig)
{
	mask_signal(SIG_UNBLOCK, sig);
}

/* Wait for a child and put how it ended into words. */
static inline const char *reap(pid_t pid)
{
	static __thread char text[64];
	int status;
	pid_t got;

	do
		got = waitpid(pid, &status, 0);
	while (got == -1 && errno == EINTR);
	CHECK_EQ(got, pid);
	if (WIFSIGNALED(status))
		snprintf(text, sizeof(text), "signal SIG%s", sigabbrev_np(WTERMSIG(status)));
	else
		snprintf(text, sizeof(text), "exit %d", WEXITSTATUS(status));
	return text;
}

#endif
