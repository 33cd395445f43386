/* Records become events, in the order of time, and go to the sinks. */
#include "tools/trace/tool.h"

#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* So long after its end a record may still come, through another ring than what came before it. */
#define SETTLES (20 * MILLISECOND)
/* Whatever their times say. */
#define QUEUE_MOST (256UL << 20)

enum { SINKS_MOST = 4, MAPS_MOST = 1 << 16 };

static void *base;
static const struct wanted *wanted;
static const struct sink *sinks[SINKS_MOST];
static size_t sink_count;

/* The tool's child, when it has ended; and whether a sink knows. */
static int child, child_status;
static bool child_told;
static struct process *untraced; /* the child, if it never wrote a record */
static bool seen;                /* a record, of any process */

/* How often the tool was stopped; the last time's end, and how long it was. */
static _Atomic unsigned interruptions;
static _Atomic uint64_t interrupted_until, interrupted_for;

#define TELL(what, ...)                                       \
	do {                                                  \
		for (size_t i_ = 0; i_ < sink_count; i_++)    \
			if (sinks[i_]->what)                  \
				sinks[i_]->what(__VA_ARGS__); \
	} while (0)

void events_start(void *memory, const struct wanted *w, const struct sink *const s[], size_t n)
{
	base = memory;
	wanted = w;
	sink_count = n < SINKS_MOST ? n : SINKS_MOST;
	memcpy(sinks, s, sink_count * sizeof(*s));
	threads_wanted(w->threads);
	stacks_start(memory);
	slots_start(memory);
}

void events_deadlock(const struct deadlock *d)
{
	TELL(deadlock, d);
}

/* Bytes that a hostile program says are there may not be. */
static size_t read_captures(const struct trace_call *r, struct capture out[CAPTURES_MOST])
{
	const uint8_t *at = r->captured, *end = (const uint8_t *)r + r->h.size;
	size_t n = 0;

	while (n < CAPTURES_MOST && (size_t)(end - at) >= sizeof(struct trace_capture)) {
		struct trace_capture head;
		memcpy(&head, at, sizeof(head));
		at += sizeof(head);
		size_t padded = (head.size + 7UL) & ~7UL;
		if (head.size > (size_t)(end - at) || head.arg > 5)
			break;
		out[n++] = (struct capture){head.arg, head.part, head.of, head.size, at};
		at += padded < (size_t)(end - at) ? padded : (size_t)(end - at);
	}
	return n;
}

/* Those that say how a process ends are always asked for. */
static void note_exit(struct traced *t, const struct trace_call *r)
{
	if (r->h.type != TRACE_ENTER || r->nr != SYS_exit_group)
		return;
	t->exits = true;
	t->code = (int)(r->args[0] & 0xff);
}

/* The function may have returned: its name stays on a stack that nobody has written over. */
static bool is_in_function(const struct stack *stack, uint64_t caller, unsigned nr)
{
	if (!stack) /* a lock is no function of the symbol door's */
		return nr != SYS_futex;
	for (size_t i = 0; i < stack->frames; i++)
		if (stack->pcs[i] == caller)
			return true;
	return false;
}

static void deliver_call(const struct item *item)
{
	const struct trace_call *r = (const struct trace_call *)&item->record;
	struct traced *t = item->traced;
	struct seen *s = thread_get(t, (int)r->h.tid);
	struct seen *owner = r->owner ? thread_of_past(t, (int)r->owner) : NULL;
	struct capture captures[CAPTURES_MOST];

	note_exit(t, r);
	if (!s || s->unwanted || !call_wanted(wanted->calls, r->nr))
		return;
	struct call c = {.thread = &s->thread,
	    .start = r->start,
	    .end = r->end > r->start ? r->end : r->start,
	    .result = r->result,
	    .nr = r->nr,
	    .verdict = r->verdict < TRACE_VERDICTS ? r->verdict : TRACE_DONE,
	    .flags = r->flags,
	    .function = function_name(r->symbol),
	    .group = function_group(r->symbol),
	    .invocation = r->invocation,
	    .waiting = r->waiting,
	    .held = r->held,
	    .stack = stack_of(r->stack),
	    .owner = owner ? &owner->thread : NULL,
	    .owner_stack = stack_of(r->owner_stack),
	    .begins = r->h.type == TRACE_ENTER,
	    .captures = captures,
	    .capture_count = read_captures(r, captures)};
	memcpy(c.args, r->args, sizeof(c.args));
	if (c.function && !is_in_function(c.stack, r->caller, c.nr))
		c.function = c.group = NULL;
	if (!c.stack || !c.stack->ours)
		TELL(call, &c);
}

static void deliver_sample(const struct item *item)
{
	const struct trace_sample *r = (const struct trace_sample *)&item->record;
	struct seen *s = thread_get(item->traced, (int)r->h.tid);

	if (s && !s->sample)
		s->sample = malloc(sizeof(*s->sample));
	if (!s || !s->sample)
		return;
	*s->sample = (struct sample){.since = r->since, .nr = r->nr, .stack = r->stack, .waiting = r->waiting};
	memcpy(s->sample->args, r->args, sizeof(r->args));
}

/* With what the monitor has found meanwhile. */
static void tell_run(struct seen *s, struct run *run)
{
	const struct sample *sample = s->sample;

	run->thread = &s->thread;
	run->nr = -1;
	if (sample) {
		run->nr = sample->nr < TRACE_CALLS ? sample->nr : -1;
		run->stack = stack_of(sample->stack);
		run->waiting = sample->waiting > run->waiting ? sample->waiting : run->waiting;
		memcpy(run->args, sample->args, sizeof(run->args));
		run->starved &= sample->nr < 0;
	}
	free(s->sample);
	s->sample = NULL;
	if (!s->unwanted)
		TELL(run, run);
}

static void deliver_run(const struct item *item)
{
	const struct trace_run *r = (const struct trace_run *)&item->record;
	struct seen *s = thread_get(item->traced, (int)r->h.tid);
	struct run run = {.start = r->start,
	    .end = r->end > r->start ? r->end : r->start,
	    .rescued_at = r->rescued_at,
	    .waiting = r->waiting,
	    .alone = r->alone,
	    .starved = r->sampled_at && r->end > r->sampled_at && r->cpu < (r->end - r->sampled_at) / 2};

	if (s)
		tell_run(s, &run);
}

static void deliver_name(const struct item *item)
{
	const struct trace_name *r = (const struct trace_name *)&item->record;
	struct seen *s = thread_get(item->traced, (int)r->h.tid);

	if (s)
		thread_rename(s, r->name);
}

static void deliver_end(const struct item *item)
{
	struct seen *s = thread_get(item->traced, (int)item->record.tid);

	if (s)
		thread_end(s);
}

/* What a thread was at when its process ended. */
void events_unfinished(struct traced *t, const struct trace_slot *slot, uint64_t at)
{
	struct seen *s = thread_get(t, (int)slot->tid);

	if (!s)
		return;
	if (slot->state == TRACE_IN_PROGRAM) {
		struct run run = {.start = slot->since, .end = at > slot->since ? at : slot->since};
		if (s->sample)
			tell_run(s, &run);
		return;
	}
	/* These were told when they began. */
	if (slot->nr == SYS_exit || slot->nr == SYS_exit_group || slot->nr == SYS_execve || slot->nr == SYS_execveat)
		return;
	if (s->unwanted || !call_wanted(wanted->calls, slot->nr))
		return;
	struct call c = {.thread = &s->thread,
	    .start = slot->since,
	    .end = at > slot->since ? at : slot->since,
	    .nr = slot->nr,
	    .verdict = slot->state == TRACE_IS_PARKED ? TRACE_PARKED : TRACE_DONE,
	    .function = function_name(slot->symbol),
	    .group = function_group(slot->symbol),
	    .invocation = slot->invocation,
	    .stack = stack_of(slot->stack),
	    .unfinished = true};
	memcpy(c.args, slot->args, sizeof(c.args));
	TELL(call, &c);
}

static void tell_status(struct process *p, int status, uint64_t at)
{
	struct life l = {.process = p, .at = at};

	l.what = WIFSIGNALED(status) ? LIFE_KILLED : LIFE_EXITS;
	l.code = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
	l.core = WIFSIGNALED(status) && WCOREDUMP(status);
	TELL(life, &l);
}

/* Of a process that is not the tool's child, all that is known is what it said last. */
static void tell_end(const struct traced *t, uint64_t at)
{
	struct life l = {
	    .what = t->exits ? LIFE_EXITS : LIFE_VANISHES, .process = t->process, .code = t->code, .at = at};

	if (child && t->process->pid == child) {
		child_told = true;
		tell_status(t->process, child_status, at);
	} else {
		TELL(life, &l);
	}
}

static void deliver_gone(const struct item *item)
{
	slots_of_dead(base, item->traced, item->at);
	if (item->record.type == ITEM_GONE)
		tell_end(item->traced, item->at);
	threads_end_of(item->traced);
}

/* It lives on under another serial number: what its threads are at goes on, too. */
static void deliver_anew(const struct item *item)
{
	threads_end_of(item->traced);
}

static void deliver_process(const struct item *item)
{
	const struct trace_process *r = (const struct trace_process *)&item->record;
	struct life l = {.what = item->traced->execs ? LIFE_EXECS : LIFE_BEGINS,
	    .process = item->traced->process,
	    .parent = (int)r->parent,
	    .at = item->at};

	if (!item->traced->anew)
		TELL(life, &l);
}

static void put(struct traced *t, uint64_t at, const struct trace_record *r)
{
	uint64_t most = now();

	queue_put(t, at < most ? at : most, r);
}

static void set_gone(struct traced *t, uint16_t type, uint64_t at)
{
	const struct trace_record r = {.size = sizeof(r), .type = type};

	if (t->gone)
		return;
	traced_set_gone(t);
	put(t, at, &r);
}

/* Only to begin anew after an interruption, if it is the same program. */
static bool goes_on(const struct traced *before, const struct trace_process *r)
{
	uint64_t until = atomic_load(&interrupted_until);

	return before->begun_at < until && until <= r->at &&
	       (!before->begun || strcmp(before->process->path, r->path) == 0);
}

/* Else the same pid with a new serial number has executed another program. */
static void take_process(struct traced *t, const struct trace_record *record)
{
	const struct trace_process *r = (const struct trace_process *)record;

	for (struct traced *other = traced_first(), *next; other; other = next) {
		next = other->next;
		if (other != t && other->process->pid == t->process->pid) {
			t->anew = goes_on(other, r);
			t->execs = !t->anew;
			set_gone(other, t->anew ? ITEM_ANEW : ITEM_EXECS, r->at);
		}
	}
	traced_set_path(t, r->path);
	t->begun_at = r->at;
	t->process->native = !r->hubs;
	put(t, r->at, record);
}

static void take_map(struct traced *t, const struct trace_record *record)
{
	const struct trace_map *r = (const struct trace_map *)record;

	if (t->maps < MAPS_MOST && r->start < r->end) {
		t->maps++;
		process_map(t->process, r->start, r->end, r->offset, r->path);
	}
}

static void take_stack(struct traced *t, const struct trace_record *record)
{
	stack_take(t, (const struct trace_stack *)record);
}

/* Where a record has its time; those without are not put in order. */
static const struct {
	void (*take)(struct traced *t, const struct trace_record *record);
	size_t time;
	void (*deliver)(const struct item *item);
} types[] = {
    [TRACE_PROCESS] = {take_process, 0, deliver_process},
    [TRACE_MAP] = {take_map, 0, NULL},
    [TRACE_NAME] = {NULL, offsetof(struct trace_name, at), deliver_name},
    [TRACE_END] = {NULL, offsetof(struct trace_end, at), deliver_end},
    [TRACE_STACK] = {take_stack, 0, NULL},
    [TRACE_ENTER] = {NULL, offsetof(struct trace_call, start), deliver_call},
    [TRACE_CALL] = {NULL, offsetof(struct trace_call, end), deliver_call},
    [TRACE_SAMPLE] = {NULL, offsetof(struct trace_sample, at), deliver_sample},
    [TRACE_RUN] = {NULL, offsetof(struct trace_run, end), deliver_run},
    [ITEM_GONE] = {NULL, 0, deliver_gone},
    [ITEM_EXECS] = {NULL, 0, deliver_gone},
    [ITEM_ANEW] = {NULL, 0, deliver_anew},
};

void events_take(uint32_t serial, int pid, const struct trace_record *record)
{
	struct traced *t = traced_get(serial, wanted->pid ? wanted->pid : pid);
	uint64_t at;

	seen = true;
	if (!t)
		return;
	if (types[record->type].take) {
		types[record->type].take(t, record);
		return;
	}
	memcpy(&at, (const uint8_t *)record + types[record->type].time, sizeof(at));
	put(t, at, record);
}

bool events_gone(uint32_t serial)
{
	const struct traced *t = traced_find(serial);

	return t && t->gone;
}

void events_dead(struct traced *t)
{
	set_gone(t, ITEM_GONE, now());
}

void events_interrupted(uint64_t at, uint64_t silence)
{
	atomic_store(&interrupted_for, silence);
	atomic_store(&interrupted_until, at);
	atomic_fetch_add(&interruptions, 1);
}

unsigned events_tell_interruptions(void)
{
	static unsigned told;
	unsigned count = atomic_load(&interruptions);

	if (count != told)
		fprintf(stderr, "green: the tool was stopped for %.1f s: what the program did meanwhile is not shown\n",
		    (double)atomic_load(&interrupted_for) / SECOND);
	told = count;
	return count;
}

static void deliver(const struct item *item)
{
	types[item->record.type].deliver(item);
}

void events_deliver(uint64_t before)
{
	uint64_t settled = now() - SETTLES;
	bool all = before == UINT64_MAX || queue_bytes() > QUEUE_MOST;

	stacks_make(all);
	queue_deliver(all ? UINT64_MAX : before < settled ? before : settled, deliver);
}

void events_status(int pid, int status)
{
	child = pid;
	child_status = status;
}

bool events_seen(void)
{
	return seen;
}

/* A program that made no thread has written nothing. */
static void tell_untraced(const char *path)
{
	untraced = process_new(child, 0, path);
	if (untraced)
		tell_status(untraced, child_status, now());
}

void events_end(const char *path, const struct losses *l)
{
	events_deliver(UINT64_MAX);
	if (child && !child_told)
		tell_untraced(path);
	TELL(end, l, trace_options.begin, now());
}

void events_free(void)
{
	if (untraced)
		process_free(untraced);
	untraced = NULL;
	child = 0;
	child_told = false;
	seen = false;
	queue_free();
	stacks_free();
	threads_free();
	processes_free();
}
