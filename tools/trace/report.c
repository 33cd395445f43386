/*
 * The summary by call site. All calls that one invocation of a libc function makes are one entry: a getaddrinfo that
 * polls fourteen times is one wait, at the line that called it. What is kept grows with the number of call sites, not
 * with that of calls.
 */
#include "tools/trace/report.h"

#include <stdlib.h>
#include <string.h>

#include "tools/trace/estimate.h"
#include "tools/trace/text.h"

/*
 * An invocation that may go on. By thread number: two threads that fall together split each other's invocations, which
 * takes 65536 threads between them.
 */
enum { OPEN = 1 << 16 };

static struct entry {
	struct site *site;
	struct site *holder;
	const char *function;
	uint64_t start, end, held, uncovered, waited, stays;
	uint32_t thread, invocation;
	unsigned waiting;
	uint8_t verdict;
	bool failed, not_covered, unfinished, place_known, name;
} open_entries[OPEN];

static struct row *rows;
static size_t row_count;

static bool wanted(void)
{
	return !trace_options.json;
}

static struct row *row_of(struct site *site, unsigned outcome)
{
	enum row_kind kind = row_kind(outcome);
	struct row *r = site->rows[kind];

	if (r)
		return r;
	r = must_have(calloc(1, sizeof(*r)));
	r->site = site;
	r->outcome = outcome;
	r->next = rows;
	rows = r;
	row_count++;
	return site->rows[kind] = r;
}

static void row_time(struct row *r, unsigned outcome, uint64_t ns)
{
	r->parts[outcome].count++;
	r->parts[outcome].total += ns;
	if (r->parts[outcome].total > r->parts[r->outcome].total)
		r->outcome = outcome;
	r->count++;
	r->total += ns;
	if (ns > r->most)
		r->most = ns;
	r->times.count[bucket_of(ns)]++;
}

/* The hub could run nobody else meanwhile; that nobody was seen to wait does not say that nobody would have. */
static void row_harm(struct row *r, uint64_t held, unsigned waiting)
{
	r->held += held;
	r->harm += held * (waiting ? waiting : 1);
	if (held > r->held_most)
		r->held_most = held;
	if (waiting > r->waiting_most)
		r->waiting_most = waiting;
}

static void row_holder(struct row *r, struct site *site, uint64_t waited)
{
	for (int i = 0; i < HOLDERS; i++) {
		struct holder *h = &r->holders[i];
		if (h->site && h->site != site)
			continue;
		h->site = site;
		h->total += waited;
		return;
	}
}

const struct holder *row_main_holder(const struct row *r)
{
	const struct holder *most = &r->holders[0];

	for (int i = 1; i < HOLDERS; i++)
		if (r->holders[i].total > most->total)
			most = &r->holders[i];
	return most->site ? most : NULL;
}

static uint64_t entry_time(const struct entry *e)
{
	return e->end - e->start;
}

/* What is worth a word, of all that an invocation did: a join that waits and then unmaps a stack has parked. */
static unsigned outcome_of(const struct entry *e)
{
	if (e->verdict == TRACE_RESCUED)
		return TRACE_RESCUED;
	if (e->held >= HELD_LEAST)
		return TRACE_HELD;
	if (e->not_covered && (e->uncovered >= UNCOVERED_LEAST || 2 * e->uncovered >= entry_time(e)))
		return OUTCOME_NOT_COVERED;
	if (e->unfinished && e->verdict == TRACE_DONE)
		return OUTCOME_UNFINISHED;
	return e->verdict;
}

static bool did_harm(const struct entry *e)
{
	return e->verdict == TRACE_RESCUED ? entry_time(e) >= RUN_LEAST : e->held >= HELD_LEAST;
}

static void entry_close(struct entry *e)
{
	unsigned outcome = outcome_of(e);
	struct row *r = row_of(e->site, outcome);

	row_time(r, outcome, entry_time(e));
	r->errors += e->failed;
	r->unfinished += e->unfinished;
	r->not_covered += e->not_covered;
	r->stays += e->stays;
	if (e->uncovered > r->uncovered_most)
		r->uncovered_most = e->uncovered;
	if (did_harm(e))
		row_harm(r, e->held ? e->held : 1, e->waiting);
	r->suspect += e->name || outcome == TRACE_HANDED_OFF ? entry_time(e) : e->waited;
	if (e->holder)
		row_holder(r, e->holder, e->waited);
	e->site = NULL;
}

/* Of one that has not ended only parking is known; a native thread can only be in the kernel. */
static enum trace_verdict verdict_of(const struct call *c)
{
	return c->unfinished && c->verdict == TRACE_DONE && c->thread->process->native ? TRACE_KERNEL : c->verdict;
}

/* One more call of the invocation. */
static void entry_add(struct entry *e, const struct call *c)
{
	static const uint8_t severity[TRACE_VERDICTS] = {[TRACE_DONE] = 0,
	    [TRACE_HELD] = 1,
	    [TRACE_KERNEL] = 2,
	    [TRACE_PARKED] = 3,
	    [TRACE_HANDED_OFF] = 4,
	    [TRACE_RESCUED] = 5};

	uint8_t verdict = (uint8_t)verdict_of(c);

	if (c->end > e->end)
		e->end = c->end;
	if (severity[verdict] > severity[e->verdict])
		e->verdict = verdict;
	if (c->waiting > e->waiting)
		e->waiting = c->waiting;
	e->held += c->held;
	e->failed = call_failed(c);
	if (c->flags & TRACE_NOT_COVERED) {
		e->not_covered = true;
		e->uncovered += call_time(c);
	}
	e->unfinished |= c->unfinished;
	if (c->owner) {
		e->holder = site_of(c->owner->process, c->owner_stack, NULL, SITE_ALONE);
		e->waited += call_time(c);
	}
	if (trace_options.native && estimate_call(c) > FATE_PARKS)
		e->stays += call_time(c);
}

static void entry_begin(struct entry *e, const struct call *c)
{
	*e = (struct entry){
	    .site = site_of(c->thread->process, c->stack, c->function, (int)c->nr),
	    .function = c->function,
	    .start = c->start,
	    .end = c->start,
	    .thread = c->thread->number,
	    .invocation = c->invocation,
	    .verdict = TRACE_DONE,
	    .place_known = c->stack != NULL,
	    .name = c->group && strcmp(c->group, "name") == 0,
	};
	entry_add(e, c);
}

static void report_call(const struct call *c)
{
	struct entry *e = &open_entries[c->thread->number % OPEN], single;

	if (!wanted() || !call_is_slow(c) || c->verdict >= TRACE_VERDICTS)
		return;
	calls_count(c);
	if (c->begins)
		return;
	if (e->site && c->function && e->function == c->function && e->invocation == c->invocation &&
	    e->thread == c->thread->number) {
		entry_add(e, c);
		if (!e->place_known && c->stack) {
			e->place_known = true;
			e->site = site_of(c->thread->process, c->stack, c->function, (int)c->nr);
		}
		return;
	}
	if (e->site)
		entry_close(e);
	if (!c->function)
		e = &single;
	entry_begin(e, c);
	if (!c->function)
		entry_close(e);
}

/* Asleep past libc it holds the hub as a call does. Without a CPU it is the machine that holds it up. */
static unsigned outcome_of_run(const struct run *r)
{
	if (r->nr < 0)
		return r->starved ? OUTCOME_STARVED : OUTCOME_COMPUTED;
	if (r->alone)
		return TRACE_KERNEL;
	return r->rescued_at ? TRACE_RESCUED : TRACE_HELD;
}

static bool run_did_harm(const struct run *r)
{
	bool seen = r->stack || r->rescued_at;

	return !r->starved && !r->alone && run_time(r) >= (seen ? RUN_LEAST : UNSEEN_LEAST);
}

static void report_run(const struct run *r)
{
	uint64_t held = r->rescued_at > r->start ? r->rescued_at - r->start : run_time(r);
	unsigned outcome = outcome_of_run(r);

	if (!wanted() || !run_is_slow(r))
		return;
	struct site *site = site_of(r->thread->process, r->stack, NULL, r->nr < 0 ? SITE_COMPUTES : r->nr);
	struct row *row = row_of(site, outcome);
	row_time(row, outcome, run_time(r));
	if (run_did_harm(r))
		row_harm(row, held, r->waiting);
}

static void report_life(const struct life *l)
{
	if (!wanted())
		return;
	if (l->what == LIFE_EXECS)
		calls_execs(l->process);
	words_life(l);
}

static void report_deadlock(const struct deadlock *d)
{
	if (wanted())
		words_deadlock(d);
}

static int more(uint64_t a, uint64_t b)
{
	return a < b ? 1 : a > b ? -1 : 0;
}

static int by_harm(const void *left, const void *right)
{
	const struct row *a = *(struct row *const *)left, *b = *(struct row *const *)right;
	enum rank rank = row_rank(a);

	if (rank != row_rank(b))
		return rank < row_rank(b) ? -1 : 1;
	if (rank == RANK_HARM && a->harm != b->harm)
		return more(a->harm, b->harm);
	return a->total != b->total ? more(a->total, b->total) : more(a->count, b->count);
}

static struct row **sorted(void)
{
	struct row **all = must_have(calloc(row_count + 1, sizeof(struct row *)));
	size_t n = 0;

	for (struct row *r = rows; r; r = r->next)
		all[n++] = r;
	qsort(all, n, sizeof(struct row *), by_harm);
	return all;
}

static void report_end(const struct losses *l, uint64_t begin, uint64_t end)
{
	FILE *out = trace_options.out;
	uint64_t duration = end > begin ? end - begin : 0;

	if (!wanted())
		return;
	for (size_t i = 0; i < OPEN; i++)
		if (open_entries[i].site)
			entry_close(&open_entries[i]);
	struct row **all = sorted();
	words_deadlocks_print(out);
	table_print(out, all, row_count);
	if (trace_options.summary)
		calls_print(out);
	words_end(out, l, duration);
	if (trace_options.native)
		estimate_print(out);
	words_look_first(out, all, row_count, duration);
	free(all);
}

const struct sink report_sink = {
    .call = report_call, .run = report_run, .life = report_life, .deadlock = report_deadlock, .end = report_end};
