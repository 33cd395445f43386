/* Inside report*.c: the summary by call site. */
#ifndef GREEN_TRACE_REPORT_H
#define GREEN_TRACE_REPORT_H

#include "tools/trace/hash.h"
#include "tools/trace/trace.h"

/* What became of a row's events: an enum trace_verdict, or one of these. */
enum { OUTCOME_NOT_COVERED = TRACE_VERDICTS, OUTCOME_COMPUTED, OUTCOME_STARVED, OUTCOME_UNFINISHED, OUTCOMES };

/* ns: less is no harm. Where the kernel lets others run meanwhile, anything takes some milliseconds. */
#define HELD_LEAST TRACE_HELD_LONG  /* to hold the hub */
#define RUN_LEAST 10000000ULL       /* to compute, or to be rescued in a call */
#define UNSEEN_LEAST 20000000ULL    /* to compute where the monitor, which had no CPU itself, did not see it */
#define UNCOVERED_LEAST 10000000ULL /* to block past the runtime */
#define SUSPECT_LEAST 10000000ULL   /* to wait for a lock, a name or the disk, in all */

/* A site has a row for its waits and one for what was done at once; a place that computes has two of its own. */
enum row_kind { ROW_WAITS, ROW_DONE, ROW_COMPUTES, ROW_STARVED, ROW_KINDS };

static inline enum row_kind row_kind(unsigned outcome)
{
	switch (outcome) {
	case TRACE_DONE:
		return ROW_DONE;
	case OUTCOME_COMPUTED:
		return ROW_COMPUTES;
	case OUTCOME_STARVED:
		return ROW_STARVED;
	default:
		return ROW_WAITS;
	}
}

/* report_sites.c: a function or call, and the place from where the program called it. Strings are escaped. */
struct site {
	struct hashed hashed;
	const char *program;
	const char *what;     /* "" for a place alone */
	const char *where;    /* "server.c:88 in handle_client"; "" if it is not known */
	const char *function; /* of the place; NULL: not known */
	const char *line;     /* "server.c:88"; NULL: not known */
	const char *group;    /* all with the same are one site: `where`, or the function that computes, at any line */
	struct row *rows[ROW_KINDS];
};

enum { SITE_ALONE = -1, SITE_COMPUTES = -2 }; /* instead of a call's number */

/* function NULL: what the stack shows, or else the call. */
struct site *site_of(const struct process *p, const struct stack *stack, const char *function, int nr);
bool several_programs(void);

/* Log-linear: 16 steps for each power of two, which makes 3 % at most with the step's middle. */
enum { STEPS_SHIFT = 4, STEPS = 1 << STEPS_SHIFT, POWERS = 48, BUCKETS = (POWERS - STEPS_SHIFT + 1) * STEPS };

struct histogram {
	uint32_t count[BUCKETS];
};

static inline unsigned bucket_of(uint64_t ns)
{
	if (ns < STEPS)
		return (unsigned)ns;
	unsigned power = 63 - (unsigned)__builtin_clzll(ns);
	if (power >= POWERS)
		return BUCKETS - 1;
	return (power - STEPS_SHIFT + 1) * STEPS + (unsigned)(ns >> (power - STEPS_SHIFT)) % STEPS;
}

static inline uint64_t bucket_middle(unsigned bucket)
{
	unsigned shift = bucket < STEPS ? 0 : bucket / STEPS - 1;
	return bucket < STEPS ? bucket : ((uint64_t)(STEPS + bucket % STEPS) << shift) + (1ULL << shift) / 2;
}

/* Who held the lock, and for how much of the waiting. */
struct holder {
	struct site *site;
	uint64_t total;
};
enum { HOLDERS = 8 }; /* the rest has no name */

/* The events of a row that came out alike. */
struct part {
	uint64_t count, total;
};

struct row {
	struct site *site;
	unsigned outcome; /* that of most of the time */
	struct part parts[OUTCOMES];
	uint64_t count, errors, unfinished, not_covered;
	uint64_t total, most;
	uint64_t uncovered_most;  /* of one entry, in calls that are not covered */
	uint64_t held, held_most; /* the harmful ones' */
	unsigned waiting_most;
	uint64_t harm;    /* held, times the threads that waited */
	uint64_t stays;   /* --native: what would not park */
	uint64_t suspect; /* time for a lock whose holder is known, for a name, on a kernel thread */
	struct holder holders[HOLDERS];
	struct histogram times;
	struct row *next;
};

/* What is to be looked at first comes first. To wait for others' input, for time or for each other is what threads do
 * for a living; locks, names and the disk are worth a look. */
enum rank { RANK_HARM, RANK_NOT_COVERED, RANK_SUSPECT, RANK_WAIT, RANK_REST };

static inline enum rank row_rank(const struct row *r)
{
	if (r->harm)
		return RANK_HARM;
	if (r->outcome == OUTCOME_NOT_COVERED && r->uncovered_most >= UNCOVERED_LEAST)
		return RANK_NOT_COVERED;
	if (r->suspect >= SUSPECT_LEAST && 2 * r->suspect >= r->total)
		return RANK_SUSPECT;
	return row_kind(r->outcome) == ROW_WAITS ? RANK_WAIT : RANK_REST;
}

/* The one that had most of the time; NULL: nobody is known. */
const struct holder *row_main_holder(const struct row *r);

/* report_table.c */
void table_print(FILE *out, struct row **rows, size_t count); /* sorted */
const char *outcome_name(unsigned outcome);

/* A table of cells, each column as wide as need be; one that is empty is left out. */
struct cells {
	const char *const *heads;
	const bool *left; /* not aligned to the right */
	size_t columns, rows, room;
	char **cells;
	char **notes; /* by row: lines that follow it, or NULL */
};
char **cells_row(struct cells *t); /* a new one: its cells, to be allocated */
char *cell_number(uint64_t n);
void cells_print(FILE *out, struct cells *t); /* and frees it */

/* report_calls.c: by system call, as strace -c does. */
void calls_count(const struct call *c);
void calls_execs(const struct process *p);
void calls_print(FILE *out);

/* report_words.c */
void words_life(const struct life *l);
void words_deadlock(const struct deadlock *d);
void words_deadlocks_print(FILE *out);
void words_end(FILE *out, const struct losses *l, uint64_t duration);
void words_look_first(FILE *out, struct row **rows, size_t count, uint64_t duration);

#endif
