/*
 * What the machine itself does to who wants to run: on a virtual machine a CPU may stand still for tens of
 * milliseconds, whatever runs on it. A process for each CPU, with real-time priority, says when it could not run
 * either.
 */
#ifndef GREEN_BENCH_STALLS_H
#define GREEN_BENCH_STALLS_H

#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#define STALLS 4096
#define STALL_CPUS 64

struct stalls {
	_Atomic int count;
	struct {
		double from, to; /* ms of CLOCK_MONOTONIC */
	} of[STALLS];
};

static struct stalls *stalls[STALL_CPUS];

static double stalls_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static inline void stalls_watch(int cpu, struct stalls *s)
{
	struct sched_param fifo = {1};
	struct timespec ms = {0, 1000000};
	cpu_set_t set;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	if (sched_setaffinity(0, sizeof(set), &set) || sched_setscheduler(0, SCHED_FIFO, &fifo))
		_exit(0); /* nobody can say, then */
	for (double last = stalls_now();;) {
		nanosleep(&ms, NULL);
		double at = stalls_now();
		int i = atomic_load(&s->count);
		if (at - last > 3 && i < STALLS) {
			s->of[i].from = last + 1;
			s->of[i].to = at;
			atomic_store(&s->count, i + 1);
		}
		last = at;
	}
}

/* Before the first thread. */
static inline void stalls_begin(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return;
	for (int cpu = 0; cpu < STALL_CPUS; cpu++) {
		if (!CPU_ISSET(cpu, &set))
			continue;
		stalls[cpu] = mmap(NULL, sizeof(**stalls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (stalls[cpu] == MAP_FAILED)
			exit(1);
		if (fork() == 0)
			stalls_watch(cpu, stalls[cpu]);
	}
}

/* How much of it, at most, some CPU stood still. */
static inline double stalls_in(double from, double to)
{
	double worst = 0;

	for (int cpu = 0; cpu < STALL_CPUS; cpu++) {
		double ms = 0;
		for (int i = 0; stalls[cpu] && i < atomic_load(&stalls[cpu]->count); i++) {
			double a = stalls[cpu]->of[i].from > from ? stalls[cpu]->of[i].from : from;
			double b = stalls[cpu]->of[i].to < to ? stalls[cpu]->of[i].to : to;
			if (b > a)
				ms += b - a;
		}
		if (ms > worst)
			worst = ms;
	}
	return worst;
}

#endif
