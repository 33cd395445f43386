/* Call sites of the summary: which there are, what they are called. */
#include <stdlib.h>
#include <string.h>

#include "tools/trace/report.h"
#include "tools/trace/text.h"

enum { CACHE = 1 << 16, CACHE_PROBES = 4 };

/* Sites that were found before, by what does not need to be looked at. Stacks' numbers are never used again. */
struct cached {
	uint32_t serial, stack;
	const char *function;
	int nr;
	struct site *site;
};

static struct cached cache[CACHE];

/* All of them, by their content. */
static struct hash_table sites;
static const char *first_program;
static bool more_programs;

bool several_programs(void)
{
	return more_programs;
}

/* What a thread's stack begins with is in libc too. */
static bool begins_stacks(const char *function)
{
	static const char *const names[] = {"start_thread", "clone", "clone3", "__clone", "__clone3",
	    "__clone_internal", "__libc_start_main", "__libc_start_main_impl", "__libc_start_call_main"};

	size_t n = strcspn(function, "@");

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strlen(names[i]) == n && memcmp(function, names[i], n) == 0)
			return true;
	return false;
}

static bool of_libc(const struct place *p)
{
	return p->function && in_libc(p) && !begins_stacks(p->function);
}

/* ___pthread_mutex_lock, __GI___poll, _IO_fgets: as programs call it. */
static const char *common_name(const char *function)
{
	static const char *const prefixes[] = {"__GI_", "__libc_", "__new_", "_IO_new_", "_IO_", "__"};

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
		size_t n = strlen(prefixes[i]);
		if (strncmp(function, prefixes[i], n) == 0 && function[n])
			function += n;
	}
	return function[0] == '_' && function[1] >= 'a' && function[1] <= 'z' ? function + 1 : function;
}

/* Without a symbol's version, or what is said of a variant that others jump to: __pthread_mutex_unlock_usercnt,
 * __pthread_create_2_1. */
static size_t common_length(const char *name)
{
	static const char *const variants[] = {"_usercnt", "_2_1"};
	size_t n = strcspn(name, "@");

	for (size_t i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
		size_t end = strlen(variants[i]);
		if (n > end && memcmp(name + n - end, variants[i], end) == 0)
			return n - end;
	}
	return n;
}

/* The function of libc that the program called: the outermost behind its own last one. NULL: it shows none. */
static const char *function_of(const struct stack *s)
{
	size_t i = !s ? 0 : s->site ? s->site : s->count;

	while (i-- > 0)
		if (of_libc(&s->places[i]))
			return s->places[i].function;
	return NULL;
}

static char *copy(const char *s, size_t n)
{
	char *raw = must_have(strndup(s, n));
	char *escaped = escaped_copy(raw);
	free(raw);
	return escaped;
}

static char *what_text(const struct stack *stack, const char *function, int nr)
{
	const char *name = function ? function : nr == SITE_COMPUTES ? NULL : function_of(stack);

	if (!name)
		return escaped_copy(nr >= 0 ? call_name((unsigned)nr) : "");
	name = common_name(name);
	return copy(name, common_length(name));
}

static char *where_text(const struct place *place)
{
	char *text = NULL;
	size_t size;

	if (!place)
		return escaped_copy("");
	FILE *out = must_have(open_memstream(&text, &size));
	text_place(out, place);
	fclose(out);
	return must_have(text);
}

static char *line_text(const struct place *place)
{
	char *raw, *text;

	if (!place || !place->file)
		return NULL;
	if (asprintf(&raw, "%s:%d", place->file, place->line) < 0)
		raw = must_have(NULL);
	text = escaped_copy(raw);
	free(raw);
	return text;
}

/* Found at one line of a loop or another, it is the same function that computes. */
static char *copy_of_function(const struct place *place)
{
	char *text;

	if (asprintf(&text, "%s in %s", place->function,
		place->file     ? place->file
		: place->module ? place->module
				: "") < 0)
		text = NULL;
	return must_have(text);
}

static struct site *site_find(const struct site *like)
{
	for (struct hashed *h = hash_first(&sites, like->hashed.hash); h; h = h->next) {
		struct site *s = (struct site *)h;
		if (h->hash == like->hashed.hash && strcmp(s->program, like->program) == 0 &&
		    strcmp(s->what, like->what) == 0 && strcmp(s->group, like->group) == 0)
			return s;
	}
	return NULL;
}

static struct site *site_add(const struct site *like, const struct place *place)
{
	struct site *s = must_have(malloc(sizeof(*s)));

	*s = *like;
	s->function = place && place->function ? escaped_copy(place->function) : NULL;
	s->line = line_text(place);
	hash_add(&sites, &s->hashed);
	if (!first_program)
		first_program = s->program;
	more_programs |= strcmp(first_program, s->program) != 0;
	return s;
}

/* Places are compared by what is shown of them, so that a program that runs a thousand times has the same ones. */
static struct site *site_make(const struct process *p, const struct stack *stack, const char *function, int nr)
{
	const struct place *place = stack_site(stack);
	char *program = escaped_copy(path_name(p->path));
	char *what = what_text(stack, function, nr), *where = where_text(place);
	char *group = nr == SITE_COMPUTES && place && place->function ? copy_of_function(place) : NULL;
	struct site like = {.program = program, .what = what, .where = where, .group = group ? group : where};

	like.hashed.hash = hash_string(hash_string(hash_string(HASH_BEGIN, program), what), like.group);
	struct site *s = site_find(&like);
	if (s) {
		free(program);
		free(what);
		free(where);
		free(group);
		return s;
	}
	return site_add(&like, place);
}

static bool cached_is(const struct cached *c, const struct cached *key)
{
	return c->site && c->stack == key->stack && c->serial == key->serial && c->function == key->function &&
	       c->nr == key->nr;
}

struct site *site_of(const struct process *p, const struct stack *stack, const char *function, int nr)
{
	struct cached key = {p->serial, stack ? stack->id : 0, function, nr, NULL};
	uint64_t hash =
	    (((uint64_t)key.stack << 20 ^ key.serial) * 31 + (uint64_t)(uintptr_t)function) * 31 + (uint64_t)nr;
	struct cached *c = &cache[(hash * 0x9e3779b97f4a7c15ULL >> 32) % CACHE & ~(CACHE_PROBES - 1UL)];
	static unsigned victim;

	for (size_t i = 0; i < CACHE_PROBES; i++)
		if (cached_is(&c[i], &key))
			return c[i].site;
	key.site = site_make(p, stack, function, nr);
	c[victim++ % CACHE_PROBES] = key;
	return key.site;
}
