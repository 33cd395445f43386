/*
 * Stacks and the microseconds off the CPU that were spent there, summed: `program;thread;outer;...;inner;call 1234`.
 * For flamegraph.pl --countname us.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tools/trace/hash.h"
#include "tools/trace/text.h"

enum { CACHE = 1 << 15 };

struct folded {
	struct hashed hashed;
	char *line;
	uint64_t ns;
};

/* Found before, by what needs no look at strings; stacks' numbers are never used again. */
struct cached {
	char name[16];
	uint32_t serial, stack;
	unsigned nr;
	struct folded *folded;
};

static struct cached cache[CACHE];
static struct hash_table table;

/* A semicolon parts the frames, and a line's end the stacks. */
static void part(FILE *out, const char *s)
{
	while (*s) {
		uint32_t c;
		int bytes = utf8_decode(s, &c);

		if (bytes && !moves_the_cursor(c) && c != ';')
			fwrite(s, 1, (size_t)bytes, out);
		else
			fputc(c == ';' ? ':' : '_', out);
		s += bytes ? bytes : 1;
	}
}

static void frame(FILE *out, const struct place *place)
{
	char buf[512];

	fputc(';', out);
	part(out, place->function ? place->function : place_text(place, buf, sizeof(buf)));
}

static char *line_of(const struct call *c)
{
	char *text = NULL;
	size_t size;
	FILE *out = must_have(open_memstream(&text, &size));

	part(out, path_name(c->thread->process->path));
	fputc(';', out);
	part(out, c->thread->name);
	for (size_t i = c->stack ? c->stack->count : 0; i-- > 0;)
		frame(out, &c->stack->places[i]);
	fputc(';', out);
	part(out, call_name(c->nr));
	fclose(out);
	return must_have(text);
}

static struct folded *folded_of_line(char *line)
{
	uint64_t hash = hash_string(HASH_BEGIN, line);

	for (struct hashed *h = hash_first(&table, hash); h; h = h->next) {
		struct folded *f = (struct folded *)h;
		if (h->hash == hash && strcmp(f->line, line) == 0) {
			free(line);
			return f;
		}
	}
	struct folded *f = must_have(malloc(sizeof(*f)));
	*f = (struct folded){.hashed = {.hash = hash}, .line = line};
	hash_add(&table, &f->hashed);
	return f;
}

/* The name belongs to the key: threads that share it share their lines. */
static struct folded *folded_of(const struct call *c)
{
	uint32_t serial = c->thread->process->serial, stack = c->stack ? c->stack->id : 0;
	uint64_t name[2];

	memcpy(name, c->thread->name, sizeof(name));
	uint64_t hash = (((name[0] * 31 ^ name[1]) * 31 + serial) * 31 + stack) * 31 + c->nr;
	struct cached *found = &cache[hash * 0x9e3779b97f4a7c15ULL >> 49];
	if (!found->folded || found->serial != serial || found->stack != stack || found->nr != c->nr ||
	    memcmp(found->name, name, sizeof(name)) != 0) {
		found->folded = folded_of_line(line_of(c));
		found->serial = serial;
		found->stack = stack;
		found->nr = c->nr;
		memcpy(found->name, name, sizeof(name));
	}
	return found->folded;
}

static void folded_call(const struct call *c)
{
	static const bool off_the_cpu[TRACE_VERDICTS] = {
	    [TRACE_PARKED] = true, [TRACE_HANDED_OFF] = true, [TRACE_RESCUED] = true, [TRACE_KERNEL] = true};

	if (!trace_options.folded || !call_is_slow(c))
		return;
	if (!c->begins && c->verdict < TRACE_VERDICTS && off_the_cpu[c->verdict])
		folded_of(c)->ns += call_time(c);
}

static int by_line(const void *a, const void *b)
{
	return strcmp((*(struct folded *const *)a)->line, (*(struct folded *const *)b)->line);
}

static void folded_end(const struct losses *l, uint64_t begin, uint64_t end)
{
	struct folded **all = must_have(calloc(table.count + 1, sizeof(struct folded *)));
	size_t n = 0;
	(void)l, (void)begin, (void)end;

	for (size_t i = 0; i < table.bucket_count; i++)
		for (struct hashed *h = table.buckets[i]; h; h = h->next)
			all[n++] = (struct folded *)h;
	qsort(all, n, sizeof(struct folded *), by_line);
	for (size_t i = 0; i < n; i++)
		if (all[i]->ns >= 1000)
			fprintf(trace_options.folded, "%s %" PRIu64 "\n", all[i]->line, all[i]->ns / 1000);
	free(all);
}

const struct sink folded_sink = {.call = folded_call, .end = folded_end};
