/* Green threads inside a unit test: the whole runtime but for the doors. A test's calls come in by green_entry, as
 * those of a patched site would; the process's only thread becomes the first green thread. */
#ifndef TESTS_UNIT_GREEN_H
#define TESTS_UNIT_GREEN_H

#include <criterion/criterion.h>
#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "runtime/calls.h"
#include "runtime/loop.h"
#include "runtime/runtime.h"
#include "runtime/sys_x86_64.h"

#define THREAD_FLAGS (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SETTLS)
#define STACK_SIZE (256UL * 1024)
#define MSEC NSEC_PER_MSEC

static inline struct thread *thread_self(void)
{
	return carrier_self()->current;
}

static inline long green6(long nr, long a, long b, long c, long d, long e, long f)
{
	long ret = nr;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;
	__asm__ volatile("lea 1f(%%rip), %%rcx\n\tjmp green_entry\n1:"
			 : "+a"(ret)
			 : "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory", "cc");
	return ret;
}

#define GREEN_1(nr) green6(nr, 0, 0, 0, 0, 0, 0)
#define GREEN_2(nr, a) green6(nr, (long)(a), 0, 0, 0, 0, 0)
#define GREEN_3(nr, a, b) green6(nr, (long)(a), (long)(b), 0, 0, 0, 0)
#define GREEN_4(nr, a, b, c) green6(nr, (long)(a), (long)(b), (long)(c), 0, 0, 0)
#define GREEN_5(nr, a, b, c, d) green6(nr, (long)(a), (long)(b), (long)(c), (long)(d), 0, 0)
#define GREEN_6(nr, a, b, c, d, e) green6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), 0)
#define GREEN_7(nr, a, b, c, d, e, f) green6(nr, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
#define GREEN_(_0, _1, _2, _3, _4, _5, _6, name, ...) name
/* green(SYS_futex, &word, ...): a system call of the calling green thread. */
#define green(...) GREEN_(__VA_ARGS__, GREEN_7, GREEN_6, GREEN_5, GREEN_4, GREEN_3, GREEN_2, GREEN_1)(__VA_ARGS__)

struct green_thread {
	void (*fn)(void *);
	void *arg;
	int tid;
	uint32_t alive; /* the tid, until it is gone: the word that pthread_join waits for */
};

static inline uintptr_t green_thread_pointer(void)
{
	uintptr_t fs;
	__asm__ volatile("mov %%fs:0, %0" : "=r"(fs));
	return fs;
}

/* A frame that goes on with fn(arg) on a stack of its own. All threads share one TLS block: they are in turn. */
static inline struct clone_spec green_spec(struct regs *r, void (*fn)(void *), void *arg)
{
	char *stack =
	    mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	cr_assert(stack != MAP_FAILED);
	*r = (struct regs){.rip = (uint64_t)context_start, .rbx = (uint64_t)fn, .rbp = (uint64_t)arg};
	return (struct clone_spec){.flags = THREAD_FLAGS,
	    .sp = (uintptr_t)stack + STACK_SIZE,
	    .size = STACK_SIZE,
	    .tls = green_thread_pointer()};
}

static inline void green_main(void *arg)
{
	struct green_thread *g = arg;
	g->fn(g->arg);
	green(SYS_exit, 0);
}

/* Ready, but does not run before the caller's next call that parks or yields. */
static inline struct green_thread *green_start(struct green_thread *g, void (*fn)(void *), void *arg)
{
	struct regs r;
	struct clone_spec spec = green_spec(&r, green_main, g);
	struct carrier *c = carrier_self();
	*g = (struct green_thread){.fn = fn, .arg = arg};
	spec.flags |= CLONE_CHILD_CLEARTID;
	spec.child_tid = (int *)&g->alive;
	carrier_enter(c);
	g->tid = (int)thread_create(thread_self(), &r, &spec);
	carrier_publish_native(c);
	g->alive = (uint32_t)g->tid;
	cr_assert(g->tid >= 1 << 22, "no thread: %d", g->tid);
	return g;
}

static inline void green_yield(int times)
{
	while (times--)
		green(SYS_sched_yield);
}

/* Until all that are ready have parked: each turn of the queue lets everyone run once. */
static inline void green_settle(void)
{
	struct hub *h = carrier_self()->hub;
	do
		green_yield(1);
	while (run_queue_length(&h->run));
	green_yield(2);
}

static inline void green_join(struct green_thread *g)
{
	while (__atomic_load_n(&g->alive, __ATOMIC_ACQUIRE))
		green(SYS_futex, &g->alive, 0 /* FUTEX_WAIT, not private, as pthread_join's */, g->tid, 0);
}

static inline void green_scheduler(void *hub)
{
	carrier_arrived();
	hub_scheduler(hub);
}

static inline void *green_library(const char *name)
{
	return dlopen(name, RTLD_NOW | RTLD_LOCAL);
}

/* The runtime, with nobody but the caller. One carrier: what would be handed off stays here. */
static inline void green_begin(void)
{
	const struct runtime_options opt = {.max_carriers = 1};
	struct regs r;
	runtime_prepare();
	cr_assert_eq(loop_load(green_library), 0, "libuv");
	cr_assert_eq(runtime_start(&opt), 0);
	struct carrier *c = carrier_self();
	struct clone_spec spec = green_spec(&r, green_scheduler, c->hub);
	carrier_enter(c);
	c->hub->scheduler = thread_create_scheduler(thread_self(), &r, &spec);
	carrier_publish_native(c);
}

#endif
