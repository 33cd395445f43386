/*
 * Race tests: the runtime's hubs under ThreadSanitizer.
 *
 * pthreads play the carriers, each with a gs base and a hub of its own. Green threads and scheduler contexts are made
 * by hand and run on real stacks by the runtime's own switch, which is wrapped (-Wl,--wrap=context_switch) to tell the
 * sanitizer of each: to it they are fibers. They never return to a program, so that there is neither door nor monitor.
 */
#ifndef TESTS_RACE_RACE_H
#define TESTS_RACE_RACE_H

#include <pthread.h>
#include <sanitizer/tsan_interface.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "runtime/balance.h"
#include "runtime/carrier.h"
#include "runtime/clock.h"
#include "runtime/gather.h"
#include "runtime/hub.h"
#include "runtime/monitor.h"
#include "runtime/stats.h"
#include "runtime/thread.h"

#define RACE_STACK (256UL * 1024)
#define RACE_SECONDS 2
#define RACE_STUCK 20 /* seconds after the last round was to begin */

#define check(cond, ...)                                                           \
	do {                                                                       \
		if (!(cond)) {                                                     \
			fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #cond); \
			fprintf(stderr, __VA_ARGS__);                              \
			fputc('\n', stderr);                                       \
			abort();                                                   \
		}                                                                  \
	} while (0)

/* A green thread or a scheduler context. */
struct racer {
	struct thread thread; /* first: the switch knows it by its context */
	void *fiber;
	bool away; /* its context is complete; plain, so that the sanitizer sees who resumes it without having waited */
	void (*run)(struct racer *);
	uint64_t random;
	int id;
};

static uint64_t race_seed;
static nsec_t race_until; /* nobody begins another round then */

const char *__tsan_default_options(void);
const char *__tsan_default_options(void)
{
	return "halt_on_error=1:exitcode=66:atexit_sleep_ms=0:report_thread_leaks=0:report_signal_unsafe=0";
}

static inline uint64_t race_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* That of the n-th who asks for one. */
static inline uint64_t race_random_begin(int n)
{
	uint64_t state = race_seed * 0x9e3779b97f4a7c15ULL + (uint64_t)n * 2654435761U + 1;
	for (int i = 0; i < 8; i++)
		race_random(&state);
	return state;
}

static inline void race_begin(int argc, char **argv)
{
	race_seed = argc > 1 ? strtoull(argv[1], NULL, 0) : (uint64_t)clock_now();
	printf("seed %llu\n", (unsigned long long)race_seed);
	fflush(stdout);
	race_until = clock_now() + RACE_SECONDS * NSEC_PER_SEC;
}

static inline bool race_goes_on(void)
{
	return clock_now() < race_until;
}

/* Now and then, so that others come in between where that takes longer than a few instructions. */
static inline void race_dawdle(void)
{
	static _Thread_local uint64_t random;
	if (!random)
		random = race_random_begin((int)gettid());
	uint64_t r = race_random(&random);
	if (r % 64 == 0)
		usleep(r / 64 % 64);
	else if (r % 8 == 0)
		for (uint64_t n = r / 8 % 1024; n; n--)
			cpu_relax();
}

/* The calling pthread becomes a carrier, of h if that is not NULL. */
static inline void race_carrier_init(struct carrier *c, struct hub *h)
{
	*c = (struct carrier){.self = c, .hub = h, .state = MODE_RUNTIME, .tid = (int)gettid()};
	set_gs(c);
}

#ifndef RACE_NO_SWITCH

static _Atomic int race_ended; /* racers that have finished */

void __real_context_switch(struct context *from, const struct context *to);
void __wrap_context_switch(struct context *from, const struct context *to);

/* All share the TLS of whoever runs them: it is the sanitizer's, and it wants that of the kernel thread. */
static void race_switch(struct context *from, struct racer *to)
{
	uintptr_t fs;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	check(to->away, "racer %d goes on where it has not come to rest", to->id);
	to->away = false;
	to->thread.ctx.fs = fs;
	__tsan_switch_to_fiber(to->fiber, 0);
	__real_context_switch(from, &to->thread.ctx);
}

void __wrap_context_switch(struct context *from, const struct context *to)
{
	container_of(from, struct racer, thread.ctx)->away = true;
	race_switch(from, container_of(to, struct racer, thread.ctx));
}

/* Between an unlock and a claim, and between that and what it owes. Wrapped, too, where other files call them. */
bool __real_thread_claim(struct thread *t, uint32_t reason);
bool __wrap_thread_claim(struct thread *t, uint32_t reason);
void __real_thread_go_on(struct thread *t);
void __wrap_thread_go_on(struct thread *t);

bool __wrap_thread_claim(struct thread *t, uint32_t reason)
{
	race_dawdle();
	return __real_thread_claim(t, reason);
}

void __wrap_thread_go_on(struct thread *t)
{
	race_dawdle();
	__real_thread_go_on(t);
}

static inline void race_lay_context(struct racer *r, void (*fn)(void *))
{
	char *stack = mmap(NULL, RACE_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	check(stack != MAP_FAILED, "no stack");
	uint64_t *sp = (uint64_t *)(stack + RACE_STACK - 64);
	*--sp = (uint64_t)context_start;
	*--sp = (uint64_t)r;
	*--sp = (uint64_t)fn;
	sp -= 4 + 33;
	*(uint32_t *)((char *)sp + 256) = 0x1f80; /* mxcsr and x87 control word as at process start */
	*(uint16_t *)((char *)sp + 260) = 0x37f;
	r->thread.ctx.sp = sp;
	r->fiber = __tsan_create_fiber(0);
	r->away = true;
}

static inline void race_main(void *arg)
{
	struct racer *r = arg;
	carrier_arrived();
	r->run(r);
	atomic_fetch_add(&race_ended, 1);
	for (;;) {
		thread_prepare(&r->thread);
		thread_park(&r->thread, NEVER);
	}
}

/* From a carrier without a hub: the new green thread begins on hub `where`. */
static inline void race_start(struct racer *r, int id, int where, void (*run)(struct racer *))
{
	r->id = id;
	r->run = run;
	r->random = race_random_begin(id);
	r->thread.hub = hubs[where];
	race_lay_context(r, race_main);
	hub_push(&r->thread);
}

static inline void race_schedule(void *arg)
{
	struct racer *r = arg;
	carrier_arrived();
	hub_scheduler(r->thread.hub);
}

static void *race_carrier(void *arg)
{
	struct hub *h = arg;
	static _Thread_local struct carrier c;
	race_carrier_init(&c, h);
	atomic_store(&h->owner, &c);
	race_switch(&c.idle, container_of(h->scheduler, struct racer, thread));
	return NULL;
}

/* As many hubs, each with a carrier that runs until the process ends. */
static inline void race_hubs(int count)
{
	static struct racer schedulers[MAX_HUBS];
	pthread_t p;
	have_fsgsbase = getauxval(AT_HWCAP2) & 2; /* HWCAP2_FSGSBASE */
	for (int i = 0; i < count; i++)
		check(hub_new(i), "no hub");
	for (int i = 0; i < count; i++) {
		struct racer *s = &schedulers[i];
		s->id = -1 - i;
		s->thread.hub = hubs[i];
		race_lay_context(s, race_schedule);
		hubs[i]->scheduler = &s->thread;
		hubs[i]->run.thieves = true;
		carrier_hub_idle(false);
		check(!pthread_create(&p, NULL, race_carrier, hubs[i]), "no carrier");
	}
}

/* What the monitor does that bears on where threads go, and at random. */
static void *race_monitor(void *arg)
{
	uint64_t random = race_random_begin(-1);
	struct carrier c;
	(void)arg;
	race_carrier_init(&c, NULL);
	for (;;) {
		uint64_t r = race_random(&random);
		for (int i = 0; i < hub_count; i++)
			balance_look(hubs[i]);
		if (r % 8 == 0)
			atomic_store_explicit(&gather_is_on, !gathered(), memory_order_relaxed);
		if (r % 16 == 1)
			hub_ask_look(hubs[r / 16 % (uint64_t)hub_count]);
		usleep(r / 256 % 128);
	}
	return NULL;
}

/* Threads that have no hub; their numbers come behind the racers'. */
static inline void race_outside(pthread_t *p, int count, int racers, void *(*run)(void *))
{
	for (int i = 0; i < count; i++)
		check(!pthread_create(&p[i], NULL, run, (void *)(intptr_t)(racers + i)), "nobody outside");
}

static inline void race_monitor_begin(void)
{
	pthread_t p;
	check(!pthread_create(&p, NULL, race_monitor, NULL), "no monitor");
}

/* Until so many racers have finished. step: what the caller does meanwhile. */
static inline void race_end(int racers, void (*step)(void))
{
	while (atomic_load(&race_ended) < racers) {
		check(clock_now() < race_until + RACE_STUCK * NSEC_PER_SEC, "stuck: %d of %d have finished",
		    atomic_load(&race_ended), racers);
		if (step)
			step();
		usleep(100);
	}
}

#endif
#endif
