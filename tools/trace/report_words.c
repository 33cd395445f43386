/* What the summary says around its table: deadlocks, losses, how processes ended, what to look at first. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/estimate.h"
#include "tools/trace/report.h"
#include "tools/trace/text.h"

enum { ENDS = 20, DEADLOCKS = 10 }; /* that are written out */

static struct {
	char *text;
	size_t size;
	FILE *out;
	size_t count, threads;
} ends, deadlocks;

static FILE *stream_of(char **text, size_t *size, FILE **out)
{
	if (!*out)
		*out = must_have(open_memstream(text, size));
	return *out;
}

void words_life(const struct life *l)
{
	if (l->what == LIFE_BEGINS || l->what == LIFE_EXECS || ends.count++ >= ENDS)
		return;
	FILE *out = stream_of(&ends.text, &ends.size, &ends.out);
	escaped_print(out, path_name(l->process->path));
	fprintf(out, " (pid %d) ", l->process->pid);
	text_life(out, l);
	fputs(".\n", out);
}

void words_deadlock(const struct deadlock *d)
{
	if (!deadlocks.count)
		deadlocks.threads = d->count;
	if (deadlocks.count++ < DEADLOCKS)
		text_deadlock(stream_of(&deadlocks.text, &deadlocks.size, &deadlocks.out), d);
}

static void print_stream(FILE *out, FILE *stream, char *const *text)
{
	if (!stream)
		return;
	fflush(stream);
	fputs(*text, out);
}

void words_deadlocks_print(FILE *out)
{
	print_stream(out, deadlocks.out, &deadlocks.text);
	if (deadlocks.count > DEADLOCKS)
		fprintf(out, "and %zu deadlocks more\n", deadlocks.count - DEADLOCKS);
	if (deadlocks.count)
		fputc('\n', out);
}

static void loss(FILE *out, uint64_t n, const char *what)
{
	if (n)
		fprintf(out, "Lost: %" PRIu64 " %s.\n", n, what);
}

void words_end(FILE *out, const struct losses *l, uint64_t duration)
{
	char text[TIME_SIZE];

	loss(out, l->records, "events that came faster than they were read");
	loss(out, l->no_ring, "events of processes that were too many to have a buffer each");
	loss(out, l->no_slot, "threads' present states: there were too many threads");
	loss(out, l->damaged, "events that were damaged");
	if (l->interruptions)
		fprintf(out, "Interrupted %u time%s: the tool was stopped, and nothing was traced meanwhile.\n",
		    l->interruptions, l->interruptions == 1 ? "" : "s");
	print_stream(out, ends.out, &ends.text);
	if (ends.count > ENDS)
		fprintf(out, "and %zu processes more ended.\n", ends.count - ENDS);
	fprintf(out, "Traced for %s.\n", text_time(text, duration));
}

/* What a thread does in a function, while it holds a lock. */
static const char *doing(const char *what)
{
	static const struct {
		const char *begin, *words;
	} table[] = {
	    {"sleep", "while it sleeps"},
	    {"usleep", "while it sleeps"},
	    {"nanosleep", "while it sleeps"},
	    {"clock_nanosleep", "while it sleeps"},
	    {"thrd_sleep", "while it sleeps"},
	    {"pthread_", "while it waits for another thread"},
	    {"mtx_lock", "while it waits for another lock"},
	    {"sem_", "while it waits for a semaphore"},
	    {"futex", "while it waits for another thread"},
	    {"connect", "while it connects"},
	    {"accept", "while it waits for a connection"},
	    {"getaddrinfo", "while it looks up a name"},
	    {"gethostby", "while it looks up a name"},
	    {"fsync", "while it syncs"},
	    {"fdatasync", "while it syncs"},
	    {"wait", "while it waits for a child"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if (strncmp(what, table[i].begin, strlen(table[i].begin)) == 0)
			return table[i].words;
	return NULL;
}

static const char *place_of(const struct site *s)
{
	return *s->where ? s->where : s->program;
}

static void threads_held_up(FILE *out, const struct row *r)
{
	if (r->waiting_most)
		fprintf(out, " and held up %u thread%s.\n", r->waiting_most, r->waiting_most == 1 ? "" : "s");
	else
		fputs(", and could have held up others.\n", out);
}

static void look_at_harm(FILE *out, const struct row *r)
{
	char text[TIME_SIZE];

	fprintf(out, "Look first at %s: ", place_of(r->site));
	if (r->outcome == OUTCOME_COMPUTED)
		fprintf(out, "it computed for up to %s", text_time(text, r->most));
	else
		fprintf(out, "%s held the hub for up to %s", r->site->what, text_time(text, r->held_most));
	threads_held_up(out, r);
}

static void look_at_uncovered(FILE *out, const struct row *r)
{
	char text[TIME_SIZE];

	fprintf(out, "Look first at %s: %s is not covered, and blocked a kernel thread for up to %s.\n",
	    place_of(r->site), r->site->what, text_time(text, r->uncovered_most));
}

static void look_at_lock(FILE *out, const struct row *r)
{
	const struct site *holder = row_main_holder(r)->site;
	const char *words = doing(holder->what);
	char text[TIME_SIZE];

	fprintf(out, "Look first at %s: threads waited %s in all for a lock that ",
	    place_of(*holder->where ? holder : r->site), text_time(text, r->suspect));
	fputs(*holder->where ? "it holds" : "another thread holds", out);
	if (words)
		fprintf(out, " %s", words);
	else if (*holder->what)
		fprintf(out, " while it is in %s", holder->what);
	fputs(".\n", out);
}

/* The lock that was waited for the longest, if that is a hundredth of the trace at least. */
static const struct row *worst_lock(struct row **rows, size_t count, uint64_t duration)
{
	for (size_t i = 0; i < count; i++)
		if (row_rank(rows[i]) == RANK_SUSPECT && row_main_holder(rows[i]))
			return rows[i]->suspect >= duration / 100 ? rows[i] : NULL;
	return NULL;
}

/* --native: what would not park, if it is a hundredth of the waiting at least. */
static void look_at_native(FILE *out, struct row **rows, size_t count)
{
	const struct row *worst = NULL;
	char text[TIME_SIZE];

	if (!estimate_waiting()) {
		fputs("There was no waiting: green threads would change little.\n", out);
		return;
	}
	for (size_t i = 0; i < count; i++)
		if (rows[i]->stays && (!worst || rows[i]->stays > worst->stays))
			worst = rows[i];
	if (!worst || worst->stays < estimate_waiting() / 100) {
		fputs("All of its waiting that matters would park: green threads suit it.\n", out);
		return;
	}
	fprintf(out, "Look first at %s: %s waited %s in all that would not park.\n", place_of(worst->site),
	    worst->site->what, text_time(text, worst->stays));
}

void words_look_first(FILE *out, struct row **rows, size_t count, uint64_t duration)
{
	const struct row *lock = worst_lock(rows, count, duration);

	if (deadlocks.count)
		fprintf(out, "Look first at the deadlock above, of %zu thread%s.\n", deadlocks.threads,
		    deadlocks.threads == 1 ? "" : "s");
	else if (trace_options.native)
		look_at_native(out, rows, count);
	else if (count && row_rank(rows[0]) == RANK_HARM)
		look_at_harm(out, rows[0]);
	else if (count && row_rank(rows[0]) == RANK_NOT_COVERED)
		look_at_uncovered(out, rows[0]);
	else if (lock)
		look_at_lock(out, lock);
	else
		fputs("Nothing held up anybody.\n", out);
}
