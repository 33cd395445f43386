/* clang-format off */
/*
 * An event a line, each a JSON object. Bytes that are not UTF-8 are written as U+FFFD. Times are nanoseconds of
 * CLOCK_MONOTONIC, but for "time". What is not known is null, and what is marked with ? may be missing.
 *
 * All have:
 *	type        "call", "run", "life", "deadlock" or "end"
 *	time        seconds since 1970, when it began
 * All but "end" have:
 *	pid         of the process
 *	program     path of the program that it executes
 * "call", a system call:
 *	tid, thread the thread's number and name
 *	nr, name    the system call
 *	call        with its arguments, as strace(1) writes them
 *	args        the six arguments as they were passed: numbers
 *	result      ?what it returned: a negative errno where it failed
 *	error       ?that errno's name
 *	start, end  end: null where it was not seen
 *	duration    end - start
 *	state       "ended", "begins" (it may not return: execve, exit), "unfinished" (the process ended meanwhile)
 *	verdict     "done", "parked", "handed off", "held the hub", "rescued" or "kernel thread"
 *	not_covered whether the runtime knows nothing of this call
 *	trapped     whether it was made past libc
 *	function    the function of libc that the program called
 *	group       of functions, that this one belongs to
 *	invocation  the same in all calls of one invocation of that function by this thread
 *	held        how long it kept the hub
 *	waiting     threads that were ready meanwhile
 *	stack       from the innermost frame: objects of function, file, line, module, offset (from the function's
 *	            begin; from the module's where no function is known), inlined (into the next one)
 *	owner       ?who held the lock that it waited for: an object of tid, thread, stack
 * "run", a long stay in the program: tid, thread, start, end, duration, waiting, stack, and
 *	rescued     after how long the hub was taken from it; null: it was not
 *	alone       whether it was on a kernel thread of its own, where it held up nobody
 *	starved     whether it was ready rather than running: it had no CPU for most of the time
 *	nr, name    ?the system call past libc in which it slept; it computed where they are missing
 *	call, args  ?that call's
 * "life":
 *	what        "begins", "execs", "exits", "killed", "vanishes" (how is not known)
 *	parent      ?"begins": the parent's pid
 *	code        ?"exits": the exit status
 *	signal      ?"killed": the signal's number
 *	core        ?"killed": whether a core was dumped
 * "deadlock":
 *	ring        whether each waits for a lock that the next one holds; if not, all threads of the process wait
 *	waiters     objects of tid, thread, lock (its address), owner (null, or an object of tid, thread), stack
 * "end", the last one:
 *	begin, end  of the trace
 *	interruptions  how often the tool was stopped for so long that nothing was traced
 *	lost        an object of records, no_ring, no_slot, damaged: how many
 */
/* clang-format on */
#include <inttypes.h>
#include <string.h>

#include "tools/trace/text.h"

#define REPLACEMENT "\xef\xbf\xbd"

/* Any but an object's first: that one is written with its brace. */
static void key(FILE *out, const char *name)
{
	fprintf(out, ",\"%s\":", name);
}

static void character(FILE *out, const char *s, int bytes, uint32_t c)
{
	if (!bytes)
		fputs(REPLACEMENT, out);
	else if (c == '"' || c == '\\')
		fprintf(out, "\\%c", (int)c);
	else if (moves_the_cursor(c))
		fprintf(out, "\\u%04x", c);
	else
		fwrite(s, 1, (size_t)bytes, out);
}

static void string(FILE *out, const char *s)
{
	if (!s) {
		fputs("null", out);
		return;
	}
	fputc('"', out);
	while (*s) {
		uint32_t c;
		int bytes = utf8_decode(s, &c);
		character(out, s, bytes, c);
		s += bytes ? bytes : 1;
	}
	fputc('"', out);
}

static void string_key(FILE *out, const char *name, const char *value)
{
	key(out, name);
	string(out, value);
}

static void number_key(FILE *out, const char *name, uint64_t value)
{
	fprintf(out, ",\"%s\":%" PRIu64, name, value);
}

static void signed_key(FILE *out, const char *name, int64_t value)
{
	fprintf(out, ",\"%s\":%" PRId64, name, value);
}

static void bool_key(FILE *out, const char *name, bool value)
{
	fprintf(out, ",\"%s\":%s", name, value ? "true" : "false");
}

static void line_begins(FILE *out, const char *type, uint64_t at)
{
	uint64_t real = at + (uint64_t)trace_options.to_realtime;
	fprintf(out, "{\"type\":\"%s\",\"time\":%" PRIu64 ".%09" PRIu64, type, real / 1000000000, real % 1000000000);
}

static void process_keys(FILE *out, const struct process *p)
{
	signed_key(out, "pid", p->pid);
	string_key(out, "program", p->path);
}

static void thread_keys(FILE *out, const struct thread *t)
{
	process_keys(out, t->process);
	signed_key(out, "tid", t->tid);
	string_key(out, "thread", t->name);
}

static void place(FILE *out, const struct place *p)
{
	fputs("{\"function\":", out);
	string(out, p->function);
	string_key(out, "file", p->path ? p->path : p->file);
	key(out, "line");
	if (p->file || p->path)
		fprintf(out, "%d", p->line);
	else
		fputs("null", out);
	string_key(out, "module", p->module);
	number_key(out, "offset", p->offset);
	bool_key(out, "inlined", p->inlined);
	fputc('}', out);
}

static void stack_key(FILE *out, const struct stack *stack)
{
	key(out, "stack");
	if (!stack) {
		fputs("null", out);
		return;
	}
	fputc('[', out);
	for (size_t i = 0; i < stack->count; i++) {
		fputs(i ? "," : "", out);
		place(out, &stack->places[i]);
	}
	fputc(']', out);
}

static void args_key(FILE *out, const uint64_t args[6])
{
	key(out, "args");
	for (int i = 0; i < 6; i++)
		fprintf(out, "%c%" PRIu64, i ? ',' : '[', args[i]);
	fputc(']', out);
}

/* What `print` writes, as a string. One stream for all of them: there is one for every event. */
static void printed_key(FILE *out, const char *name, void (*print)(FILE *out, const void *), const void *what)
{
	static FILE *stream;
	static char *text;
	static size_t size;

	if (!stream)
		stream = must_have(open_memstream(&text, &size));
	rewind(stream);
	print(stream, what);
	fputc('\0', stream);
	fflush(stream);
	string_key(out, name, text);
}

static void print_call(FILE *out, const void *call)
{
	call_print(out, call);
}

static void print_run(FILE *out, const void *what)
{
	const struct run *r = what;
	call_print_args(out, r->nr, r->args);
}

static void identity_keys(FILE *out, const struct thread *t)
{
	fprintf(out, "{\"tid\":%d", t->tid);
	string_key(out, "thread", t->name);
}

static void times_keys(FILE *out, uint64_t start, uint64_t end)
{
	number_key(out, "start", start);
	number_key(out, "end", end);
	number_key(out, "duration", end > start ? end - start : 0);
}

static void result_keys(FILE *out, const struct call *c)
{
	if (c->begins || c->unfinished) {
		number_key(out, "start", c->start);
		fputs(",\"end\":null,\"duration\":null", out);
	} else {
		signed_key(out, "result", c->result);
		if (call_failed(c) && strerrorname_np((int)-c->result))
			string_key(out, "error", strerrorname_np((int)-c->result));
		times_keys(out, c->start, c->end);
	}
	string_key(out, "state", c->begins ? "begins" : c->unfinished ? "unfinished" : "ended");
}

static void function_keys(FILE *out, const struct call *c)
{
	string_key(out, "function", c->function);
	string_key(out, "group", c->group);
	number_key(out, "invocation", c->invocation);
}

static void verdict_keys(FILE *out, const struct call *c)
{
	string_key(out, "verdict", verdict_name(c->verdict));
	bool_key(out, "not_covered", c->flags & TRACE_NOT_COVERED);
	bool_key(out, "trapped", c->flags & TRACE_TRAPPED);
	number_key(out, "held", c->held);
	number_key(out, "waiting", c->waiting);
}

static void json_call(const struct call *c)
{
	FILE *out = trace_options.out;

	if (!trace_options.json || !call_is_slow(c))
		return;
	line_begins(out, "call", c->start);
	thread_keys(out, c->thread);
	number_key(out, "nr", c->nr);
	string_key(out, "name", call_name(c->nr));
	printed_key(out, "call", print_call, c);
	args_key(out, c->args);
	result_keys(out, c);
	verdict_keys(out, c);
	function_keys(out, c);
	stack_key(out, c->stack);
	if (c->owner) {
		key(out, "owner");
		identity_keys(out, c->owner);
		stack_key(out, c->owner_stack);
		fputc('}', out);
	}
	fputs("}\n", out);
}

static void json_run(const struct run *r)
{
	FILE *out = trace_options.out;

	if (!trace_options.json || !run_is_slow(r))
		return;
	line_begins(out, "run", r->start);
	thread_keys(out, r->thread);
	times_keys(out, r->start, r->end);
	key(out, "rescued");
	if (r->rescued_at > r->start)
		fprintf(out, "%" PRIu64, r->rescued_at - r->start);
	else
		fputs("null", out);
	number_key(out, "waiting", r->waiting);
	bool_key(out, "alone", r->alone);
	bool_key(out, "starved", r->starved);
	if (r->nr >= 0) {
		signed_key(out, "nr", r->nr);
		string_key(out, "name", call_name((unsigned)r->nr));
		printed_key(out, "call", print_run, r);
		args_key(out, r->args);
	}
	stack_key(out, r->stack);
	fputs("}\n", out);
}

static void json_life(const struct life *l)
{
	static const char *const what[] = {[LIFE_BEGINS] = "begins",
	    [LIFE_EXECS] = "execs",
	    [LIFE_EXITS] = "exits",
	    [LIFE_KILLED] = "killed",
	    [LIFE_VANISHES] = "vanishes"};
	FILE *out = trace_options.out;

	if (!trace_options.json)
		return;
	line_begins(out, "life", l->at);
	process_keys(out, l->process);
	string_key(out, "what", what[l->what]);
	if (l->what == LIFE_BEGINS)
		signed_key(out, "parent", l->parent);
	if (l->what == LIFE_EXITS)
		signed_key(out, "code", l->code);
	if (l->what == LIFE_KILLED) {
		signed_key(out, "signal", l->code);
		bool_key(out, "core", l->core);
	}
	fputs("}\n", out);
}

static void waiter(FILE *out, const struct waiter *w)
{
	identity_keys(out, w->thread);
	number_key(out, "lock", w->lock);
	key(out, "owner");
	if (w->owner) {
		identity_keys(out, w->owner);
		fputc('}', out);
	} else {
		fputs("null", out);
	}
	stack_key(out, w->stack);
	fputc('}', out);
}

static void json_deadlock(const struct deadlock *d)
{
	FILE *out = trace_options.out;

	if (!trace_options.json)
		return;
	line_begins(out, "deadlock", d->at);
	process_keys(out, d->process);
	bool_key(out, "ring", d->ring);
	key(out, "waiters");
	fputc('[', out);
	for (size_t i = 0; i < d->count; i++) {
		fputs(i ? "," : "", out);
		waiter(out, &d->waiters[i]);
	}
	fputs("]}\n", out);
	fflush(out);
}

static void json_end(const struct losses *l, uint64_t begin, uint64_t end)
{
	FILE *out = trace_options.out;

	if (!trace_options.json)
		return;
	line_begins(out, "end", begin);
	number_key(out, "begin", begin);
	number_key(out, "end", end);
	number_key(out, "interruptions", l->interruptions);
	fprintf(out, ",\"lost\":{\"records\":%" PRIu64, l->records);
	number_key(out, "no_ring", l->no_ring);
	number_key(out, "no_slot", l->no_slot);
	number_key(out, "damaged", l->damaged);
	fputs("}}\n", out);
}

const struct sink json_sink = {
    .call = json_call, .run = json_run, .life = json_life, .deadlock = json_deadlock, .end = json_end};
