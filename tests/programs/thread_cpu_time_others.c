/*
 * CPU time of other threads: of one that computes all the time and was never asked for before, a sleep on its clock, of
 * many that take turns, never falling; the clock of a thread that is gone; getrusage of a thread.
 */
// threads
#include "test.h"
#include <sys/resource.h>

#define TURNERS 8

static _Atomic int stop, gone_tid;
static _Atomic long turns;
static struct event started = EVENT_INIT;
static sem_t turn[TURNERS];

static clockid_t clock_of(pthread_t t)
{
	clockid_t id;

	PT(pthread_getcpuclockid(t, &id));
	return id;
}

static void *computes(void *arg)
{
	event_post(&started);
	while (!stop)
		;
	return arg;
}

static void *takes_turns(void *arg)
{
	long me = (long)arg;

	while (!stop) {
		while (sem_wait(&turn[me]) != 0)
			;
		turns++;
		SYS(sem_post(&turn[(me + 1) % TURNERS]));
	}
	SYS(sem_post(&turn[(me + 1) % TURNERS]));
	return NULL;
}

static void a_computing_one(void)
{
	pthread_t t = start(computes, NULL);
	struct timespec ts = to_timespec(50 * NSEC_PER_MSEC);
	long long before = now_ns(), at;
	clockid_t id;

	event_wait(&started, 1);
	while (clock_ns(CLOCK_PROCESS_CPUTIME_ID) < 300 * NSEC_PER_MSEC)
		;
	/* The main thread and this one have used 300 ms, on two CPUs or in turn on one. */
	id = clock_of(t);
	CHECK(clock_ns(id) > 60 * NSEC_PER_MSEC);
	CHECK(clock_ns(id) <= now_ns() - before);
	at = clock_ns(id);
	CHECK_EQ(clock_nanosleep(id, 0, &ts, NULL), 0);
	CHECK(clock_ns(id) - at >= 50 * NSEC_PER_MSEC);
	ts = to_timespec(clock_ns(id) + 20 * NSEC_PER_MSEC);
	CHECK_EQ(clock_nanosleep(id, TIMER_ABSTIME, &ts, NULL), 0);
	CHECK(clock_ns(id) >= ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
	ts = to_timespec(1);
	CHECK_EQ(clock_nanosleep(id, TIMER_ABSTIME, &ts, NULL), 0);
	SYS(clock_getres(id, &ts));
	printf("resolution %lld\n", ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec);
	stop = 1;
	join(t);
	stop = 0;
}

/* Together they cannot have used more than the process, and they did use what they did. */
static void many_in_turn(void)
{
	pthread_t t[TURNERS];
	clockid_t id[TURNERS];
	long long last[TURNERS] = {0}, sum = 0, before = clock_ns(CLOCK_PROCESS_CPUTIME_ID), base[TURNERS];

	for (long i = 0; i < TURNERS; i++)
		SYS(sem_init(&turn[i], 0, 0));
	for (long i = 0; i < TURNERS; i++) {
		t[i] = start(takes_turns, (void *)i);
		id[i] = clock_of(t[i]);
		base[i] = last[i] = clock_ns(id[i]);
	}
	SYS(sem_post(&turn[0]));
	while (turns < 20000 || clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before < 100 * NSEC_PER_MSEC) {
		for (int i = 0; i < TURNERS; i++) {
			long long now = clock_ns(id[i]);

			CHECK(now >= last[i]);
			last[i] = now;
		}
		sleep_us(100);
	}
	for (int i = 0; i < TURNERS; i++) {
		CHECK(last[i] > base[i]);
		sum += clock_ns(id[i]) - base[i];
	}
	CHECK(sum <= clock_ns(CLOCK_PROCESS_CPUTIME_ID) - before);
	stop = 1;
	for (int i = 0; i < TURNERS; i++)
		join(t[i]);
	stop = 0;
}

static void *is_gone_soon(void *arg)
{
	gone_tid = own_tid();
	return arg;
}

static const char *error_of(int error)
{
	return error ? strerrorname_np(error) : "0";
}

static void of_one_that_is_gone(void)
{
	struct timespec ts = to_timespec(1);
	clockid_t id;

	join(start(is_gone_soon, NULL));
	while (syscall(SYS_tgkill, getpid(), (int)gone_tid, 0) == 0)
		sched_yield();
	id = (clockid_t)(~(unsigned)gone_tid << 3 | 6);
	printf("gone: gettime %s", error_of(clock_gettime(id, &ts) ? errno : 0));
	printf(", getres %s", error_of(clock_getres(id, &ts) ? errno : 0));
	printf(", nanosleep %s\n", error_of(clock_nanosleep(id, 0, &ts, NULL)));
}

static long long ns(struct timeval tv)
{
	return (tv.tv_sec * 1000000LL + tv.tv_usec) * 1000;
}

static void *asks_usage(void *arg)
{
	struct rusage before, after;
	long long began, used;

	SYS(getrusage(RUSAGE_THREAD, &before));
	began = clock_ns(CLOCK_THREAD_CPUTIME_ID);
	while (clock_ns(CLOCK_THREAD_CPUTIME_ID) - began < 60 * NSEC_PER_MSEC)
		;
	SYS(getrusage(RUSAGE_THREAD, &after));
	used = ns(after.ru_utime) + ns(after.ru_stime) - ns(before.ru_utime) - ns(before.ru_stime);
	CHECK(used >= 50 * NSEC_PER_MSEC && used < 200 * NSEC_PER_MSEC);
	CHECK(ns(after.ru_utime) >= ns(before.ru_utime) && ns(after.ru_stime) >= ns(before.ru_stime));
	CHECK(after.ru_maxrss > 0);
	printf("bad address: %s\n", syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, 1L) ? error_of(errno) : "0");
	return arg;
}

int main(void)
{
	struct timespec ts;

	a_computing_one();
	many_in_turn();
	of_one_that_is_gone();
	join(start(asks_usage, NULL));
	printf("own, by id 0: %d\n", clock_gettime((clockid_t)(~0U << 3 | 6), &ts));
	printf("sleep on one's own: %s\n", error_of(clock_nanosleep(CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL)));
	printf("and by its id: %s\n", error_of(clock_nanosleep(clock_of(pthread_self()), 0, &ts, NULL)));
	printf("no such clock: %s\n", clock_gettime(77, &ts) ? error_of(errno) : "0");
	printf("no such thread: %s\n", clock_gettime((clockid_t)(~0x1fffffU << 3 | 6), &ts) ? error_of(errno) : "0");
	return 0;
}
