/* The summary's table: a row for each call site. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/report.h"
#include "tools/trace/text.h"

enum {
	ROWS = 40,            /* without -c */
	DONE_LEAST = 1000000, /* ns: nor rows of calls that did not wait and took less than this */
	HOLDERS_SHOWN = 3,
};

enum column { VERDICT, COUNT, ERRORS, TOTAL, MEAN, P99, MAX, PROGRAM, WHAT, WHERE, COLUMNS };

static const char *const heads[COLUMNS] = {
    "verdict", "count", "errors", "total", "mean", "p99", "max", "program", "what", "where"};
static const bool left[COLUMNS] = {[VERDICT] = true, [PROGRAM] = true, [WHAT] = true, [WHERE] = true};

const char *outcome_name(unsigned outcome)
{
	static const char *const names[] = {[OUTCOME_NOT_COVERED] = "not covered",
	    [OUTCOME_COMPUTED] = "computed",
	    [OUTCOME_STARVED] = "had no CPU",
	    [OUTCOME_UNFINISHED] = "not ended"};

	return outcome < TRACE_VERDICTS ? verdict_name((enum trace_verdict)outcome) : names[outcome];
}

static char *copy(const char *s)
{
	return must_have(strdup(s));
}

static char *time_cell(uint64_t ns)
{
	char text[TIME_SIZE];
	return copy(text_time(text, ns));
}

/* What 99 of 100 did not exceed. */
static uint64_t p99(const struct row *r)
{
	uint64_t rank = r->count - r->count / 100, seen = 0;

	for (unsigned i = 0; i < BUCKETS; i++) {
		seen += r->times.count[i];
		if (seen >= rank)
			return i < bucket_of(r->most) ? bucket_middle(i) : r->most;
	}
	return r->most;
}

static void note_harm(FILE *out, const struct row *r)
{
	char most[TIME_SIZE], all[TIME_SIZE];

	fprintf(out, "    nobody else could run on its hub for up to %s, %s in all", text_time(most, r->held_most),
	    text_time(all, r->held));
	if (r->waiting_most)
		fprintf(out, "; up to %u thread%s waited", r->waiting_most, r->waiting_most == 1 ? "" : "s");
	fputc('\n', out);
}

/* Other verdicts than the row's. What has not ended, or is not covered in a row with harm, has a line of its own. */
static bool worth_a_note(const struct row *r, unsigned outcome)
{
	const struct part *p = &r->parts[outcome];

	if (!p->count || outcome == r->outcome || outcome == OUTCOME_UNFINISHED)
		return false;
	if (outcome == OUTCOME_NOT_COVERED && r->harm)
		return false;
	return outcome == TRACE_HELD || outcome == TRACE_RESCUED || p->total >= r->total / 100;
}

static void note_others(FILE *out, const struct row *r)
{
	const char *before = "    among them ", *end = "";
	char text[TIME_SIZE];

	for (unsigned i = 0; i < OUTCOMES; i++) {
		if (!worth_a_note(r, i))
			continue;
		fprintf(out, "%s%" PRIu64 " %s (%s)", before, r->parts[i].count, outcome_name(i),
		    text_time(text, r->parts[i].total));
		before = ", ";
		end = "\n";
	}
	fputs(end, out);
}

static int by_total(const void *one, const void *other)
{
	const struct holder *a = one, *b = other;
	return a->total < b->total ? 1 : a->total > b->total ? -1 : 0;
}

static void note_holders(FILE *out, const struct row *r)
{
	struct holder holders[HOLDERS];

	memcpy(holders, r->holders, sizeof(holders));
	qsort(holders, HOLDERS, sizeof(holders[0]), by_total);
	for (int i = 0; i < HOLDERS_SHOWN && holders[i].site; i++) {
		const struct site *s = holders[i].site;

		fputs("    held by ", out);
		if (s->function && s->line)
			fprintf(out, "%s (%s)", s->function, s->line);
		else
			fputs(*s->where ? s->where : "a thread, where is not known", out);
		if (*s->what)
			fprintf(out, ", in %s there", s->what);
		fprintf(
		    out, ": %.0f %% of the time\n", r->total ? 100 * (double)holders[i].total / (double)r->total : 0);
	}
}

/* What does not fit into the columns, as lines; NULL: nothing. */
static char *notes(const struct row *r)
{
	char *text = NULL;
	size_t size;
	FILE *out = must_have(open_memstream(&text, &size));

	note_others(out, r);
	if (r->harm)
		note_harm(out, r);
	if (r->not_covered && r->harm)
		fprintf(out, "    %" PRIu64 " not covered\n", r->not_covered);
	if (r->unfinished && r->outcome != OUTCOME_UNFINISHED)
		fprintf(out, "    %" PRIu64 " had not ended\n", r->unfinished);
	note_holders(out, r);
	fclose(out);
	if (must_have(text) && !*text) {
		free(text);
		return NULL;
	}
	return text;
}

static void add_row(struct cells *t, const struct row *r)
{
	char **cells = cells_row(t);

	cells[VERDICT] = copy(outcome_name(r->outcome));
	cells[COUNT] = cell_number(r->count);
	cells[ERRORS] = r->errors ? cell_number(r->errors) : NULL;
	cells[TOTAL] = time_cell(r->total);
	cells[MEAN] = time_cell(r->total / r->count);
	cells[P99] = time_cell(p99(r));
	cells[MAX] = time_cell(r->most);
	cells[PROGRAM] = several_programs() ? copy(r->site->program) : NULL;
	cells[WHAT] = copy(r->site->what);
	cells[WHERE] = copy(*r->site->where ? r->site->where : "?");
	t->notes[t->rows - 1] = notes(r);
}

static bool shown(const struct row *r, size_t before)
{
	if (trace_options.summary)
		return true;
	return before < ROWS && (row_rank(r) != RANK_REST || r->total >= DONE_LEAST);
}

void table_print(FILE *out, struct row **rows, size_t count)
{
	struct cells t = {.heads = heads, .left = left, .columns = COLUMNS};
	uint64_t left_out = 0, total = 0;
	char text[TIME_SIZE];

	for (size_t i = 0; i < count; i++) {
		if (shown(rows[i], t.rows)) {
			add_row(&t, rows[i]);
		} else {
			left_out++;
			total += rows[i]->total;
		}
	}
	if (t.rows)
		cells_print(out, &t);
	if (left_out)
		fprintf(out, "%s%" PRIu64 " more with %s in all (-c shows them)\n", t.rows ? "and " : "", left_out,
		    text_time(text, total));
	if (count)
		fputc('\n', out);
}
