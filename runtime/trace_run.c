/*
 * Where the monitor finds a thread that stays in the program: it computes, and is interrupted to have a look at its
 * stack, or it sleeps in a call made past libc, of which /proc tells the number and the place.
 */
#include "carrier.h"
#include "clock.h"
#include "mem.h"
#include "proc.h"
#include "runtime.h"
#include "sigframe_x86_64.h"
#include "signal_core.h"
#include "trace_internal.h"
#include "trap.h"

static void tell(int tid, nsec_t since, int nr, const uint64_t args[6], uint32_t stack, uint32_t waiting)
{
	struct trace_writer w;
	struct trace_sample *s = trace_write(&w, sizeof(*s), TRACE_SAMPLE, tid);
	if (!s)
		return;
	s->at = (uint64_t)clock_now();
	s->since = (uint64_t)since;
	s->nr = nr;
	s->stack = stack;
	s->waiting = waiting;
	s->pad = 0;
	for (int i = 0; i < 6; i++)
		s->args[i] = args ? args[i] : 0;
	trace_written(&w, sizeof(*s));
}

static const char *number(const char *p, const char *end, uint64_t *value)
{
	while (p < end && *p == ' ')
		p++;
	bool hex = end - p > 2 && p[0] == '0' && p[1] == 'x';
	*value = 0;
	for (p += hex ? 2 : 0; p < end && *p != ' ' && *p != '\n'; p++)
		*value = *value * (hex ? 16 : 10) + (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return p;
}

/* proc_pid_syscall(5): number, six arguments, stack pointer, instruction pointer; or "running", or "-1" ... */
static bool sleeping_call(int tid, uint64_t v[9])
{
	char text[256];
	size_t n = proc_read_unseen("/proc/self/task/", tid, "/syscall", text, sizeof(text));
	const char *p = text, *end = text + n;
	if (!n || text[0] < '0' || text[0] > '9')
		return false;
	for (int i = 0; i < 9; i++)
		p = number(p, end, &v[i]);
	return true;
}

static void sample_sleeper(struct carrier *c, const struct thread *t, nsec_t since, uint32_t waiting)
{
	int tid = thread_tid(t);
	uint64_t v[9];
	if (!sleeping_call(c->tid, v))
		return;
	const struct trace_stack at = {.incomplete = 1, .sp = v[7], .ip = v[8] - SYSCALL_LENGTH};
	uint32_t stack = trace_stack_send(&at, tid, t->stack_low + t->stack_size);
	tell(tid, since, (int)v[0], v + 1, stack, waiting);
}

/* The thread may end at any moment, but its memory is never unmapped. */
void trace_sample(struct carrier *c, nsec_t since, bool sleeps, uint32_t waiting)
{
	struct thread *t = __atomic_load_n(&c->current, __ATOMIC_RELAXED);
	if (!t || c->trace_sampled_at)
		return;
	/* Whether it has a CPU is known from now on, whenever it comes to its handler. */
	c->trace_cpu = cpu_time_of_carrier(c->tid);
	c->trace_sampled_at = clock_now();
	if (sleeps) {
		sample_sleeper(c, t, since, waiting);
		return;
	}
	c->trace_since = since;
	c->rescue_waiting = waiting;
	atomic_store(&c->trace_asked, true);
	signal_interrupt(c);
}

void trace_sample_here(struct carrier *c, const struct kucontext *uc)
{
	const struct trace_stack at = {.ip = uc->ip,
	    .sp = uc->sp,
	    .bp = uc->bp,
	    .bx = uc->bx,
	    .r12 = uc->r12,
	    .r13 = uc->r13,
	    .r14 = uc->r14,
	    .r15 = uc->r15};
	const struct thread *t = c->current;
	int tid = thread_tid(t);
	if (!tracing())
		return;
	uint32_t stack = trace_stack_send(&at, tid, t->stack_low + t->stack_size);
	tell(tid, c->trace_since, -1, NULL, stack, c->rescue_waiting);
}
