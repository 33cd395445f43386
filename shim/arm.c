/*
 * Arming, at the first creation of a thread: the process has one kernel thread, so its text can be patched.
 *
 * Whatever fails, everything is undone and the process goes on natively, with one line on stderr that says why.
 */
#include "shim/arm.h"

#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "runtime/calls.h"
#include "runtime/loop.h"
#include "runtime/runtime.h"
#include "runtime/say.h"
#include "runtime/trace.h"
#include "shim/cpus.h"
#include "shim/exclude.h"
#include "shim/options.h"
#include "shim/private.h"
#include "shim/sandbox.h"
#include "shim/sites.h"
#include "shim/symbols.h"
#include "shim/text.h"
#include "shim/trap.h"

static _Atomic enum { DORMANT, ARMING, ARMED, REFUSED } state;
static struct sites sites;
static const void *raw_syscall; /* libc's syscall(2) */
static bool patched;
static bool watched; /* the program keeps its kernel threads: `green trace --native` */
static bool trap;    /* calls outside libc and ld.so come in, too */

void green_entry(void);
void green_preempted(void);

/* The rooms of the site table that the runtime asks for: in signal handlers, so without libc. */

static uintptr_t start_of(uintptr_t resume)
{
	const struct site *s = site_by_resume(&sites, resume);
	return s ? s->again : 0;
}

/*
 * A signal frame shows an address in libc where the thread really is in a stub, because unwind tables end at libc:
 * behind the call, or at it if it is to be issued again.
 */
static uintptr_t canonical(uintptr_t ip)
{
	const struct site *s = site_by_resume(&sites, ip);
	if (s)
		return s->insn + 2;
	for (size_t i = 0; i < sites.n_patched; i++)
		if (sites.by_resume[i]->again == ip)
			return sites.by_resume[i]->insn;
	return ip;
}

static uintptr_t resume_of(uintptr_t ip)
{
	const struct site *s = site_by_after(&sites, ip);
	if (s && s->resume)
		return s->resume;
	s = site_by_after(&sites, ip + 2);
	return s && s->again ? s->again : ip;
}

static bool is_raw(uintptr_t resume)
{
	const struct site *s = site_by_resume(&sites, resume);
	return s && s->insn >= (uintptr_t)raw_syscall && s->insn < (uintptr_t)raw_syscall + 64;
}

extern const char symbols_begin[], symbols_end[] __attribute__((visibility("hidden")));

/* A thread in one of our exports is in its own code, on the way into libc. */
static bool in_export(uintptr_t ip)
{
	return ip >= (uintptr_t)symbols_begin && ip < (uintptr_t)symbols_end;
}

_Static_assert(sizeof(struct note) == sizeof(struct noted_symbol), "it is read as such");

/* Initial-exec TLS is as far from the TLS base in every thread. */
static intptr_t note_distance(void)
{
	return (char *)&note - (char *)__builtin_thread_pointer();
}

static void exit_process(void)
{
	exit(0);
}

static void after_fork(void)
{
	state = DORMANT;
	symbol_lock_watch = 0;
	exclude_stop();
	arm_on_first_thread();
}

static bool is_answered(int nr)
{
	return nr < 0 || (nr < CALLS && calls[nr].fn);
}

/* What stays as it is would be trapped, each time; what is traced is to be seen. */
static bool wanted(const struct site *s)
{
	return is_answered(s->nr) || ((trap || trace_joined()) && s->form != FORM_NONE);
}

/* A number of /proc/self/status; 0 if it cannot be read. */
static unsigned long status_number(const char *name, int base)
{
	char text[4096];
	const char *line = text_read("/proc/self/status", text, sizeof(text)) ? strstr(text, name) : NULL;
	return line ? strtoul(line + strlen(name), NULL, base) : 0;
}

static int kernel_threads(void)
{
	return (int)status_number("\nThreads:", 10);
}

/* What is pending for this kernel thread alone is the main thread's; on a carrier every thread would see it. */
static void take_own_signals(void)
{
	unsigned long own;
	while ((own = status_number("\nSigPnd:", 16)) && runtime_take_signal(own))
		;
}

/* Without these nothing works, or threads appear behind our back. */
static const int must_have[] = {
    SYS_clone, SYS_clone3, SYS_futex, SYS_exit, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_read, SYS_write, SYS_close};

static bool site_patched(int nr)
{
	for (size_t i = 0; i < sites.n; i++)
		if (sites.v[i].nr == nr && sites.v[i].resume)
			return true;
	return false;
}

static const char *patch(void)
{
	if (patched)
		return NULL;
	if (sites_find(&sites) || sites_patch(&sites, wanted, green_entry)) {
		const char *why = sites.error;
		sites_free(&sites);
		return why;
	}
	for (size_t i = 0; i < sizeof(must_have) / sizeof(*must_have); i++) {
		if (!site_patched(must_have[i])) {
			sites_unpatch(&sites);
			return "libc has a system call that was not found";
		}
	}
	patched = true;
	return NULL;
}

static int real_pthread_create(pthread_t *t, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	__typeof__(&pthread_create) create = (__typeof__(&pthread_create))symbol_real(SYMBOL_pthread_create);
	return create(t, attr, fn, arg);
}

static void *scheduler(void *arg)
{
	(void)arg;
	runtime_scheduler_main();
}

#define SMALL_STACK (256 * 1024) /* the program may have little room left */

/* A scheduler context gets stack and TLS from glibc: its clone is answered with a context that nobody runs yet. */
static bool make_scheduler(void)
{
	pthread_attr_t attr;
	pthread_t t;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, SMALL_STACK);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	int err = real_pthread_create(&t, &attr, scheduler, NULL);
	pthread_attr_destroy(&attr);
	return !err && scheduler_born;
}

static const char *make_first_scheduler(void)
{
	runtime_scheduler_next();
	if (!make_scheduler())
		return "no memory for the scheduler";
	return runtime_finish_start() < 0 ? "no kernel thread for the monitor" : NULL;
}

static void make_more_hubs(void)
{
	int n = 1, wanted = options.deterministic ? 1 : options.hubs ? options.hubs : cpus_usable();
	while (n < wanted && runtime_hub_prepare()) {
		make_scheduler();
		if (!runtime_hub_begin())
			break;
		n++;
	}
	if (n < wanted && options.hubs)
		say("%u hubs: there is no room for more", (unsigned)n);
}

static void *tell_tid(void *arg)
{
	*(pid_t *)arg = gettid();
	return arg;
}

/* One green thread, to its join, before the program's own. */
static const char *self_test(void)
{
	pthread_attr_t attr;
	pthread_t t;
	pid_t tid = 0;
	void *ret = NULL;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, SMALL_STACK);
	int err = real_pthread_create(&t, &attr, tell_tid, &tid);
	pthread_attr_destroy(&attr);
	if (err || pthread_join(t, &ret) || ret != &tid)
		return "the self-test failed: no thread could be made";
	return tid < TID_BASE ? "the self-test failed: its thread was not green" : NULL;
}

/* Beyond all numbers: of nothing. */
static bool try_close_range(void)
{
	return syscall(SYS_close_range, ~0U, ~0U, 0) == 0;
}

static const char *start(void)
{
	raw_syscall = next_function("syscall", NULL);
	const uintptr_t *rseq_offset = dlsym(RTLD_DEFAULT, "__rseq_offset");
	const struct runtime_options opt = {
	    .max_carriers = (uint32_t)options.max_carriers,
	    .alone_after = (uint32_t)options.alone_after,
	    .monitored = !options.deterministic,
	    .reader = !options.deterministic && sandbox_lets(try_close_range),
	    .trap = trap,
	    .rseq_offset = rseq_offset ? *rseq_offset : 0,
	};
	runtime_hooks = (struct runtime_hooks){
	    .noted_symbol = note_distance(),
	    .site_start = start_of,
	    .site_canonical = canonical,
	    .site_resume = resume_of,
	    .is_raw = is_raw,
	    .in_trampoline = in_export,
	    .last_thread_exit = exit_process,
	    .abort = abort,
	    .carrier_begins = trap ? trap_begin : NULL,
	    .trap_excepts = trap && trap_has_exceptions() ? trap_is_except : NULL,
	    .preempted = green_preempted,
	    .forked = after_fork,
	};
	int err = runtime_start(&opt);
	if (err)
		return err == -EMFILE ? "no file descriptors left" : "no memory";
	const char *why = make_first_scheduler();
	return why ? why : self_test();
}

static bool may_trap(void)
{
	const char *why = trap_prepare(options.trap_except);
	if (why)
		say("system calls outside libc are not caught: %s", why);
	return !why;
}

/* Nothing of the runtime runs; the sites lead to it all the same, so that it sees the calls. Without a tool they stay
 * as they are. */
static const char *watch(void)
{
	watched = true;
	if (!trace_tool_lives())
		return NULL;
	runtime_prepare();
	const char *why = patch();
	if (why)
		return why;
	runtime_hooks = (struct runtime_hooks){.site_canonical = canonical, .noted_symbol = note_distance()};
	trace_start_native();
	return NULL;
}

static const char *arm(void)
{
	int threads = kernel_threads();
	const char *why = sandbox_forbids();
	if (why)
		return why;
	if (threads != 1)
		return threads ? "there is more than one thread already" : "/proc/self/status cannot be read";
	symbols_resolve_all();
	if (trace_wants_native())
		return watch();
	if (loop_load(private_dlopen))
		return "libuv.so.1 cannot be opened";
	trap = options.trap && may_trap();
	runtime_prepare(); /* every patched site asks for the carrier */
	why = patch();
	if (why)
		return why;
	why = start();
	if (!why) {
		make_more_hubs();
		take_own_signals();
		exclude_start();
		if (trap)
			trap_begin();
		trace_armed();
		return NULL;
	}
	runtime_abandon();
	sites_unpatch(&sites);
	patched = false;
	return why;
}

static void arm_hook(uint32_t symbol, const void *routine)
{
	int expected = DORMANT, saved = errno;
	struct note call = note; /* before arming makes calls of its own */
	if (!__atomic_compare_exchange_n((int *)&state, &expected, ARMING, false, __ATOMIC_ACQ_REL, __ATOMIC_ACQUIRE))
		return;
	const char *why = arm();
	bool green = !why && !watched;
	symbol_arm_hook = green && options.exclude ? exclude_thread : NULL;
	state = why ? REFUSED : ARMED;
	symbol_lock_watch = green;
	if (why)
		say("running natively: %s", why);
	else if (options.verbose && green)
		say("green threads from here on (first thread by %s)", symbol_name(symbol));
	if (symbol_arm_hook) {
		note = call;
		exclude_thread(symbol, routine);
	}
	errno = saved;
}

void arm_on_first_thread(void)
{
	symbol_arm_hook = arm_hook;
}
