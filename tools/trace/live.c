/* A line for each event, in strace(1)'s manner. */
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

#include "tools/trace/text.h"

enum { RUN_LEAST = 10000000 }; /* ns: shorter stays in the program are no news */

/* An execve that has begun: whether it worked, the process's next event says. */
struct exec {
	uint32_t thread;
	int pid; /* the new program is another struct process */
	char *text;
	struct exec *next;
};

static struct exec *execs;
static int first_pid;
static bool several_pids;

static bool wanted(void)
{
	return !trace_options.summary && !trace_options.json;
}

static void time_of_day(FILE *out, uint64_t at)
{
	static time_t last = -1;
	static struct tm tm;
	uint64_t real = at + (uint64_t)trace_options.to_realtime;
	time_t second = (time_t)(real / 1000000000);

	if (second != last) {
		localtime_r(&second, &tm);
		last = second;
	}
	fprintf(out, "%02d:%02d:%02d.%06u ", tm.tm_hour, tm.tm_min, tm.tm_sec, (unsigned)(real % 1000000000 / 1000));
}

static void line_begins(FILE *out, const struct process *p, uint64_t at)
{
	if (!first_pid)
		first_pid = p->pid;
	several_pids |= p->pid != first_pid;
	if (several_pids)
		fprintf(out, "[pid %d] ", p->pid);
	time_of_day(out, at);
}

static void thread_line_begins(FILE *out, const struct thread *t, uint64_t at)
{
	line_begins(out, t->process, at);
	text_thread(out, t);
	fputc(' ', out);
}

static void at_site(FILE *out, const char *before, const struct stack *stack)
{
	const struct place *site = stack_site(stack);

	if (!site)
		return;
	fputs(before, out);
	text_place(out, site);
}

static void seconds(FILE *out, uint64_t ns)
{
	fprintf(
	    out, " <%llu.%06llu>", (unsigned long long)(ns / 1000000000), (unsigned long long)(ns % 1000000000 / 1000));
}

static void verdict(FILE *out, const struct call *c)
{
	char held[TIME_SIZE];

	text_time(held, c->held);
	if (c->verdict == TRACE_HELD)
		fprintf(out, " held the hub for %s", held);
	else if (c->verdict == TRACE_RESCUED)
		fprintf(out, " rescued after %s", held);
	else if (!c->unfinished || c->verdict != TRACE_DONE)
		fprintf(out, " %s", verdict_name(c->verdict));
	if (c->flags & TRACE_NOT_COVERED)
		fputs(", not covered", out);
}

/* What became of it, where, and who was in its way. */
static void what_became(FILE *out, const struct call *c)
{
	if (c->function && strcmp(c->function, call_name(c->nr)) != 0) {
		fputs(" (in ", out);
		escaped_print(out, c->function);
		fputc(')', out);
	}
	verdict(out, c);
	at_site(out, " at ", c->stack);
	if (c->owner) {
		fputs("; held by ", out);
		text_thread(out, c->owner);
		at_site(out, " at ", c->owner_stack);
	}
	fputc('\n', out);
}

static void print_call(FILE *out, const struct call *c)
{
	thread_line_begins(out, c->thread, c->start);
	call_print(out, c);
	fputc(' ', out);
	call_print_result(out, c);
	seconds(out, call_time(c));
	what_became(out, c);
}

/* The call in notation, allocated. */
static char *call_text(const struct call *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = must_have(open_memstream(&text, &size));

	call_print(out, c);
	fclose(out);
	return must_have(text);
}

static void print_unfinished(FILE *out, const struct call *c)
{
	char *text = call_text(c);
	size_t n = strlen(text);

	if (n && text[n - 1] == ')')
		text[n - 1] = '\0';
	thread_line_begins(out, c->thread, c->start);
	fprintf(out, "%s <unfinished ...>", text);
	seconds(out, call_time(c));
	what_became(out, c);
	free(text);
}

static void exec_drop(struct exec **at)
{
	struct exec *e = *at;
	*at = e->next;
	free(e->text);
	free(e);
}

static void exec_begins(const struct call *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = must_have(open_memstream(&text, &size));
	struct exec *e = must_have(calloc(1, sizeof(*e)));

	thread_line_begins(out, c->thread, c->start);
	call_print(out, c);
	fclose(out);
	*e = (struct exec){c->thread->number, c->thread->process->pid, must_have(text), execs};
	execs = e;
}

/* It failed after all: the call's own event says how. */
static void exec_ended(const struct call *c)
{
	for (struct exec **at = &execs; *at; at = &(*at)->next)
		if ((*at)->thread == c->thread->number) {
			exec_drop(at);
			return;
		}
}

/* The last one to begin is the one that worked. */
static void execs_end(FILE *out, const struct life *l)
{
	bool first = true;

	for (struct exec **at = &execs; *at;) {
		if ((*at)->pid != l->process->pid) {
			at = &(*at)->next;
			continue;
		}
		fprintf(out, "%s%s\n", (*at)->text, l->what == LIFE_EXECS && first ? " = 0" : " <unfinished ...>");
		first = false;
		exec_drop(at);
	}
}

static bool is_exec(const struct call *c)
{
	return c->nr == SYS_execve || c->nr == SYS_execveat;
}

static void begins(const struct call *c)
{
	if (is_exec(c)) {
		exec_begins(c);
		return;
	}
	thread_line_begins(trace_options.out, c->thread, c->start);
	call_print(trace_options.out, c);
	fputs(" = ?\n", trace_options.out);
}

static void live_call(const struct call *c)
{
	if (!wanted() || !call_is_slow(c))
		return;
	if (c->begins) {
		begins(c);
		return;
	}
	if (execs && is_exec(c))
		exec_ended(c);
	if (c->unfinished)
		print_unfinished(trace_options.out, c);
	else
		print_call(trace_options.out, c);
}

static void live_run(const struct run *r)
{
	FILE *out = trace_options.out;
	char text[TIME_SIZE];

	if (!wanted() || run_time(r) < (trace_options.slower ? trace_options.slower : RUN_LEAST))
		return;
	thread_line_begins(out, r->thread, r->start);
	if (r->nr >= 0) {
		fputs("slept in ", out);
		call_print_args(out, r->nr, r->args);
		fputs(" past libc", out);
	} else {
		fputs(r->starved ? "was ready to run, without a CPU," : "computed", out);
	}
	fprintf(out, " for %s", text_time(text, run_time(r)));
	if (r->rescued_at > r->start)
		fprintf(out, ", rescued after %s", text_time(text, r->rescued_at - r->start));
	if (r->waiting)
		fprintf(out, ", %u waiting", r->waiting);
	at_site(out, ", at ", r->stack);
	fputc('\n', out);
}

static void live_life(const struct life *l)
{
	FILE *out = trace_options.out;

	if (!wanted())
		return;
	if (l->what != LIFE_BEGINS)
		execs_end(out, l);
	line_begins(out, l->process, l->at);
	fputs("+++ ", out);
	text_life(out, l);
	fputs(" +++\n", out);
}

static void live_deadlock(const struct deadlock *d)
{
	if (!wanted())
		return;
	text_deadlock(trace_options.out, d);
	fflush(trace_options.out);
}

const struct sink live_sink = {.call = live_call, .run = live_run, .life = live_life, .deadlock = live_deadlock};
