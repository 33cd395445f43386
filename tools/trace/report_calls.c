/* The summary by system call, as strace -c gives it. What does not return is not counted. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "tools/trace/report.h"
#include "tools/trace/text.h"

enum { OTHERS = TRACE_CALLS }; /* all with greater numbers */

static struct of_call {
	uint64_t calls, errors, time;
	unsigned nr;
} by_call[TRACE_CALLS + 1];

/* The last execve or execveat that began. */
static unsigned exec_nr;
static int exec_pid;

enum column { SHARE, SECONDS, EACH, CALLS, ERRORS, NAME, COLUMNS };
static const char *const heads[COLUMNS] = {"% time", "seconds", "usecs/call", "calls", "errors", "syscall"};
static const bool left[COLUMNS] = {[NAME] = true};

void calls_count(const struct call *c)
{
	struct of_call *of = &by_call[c->nr < TRACE_CALLS ? c->nr : OTHERS];

	if (c->begins) {
		if (c->nr == SYS_execve || c->nr == SYS_execveat) {
			exec_nr = c->nr;
			exec_pid = c->thread->process->pid;
		}
		return;
	}
	if (c->unfinished)
		return;
	of->nr = c->nr;
	of->calls++;
	of->errors += call_failed(c);
	of->time += call_time(c);
}

/* The one that has no end because it worked. */
void calls_execs(const struct process *p)
{
	if (exec_pid != p->pid)
		return;
	by_call[exec_nr].nr = exec_nr;
	by_call[exec_nr].calls++;
	exec_pid = 0;
}

static int by_time(const void *a, const void *b)
{
	const struct of_call *one = a, *other = b;

	if (one->time != other->time)
		return one->time < other->time ? 1 : -1;
	return one->calls < other->calls ? 1 : one->calls > other->calls ? -1 : 0;
}

static char *text_of(const char *format, double value)
{
	char text[32];
	snprintf(text, sizeof(text), format, value);
	return must_have(strdup(text));
}

static void add_row(struct cells *t, const struct of_call *of, uint64_t all, const char *name)
{
	char **cells = cells_row(t);

	cells[SHARE] = text_of("%.2f", all ? 100 * (double)of->time / (double)all : 0);
	cells[SECONDS] = text_of("%.6f", (double)of->time / 1e9);
	cells[EACH] = cell_number(of->calls ? of->time / of->calls / 1000 : 0);
	cells[CALLS] = cell_number(of->calls);
	cells[ERRORS] = of->errors ? cell_number(of->errors) : NULL;
	cells[NAME] = must_have(strdup(name));
}

void calls_print(FILE *out)
{
	struct of_call sorted[TRACE_CALLS + 1], sum = {0};
	struct cells t = {.heads = heads, .left = left, .columns = COLUMNS};

	memcpy(sorted, by_call, sizeof(sorted));
	qsort(sorted, TRACE_CALLS + 1, sizeof(sorted[0]), by_time);
	for (size_t i = 0; i <= TRACE_CALLS; i++) {
		sum.calls += sorted[i].calls;
		sum.errors += sorted[i].errors;
		sum.time += sorted[i].time;
	}
	for (size_t i = 0; i <= TRACE_CALLS; i++)
		if (sorted[i].calls)
			add_row(
			    &t, &sorted[i], sum.time, sorted[i].nr < TRACE_CALLS ? call_name(sorted[i].nr) : "others");
	if (!t.rows)
		return;
	add_row(&t, &sum, sum.time, "total");
	cells_print(out, &t);
	fputc('\n', out);
}
