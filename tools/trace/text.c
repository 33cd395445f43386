/* What several sinks write alike: times, places, threads, deadlocks, ends of processes. */
#include "tools/trace/text.h"

#include <stdlib.h>
#include <string.h>

#include "tools/green.h"

enum { DEADLOCK_THREADS = 32 }; /* that are written out */

void *must_have(void *memory)
{
	if (!memory)
		die(EXIT_OURS, "out of memory");
	return memory;
}

int utf8_decode(const char *s, uint32_t *c)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	uint8_t first = (uint8_t)*s;
	int n = first < 0x80 ? 1 : first >> 5 == 6 ? 2 : first >> 4 == 14 ? 3 : first >> 3 == 30 ? 4 : 0;

	*c = n > 1 ? first & (0xffU >> (n + 1)) : first;
	for (int i = 1; i < n; i++) {
		if ((s[i] & 0xc0) != 0x80) {
			*c = first;
			return 0;
		}
		*c = *c << 6 | (s[i] & 0x3f);
	}
	if (n && *c >= least[n] && *c < 0x110000 && (*c < 0xd800 || *c > 0xdfff))
		return n;
	*c = first;
	return 0;
}

bool moves_the_cursor(uint32_t c)
{
	return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) || (c >= 0x2028 && c <= 0x202e) ||
	       (c >= 0x2066 && c <= 0x2069);
}

void escaped_print(FILE *out, const char *s)
{
	while (*s) {
		uint32_t c;
		int n = utf8_decode(s, &c);
		bool plain = n && !moves_the_cursor(c);

		for (n = n ? n : 1; n; n--, s++)
			plain ? fputc(*s, out) : fprintf(out, "\\%03o", (uint8_t)*s);
	}
}

char *escaped_copy(const char *s)
{
	char *text = NULL;
	size_t size;
	FILE *out = must_have(open_memstream(&text, &size));

	escaped_print(out, s);
	fclose(out);
	return must_have(text);
}

void text_place(FILE *out, const struct place *place)
{
	char buf[512];
	escaped_print(out, place_text(place, buf, sizeof(buf)));
}

void text_thread(FILE *out, const struct thread *t)
{
	fprintf(out, "[%d ", t->tid);
	escaped_print(out, t->name);
	fputc(']', out);
}

const char *text_time(char buf[TIME_SIZE], uint64_t ns)
{
	static const struct {
		const char *name;
		double ns;
	} units[] = {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}};
	size_t i = 0;

	while (i < 3 && (double)ns / units[i].ns >= 999.5)
		i++;
	double value = (double)ns / units[i].ns;
	int digits = i == 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
	snprintf(buf, TIME_SIZE, "%.*f %s", digits, value, units[i].name);
	return buf;
}

const char *path_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;
	return slash && slash[1] ? slash + 1 : path ? path : "?";
}

bool in_libc(const struct place *place)
{
	return place->module && (strncmp(place->module, "libc.so", 7) == 0 || strncmp(place->module, "libc-", 5) == 0);
}

/* stack.site is 0 for a stack without a place of the program's own, too: a thread's begin in libc is none. */
const struct place *stack_site(const struct stack *stack)
{
	if (!stack || stack->site >= stack->count || in_libc(&stack->places[stack->site]))
		return NULL;
	return &stack->places[stack->site];
}

static void deadlock_head(FILE *out, const struct deadlock *d)
{
	fputs("DEADLOCK: ", out);
	if (d->ring && d->count == 1)
		fputs("a thread", out);
	else
		fprintf(out, "%s%zu threads", d->ring ? "" : "all ", d->count);
	fputs(" of ", out);
	escaped_print(out, path_name(d->process->path));
	fprintf(out, " (pid %d) ", d->process->pid);
	if (!d->ring)
		fputs("wait; only a signal or another process could wake them\n", out);
	else
		fputs(d->count == 1 ? "waits for a lock that it holds itself\n" : "wait for each other\n", out);
}

static void deadlock_waiter(FILE *out, const struct waiter *w)
{
	fputs("  ", out);
	text_thread(out, w->thread);
	fprintf(out, " waits for the lock at 0x%llx", (unsigned long long)w->lock);
	if (w->owner) {
		fputs(", held by ", out);
		text_thread(out, w->owner);
	}
	fputc('\n', out);
	for (size_t i = 0; w->stack && i < w->stack->count; i++) {
		fputs("    ", out);
		text_place(out, &w->stack->places[i]);
		fputc('\n', out);
	}
}

void text_deadlock(FILE *out, const struct deadlock *d)
{
	deadlock_head(out, d);
	for (size_t i = 0; i < d->count && i < DEADLOCK_THREADS; i++)
		deadlock_waiter(out, &d->waiters[i]);
	if (d->count > DEADLOCK_THREADS)
		fprintf(out, "  and %zu threads more\n", d->count - DEADLOCK_THREADS);
}

void text_life(FILE *out, const struct life *l)
{
	switch (l->what) {
	case LIFE_BEGINS:
		fputs("begins: ", out);
		escaped_print(out, l->process->path ? l->process->path : "?");
		if (l->parent > 0)
			fprintf(out, ", child of %d", l->parent);
		break;
	case LIFE_EXECS:
		fputs("executes ", out);
		escaped_print(out, l->process->path ? l->process->path : "?");
		break;
	case LIFE_EXITS:
		fprintf(out, "exited with %d", l->code);
		break;
	case LIFE_KILLED:
		fputs("killed by ", out);
		signal_print(out, l->code);
		fputs(l->core ? " (core dumped)" : "", out);
		break;
	case LIFE_VANISHES:
		fputs("ended, how is not known", out);
		break;
	}
}
