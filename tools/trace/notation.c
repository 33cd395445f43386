/* A call as strace(1) writes it: names, classes, and the list of arguments. */
#include "tools/trace/notation.h"

#include <string.h>

static const struct call_def {
	const char *name;
	const char *classes;
	const struct arg_type *args[6];
} calls[TRACE_CALLS] = {
#define ARG(notation, capture) &type_##notation
#define CALL(number, name, classes, ...) [number] = {#name, classes, {__VA_ARGS__}},
#include "runtime/trace_calls.def"
#undef ARG
#undef CALL
};

static const struct call_def *def_of(unsigned nr)
{
	return nr < TRACE_CALLS && calls[nr].name ? &calls[nr] : NULL;
}

/* Enough buffers for a line that names a few unknown calls. */
const char *call_name(unsigned nr)
{
	static char unknown[4][24];
	static unsigned next;
	const struct call_def *def = def_of(nr);

	if (def)
		return def->name;
	char *name = unknown[next++ % 4];
	snprintf(name, sizeof(unknown[0]), "syscall_%#x", nr);
	return name;
}

int call_number(const char *name)
{
	for (unsigned nr = 0; nr < TRACE_CALLS; nr++)
		if (calls[nr].name && strcmp(calls[nr].name, name) == 0)
			return (int)nr;
	return -1;
}

static bool has_word(const char *words, const char *word)
{
	size_t length = strlen(word);

	while (*words) {
		size_t n = strcspn(words, " ");
		if (n == length && memcmp(words, word, n) == 0)
			return true;
		words += n + strspn(words + n, " ");
	}
	return false;
}

bool call_class(const char *name, uint64_t set[TRACE_CALLS / 64])
{
	bool found = false;

	name += *name == '%';
	if (strcmp(name, "net") == 0)
		name = "network";
	for (unsigned nr = 0; nr < TRACE_CALLS; nr++) {
		if (!calls[nr].name || !(strcmp(name, "all") == 0 || has_word(calls[nr].classes, name)))
			continue;
		set[nr / 64] |= 1ULL << (nr % 64);
		found = true;
	}
	return found;
}

/* Of a call that nobody knows all that it may have been given is shown. */
static void print_unknown(FILE *out, const struct call *c)
{
	for (unsigned i = 0; i < 6; i++)
		fprintf(out, "%s%#lx", i ? ", " : "", c->args[i]);
}

void call_print(FILE *out, const struct call *c)
{
	const struct call_def *def = def_of(c->nr);
	bool first = true;

	fprintf(out, "%s(", call_name(c->nr));
	if (!def)
		print_unknown(out, c);
	for (unsigned i = 0; def && i < 6 && def->args[i]; i++) {
		struct argument a = {c, i, c->args[i], def->args[i]};
		if (a.type->shown && !a.type->shown(&a))
			continue;
		if (!first)
			fputs(", ", out);
		first = false;
		a.type->print(out, &a);
	}
	fputc(')', out);
}

/* A failed call without captures: its outputs are shown as addresses. */
void call_print_args(FILE *out, int nr, const uint64_t args[6])
{
	struct call c = {.nr = (unsigned)nr, .result = -1, .unfinished = true};

	memcpy(c.args, args, sizeof(c.args));
	call_print(out, &c);
}

const struct capture *capture_of(const struct call *c, unsigned arg, unsigned part)
{
	for (size_t i = 0; i < c->capture_count; i++)
		if (c->captures[i].arg == arg && c->captures[i].part == part)
			return &c->captures[i];
	return NULL;
}

const uint8_t *captured(const struct call *c, unsigned arg, unsigned part, size_t size)
{
	const struct capture *capture = capture_of(c, arg, part);
	return capture && capture->size >= size ? capture->bytes : NULL;
}

bool succeeded(const struct call *c)
{
	return !c->unfinished && !c->begins && c->result >= 0;
}
